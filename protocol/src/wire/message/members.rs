//! The messages of membership, tags 24 to 31: what members say of themselves and of each other. Types and their
//! encoding only. What they mean is in `gossip/members`, and what a statement is in `items/member`.
//!
//! A peer gets them only if its Hello has the bit [`FEATURE_MEMBERS`](super::FEATURE_MEMBERS).

use alloc::vec::Vec;

use bytes::Bytes;

use super::reconcile::{read_salt, read_salted, read_short, read_symbols, small, write_short};
use super::{list, read_list};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::items::hash::ShortId;
use crate::items::keys::PublicKey;
use crate::items::member::{Incarnation, Statement};
use crate::limits::{DIFFERENCE_WANTED_MAX, DIGESTS_MAX, STATEMENTS_MAX};
use crate::wire::head::tag;
use crate::wire::message::Digest;
use crate::wire::symbol::{SYMBOLS_MAX, SaltedId, ids_to_bytes};

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
    /// The beginning of a comparison by difference.
    Sketch(MemberSketch),
    /// The answer to a sketch.
    SketchDifference(SketchDifference),
}

/// The first symbols of what one node knows of its members. The receiver decodes them and remembers nothing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberSketch {
    /// Salts the ids of this question.
    pub salt: [u8; 16],
    /// How many elements the sketch has.
    pub members: u32,
    /// Symbols from the first on.
    pub symbols: Bytes,
}

/// The answer to a sketch: which elements only one of both sides has.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct SketchDifference {
    /// How many symbols are missing, beside those that came. If it is 0, the difference is known. Otherwise nothing is
    /// listed.
    pub more: u32,
    /// Members of which only the speaker has an element.
    pub only_here: Vec<ShortId>,
    /// Elements that only the sender of the sketch has.
    pub only_there: Vec<SaltedId>,
}

/// What one node knows of the members whose short ids lie between two bounds.
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
    /// Whether the list is complete between the bounds: then a member that is not listed is not known. Otherwise the
    /// question is about the listed members alone, and one of which nothing is known has the incarnation 0.
    pub whole: bool,
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
    pub(super) const TAGS: core::ops::RangeInclusive<u64> = 24..=31;

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
            Self::Sketch(_) => "membersketch",
            Self::SketchDifference(_) => "sketchdifference",
        }
    }

    /// Items of the message with this tag, the tag included.
    pub(super) const fn items(tag: u64) -> usize {
        match tag {
            25 => 6,
            26 | 30 | 31 => 4,
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
            30 => Self::Sketch(MemberSketch {
                salt: read_salt(reader)?,
                members: small(reader, "a sketch's size")?,
                symbols: read_symbols(reader)?,
            }),
            31 => Self::SketchDifference(read_sketch_difference(reader)?),
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
            Self::Sketch(sketch) => {
                tag(writer, 30, 4);
                writer.bytes(&sketch.salt);
                writer.uint(u64::from(sketch.members));
                writer.bytes(&sketch.symbols);
            }
            Self::SketchDifference(found) => {
                tag(writer, 31, 4);
                writer.uint(u64::from(found.more));
                write_short(writer, &found.only_here);
                writer.bytes(&ids_to_bytes(&found.only_there));
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
    tag(writer, 25, 6);
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
    writer.bool(digests.whole);
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
    let whole = reader.field("whether digests are complete").bool()?;
    Ok(Digests { mode, from, to, members, whole })
}

/// Each listed element took a symbol, so there are no more of them than symbols. Nothing is listed before all is
/// known.
fn read_sketch_difference(reader: &mut Reader) -> Result<SketchDifference, DecodeError> {
    let more = small(reader, "a number of symbols")?;
    let (only_here, only_there) = (read_short(reader)?, read_salted(reader)?);
    let listed = only_here.len().saturating_add(only_there.len());
    let most = if more == 0 { SYMBOLS_MAX } else { 0 };
    if more as usize > SYMBOLS_MAX || listed > most {
        return Err(DecodeError::BadValue("a sketch's difference"));
    }
    Ok(SketchDifference { more, only_here, only_there })
}
