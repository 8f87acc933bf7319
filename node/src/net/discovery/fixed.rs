//! The operator's addresses: the results of dialling them. Deliberately absent: when they are dialled.

use libp2p::{Multiaddr, PeerId};
use protocol::time::{Duration, Time};

use super::Retry;
use crate::net::reason::CloseReason;

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
    /// The owner added it, and wants it in the next run as well.
    pub(super) kept: bool,
    /// The owner has taken it out. Its place stays, because dials are named by it.
    pub(super) removed: bool,
    pub(super) retry: Retry,
    /// The result of the last try. `None` while a peer is connected there, or before the first try.
    pub(super) trouble: Option<Trouble>,
    pub(super) warned: Option<Time>,
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
