//! Why a gossip connection was closed: the engine's reasons, the driver's own, and why a connection was turned
//! away. Data for counters and traces.

use libp2p::swarm::ConnectionError;
use protocol::gossip::DisconnectReason;
use protocol::wire::message::{GoodbyeReason, Lane};

use crate::net::framing::FrameError;

/// The counter of peers that dialled this node and found no gossip slot.
pub const NO_SLOT: &str = "no_slot";
/// The counter of connections from an address that already has its share.
pub const ADDRESS_LIMIT: &str = "address_limit";
/// The counter of connections beyond the limit for all peers, or the limit for one peer.
pub const CONNECTION_LIMIT: &str = "connection_limit";

/// Why a gossip connection was closed: a label for counters, and a text that may tell more.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum CloseReason {
    /// The engine's reason.
    #[error("{0}")]
    Engine(DisconnectReason),
    /// It sent bytes that are no message.
    #[error("sent bytes on its {} lane that are no message: {error}", .lane.name())]
    Undecodable {
        /// The lane.
        lane: Lane,
        /// What is wrong with the bytes.
        error: FrameError,
    },
    /// It declared a frame over the lane's bound.
    #[error("declared a frame of {declared} bytes on its {} lane, which takes {max}", .lane.name())]
    FrameTooLarge {
        /// The lane.
        lane: Lane,
        /// The declared bytes.
        declared: u64,
        /// The bound.
        max: usize,
    },
    /// It accepted nothing that we wrote for too long.
    #[error("took nothing that was written to it for too long")]
    WriteStalled,
    /// It left a frame half sent for too long.
    #[error("left a frame half sent for too long")]
    ReadStalled,
    /// More was queued for it than its credit allows.
    #[error("more was queued for it than its credit allows")]
    QueueOverrun,
    /// It opened a lane twice.
    #[error("opened a lane twice")]
    DuplicateStream,
    /// It acknowledged bytes that were never sent.
    #[error("acknowledged bytes that were never sent")]
    BadAck,
    /// It sent an ack on its bulk lane.
    #[error("sent an ack on its bulk lane: acks go on the control lane")]
    AckOnBulk,
    /// It answered a ping that was never sent, or that has its answer.
    #[error("answered a ping that was not sent, or not with this nonce")]
    BadPong,
    /// It sent a ping before its Hello. The same breach as any other message there.
    #[error("{}", DisconnectReason::BeforeHello)]
    PingBeforeHello,
    /// It sent a ping or a pong on its bulk lane.
    #[error("sent a ping or a pong on its bulk lane: both go on the control lane")]
    PingOnBulk,
    /// It wrote on a stream that it did not open.
    #[error("wrote on the {} stream that this node opened: each side writes on its own streams only", .0.name())]
    UnexpectedData(Lane),
    /// The lanes were not open in time.
    #[error("did not open its lanes in time")]
    OpenTimeout,
    /// It does not speak our protocol.
    #[error("does not speak this network's protocol")]
    Unsupported,
    /// It speaks another version of our protocol.
    #[error("speaks another version of this network's protocol")]
    OtherVersion,
    /// It had no gossip slot for us.
    #[error("had no slot for us")]
    Declined,
    /// It opened lanes again and again though there was no slot for it.
    #[error("asked for a slot too often")]
    AskedTooOften,
    /// The peer closed the connection.
    #[error("closed the connection")]
    ClosedByPeer,
    /// Another connection to the same peer stays.
    #[error("another connection to the peer stays")]
    DuplicateConnection,
    /// It answered no ping.
    #[error("answered no ping")]
    PingTimeout,
    /// Another peer has taken its place.
    #[error("another peer has taken its place")]
    Refreshed,
    /// It made room for a peer that dialled us.
    #[error("made room for another peer that dialled this node: all inbound slots are in use")]
    Evicted,
    /// The owner of this node disconnects it.
    #[error("the owner of this node disconnected it")]
    Removed,
    /// This node stops.
    #[error("this node stops")]
    Shutdown,
}

