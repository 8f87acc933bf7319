//! The types of the membership machine's interface: what goes in, what comes out, what can be asked. Data only.
//!
//! *Signatures.* A statement that arrives leaves again in a [`MemberOutput::Verify`], and comes back with its
//! verdict in a [`MemberInput::Checked`]. Before that, the machine has looked at everything that costs less than a
//! signature. Meanwhile the machine keeps no copy. It counts the bytes that are being checked for each link, and
//! that is all. If statements came in with their verdict, most checks would be of statements that are known
//! already. If the machine kept them, each would be in memory twice.

use alloc::string::String;
use alloc::sync::Arc;
use alloc::vec::Vec;

use bytes::Bytes;

use super::{AddressGroup, DisconnectReason, PeerHandle};
use crate::items::keys::PublicKey;
use crate::items::member::accusation::SignedAccusation;
use crate::items::member::entries::SignedEntries;
use crate::items::member::record::SignedRecord;
use crate::items::member::{Instance, Statement, Unsigned};
use crate::time::{Duration, Time};
use crate::wire::frame::Place;
pub use crate::wire::message::{
    Difference, Digests, MemberDigest, MemberMessage, MemberSketch, MemberState, SketchDifference,
};

/// What a member is, at the start of a run.
#[derive(Clone, Debug)]
pub struct Identity {
    /// Its key. The driver signs with it.
    pub key: PublicKey,
    /// A random number, drawn at each start.
    pub instance: Instance,
    /// The version of the protocol that it speaks.
    pub version: u32,
    /// Its program, for people.
    pub agent: String,
    /// Where it can be reached, if that is known already.
    pub reach: Reach,
    /// What earlier runs gave out in [`MemberOutput::Keep`]: the last record, the last entries.
    pub kept: Vec<Statement>,
}

/// Where a member can be reached. The bounds are those of a record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reach {
    /// At these addresses; at none if it does not say.
    Addresses(Vec<Bytes>),
    /// Through these peers.
    Relays(Vec<PublicKey>),
}

/// Names one question about a member: a ping or a dial. Not reused in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ProbeId(pub u64);

/// How a statement came. It decides whether it is passed on as news.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Via {
    /// The peer passed it on unasked, or because it had offered it.
    Told,
    /// This node asked the peer for what it lacks.
    Asked,
    /// An earlier run of this node kept it ([`MemberInput::Recall`]).
    Kept {
        /// Whether its member had answered that run.
        answered: bool,
    },
}

/// Something that happened outside.
#[derive(Clone, Debug)]
pub enum MemberInput {
    /// A link to a member is open. The connection has proved the key.
    LinkUp {
        /// Its new handle.
        link: PeerHandle,
        /// The member's key.
        key: PublicKey,
        /// Its address group. With `None`, no limit by group holds (loopback test networks).
        group: Option<AddressGroup>,
    },
    /// The link is gone.
    LinkDown {
        /// The link.
        link: PeerHandle,
    },
    /// A frame of any kind has arrived. The driver may leave out those that come within a second of another.
    Heard {
        /// The link.
        link: PeerHandle,
    },
    /// A peer answered a ping of the driver's, and said where it is.
    Measured {
        /// The link.
        link: PeerHandle,
        /// From the ping to the pong.
        round_trip: Duration,
        /// The place that the pong told.
        place: Place,
    },
    /// A request to the peer has expired, so perhaps it is not there.
    Overdue {
        /// The link.
        link: PeerHandle,
    },
    /// A message of this machine came.
    Received {
        /// The sender.
        link: PeerHandle,
        /// The message.
        message: MemberMessage,
    },
    /// Somebody who dialled this node for a moment handed over an accusation of it.
    Accused(SignedAccusation),
    /// The answer to a [`MemberOutput::Verify`].
    Checked {
        /// As in the output.
        link: Option<PeerHandle>,
        /// As in the output.
        via: Via,
        /// As in the output.
        statement: Statement,
        /// Whether the signature is good.
        good: bool,
    },
    /// The answer to a [`MemberOutput::Sign`].
    Signed(Statement),
    /// How a [`MemberOutput::Ping`] or a [`MemberOutput::Dial`] ended. An answer proves the member's key.
    Probed {
        /// The question.
        probe: ProbeId,
        /// Whether the member answered.
        answered: bool,
    },
    /// An earlier run kept this record of another member. It is checked like any other: it counts if its signature is
    /// good, and if it is not too old.
    Recall {
        /// The record.
        record: Arc<SignedRecord>,
        /// Whether the member had answered that run.
        answered: bool,
    },
    /// This node can be reached elsewhere now.
    SetReach(Reach),
    /// This node sets an entry, or removes it with `None`. Nothing changes if it may not
    /// ([`Members::check_entry`](crate::gossip::members::Members::check_entry)).
    SetEntry {
        /// The entry's key.
        key: String,
        /// Its value.
        value: Option<Bytes>,
    },
    /// This node's own numbers, in the order of [`BUILT_IN_KEYS`](crate::gossip::members::BUILT_IN_KEYS). Tell them
    /// each minute; the machine takes them as often as the size of the network allows
    /// ([`Members::built_in_every`](crate::gossip::members::Members::built_in_every)). They are no news: push-pull
    /// carries them.
    SetBuiltIn([u64; 6]),
    /// This node leaves. The driver should run on for a few seconds, until the word is spread.
    Leave,
    /// The time given by [`Members::poll_timeout`](crate::gossip::members::Members::poll_timeout) has come. Early and late calls
    /// are safe.
    Timeout,
}

