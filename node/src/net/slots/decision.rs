//! What is known about a connection, and what is decided about it, as plain data.

use std::net::IpAddr;

use libp2p::PeerId;
use libp2p::swarm::ConnectionId;
use protocol::gossip::AddressGroup;

use crate::net::reason::CloseReason;

/// How many slots there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limits {
    /// For peers that dialled us.
    pub inbound: usize,
    /// For peers that we dialled.
    pub outbound: usize,
    /// Inbound connections beyond the inbound slots. They have no slot.
    pub slotless: usize,
}

/// A connection, as far as it matters for slots.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Connection {
    /// The peer's id.
    pub peer: PeerId,
    /// Its IP on this connection.
    pub ip: Option<IpAddr>,
    /// Its address group; `None` makes it its own group.
    pub group: Option<AddressGroup>,
    /// Whether we dialled.
    pub outbound: bool,
    /// Whether its peer counts for no limit.
    pub reserved: bool,
}

/// What was decided about a connection.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Decision {
    /// It has a slot now.
    Granted {
        /// The connection.
        id: ConnectionId,
        /// A connection that lost its slot to it and is to be closed, and the reason.
        instead: Option<(ConnectionId, CloseReason)>,
    },
    /// It gets no slot, and may ask again.
    Declined {
        /// The connection.
        id: ConnectionId,
        /// The reason.
        why: Why,
    },
}

/// Why a connection gets no slot.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Why {
    /// All slots are taken, and none was free within [`WAIT`](super::WAIT).
    Full,
    /// The peer's other connection stays.
    OtherStays {
        /// That connection.
        other: ConnectionId,
        /// Whether the operator should hear of it: two machines seem to use one key.
        warn: bool,
    },
    /// We dialled the connection, and open the lanes ourselves.
    OursToOpen,
}

/// Slots in use, including those that are opening, without reserved peers.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct InUse {
    /// Held by peers that dialled us.
    pub inbound: usize,
    /// Held by peers that we dialled.
    pub outbound: usize,
}

impl Decision {
    /// The connection that was decided about.
    #[must_use]
    pub const fn id(&self) -> ConnectionId {
        match self {
            Self::Granted { id, .. } | Self::Declined { id, .. } => *id,
        }
    }
}
