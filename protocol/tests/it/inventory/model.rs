//! The inventory against a list of facts that is searched for every question, with small bounds. Heights go both
//! ways, links leave and their numbers are handed out again.

use std::collections::{BTreeMap, BTreeSet, VecDeque};

use proptest::prelude::*;
use protocol::gossip::inventory::{Declined, Inventory, Limits, LinkSet, LinkSlot, Rejection};
use protocol::items::hash::{ShortId, TxId};
use protocol::items::verify::JobId;
use protocol::seeded::SeededState;
use protocol::wire::message::TxRef;

const LIMITS: Limits =
    Limits { accepted: 4, rejected: 3, declined: 2, unhandled: 5, swept_per_link: 2, swept_per_entry: 1 };
const SHORTS: u8 = 12;
const HEIGHTS: u64 = 3;
const PEERS: u32 = 2;

#[derive(Clone, Debug)]
enum Step {
    Join,
    Leave(prop::sample::Index),
    Note(prop::sample::Index, u8),
    NoteAll(Vec<prop::sample::Index>, u8),
    Accept(TxId),
    Reject(TxId, Rejection),
    Decline(TxId, Declined),
    Check(TxId, u64),
    EndCheck(TxId),
    Forget(TxId),
    Touch(TxId),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Unfit {
    Rejected(Rejection),
    Declined(Declined),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Memory {
    Accepted,
    Rejected,
    Declined,
    Check,
}

#[derive(Clone, Copy, Debug, Default)]
struct Facts {
    accepted: bool,
    unfit: Option<Unfit>,
    job: Option<u64>,
}

impl Facts {
    /// The memory that keeps the item; `None` if it is unhandled.
    fn memory(&self) -> Option<Memory> {
        match (self.accepted, self.unfit, self.job) {
            (true, ..) => Some(Memory::Accepted),
            (_, Some(Unfit::Rejected(_)), _) => Some(Memory::Rejected),
            (_, Some(Unfit::Declined(_)), _) => Some(Memory::Declined),
            (.., Some(_)) => Some(Memory::Check),
            _ => None,
        }
    }

    fn rejected(&self, tip: u64) -> Option<Rejection> {
        match self.unfit {
            Some(Unfit::Rejected(Rejection::Refused(height))) if height != tip => None,
            Some(Unfit::Rejected(rejection)) => Some(rejection),
            _ => None,
        }
    }

    fn declined(&self, tip: u64, from: u32) -> Option<Declined> {
        match self.unfit {
            Some(Unfit::Declined(declined)) if declined.height == tip => {
                Some(declined).filter(|declined| declined.link.is_none_or(|link| link == from))
            }
            _ => None,
        }
    }
}

#[derive(Default)]
struct Model {
    /// The live links, and what each is charged for, oldest first.
    charged: BTreeMap<LinkSlot, VecDeque<u8>>,
    /// The live links that have the items of a short id.
    holders: BTreeMap<u8, BTreeSet<LinkSlot>>,
    /// Handled items by when they were used last, oldest first.
    handled: Vec<(TxId, Facts)>,
    /// Handled items by when they began to be handled.
    begun: Vec<TxId>,
}

impl Model {
    fn facts(&self, id: &TxId) -> Facts {
        self.handled.iter().find(|(handled, _)| handled == id).map_or(Facts::default(), |(_, facts)| *facts)
    }

    fn is_handled(&self, short: u8) -> bool {
        self.handled.iter().any(|(id, _)| id.0[0] == short)
    }

    fn note(&mut self, link: LinkSlot, short: u8) -> bool {
        if !self.charged.contains_key(&link) || self.holders.entry(short).or_default().contains(&link) {
            return false;
        }
        if !self.is_handled(short) {
            let charged = self.charged.get_mut(&link).unwrap();
            let oldest = if charged.len() == LIMITS.unhandled { charged.pop_front() } else { None };
            charged.push_back(short);
            oldest.into_iter().for_each(|oldest| self.release(link, oldest));
        }
        self.holders.entry(short).or_default().insert(link);
        true
    }

    fn release(&mut self, link: LinkSlot, short: u8) {
        if !self.is_handled(short) {
            self.holders.entry(short).or_default().remove(&link);
        }
    }

    fn leave(&mut self, link: LinkSlot) {
        self.charged.remove(&link);
        for links in self.holders.values_mut() {
            links.remove(&link);
        }
    }

    /// Changes what is known of an item.
    fn set(&mut self, id: TxId, facts: Facts, used: bool) {
        let before = self.facts(&id).memory();
        let Some(memory) = facts.memory() else {
            self.handled.retain(|(handled, _)| *handled != id);
            self.begun.retain(|begun| *begun != id);
            let short = id.0[0];
            if before.is_some() && !self.is_handled(short) {
                for link in self.holders.remove(&short).unwrap_or_default() {
                    self.note(link, short);
                }
            }
            return;
        };
        if before.is_none() {
            self.begun.push(id);
        }
        if used || before != Some(memory) {
            self.handled.retain(|(handled, _)| *handled != id);
            self.handled.push((id, facts));
        } else {
            self.handled.iter_mut().filter(|(handled, _)| *handled == id).for_each(|(_, old)| *old = facts);
        }
        let max = match memory {
            Memory::Accepted => LIMITS.accepted,
            Memory::Rejected => LIMITS.rejected,
            Memory::Declined => LIMITS.declined,
            Memory::Check => return,
        };
        if self.count(memory) > max {
            self.forget_oldest(memory);
        }
    }

    fn forget_oldest(&mut self, memory: Memory) {
        let place = self.handled.iter().position(|(_, facts)| facts.memory() == Some(memory)).unwrap();
        let (id, facts) = &mut self.handled[place];
        (facts.accepted, facts.unfit) = (false, None);
        if facts.job.is_none() {
            let id = *id;
            self.handled.remove(place);
            self.begun.retain(|begun| *begun != id);
            if !self.is_handled(id.0[0]) {
                self.holders.remove(&id.0[0]);
            }
        }
    }

    fn count(&self, memory: Memory) -> usize {
        self.handled.iter().filter(|(_, facts)| facts.memory() == Some(memory)).count()
    }

    /// Handled items, and short ids that are unhandled and that some link has.
    fn entries(&self) -> usize {
        let unhandled = |short: &&u8| !self.is_handled(**short) && !self.holders[*short].is_empty();
        self.handled.len() + self.holders.keys().filter(unhandled).count()
    }
}

fn short(number: u8) -> ShortId {
    ShortId([number; 8])
}

fn id(short: u8, number: u8) -> TxId {
    let mut bytes = [number; 32];
    bytes[..8].fill(short);
    TxId(bytes)
}

/// Four of the short ids have two ids.
fn ids() -> Vec<TxId> {
    (0..SHORTS)
        .flat_map(|short| [0, 1].into_iter().take(if short < 4 { 2 } else { 1 }).map(move |n| id(short, n)))
        .collect()
}

fn steps() -> impl Strategy<Value = Vec<Step>> {
    let ids = || prop::sample::select(ids());
    let links = || any::<prop::sample::Index>();
    let rejection = prop_oneof![Just(Rejection::Invalid), (0..HEIGHTS).prop_map(Rejection::Refused)];
    let declined = (0..HEIGHTS, prop::option::of(0..PEERS)).prop_map(|(height, link)| Declined { height, link });
    let step = prop_oneof![
        2 => Just(Step::Join),
        2 => links().prop_map(Step::Leave),
        12 => (links(), 0..SHORTS).prop_map(|(link, short)| Step::Note(link, short)),
        3 => (prop::collection::vec(links(), 0..4), 0..SHORTS).prop_map(|(links, short)| Step::NoteAll(links, short)),
        4 => ids().prop_map(Step::Accept),
        3 => (ids(), rejection).prop_map(|(id, rejection)| Step::Reject(id, rejection)),
        3 => (ids(), declined).prop_map(|(id, declined)| Step::Decline(id, declined)),
        3 => (ids(), 1..9_u64).prop_map(|(id, job)| Step::Check(id, job)),
        3 => ids().prop_map(Step::EndCheck),
        1 => ids().prop_map(Step::Forget),
        2 => ids().prop_map(Step::Touch),
    ];
    prop::collection::vec(step, 1..150)
}

/// Does a step to both, and compares what they answer.
fn apply(inventory: &mut Inventory, model: &mut Model, links: &mut Vec<LinkSlot>, step: &Step) {
    let at = |links: &[LinkSlot], index: &prop::sample::Index| links.get(index.index(links.len().max(1))).copied();
    match step {
        Step::Join => {
            let link = inventory.join();
            assert!(!links.contains(&link), "{link:?} is live");
            (0..SHORTS)
                .for_each(|number| assert!(!inventory.has(link, short(number)), "{number} of the last link"));
            model.charged.insert(link, VecDeque::new());
            links.push(link);
        }
        Step::Leave(index) if !links.is_empty() => {
            let link = links.remove(index.index(links.len()));
            inventory.leave(link);
            model.leave(link);
        }
        Step::Leave(_) => {}
        Step::Note(index, number) => {
            if let Some(link) = at(links, index) {
                assert_eq!(inventory.note(link, short(*number)), model.note(link, *number));
            }
        }
        Step::NoteAll(indices, number) => {
            let mut set = LinkSet::default();
            indices.iter().filter_map(|index| at(links, index)).for_each(|link| set.insert(link));
            inventory.note_all(&set, short(*number));
            for link in set.iter() {
                model.note(link, *number);
            }
        }
        Step::Accept(id) => {
            inventory.accept(*id);
            model.set(*id, Facts { accepted: true, unfit: None, ..model.facts(id) }, true);
        }
        Step::Reject(id, rejection) => {
            inventory.reject(*id, *rejection);
            model.set(*id, Facts { unfit: Some(Unfit::Rejected(*rejection)), ..model.facts(id) }, true);
        }
        Step::Decline(id, declined) => {
            inventory.decline(*id, *declined);
            model.set(*id, Facts { unfit: Some(Unfit::Declined(*declined)), ..model.facts(id) }, true);
        }
        Step::Check(id, job) => {
            inventory.check(*id, JobId(*job));
            model.set(*id, Facts { job: Some(*job), ..model.facts(id) }, false);
        }
        Step::EndCheck(id) => {
            inventory.end_check(id);
            model.set(*id, Facts { job: None, ..model.facts(id) }, false);
        }
        Step::Forget(id) => {
            inventory.forget(id);
            model.set(*id, Facts { accepted: false, ..model.facts(id) }, false);
        }
        Step::Touch(id) => {
            let facts = model.facts(id);
            assert_eq!(inventory.touch(id).accepted, facts.accepted);
            if facts.accepted {
                model.set(*id, facts, true);
            }
        }
    }
}

fn compare(inventory: &Inventory, model: &Model, links: &[LinkSlot]) {
    for number in 0..SHORTS {
        let known = inventory.holders(short(number));
        assert!(known.iter().all(|link| links.contains(&link)), "{known:?}");
        for link in links {
            let has = model.holders.get(&number).is_some_and(|holders| holders.contains(link));
            assert_eq!(inventory.has(*link, short(number)), has, "{link:?} {number}");
            assert_eq!(known.contains(*link), has);
        }
        let newest = model.begun.iter().rev().find(|id| id.0[0] == number).copied();
        assert_eq!(inventory.resolve(short(number)), newest);
    }
    for id in ids() {
        let (facts, standing) = (model.facts(&id), inventory.standing(&id));
        assert_eq!((standing.accepted, standing.job), (facts.accepted, facts.job.map(JobId)), "{id:?}");
        let same_short = || model.handled.iter().filter(|(other, _)| other.short() == id.short());
        let checked = inventory.is_checked(&TxRef::Short(id.short()));
        assert_eq!(checked, same_short().any(|(_, facts)| facts.job.is_some()));
        assert_eq!(inventory.is_checked(&TxRef::Full(id)), facts.job.is_some());
        for (tip, from) in (0..HEIGHTS).flat_map(|tip| (0..PEERS).map(move |peer| (tip, peer))) {
            assert_eq!(standing.rejected(tip), facts.rejected(tip));
            assert_eq!(standing.declined(tip, from), facts.declined(tip, from));
            let covers = |facts: &Facts| {
                let refused = facts.rejected(tip).is_some() || facts.declined(tip, from).is_some();
                facts.accepted || facts.job.is_some() || refused
            };
            assert_eq!(inventory.covers(&TxRef::Full(id), tip, from), covers(&facts));
            let any = same_short().any(|(_, facts)| covers(facts));
            assert_eq!(inventory.covers(&TxRef::Short(id.short()), tip, from), any);
        }
    }
    let fill = inventory.fill();
    let counts = [Memory::Accepted, Memory::Rejected, Memory::Declined].map(|memory| model.count(memory));
    assert_eq!([fill.accepted, fill.rejected, fill.declined], counts);
    assert_eq!(fill.entries, model.entries());
    for link in links {
        assert_eq!(inventory.charged(*link), model.charged[link].len());
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(400))]

    #[test]
    fn the_inventory_agrees_with_a_list(before in prop_oneof![Just(0_usize), 120..140_usize], steps in steps()) {
        let mut inventory = Inventory::with_limits(SeededState::new([7; 16]), LIMITS);
        let (mut model, mut links) = (Model::default(), Vec::new());
        // So that numbers reach past the first word of a set.
        let idle: BTreeSet<LinkSlot> = (0..before).map(|_| inventory.join()).collect();
        assert_eq!(idle.len(), before);
        for step in &steps {
            apply(&mut inventory, &mut model, &mut links, step);
            compare(&inventory, &model, &links);
        }
    }
}
