//! Addresses that the owner adds and takes out while the node runs. They are fixed addresses like those of the start, and
//! dialled like reserved ones.
//!
//! Deliberately absent: when they are dialled (`poll.rs`), and a memory of them over a restart.

use libp2p::{Multiaddr, PeerId};

use super::fixed::Fixed;
use super::{Discovery, Retry, Target};

/// Addresses that the owner may add while the node runs. Each costs a dial now and then, and some 300 bytes.
pub const ADDED_PEERS_MAX: usize = 64;

impl Discovery {
    /// Adds an address of the owner, without `/p2p`, which is dialled like a reserved one until the node ends. False if
    /// there are too many.
    pub fn add_fixed(&mut self, address: Multiaddr, typed: Option<PeerId>) -> bool {
        let added = Fixed {
            address,
            typed,
            found: None,
            reserved: true,
            removed: false,
            retry: Retry::default(),
            trouble: None,
            warned: None,
        };
        let busy = |index: usize| self.dials.values().any(|dial| dial.target == Target::Fixed(index));
        let same = self.fixed.iter().position(|fixed| fixed.address == added.address);
        let free = || self.fixed.iter().enumerate().find(|(index, fixed)| fixed.removed && !busy(*index));
        match same.or_else(|| free().map(|(index, _)| index)) {
            Some(index) => {
                if let Some(fixed) = self.fixed.get_mut(index) {
                    *fixed = added;
                }
            }
            None if self.added >= ADDED_PEERS_MAX => return false,
            None => {
                self.added += 1;
                self.fixed.push(added);
            }
        }
        true
    }

    /// Takes out the addresses that lead to a peer. False if there are none.
    pub fn remove_fixed(&mut self, peer: &PeerId) -> bool {
        let mut removed = false;
        for fixed in self.fixed.iter_mut().filter(|fixed| fixed.peer().as_ref() == Some(peer)) {
            (fixed.removed, fixed.typed, fixed.found) = (true, None, None);
            removed = true;
        }
        removed
    }
}
