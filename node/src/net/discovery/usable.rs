//! Which entries of the address book may be dialled now: peers that are not connected yet, are not banned, and are
//! in a group that may have one more slot.

use std::collections::BTreeMap;

use libp2p::{Multiaddr, PeerId};

use super::fixed::Fixed;
use super::{Discovery, Target, View};
use crate::net::addresses::ip_of;
use crate::net::discovery::book::{Group, slot_group};

/// The slots in use in each group, including those that dials under way may get.
pub(super) type Taken = BTreeMap<Group, usize>;

/// Which entries of the book may be dialled now.
pub(super) struct Usable<'a, V> {
    pub(super) view: &'a V,
    /// The slots of each group, and how many are enough; `None` if no slot is wanted.
    pub(super) taken: Option<(&'a Taken, usize)>,
    pub(super) unwanted: Vec<PeerId>,
}

impl<V: View> Usable<'_, V> {
    pub(super) fn of(&self, peer: &PeerId, addresses: &[Multiaddr]) -> Vec<Multiaddr> {
        if self.unwanted.contains(peer) || self.view.holds_slot(peer) || self.view.is_banned(peer) {
            return Vec::new();
        }
        let free = |address: &&Multiaddr| {
            let banned = ip_of(address).is_some_and(|ip| self.view.is_banned_address(ip));
            let taken = slot_group(address).zip(self.taken);
            let taken =
                taken.is_some_and(|(group, (taken, most))| taken.get(&group).is_some_and(|held| *held >= most));
            !banned && !taken
        };
        addresses.iter().filter(free).cloned().collect()
    }
}

impl Discovery {
    /// The groups that have an outbound slot, or may get one from a dial under way.
    pub(super) fn taken(&self, view: &impl View) -> Taken {
        let dialled = self.dials.values().flat_map(|dial| &dial.groups).copied();
        let mut taken = Taken::new();
        view.outbound_groups().into_iter().chain(dialled).for_each(|group| *taken.entry(group).or_default() += 1);
        taken
    }

    /// Peers that are being dialled, by the book or at a fixed address. A peer whose fixed address fails
    /// may be reached elsewhere.
    pub(super) fn unwanted(&self) -> Vec<PeerId> {
        let fixed = self.fixed.iter().filter(|fixed| fixed.retry.failures <= 1).filter_map(Fixed::peer);
        let dialled = self.dials.values().filter_map(|dial| match dial.target {
            Target::Candidate(peer) | Target::Feeler(peer) => Some(peer),
            Target::Fixed(_) => None,
        });
        let picked = self.picked.iter().map(|(pick, _)| pick.peer);
        fixed.chain(dialled).chain(picked).collect()
    }
}
