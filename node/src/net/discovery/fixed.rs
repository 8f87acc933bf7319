//! The operator's addresses: what dials of them came to. Deliberately absent: when they are dialled.

use libp2p::{Multiaddr, PeerId};
use protocol::time::{Duration, Time};

use super::Retry;
use crate::net::reason::CloseReason;

/// Between two warnings about one fixed address.
const WARN_AGAIN: Duration = Duration::from_secs(600);

/// What the operator should know of a fixed address. Told at once, and again after ten minutes if it still is so.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Warning {
    /// Another node answers there than the typed one.
    AnotherPeer {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The typed id.
        wanted: PeerId,
        /// The id of who answered.
        found: PeerId,
    },
    /// Who answers there is no node of this network.
    AnotherNetwork {
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The id of who answered.
        found: PeerId,
    },
}

/// Why a dial came to nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Failure {
    /// No connection came about; the text says why.
    Unreachable(String),
    /// It would have led, or led, to this very node.
    Ourselves,
    /// Somebody else answered than who was meant.
    Another(PeerId),
    /// This peer answered, and a limit of ours or a ban denies the connection.
    Denied {
        /// Who answered.
        found: PeerId,
        /// Why.
        cause: String,
    },
}

/// What the last try of a fixed address came to.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Trouble {
    /// No connection came about; the text says why.
    Unreachable(String),
    /// A limit of ours or a ban denies the connection.
    Denied(String),
    /// It leads to this very node.
    Ourselves,
    /// Another node than the one that was asked for answers there.
    Another(PeerId),
    /// Somebody answered, and is no gossip peer yet.
    NoWordYet,
    /// Somebody answered, and the connection ended.
    Closed(CloseReason),
}

/// A fixed address.
#[derive(Debug)]
pub(super) struct Fixed {
    pub(super) address: Multiaddr,
    /// The id that was typed with it.
    pub(super) typed: Option<PeerId>,
    /// Who answered last, while that may be a peer through this address.
    pub(super) found: Option<PeerId>,
    pub(super) reserved: bool,
    pub(super) retry: Retry,
    /// What the last try came to. Nothing while a peer is connected there, or before the first try.
    pub(super) trouble: Option<Trouble>,
    pub(super) warned: Option<Time>,
}

impl Fixed {
    /// Who is, or has to be, reached there.
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
