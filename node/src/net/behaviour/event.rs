//! The inputs and outputs of the behaviour, as plain data.

use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId};
use protocol::gossip::members::MemberOutput;
use protocol::gossip::{self, ItemId, Refusal, Submission};
use protocol::items::verify::VerifyJob;
use protocol::wire::message::GoodbyeReason;

use crate::net::reason::CloseReason;

/// What the behaviour tells the service.
#[derive(Debug)]
pub enum Event {
    /// An event of the engine, if it is worth a line in the log.
    Engine(gossip::Event),
    /// The engine's answer to a submission.
    Submitted {
        /// The item.
        item: ItemId,
        /// The result.
        result: Result<Submission, Refusal>,
        /// The item is safe when the writer has made the commit with this number.
        safe_at: u64,
    },
    /// The engine refused an item of a peer.
    Refused {
        /// The peer; `None` if it has disconnected meanwhile.
        peer: Option<PeerId>,
        /// The item.
        item: ItemId,
        /// The reason.
        refusal: Refusal,
    },
    /// A peer says why it closes the connection. Its claim is not checked.
    Goodbye {
        /// The peer.
        peer: Option<PeerId>,
        /// The reason that it gives.
        reason: GoodbyeReason,
    },
    /// A peer broke a rule, and is banned.
    Banned {
        /// The peer.
        peer: PeerId,
        /// Its address, if that is banned as well.
        address: Option<IpAddr>,
        /// What it did.
        reason: CloseReason,
    },
    /// Signatures to check; the verdict comes back through [`Behaviour::input`](super::Behaviour::input).
    Verify(VerifyJob),
    /// A request of the membership machine: `Dial`, `Connect` or `Event`.
    Members(Box<MemberOutput>),
    /// A connection became a gossip peer.
    Up {
        /// The peer.
        peer: PeerId,
        /// Whether we dialled.
        outbound: bool,
    },
    /// A gossip slot is free again.
    Down {
        /// The peer that held it.
        peer: PeerId,
        /// Whether we had dialled.
        outbound: bool,
        /// The reason.
        reason: CloseReason,
    },
    /// A peer closed a connection that we dialled for a slot, without a goodbye.
    Cut {
        /// The peer.
        peer: PeerId,
        /// Its address.
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
