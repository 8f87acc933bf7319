//! What the behaviour is told and what it tells, as plain data.

use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId};
use protocol::gossip::{self, ItemId, Refusal, Submission};
use protocol::items::verify::VerifyJob;
use protocol::wire::message::GoodbyeReason;

use crate::net::reason::CloseReason;

/// What the behaviour tells the service.
#[derive(Debug)]
pub enum Event {
    /// The engine's, if it is worth a line in the log.
    Engine(gossip::Event),
    /// The engine's answer to a submission.
    Submitted {
        /// Of which item.
        item: ItemId,
        /// How it went.
        result: Result<Submission, Refusal>,
        /// When the writer has committed this, the item is safe.
        safe_at: u64,
    },
    /// The engine refused an item of a peer.
    Refused {
        /// Whose; `None` if it has left meanwhile.
        peer: Option<PeerId>,
        /// Which.
        item: ItemId,
        /// Why.
        refusal: Refusal,
    },
    /// A peer says why it closes the connection. Nobody has checked that.
    Goodbye {
        /// Which.
        peer: Option<PeerId>,
        /// Its word for it.
        reason: GoodbyeReason,
    },
    /// A peer broke a rule, and is banned.
    Banned {
        /// Which.
        peer: PeerId,
        /// Its address, if that is banned as well.
        address: Option<IpAddr>,
        /// What it did.
        reason: CloseReason,
    },
    /// Signatures to check; the verdict comes back through [`Behaviour::input`](super::Behaviour::input).
    Verify(VerifyJob),
    /// A connection became a gossip peer.
    Up {
        /// Whose.
        peer: PeerId,
        /// Whether we dialled.
        outbound: bool,
    },
    /// A gossip slot is free again.
    Down {
        /// Whose it was.
        peer: PeerId,
        /// Whether we had dialled.
        outbound: bool,
        /// Why.
        reason: CloseReason,
    },
    /// A peer closed a connection that we dialled for a slot, without a word.
    Cut {
        /// Which.
        peer: PeerId,
        /// Where.
        address: Multiaddr,
        /// Whether it was dialled at a fixed address.
        fixed: bool,
    },
}

/// What a dial is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Its peer counts for no limit.
    pub reserved: bool,
    /// The operator gave the address.
    pub fixed: bool,
    /// How many other outbound peers there may be in its address group.
    pub beside: usize,
}
