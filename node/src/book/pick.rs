//! Which entry of the book is tried next. The rules are at the head of `book.rs`.

use std::collections::BTreeMap;

use libp2p::{Multiaddr, PeerId};
use protocol::time::Time;
use rand::RngExt as _;
use rand::seq::IteratorRandom as _;

use super::{Book, CONTEST_TIME, Entry, Group, Pick};

/// Of a hundred picks of an entry that failed so often in a row, those that are kept: 0.66 to the power of that, down to 3,
/// as Bitcoin Core has it.
const CHANCES: [u8; 9] = [100, 66, 44, 29, 19, 13, 8, 5, 3];

/// What may be picked, by group or by bucket.
type Choice = BTreeMap<u64, Vec<(PeerId, Entry, u32)>>;

impl Book {
    /// Something to dial. `usable` says which of a peer's addresses may be dialled now; none if the peer may not.
    pub fn pick(&mut self, now: Time, usable: impl Fn(&PeerId, &[Multiaddr]) -> Vec<Multiaddr>) -> Option<Pick> {
        self.pick_from(self.reached_ready(now), self.told_ready(now), usable)
    }

    /// Something to test: what is contested first, then what was only told.
    pub fn pick_test(
        &mut self,
        now: Time,
        usable: impl Fn(&PeerId, &[Multiaddr]) -> Vec<Multiaddr>,
    ) -> Option<Pick> {
        self.contests.retain(|contest| now.since(contest.since) < CONTEST_TIME);
        for contest in &self.contests {
            let Some(held) = self.tried.get(&contest.held_by) else { continue };
            let addresses = usable(&held.peer, &held.addresses());
            if !addresses.is_empty() && held.retry.not_before <= now {
                return Some(Pick { peer: held.peer, addresses, entry: Entry::Reached });
            }
        }
        self.pick_from(Choice::new(), self.told_ready(now), usable)
    }

    /// The peer, if it was reached before and may be dialled now.
    pub fn pick_reached(
        &self,
        peer: &PeerId,
        now: Time,
        usable: impl Fn(&PeerId, &[Multiaddr]) -> Vec<Multiaddr>,
    ) -> Option<Pick> {
        let reached = self.tried.get(peer).filter(|reached| reached.retry.not_before <= now)?;
        let addresses = usable(peer, &reached.addresses());
        (!addresses.is_empty()).then_some(Pick { peer: *peer, addresses, entry: Entry::Reached })
    }

    /// Entries that may be dialled now, counted up to `enough`.
    pub fn ready(
        &self,
        now: Time,
        enough: usize,
        usable: impl Fn(&PeerId, &[Multiaddr]) -> Vec<Multiaddr>,
    ) -> usize {
        let claims = self.told.ready(now).map(|(_, claim)| (&claim.peer, claim.addresses.clone()));
        let reached = self.tried.iter().filter(|reached| reached.retry.not_before <= now);
        let all = reached.map(|reached| (&reached.peer, reached.addresses())).chain(claims);
        all.filter(|(peer, addresses)| !usable(peer, addresses).is_empty()).take(enough).count()
    }

    fn reached_ready(&self, now: Time) -> Choice {
        let mut choice = Choice::new();
        for reached in self.tried.iter().filter(|reached| reached.retry.not_before <= now) {
            let Group(group) = reached.group;
            choice.entry(group).or_default().push((reached.peer, Entry::Reached, reached.retry.failures));
        }
        choice
    }

    fn told_ready(&self, now: Time) -> Choice {
        let mut choice = Choice::new();
        for (at, claim) in self.told.ready(now) {
            let entry = (claim.peer, Entry::Told(claim.source), claim.retry.failures);
            choice.entry(at as u64).or_default().push(entry);
        }
        choice
    }

    fn pick_from(
        &mut self,
        mut reached: Choice,
        mut told: Choice,
        usable: impl Fn(&PeerId, &[Multiaddr]) -> Vec<Multiaddr>,
    ) -> Option<Pick> {
        // What chance passed over, for the case that there is nothing else.
        let mut passed = None;
        loop {
            let from_reached = !reached.is_empty() && (told.is_empty() || self.rng.random_bool(0.5));
            let choice = if from_reached { &mut reached } else { &mut told };
            let Some(place) = choice.keys().copied().choose(&mut self.rng) else { return passed };
            let Some((peer, entry, failures)) = self.draw(choice, place) else { continue };
            let addresses = usable(&peer, &self.addresses_of(&peer, entry));
            if addresses.is_empty() {
                continue;
            }
            let pick = Pick { peer, addresses, entry };
            let chance = CHANCES.get(failures as usize).or(CHANCES.last()).copied().unwrap_or(100);
            if self.rng.random_range(0..100) < chance {
                return Some(pick);
            }
            passed.get_or_insert(pick);
        }
    }

    /// Takes one entry of `place` out of the choice.
    fn draw(&mut self, choice: &mut Choice, place: u64) -> Option<(PeerId, Entry, u32)> {
        let entries = choice.get_mut(&place)?;
        let drawn = (!entries.is_empty()).then(|| entries.swap_remove(self.rng.random_range(0..entries.len())));
        if entries.is_empty() {
            choice.remove(&place);
        }
        drawn
    }

    fn addresses_of(&self, peer: &PeerId, entry: Entry) -> Vec<Multiaddr> {
        match entry {
            Entry::Reached => self.tried.get(peer).map(super::Reached::addresses).unwrap_or_default(),
            Entry::Told(source) => {
                self.told.get(peer, source).map(|claim| claim.addresses.clone()).unwrap_or_default()
            }
        }
    }
}
