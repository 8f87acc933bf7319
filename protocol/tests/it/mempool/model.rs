//! The mempool against a list that counts everything again for every question.

use std::collections::BTreeMap;
use std::sync::Arc;

use proptest::prelude::*;
use protocol::items::hash::TxId;
use protocol::items::keys::PublicKey;
use protocol::items::refusal::Refusal;
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::mempool::Mempool;
use protocol::limits::{MEMPOOL_OLD_AFTER, MEMPOOL_TURNOVER, MEMPOOL_TURNOVER_BURST};
use protocol::time::{Duration, Time};

use crate::make::{ids, transaction};

const BYTES_MAX: usize = 32 * 512;

#[derive(Clone, Debug)]
enum Step {
    Insert { author: u32, nonce: u64, valid_until: u64, payload: usize, link: Option<u32> },
    Remove(prop::sample::Index),
    Expire(u64),
    Close(u32),
    Pass(Duration),
    Adopt(prop::sample::Index),
}

#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Link {
    Local,
    Open(u32),
    Closed,
}

#[derive(Clone, Debug)]
struct Held {
    item: Arc<SignedTransaction>,
    link: Link,
    charge: usize,
    at: Time,
}

#[derive(Default)]
struct Model {
    now: Time,
    held: Vec<Held>,
    /// For each open link, the time until which its turnovers so far would last.
    turned: BTreeMap<u32, Time>,
}

impl Model {
    fn insert(&mut self, item: &Arc<SignedTransaction>, link: Option<u32>) -> Result<Vec<TxId>, Refusal> {
        if self.held.iter().any(|held| held.item.id() == item.id()) {
            return Ok(vec![]);
        }
        let same = |held: &&Held| held.item.author() == item.author() && held.item.nonce() == item.nonce();
        if self.held.iter().filter(same).count() >= 2 {
            return Err(Refusal::NonceTaken);
        }
        let by = link.map_or(Link::Local, Link::Open);
        let newcomer = Held { item: item.clone(), link: by, charge: item.encoded().len().max(512), at: self.now };
        let may_turn = link.filter(|link| {
            self.turned.get(link).is_none_or(|turned| *turned <= self.now + MEMPOOL_TURNOVER_BURST)
        });
        let (mut left, mut evicted, mut turns) = (self.held.clone(), vec![], false);
        while left.iter().map(|held| held.charge).sum::<usize>() + newcomer.charge > BYTES_MAX {
            let (at, turned) = victim(&left, &newcomer, may_turn.is_some())?;
            turns |= turned;
            evicted.push(left.remove(at).item.id());
        }
        left.push(newcomer.clone());
        self.held = left;
        if let Some(link) = link.filter(|_| turns) {
            let took = MEMPOOL_TURNOVER.times(newcomer.charge as u64).divided_by(share(&self.held, by) as u64);
            let turned = self.turned.entry(link).or_default();
            *turned = (*turned).max(self.now) + took;
        }
        Ok(evicted)
    }

    /// The refusal, if there is one at the first step.
    fn refusal(&self, item: &Arc<SignedTransaction>, link: Option<u32>) -> Option<Refusal> {
        let mut tried = Self { now: self.now, held: self.held.clone(), turned: self.turned.clone() };
        match tried.insert(item, link) {
            // Room for a small item says nothing of the steps after the first one.
            Err(Refusal::MempoolFull | Refusal::AuthorFull) if item.encoded().len() > 512 => None,
            result => result.err(),
        }
    }
}

fn share(left: &[Held], link: Link) -> usize {
    left.iter().filter(|held| held.link == link).map(|held| held.charge).sum()
}

/// The place of the next item to remove and whether that is a turnover, or the share that refuses the new item.
fn victim(left: &[Held], newcomer: &Held, may_turn: bool) -> Result<(usize, bool), Refusal> {
    let mut authors = BTreeMap::<PublicKey, usize>::new();
    let mut links = BTreeMap::<Link, usize>::new();
    for held in left {
        *authors.entry(held.item.author()).or_default() += held.charge;
        *links.entry(held.link).or_default() += held.charge;
    }
    let sheltered = newcomer.link != Link::Local && share(left, Link::Local) <= BYTES_MAX / 4;
    let own = authors.get(&newcomer.item.author()).copied().unwrap_or_default() + newcomer.charge;
    let largest = authors.into_iter().map(|(author, bytes)| (bytes, author)).max();
    let (largest, author) = largest.ok_or(Refusal::MempoolFull)?;
    if own.max(largest) > BYTES_MAX / 16 {
        if own >= largest {
            return Err(Refusal::AuthorFull);
        }
        let newest = left.iter().rposition(|held| held.item.author() == author).expect("it holds the most");
        if !(sheltered && left[newest].link == Link::Local) {
            return Ok((newest, false));
        }
    }
    victim_by_link(left, newcomer, links, sheltered, may_turn).ok_or(Refusal::MempoolFull)
}

