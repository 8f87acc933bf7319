//! The IP addresses under which peers see this node, as identify tells. They are words of strangers, kept for the
//! operator alone: nothing in the node depends on them. `node doctor` shows them.

use std::collections::HashMap;
use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId};

use crate::net::addresses::ip_of;

/// Peers whose word is kept, 64 of about 100 bytes. When there are more, the table begins anew.
const OBSERVERS_MAX: usize = 64;

/// Addresses that are told.
const OBSERVED_TOLD_MAX: usize = 8;

/// What peers said, each once.
#[derive(Debug, Default)]
pub(in crate::service) struct Observed(HashMap<PeerId, IpAddr>);

impl Observed {
    /// A peer says that it sees this node under an address. The port says nothing: it is that of an outbound
    /// connection.
    pub(super) fn note(&mut self, peer: PeerId, address: &Multiaddr) {
        let Some(ip) = ip_of(address) else { return };
        if self.0.len() >= OBSERVERS_MAX && !self.0.contains_key(&peer) {
            self.0.clear();
        }
        self.0.insert(peer, ip);
    }

    /// The addresses that most peers named, and how many did.
    pub(in crate::service) fn told(&self) -> Vec<(IpAddr, u32)> {
        let mut counts: HashMap<IpAddr, u32> = HashMap::new();
        for ip in self.0.values() {
            *counts.entry(*ip).or_default() += 1;
        }
        let mut told: Vec<_> = counts.into_iter().collect();
        told.sort_unstable_by_key(|(ip, count)| (std::cmp::Reverse(*count), *ip));
        told.truncate(OBSERVED_TOLD_MAX);
        told
    }
}