impl CloseReason {
    /// The reason for bytes of a lane that are no frame or no message.
    #[must_use]
    pub const fn of_frame(lane: Lane, error: FrameError) -> Self {
        match error {
            FrameError::TooLarge { declared, max } => Self::FrameTooLarge { lane, declared, max },
            FrameError::BadPrefix | FrameError::Empty | FrameError::Undecodable(_) => {
                Self::Undecodable { lane, error }
            }
        }
    }

    /// The label in counters: lower case with underscores.
    #[must_use]
    pub const fn label(self) -> &'static str {
        match self {
            Self::Engine(reason) => reason.label(),
            Self::Undecodable { .. } => "undecodable",
            Self::FrameTooLarge { .. } => "frame_too_large",
            Self::WriteStalled => "write_stalled",
            Self::ReadStalled => "read_stalled",
            Self::QueueOverrun => "queue_overrun",
            Self::DuplicateStream => "duplicate_stream",
            Self::BadAck | Self::AckOnBulk => "bad_ack",
            Self::BadPong | Self::PingOnBulk => "bad_pong",
            Self::PingBeforeHello => DisconnectReason::BeforeHello.label(),
            Self::UnexpectedData(_) => "unexpected_data",
            Self::OpenTimeout => "open_timeout",
            Self::Unsupported => "unsupported",
            Self::OtherVersion => "other_version",
            Self::Declined => "declined",
            Self::AskedTooOften => "asked_too_often",
            Self::ClosedByPeer => "closed_by_peer",
            Self::DuplicateConnection => "duplicate_connection",
            Self::PingTimeout => "ping_timeout",
            Self::Refreshed => "refreshed",
            Self::Evicted => "evicted",
            Self::Removed => "removed",
            Self::Shutdown => "shutdown",
        }
    }

    /// Whether the peer fell silent, as all peers do behind a link that is cut.
    #[must_use]
    pub const fn is_silence(self) -> bool {
        matches!(self, Self::PingTimeout | Self::WriteStalled | Self::ReadStalled)
    }

    /// Whether the peer is told the reason, as far as it still reads. It is told if, by what we saw, the fault is
    /// the peer's. It is also told if it should know that it is not at fault, and come back later. A peer that
    /// acknowledges nothing may still read its control lane.
    #[must_use]
    pub const fn is_told(self) -> bool {
        let slow = matches!(self, Self::ReadStalled | Self::WriteStalled | Self::QueueOverrun | Self::PingTimeout);
        slow || matches!(self, Self::Engine(_) | Self::Evicted) || self.is_misbehavior()
    }

    /// Whether the peer broke a rule, so that it is not wanted back for a while. To be slow or to meet
    /// a limit breaks no rule.
    #[must_use]
    pub const fn is_misbehavior(self) -> bool {
        match self {
            // A slow link looks the same.
            Self::Engine(
                DisconnectReason::NoHello | DisconnectReason::QueueOverrun | DisconnectReason::Withheld,
            ) => false,
            Self::Engine(_)
            | Self::Undecodable { .. }
            | Self::FrameTooLarge { .. }
            | Self::DuplicateStream
            | Self::BadAck
            | Self::AckOnBulk
            | Self::BadPong
            | Self::PingBeforeHello
            | Self::PingOnBulk
            | Self::UnexpectedData(_) => true,
            _ => false,
        }
    }
}

/// Whether a peer's goodbye says that this node is at fault. The goodbye of a peer that makes
/// room for another doesn't.
#[must_use]
pub fn blames(goodbye: &GoodbyeReason) -> bool {
    goodbye.as_str() != CloseReason::Evicted.label()
}

/// Whether a connection was lost, by libp2p's error for its end: it timed out, or a network is gone. Otherwise the
/// other side ended it. A reset means this too, because a side that closes a socket before it has read all data
/// sends a reset. A killed process looks the same.
///
/// The inner errors are of crates that this one does not use, so only their texts can be compared.
#[must_use]
pub fn was_lost(cause: Option<&ConnectionError>) -> bool {
    match cause {
        None => false,
        Some(ConnectionError::KeepAliveTimeout) => true,
        Some(ConnectionError::IO(error)) => {
            let text = error.to_string().to_lowercase();
            ["timed out", "unreachable", "no route to host", "network is down", "network down"]
                .iter()
                .any(|words| text.contains(words))
        }
    }
}
