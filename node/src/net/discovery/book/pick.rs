//! Which entry of the book is tried next. The rules are at the head of `book.rs`.

use std::collections::{BTreeMap, BTreeSet};

use libp2p::{Multiaddr, PeerId};
use protocol::time::Time;
use rand::RngExt as _;

use super::{Book, CONTEST_TIME, Entry, Group, Pick, slot_group};

/// After this many failures in a row, this many of a hundred picks of an entry are kept: 0.66 to the power of the
/// number of failures, but at least 3, as in Bitcoin Core.
const CHANCES: [u8; 9] = [100, 66, 44, 29, 19, 13, 8, 5, 3];

/// The entries that may be picked, by group.
type Choice = BTreeMap<Group, Vec<(PeerId, Entry, u32)>>;

impl Book {
    /// A peer to dial. `usable` says which of a peer's addresses may be dialled now; none if the
    /// peer may not be dialled.
    pub fn pick(&mut self, now: Time, usable: impl Fn(&PeerId, &[Multiaddr]) -> Vec<Multiaddr>) -> Option<Pick> {
        self.pick_from(self.reached_ready(now), self.told_ready(now), usable)
    }

    /// The same in one group, whichever table has the peer.
    pub fn pick_in(
        &mut self,
        group: Group,
        now: Time,
        usable: impl Fn(&PeerId, &[Multiaddr]) -> Vec<Multiaddr>,
    ) -> Option<Pick> {
        let mut choice = self.reached_ready(now).remove(&group).unwrap_or_default();
        choice.extend(self.told_ready(now).remove(&group).unwrap_or_default());
        self.pick_from(Choice::from([(group, choice)]), Choice::new(), usable)
    }

    /// An entry to test: contested ones first, then claims of groups in which no peer was
    /// reached, then the others.
    pub fn pick_test(
        &mut self,
        now: Time,
        usable: impl Fn(&PeerId, &[Multiaddr]) -> Vec<Multiaddr>,
    ) -> Option<Pick> {
        self.contests.retain(|contest| now.since(contest.since) < CONTEST_TIME);
        for contest in &self.contests {
            let Some(held) = self.tried.get(&contest.held_by) else { continue };
            let addresses = usable(&held.peer, &in_group(held.addresses(), held.group));
            if !addresses.is_empty() && held.retry.not_before <= now {
                return Some(Pick { peer: held.peer, addresses, entry: Entry::Reached, group: held.group });
            }
        }
        let reached: BTreeSet<Group> = self.tried.iter().map(|reached| reached.group).collect();
        let told = self.told_ready(now);
        let (old, new): (Choice, Choice) = told.into_iter().partition(|(group, _)| reached.contains(group));
        self.pick_from(Choice::new(), new, &usable).or_else(|| self.pick_from(Choice::new(), old, &usable))
    }

    /// The peer, if it was reached before and may be dialled now.
    pub fn pick_reached(
        &self,
        peer: &PeerId,
        now: Time,
        usable: impl Fn(&PeerId, &[Multiaddr]) -> Vec<Multiaddr>,
    ) -> Option<Pick> {
        let reached = self.tried.get(peer).filter(|reached| reached.retry.not_before <= now)?;
        let addresses = usable(peer, &in_group(reached.addresses(), reached.group));
        let group = reached.group;
        (!addresses.is_empty()).then_some(Pick { peer: *peer, addresses, entry: Entry::Reached, group })
    }

    /// Entries that may be dialled now, counted up to `enough`.
    pub fn ready(
        &self,
        now: Time,
        enough: usize,
        usable: impl Fn(&PeerId, &[Multiaddr]) -> Vec<Multiaddr>,
    ) -> usize {
        let claims = self.told.ready(now).map(|claim| (&claim.peer, claim.addresses().to_vec()));
        let reached = self.tried.iter().filter(|reached| reached.retry.not_before <= now);
        let all = reached.map(|reached| (&reached.peer, reached.addresses())).chain(claims);
        all.filter(|(peer, addresses)| !usable(peer, addresses).is_empty()).take(enough).count()
    }

    fn reached_ready(&self, now: Time) -> Choice {
        let mut choice = Choice::new();
        for reached in self.tried.iter().filter(|reached| reached.retry.not_before <= now) {
            let entry = (reached.peer, Entry::Reached, reached.retry.failures);
            choice.entry(reached.group).or_default().push(entry);
        }
        choice
    }

    /// A claim counts in each group in which it has an address.
    fn told_ready(&self, now: Time) -> Choice {
        let mut choice = Choice::new();
        for claim in self.told.ready(now) {
            for group in claim.groups() {
                let entry = (claim.peer, Entry::Told(claim.source), claim.retry.failures);
                choice.entry(*group).or_default().push(entry);
            }
        }
        choice
    }

    fn pick_from(
        &mut self,
        mut reached: Choice,
        mut told: Choice,
        usable: impl Fn(&PeerId, &[Multiaddr]) -> Vec<Multiaddr>,
    ) -> Option<Pick> {
        // An entry that chance passed over, in case there is nothing else.
        let mut passed: Option<Pick> = None;
        let groups: BTreeSet<Group> = reached.keys().chain(told.keys()).copied().collect();
        let mut groups: Vec<Group> = groups.into_iter().collect();
        while !groups.is_empty() {
            let group = groups.swap_remove(self.rng.random_range(0..groups.len()));
            let mut both = [reached.remove(&group).unwrap_or_default(), told.remove(&group).unwrap_or_default()];
            if let Some(pick) = self.pick_of_group(group, &mut both, &mut passed, &usable) {
                return Some(pick);
            }
        }
        passed
    }

    /// The reached and the told entries of one group are drawn until one is kept. So a group is not picked less
    /// often because some of its entries fail. A group without failures gains nothing.
    fn pick_of_group(
        &mut self,
        group: Group,
        both: &mut [Vec<(PeerId, Entry, u32)>; 2],
        passed: &mut Option<Pick>,
        usable: impl Fn(&PeerId, &[Multiaddr]) -> Vec<Multiaddr>,
    ) -> Option<Pick> {
        loop {
            let from = match (both[0].is_empty(), both[1].is_empty()) {
                (true, true) => return None,
                (false, false) => usize::from(self.rng.random_bool(0.5)),
                (reached_empty, _) => usize::from(reached_empty),
            };
            let entries = &mut both[from];
            let (peer, entry, failures) = entries.swap_remove(self.rng.random_range(0..entries.len()));
            let addresses = usable(&peer, &in_group(self.addresses_of(&peer, entry), group));
            if addresses.is_empty() {
                continue;
            }
            let pick = Pick { peer, addresses, entry, group };
            let chance = CHANCES.get(failures as usize).or(CHANCES.last()).copied().unwrap_or(100);
            if self.rng.random_range(0..100) < chance {
                return Some(pick);
            }
            passed.get_or_insert(pick);
        }
    }

    fn addresses_of(&self, peer: &PeerId, entry: Entry) -> Vec<Multiaddr> {
        match entry {
            Entry::Reached => self.tried.get(peer).map(super::Reached::addresses).unwrap_or_default(),
            Entry::Told(source) => {
                self.told.get(peer, source).map(|claim| claim.addresses().to_vec()).unwrap_or_default()
            }
        }
    }
}

/// The addresses of a peer that are in a group, and those that are in no group that counts. A peer that was picked
/// for its group is not dialled in another: otherwise it could name an address in any group, and answer elsewhere.
fn in_group(mut addresses: Vec<Multiaddr>, group: Group) -> Vec<Multiaddr> {
    addresses.retain(|address| slot_group(address).is_none_or(|other| other == group));
    addresses
}
