//! The messages of membership, tags 24 to 29: what members say of themselves and of each other. Types and their
//! encoding only. What they mean is in `gossip/members`, and what a statement is in `items/member`.
//!
//! A peer gets them only if its Hello has the bit [`FEATURE_MEMBERS`](super::FEATURE_MEMBERS).

use alloc::vec::Vec;

use super::{list, read_list};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::items::hash::ShortId;
use crate::items::keys::PublicKey;
use crate::items::member::{Incarnation, Statement};
use crate::limits::{DIFFERENCE_WANTED_MAX, DIGESTS_MAX, STATEMENTS_MAX};
use crate::wire::head::tag;
use crate::wire::message::Digest;

/// What goes over a link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum MemberMessage {
    /// Statements that may be new to the receiver.
    News(Vec<Statement>),
    /// The beginning of a comparison, or its next part.
    Digests(Digests),
    /// The answer to digests.
    Difference(Difference),
    /// What a difference asked for.
    Wanted(Vec<Statement>),
    /// Asks the receiver to try a member that did not answer the sender.
    ProbeRequest {
        /// The member.
        subject: PublicKey,
    },
    /// The answer to a probe request: the member answered (an ack), or did not (a nack).
    ProbeAnswer {
        /// The member.
        subject: PublicKey,
        /// Whether it answered.
        reached: bool,
    },
}

/// What one node knows of the members whose short ids lie between two bounds. It is complete between them: a
/// member that is not listed is not known.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Digests {
    /// Which way statements go.
    pub mode: Digest,
    /// The lowest short id.
    pub from: ShortId,
    /// The highest short id.
    pub to: ShortId,
    /// In the order of their short ids.
    pub members: Vec<MemberDigest>,
}

/// What one node knows of one member, in a few bytes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MemberDigest {
    /// The first 8 bytes of its key.
    pub member: ShortId,
    /// Its incarnation.
    pub incarnation: Incarnation,
    /// How the speaker sees it. Only the member itself takes note of it, so that it can refute.
    pub state: MemberState,
    /// Stands for the time of issue of its record and for its entries.
    pub digest: ShortId,
}

/// The answer to digests, up to a short id. The asker goes on from there.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Difference {
    /// The highest short id to which this is the answer.
    pub until: ShortId,
    /// What the asker lacks, records before the entries of the same member.
    pub statements: Vec<Statement>,
    /// Members of which the speaker lacks something.
    pub wanted: Vec<ShortId>,
}

/// How this node sees a member.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum MemberState {
    /// It takes part.
    Alive,
    /// Somebody says that it does not answer. It still counts as a member.
    Suspect,
    /// It does not answer this node, after a suspicion.
    Dead,
    /// It has left by its own word.
    Left,
}

impl MemberMessage {
    /// The first and the last tag.
    pub(super) const TAGS: core::ops::RangeInclusive<u64> = 24..=29;

    /// The message's name in logs and counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::News(_) => "news",
            Self::Digests(_) => "digests",
            Self::Difference(_) => "memberdifference",
            Self::Wanted(_) => "statements",
            Self::ProbeRequest { .. } => "proberequest",
            Self::ProbeAnswer { .. } => "probeanswer",
        }
    }

    /// Items of the message with this tag, the tag included.
    pub(super) const fn items(tag: u64) -> usize {
        match tag {
            25 => 5,
            26 => 4,
            29 => 3,
            _ => 2,
        }
    }

    /// Reads what follows the tag.
    pub(super) fn decode(tag: u64, reader: &mut Reader) -> Result<Self, DecodeError> {
        Ok(match tag {
            24 => Self::News(read_list(reader, "news", STATEMENTS_MAX)?),
            25 => Self::Digests(read_digests(reader)?),
            26 => Self::Difference(Difference {
                until: ShortId::decode(reader)?,
                statements: read_list(reader, "a difference's statements", STATEMENTS_MAX)?,
                wanted: read_list(reader, "a difference's wishes", DIFFERENCE_WANTED_MAX)?,
            }),
            27 => Self::Wanted(read_list(reader, "statements", STATEMENTS_MAX)?),
            28 => Self::ProbeRequest { subject: PublicKey::decode(reader)? },
            29 => {
                let subject = PublicKey::decode(reader)?;
                Self::ProbeAnswer { subject, reached: reader.field("whether a member answered").bool()? }
            }
            _ => return Err(DecodeError::BadValue("a message tag")),
        })
    }
}

impl Encode for MemberMessage {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Self::News(statements) => {
                tag(writer, 24, 2);
                list(writer, statements);
            }
            Self::Digests(digests) => write_digests(writer, digests),
            Self::Difference(difference) => {
                tag(writer, 26, 4);
                difference.until.encode(writer);
                list(writer, &difference.statements);
                list(writer, &difference.wanted);
            }
            Self::Wanted(statements) => {
                tag(writer, 27, 2);
                list(writer, statements);
            }
            Self::ProbeRequest { subject } => {
                tag(writer, 28, 2);
                subject.encode(writer);
            }
            Self::ProbeAnswer { subject, reached } => {
                tag(writer, 29, 3);
                subject.encode(writer);
                writer.bool(*reached);
            }
        }
    }
}

impl MemberState {
    /// Its number on the wire.
    const fn number(self) -> u64 {
        match self {
            Self::Alive => 0,
            Self::Suspect => 1,
            Self::Dead => 2,
            Self::Left => 3,
        }
    }

    /// Its name, as people see it.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Alive => "alive",
            Self::Suspect => "suspect",
            Self::Dead => "dead",
            Self::Left => "left",
        }
    }
}

impl Decode for MemberState {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        match reader.field("a member's state").uint()? {
            0 => Ok(Self::Alive),
            1 => Ok(Self::Suspect),
            2 => Ok(Self::Dead),
            3 => Ok(Self::Left),
            _ => Err(DecodeError::BadValue("a member's state")),
        }
    }
}

/// Four items for each member, in one array, as an inv has two for each transaction.
const DIGEST_ITEMS: usize = 4;

fn write_digests(writer: &mut Writer<'_>, digests: &Digests) {
    tag(writer, 25, 5);
    writer.uint(digests.mode.number());
    digests.from.encode(writer);
    digests.to.encode(writer);
    writer.array(digests.members.len().saturating_mul(DIGEST_ITEMS));
    for member in &digests.members {
        member.member.encode(writer);
        writer.uint(member.incarnation);
        writer.uint(member.state.number());
        member.digest.encode(writer);
    }
}

fn read_digests(reader: &mut Reader) -> Result<Digests, DecodeError> {
    let mode = Digest::read(reader)?;
    let (from, to) = (ShortId::decode(reader)?, ShortId::decode(reader)?);
    let items = reader.array("digests", DIGESTS_MAX.saturating_mul(DIGEST_ITEMS))?;
    if !items.is_multiple_of(DIGEST_ITEMS) {
        return Err(DecodeError::BadValue("the length of digests"));
    }
    let mut members = Vec::new();
    for _ in 0..items / DIGEST_ITEMS {
        members.push(MemberDigest {
            member: ShortId::decode(reader)?,
            incarnation: reader.field("an incarnation").uint()?,
            state: MemberState::decode(reader)?,
            digest: ShortId::decode(reader)?,
        });
    }
    Ok(Digests { mode, from, to, members })
}