fn victim_by_link(
    left: &[Held],
    newcomer: &Held,
    links: BTreeMap<Link, usize>,
    sheltered: bool,
    may_turn: bool,
) -> Option<(usize, bool)> {
    let own = share(left, newcomer.link) + newcomer.charge;
    let others = links.into_iter().filter(|(link, _)| !(sheltered && *link == Link::Local));
    if let Some((largest, link)) = others.map(|(link, bytes)| (bytes, link)).max()
        && own < largest
    {
        return gives_way(left, link, newcomer.at).map(|at| (at, false));
    }
    let turns = newcomer.link != Link::Local && may_turn;
    turns.then(|| gives_way(left, newcomer.link, newcomer.at)).flatten().map(|at| (at, true))
}

/// The oldest item if it is old. Otherwise the one before those newest items that take at most half of the share.
fn gives_way(left: &[Held], link: Link, now: Time) -> Option<usize> {
    let places: Vec<usize> = (0..left.len()).filter(|place| left[*place].link == link).collect();
    if link == Link::Local {
        return places.last().copied();
    }
    let oldest = *places.first()?;
    if now.since(left[oldest].at) >= MEMPOOL_OLD_AFTER {
        return Some(oldest);
    }
    let mut newer = 0;
    places.iter().rev().copied().find(|place| {
        newer += left[*place].charge;
        newer > share(left, link) / 2
    })
}

fn step() -> impl Strategy<Value = Step> {
    let link = prop::option::of(0..4_u32);
    prop_oneof![
        20 => (0..40_u32, 0..3_u64, 1..20_u64, 0..1_200_usize, link)
            .prop_map(|(author, nonce, valid_until, payload, link)| {
                // Most items are small, so that the rule by link applies often enough.
                let payload = payload.saturating_sub(700);
                Step::Insert { author, nonce, valid_until, payload, link }
            }),
        3 => any::<prop::sample::Index>().prop_map(Step::Remove),
        1 => (0..8_u64).prop_map(Step::Expire),
        1 => any::<prop::sample::Index>().prop_map(Step::Adopt),
        1 => (0..4_u32).prop_map(Step::Close),
        // Part of a turnover, its burst, the age at which an item is old, and a little less.
        2 => prop::sample::select(vec![
            Duration::from_millis(3_750),
            MEMPOOL_TURNOVER_BURST,
            MEMPOOL_OLD_AFTER,
            MEMPOOL_OLD_AFTER - Duration::from_micros(1),
        ])
        .prop_map(Step::Pass),
    ]
}

fn check(pool: &Mempool, model: &Model) -> Result<(), TestCaseError> {
    let held: Vec<_> = pool.oldest_first().map(|(item, _)| item.id()).collect();
    prop_assert_eq!(&held, &model.held.iter().map(|held| held.item.id()).collect::<Vec<_>>());
    prop_assert_eq!(pool.bytes(), model.held.iter().map(|held| held.item.encoded().len()).sum::<usize>());
    prop_assert_eq!(pool.len(), held.len());
    prop_assert!(held.iter().all(|id| pool.contains(id)));
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig { failure_persistence: None, ..ProptestConfig::default() })]

    #[test]
    fn every_step_does_what_the_naive_pool_does(steps in prop::collection::vec(step(), 1..250)) {
        let (mut pool, mut model) = (Mempool::new(BYTES_MAX), Model::default());
        for step in steps {
            match step {
                Step::Insert { author, nonce, valid_until, payload, link } => {
                    let item = transaction(author, nonce, valid_until, payload);
                    let told = pool.refusal(model.now, &item, link).filter(|_| !pool.contains(&item.id()));
                    if !pool.contains(&item.id()) && let Some(refusal) = model.refusal(&item, link) {
                        prop_assert_eq!(&told, &Some(refusal));
                    }
                    let result = pool.insert(model.now, &item, link).map(|inserted| ids(&inserted.evicted));
                    prop_assert!(told.is_none() || told.as_ref() == result.as_ref().err());
                    prop_assert_eq!(result, model.insert(&item, link));
                }
                Step::Remove(at) if !model.held.is_empty() => {
                    let gone = model.held.remove(at.index(model.held.len())).item;
                    prop_assert_eq!(pool.remove(&gone.id()), Some(gone));
                }
                Step::Adopt(at) if !model.held.is_empty() => {
                    let at = at.index(model.held.len());
                    model.held[at].link = Link::Local;
                    prop_assert!(pool.adopt(&model.held[at].item.id()));
                }
                Step::Remove(_) | Step::Adopt(_) => {}
                Step::Expire(tip) => {
                    let mut expired = ids(&pool.remove_expired(tip));
                    let gone = model.held.extract_if(.., |held| held.item.valid_until() <= tip);
                    let mut gone: Vec<_> = gone.map(|held| held.item.id()).collect();
                    expired.sort();
                    gone.sort();
                    prop_assert_eq!(expired, gone);
                }
                Step::Close(link) => {
                    pool.link_closed(link);
                    let theirs = model.held.iter_mut().filter(|held| held.link == Link::Open(link));
                    theirs.for_each(|held| held.link = Link::Closed);
                    model.turned.remove(&link);
                }
                Step::Pass(span) => model.now = model.now + span,
            }
            check(&pool, &model)?;
        }
    }
}
