//! The operator's addresses: the results of dialling them. Deliberately absent: when they are dialled.

use libp2p::{Multiaddr, PeerId};
use protocol::time::{Duration, Time};

use super::{Discovery, Retry, Target};
use crate::net::reason::CloseReason;

/// Addresses that the owner may add while the node runs. Each costs a dial now and then, and some 300 bytes.
pub const ADDED_PEERS_MAX: usize = 64;

/// The time between two warnings about one fixed address.
const WARN_AGAIN: Duration = Duration::from_secs(600);

/// What the operator should know about a fixed address. Told at once, and again after ten
/// minutes if it is still so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// The node that answers there is not the typed one.
    AnotherPeer {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The typed id.
        wanted: PeerId,
        /// The id of the node that answered.
        found: PeerId,
    },
    /// The node that answers there does not belong to this network.
    AnotherNetwork {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The id of the node that answered.
        found: PeerId,
    },
}

/// Why a dial failed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection opened; the text says why.
    Unreachable(String),
    /// The dial led to this very node, or would have.
    Ourselves,
    /// Another node answered than the one that was meant.
    Another(PeerId),
    /// This peer answered, and a limit of ours or a ban denies the connection.
    Denied {
        /// The peer that answered.
        found: PeerId,
        /// The reason.
        cause: String,
    },
}

/// The result of the last try of a fixed address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection opened; the text says why.
    Unreachable(String),
    /// A limit of ours or a ban denies the connection.
    Denied(String),
    /// It leads to this very node.
    Ourselves,
    /// Another node answers there than the one that was meant.
    Another(PeerId),
    /// A node answered, and is no gossip peer yet.
    NoWordYet,
    /// A node answered, and the connection ended.
    Closed(CloseReason),
}

/// A fixed address.
#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) address: Multiaddr,
    /// The id that was typed with it.
    pub(super) typed: Option<PeerId>,
    /// The node that answered last, while it may be a peer through this address.
    pub(super) found: Option<PeerId>,
    pub(super) reserved: bool,
    /// The owner has taken it out. Its place stays, because dials are named by it.
    pub(super) removed: bool,
    pub(super) retry: Retry,
    /// The result of the last try. `None` while a peer is connected there, or before the first try.
    pub(super) trouble: Option<Trouble>,
    pub(super) warned: Option<Time>,
}

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

impl Fixed {
    /// The peer that is, or has to be, reached there.
    pub(super) fn peer(&self) -> Option<PeerId> {
        self.typed.or(self.found)
    }

    pub(super) fn warn(&mut self, warning: Warning, now: Time) -> Option<Warning> {
        let due = self.warned.is_none_or(|warned| now.since(warned) >= WARN_AGAIN);
        due.then(|| {
            self.warned = Some(now);
            warning
        })
    }
}