/// Something for the driver to do or know.
#[derive(Clone, Debug)]
pub enum MemberOutput {
    /// Send a message.
    Send {
        /// The receiver.
        link: PeerHandle,
        /// The message.
        message: MemberMessage,
    },
    /// Check the signature of a statement. Its signer's key and this network decide.
    Verify {
        /// The sender, if it came over a link.
        link: Option<PeerHandle>,
        /// How it came.
        via: Via,
        /// The statement.
        statement: Statement,
    },
    /// Sign a statement with this node's key. Only one of each kind is outstanding.
    Sign(Unsigned),
    /// Keep a statement of this node's own for later runs, in place of an earlier one of its kind. It is best kept
    /// before any output that follows is carried out: otherwise a crash could make this node use an incarnation
    /// twice.
    Keep(Statement),
    /// Ask a member over a link whether it is there, and tell whether it answered.
    Ping {
        /// The question.
        probe: ProbeId,
        /// The link.
        link: PeerHandle,
    },
    /// Dial a member for a moment, without taking a gossip slot, and tell whether it answered. If a link to it
    /// exists by now, a ping will do.
    Dial {
        /// The question.
        probe: ProbeId,
        /// Its record, with its addresses or the peers that relay for it.
        record: Arc<SignedRecord>,
        /// Hand it this accusation, so that it can refute.
        accusation: Option<SignedAccusation>,
    },
    /// This node has no links, and this member has just answered, or had answered an earlier run: it is worth a
    /// connection.
    Connect {
        /// Its record.
        record: Arc<SignedRecord>,
    },
    /// Close the connection.
    Disconnect {
        /// The peer.
        link: PeerHandle,
        /// The reason.
        reason: DisconnectReason,
    },
    /// Something that the application may want to know.
    Event(MemberEvent),
}

/// What changed about a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberEvent {
    /// The member.
    pub member: PublicKey,
    /// The change.
    pub change: MemberChange,
}

/// A change of a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
#[non_exhaustive]
pub enum MemberChange {
    /// It is new here.
    Joined,
    /// Its record or its entries are new.
    Updated,
    /// Somebody says that it does not answer.
    Suspected,
    /// The suspicion has run out, and it did not answer this node either.
    Failed,
    /// It has left by its own word.
    Left,
    /// It was suspected, had failed or had left, and is there again.
    Returned,
    /// Two machines use its key.
    Conflict,
}

impl MemberChange {
    /// Its name, as programs and people are told it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Joined => "joined",
            Self::Updated => "updated",
            Self::Suspected => "suspected",
            Self::Failed => "failed",
            Self::Left => "left",
            Self::Returned => "returned",
            Self::Conflict => "conflict",
        }
    }
}

/// What is known of a member.
#[derive(Clone, Debug)]
pub struct MemberInfo {
    /// How this node sees it.
    pub state: MemberState,
    /// Since when, to the second.
    pub since: Time,
    /// Its record.
    pub record: Arc<SignedRecord>,
    /// Its entries, if it has any.
    pub entries: Option<Arc<SignedEntries>>,
    /// Whether it has ever answered this node.
    pub reached: bool,
}
