//! What is wanted now: fixed addresses, candidates, feelers, walks, and which peers to disconnect. The rules are
//! at the heads of `discovery.rs` and `exchange.rs`.

use std::collections::BTreeSet;

use libp2p::{Multiaddr, PeerId};
use protocol::time::Time;
use rand::seq::IteratorRandom as _;

use super::exchange::Due;
use super::fixed::Fixed;
use super::usable::{Taken, Usable};
use super::{Discovery, QUERY_MAX, REFRESH_EXTRA, Target, Trouble, View, Want};
use crate::net::addresses::{self, ip_of};
use crate::net::discovery::book::{Group, Pick, slot_group};

impl Discovery {
    pub(super) fn poll_fixed(
        &mut self,
        now: Time,
        view: &impl View,
        missing: usize,
        free: &mut usize,
        wants: &mut Vec<Want>,
    ) {
        for (index, fixed) in self.fixed.iter_mut().enumerate() {
            let held = fixed.peer().is_some_and(|peer| view.holds_slot(&peer) || view.is_banned(&peer));
            let dialling = self.dials.values().any(|dial| dial.target == Target::Fixed(index));
            // Our own id was typed, in a list that all nodes have.
            if fixed.removed
                || fixed.typed == Some(self.local)
                || held
                || dialling
                || now < fixed.retry.not_before
                || !(fixed.reserved || missing > 0)
            {
                continue;
            }
            if ip_of(&fixed.address).is_some_and(|ip| view.is_banned_address(ip)) {
                fixed.trouble = Some(Trouble::Denied("the address is banned for now".to_owned()));
                continue;
            }
            if !fixed.reserved {
                *free = free.saturating_sub(1);
            }
            let (address, reserved) = (fixed.address.clone(), fixed.reserved);
            wants.push(Want::Fixed { index, address, peer: fixed.typed, reserved });
        }
    }

    /// Candidates for free slots: the last run's anchors, then the book's picks.
    pub(super) fn poll_book(&mut self, now: Time, view: &impl View, free: usize, wants: &mut Vec<Want>) {
        let mut taken = self.taken(view);
        for _ in 0..free {
            // Groups with fewer slots come first.
            let picked = (1..=self.per_group).find_map(|most| self.pick_one(now, view, (&taken, most)));
            let Some((pick, turn)) = picked else {
                self.owed.clear();
                break;
            };
            self.anchors_due.retain(|anchor| *anchor != pick.peer);
            let groups: BTreeSet<Group> = pick.addresses.iter().filter_map(slot_group).collect();
            groups.into_iter().for_each(|group| *taken.entry(group).or_default() += 1);
            let mut addresses = pick.addresses.clone();
            addresses::order(&mut addresses, &self.own);
            wants.push(Want::Candidate { peer: pick.peer, addresses });
            self.picked.push((pick, turn));
        }
    }

    /// A peer in a group that has fewer than the given number of slots, and the number of tries
    /// in a row for this group.
    fn pick_one(&mut self, now: Time, view: &impl View, taken: (&Taken, usize)) -> Option<(Pick, u8)> {
        let usable = Usable { view, taken: Some(taken), unwanted: self.unwanted() };
        let usable = |peer: &PeerId, addresses: &[Multiaddr]| usable.of(peer, addresses);
        if let Some(anchor) = self.anchors_due.iter().find_map(|peer| self.book.pick_reached(peer, now, usable)) {
            return Some((anchor, 1));
        }
        let Self { owed, book, .. } = self;
        let mut owing = owed.iter().enumerate();
        let made_good =
            owing.find_map(|(at, (group, failed))| Some((at, book.pick_in(*group, now, usable)?, *failed)));
        // The owed groups before this one have no peer that may be dialled, so they are dropped too.
        if let Some((at, pick, failed)) = made_good {
            owed.drain(..=at);
            return Some((pick, failed.saturating_add(1)));
        }
        let pick = book.pick(now, usable)?;
        owed.clear();
        Some((pick, 1))
    }

    pub(super) fn poll_feeler(&mut self, now: Time, view: &impl View, wants: &mut Vec<Want>) {
        let usable = Usable { view, taken: None, unwanted: self.unwanted() };
        let under_way = self.dials.values().any(|dial| matches!(dial.target, Target::Feeler(_)));
        let pick = self.book.pick_test(now, |peer, addresses| usable.of(peer, addresses));
        if let Some(pick) = pick.filter(|_| !under_way) {
            let mut addresses = pick.addresses.clone();
            addresses::order(&mut addresses, &self.own);
            wants.push(Want::Feeler { peer: pick.peer, addresses });
            self.picked.push((pick, 0));
        }
    }

    /// Asks Kademlia for more while there is too little to choose from.
    pub(super) fn poll_walk(&mut self, now: Time, view: &impl View, missing: usize, wants: &mut Vec<Want>) {
        let taken = self.taken(view);
        let usable = Usable { view, taken: Some((&taken, self.per_group)), unwanted: self.unwanted() };
        let enough = missing.saturating_mul(2);
        if self.book.ready(now, enough, |peer, addresses| usable.of(peer, addresses)) < enough {
            wants.push(Want::Walk);
            let delay = self.jittered(self.query_delay);
            self.query_at = now + delay;
            self.query_delay = self.query_delay.times(2).min(QUERY_MAX);
        }
    }

    /// While all slots are in use: disconnects a peer if that is due, and returns how many
    /// candidates to try as well.
    pub(super) fn exchange(
        &mut self,
        now: Time,
        settling: bool,
        view: &impl View,
        wants: &mut Vec<Want>,
    ) -> usize {
        let mut peers = view.outbound_peers();
        // The peer that came last is the extra one.
        peers.sort_by_key(|peer| (self.held.get(peer).copied().unwrap_or(now), *peer));
        let extra = peers.get(self.target).copied();
        // There is more than one extra peer, because a limit was lowered or two peers came at once.
        if peers.len() > self.target.saturating_add(REFRESH_EXTRA) {
            wants.extend(peers.last().copied().map(Want::Leave));
            return 0;
        }
        match self.exchange.poll(now, extra.is_some(), settling, &mut self.rng) {
            Due::Nothing => 0,
            Due::Extra if view.outbound() > self.target => 0,
            Due::Extra => REFRESH_EXTRA,
            Due::LeaveExtra => {
                wants.extend(extra.map(Want::Leave));
                0
            }
            Due::LeaveOldest => {
                let fixed: Vec<PeerId> = self.fixed.iter().filter_map(Fixed::peer).collect();
                let others = peers.into_iter().take(self.target);
                let mut others = others.filter(|peer| !self.anchors.contains(peer) && !fixed.contains(peer));
                wants.extend(others.next().or(extra).map(Want::Leave));
                0
            }
            Due::LeaveAnother => {
                let others = peers.into_iter().take(self.target);
                wants.extend(others.choose(&mut self.rng).map(Want::Leave));
                0
            }
        }
    }
}
