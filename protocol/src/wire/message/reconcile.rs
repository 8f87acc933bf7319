//! The messages of reconciliation, tags 14 to 20. They compare two mempools at a cost in proportion to their
//! difference. Ids of one length are packed into a single byte string, because a CBOR head for each id would be a
//! seventh of its length.

use alloc::vec::Vec;

use bytes::Bytes;

use super::Tip;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::items::hash::{BlockId, ShortId};
use crate::limits::{OFFER_ENTRIES_MAX, SYMBOLS_BYTES_MAX, TAKE_PLACES_MAX};
use crate::wire::head::tag;
use crate::wire::symbol::{SALTED_ID_BYTES, SYMBOL_BYTES, SaltedId, ids_from_bytes, ids_to_bytes};

/// In which direction a conversation may bring items. Its initiator chooses.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Digest {
    /// The initiator gives what the other side lacks, and takes nothing.
    Push,
    /// The initiator takes what it lacks, and gives nothing.
    Pull,
    /// Both.
    #[default]
    PushPull,
}

/// The result of a comparison.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Outcome {
    /// The difference is known.
    Known,
    /// The difference is too large for a sketch; the initiator may ask for a list.
    ListMine,
    /// The difference is too large for a sketch; the speaker asks for a list if it wants one.
    TooLarge,
    /// The speaker has no time. Another conversation is possible later.
    Busy,
}

/// One message of a conversation. The initiator chooses the conversation's number.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Reconcile {
    /// Tag 14: the initiator's first symbols.
    Open {
        /// The conversation.
        number: u32,
        /// In which direction the conversation may bring items.
        digest: Digest,
        /// The number of transactions in the sketch.
        size: u32,
        /// The end of the initiator's best chain.
        tip: Tip,
        /// Salts the ids of this conversation.
        salt: [u8; 16],
        /// Symbols from the first on.
        symbols: Bytes,
    },
    /// Tag 15: the responder asks for this number of further symbols.
    More {
        /// The conversation.
        number: u32,
        /// The number of symbols.
        count: u32,
    },
    /// Tag 16: the initiator's next symbols.
    Symbols {
        /// The conversation.
        number: u32,
        /// The symbols that follow the ones before.
        symbols: Bytes,
    },
    /// Tag 17: the responder's result.
    Difference {
        /// The conversation.
        number: u32,
        /// The result of the comparison.
        outcome: Outcome,
        /// The end of the responder's best chain.
        tip: Tip,
        /// Salted ids of items that the responder lacks.
        wanted: Vec<SaltedId>,
        /// Ids of items that the initiator lacks.
        offered: Vec<ShortId>,
    },
    /// Tag 18: items that the speaker holds, in answer to `wanted` or to a list.
    Offer {
        /// The conversation.
        number: u32,
        /// Their ids, at most [`OFFER_ENTRIES_MAX`].
        ids: Vec<ShortId>,
    },
    /// Tag 19: what the speaker wants of an offer, by place. The most significant bit of the first byte stands for
    /// the first place.
    Take {
        /// The conversation of the offer.
        number: u32,
        /// One bit for each of the first ids of the offer; at most [`TAKE_PLACES_MAX`] are set.
        places: Bytes,
    },
    /// Tag 20: asks for an offer of the first [`OFFER_ENTRIES_MAX`] ids after a given one, in the order of ids.
    List {
        /// The conversation, which this begins.
        number: u32,
        /// `None` for a list from the start.
        after: Option<ShortId>,
    },
}

impl Digest {
    /// Its number on the wire.
    pub(super) const fn number(self) -> u64 {
        match self {
            Self::Push => 0,
            Self::Pull => 1,
            Self::PushPull => 2,
        }
    }

    pub(super) fn read(reader: &mut Reader) -> Result<Self, DecodeError> {
        match reader.field("a digest").uint()? {
            0 => Ok(Self::Push),
            1 => Ok(Self::Pull),
            2 => Ok(Self::PushPull),
            _ => Err(DecodeError::BadValue("a digest")),
        }
    }
}

impl Reconcile {
    /// The first tag.
    pub(super) const TAGS: core::ops::RangeInclusive<u64> = 14..=20;

    /// The message's name in logs and counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Open { .. } => "reconcile",
            Self::More { .. } => "more",
            Self::Symbols { .. } => "symbols",
            Self::Difference { .. } => "difference",
            Self::Offer { .. } => "offer",
            Self::Take { .. } => "take",
            Self::List { .. } => "list",
        }
    }

    /// Items of the message with this tag, the tag included.
    pub(super) const fn items(tag: u64) -> usize {
        match tag {
            14 => 8,
            17 => 7,
            _ => 3,
        }
    }

    /// Reads what follows the tag.
    pub(super) fn decode(tag: u64, reader: &mut Reader) -> Result<Self, DecodeError> {
        let number = small(reader, "a conversation's number")?;
        Ok(match tag {
            14 => Self::Open {
                number,
                digest: Digest::read(reader)?,
                size: small(reader, "a sketch's size")?,
                tip: read_tip(reader)?,
                salt: read_salt(reader)?,
                symbols: read_symbols(reader)?,
            },
            15 => Self::More { number, count: small(reader, "a number of symbols")? },
            16 => Self::Symbols { number, symbols: read_symbols(reader)? },
            17 => Self::Difference {
                number,
                outcome: match reader.field("an outcome").uint()? {
                    0 => Outcome::Known,
                    1 => Outcome::ListMine,
                    2 => Outcome::TooLarge,
                    3 => Outcome::Busy,
                    _ => return Err(DecodeError::BadValue("an outcome")),
                },
                tip: read_tip(reader)?,
                wanted: read_salted(reader)?,
                offered: read_short(reader)?,
            },
            18 => Self::Offer { number, ids: read_short(reader)? },
            19 => Self::Take { number, places: read_places(reader)? },
            _ => Self::List {
                number,
                after: {
                    let after = reader.bytes("an id", 8)?;
                    match <[u8; 8]>::try_from(after.as_ref()) {
                        Ok(after) => Some(ShortId(after)),
                        Err(_) if after.is_empty() => None,
                        Err(_) => return Err(DecodeError::BadValue("an id")),
                    }
                },
            },
        })
    }
}

impl Encode for Reconcile {
    fn encode(&self, writer: &mut Writer<'_>) {
        let head = |writer: &mut Writer<'_>, kind, number: &u32| {
            tag(writer, kind, Self::items(kind));
            writer.uint(u64::from(*number));
        };
        match self {
            Self::Open { number, digest, size, tip, salt, symbols } => {
                head(writer, 14, number);
                writer.uint(digest.number());
                writer.uint(u64::from(*size));
                write_tip(writer, tip);
                writer.bytes(salt);
                writer.bytes(symbols);
            }
            Self::More { number, count } => {
                head(writer, 15, number);
                writer.uint(u64::from(*count));
            }
            Self::Symbols { number, symbols } => {
                head(writer, 16, number);
                writer.bytes(symbols);
            }
            Self::Difference { number, outcome, tip, wanted, offered } => {
                head(writer, 17, number);
                writer.uint(match outcome {
                    Outcome::Known => 0,
                    Outcome::ListMine => 1,
                    Outcome::TooLarge => 2,
                    Outcome::Busy => 3,
                });
                write_tip(writer, tip);
                writer.bytes(&ids_to_bytes(wanted));
                write_short(writer, offered);
            }
            Self::Offer { number, ids } => {
                head(writer, 18, number);
                write_short(writer, ids);
            }
            Self::Take { number, places } => {
                head(writer, 19, number);
                writer.bytes(places);
            }
            Self::List { number, after } => {
                head(writer, 20, number);
                writer.bytes(after.as_ref().map_or(&[], |id| &id.0));
            }
        }
    }
}

/// The items of an offer that a take's places name, in the offer's order. Places beyond the offer name nothing.
pub fn taken(places: &[u8], offer: &[ShortId]) -> impl Iterator<Item = ShortId> {
    let bit = |place: usize| places.get(place / 8).is_some_and(|byte| byte & (0x80 >> (place % 8)) != 0);
    offer.iter().enumerate().filter(move |(place, _)| bit(*place)).map(|(_, id)| *id)
}

pub(super) fn small(reader: &mut Reader, what: &'static str) -> Result<u32, DecodeError> {
    u32::try_from(reader.field(what).uint()?).map_err(|_| DecodeError::BadValue(what))
}

pub(super) fn read_salt(reader: &mut Reader) -> Result<[u8; 16], DecodeError> {
    let salt = reader.bytes("a salt", 16)?;
    <[u8; 16]>::try_from(salt.as_ref()).map_err(|_| DecodeError::BadValue("a salt"))
}

fn read_tip(reader: &mut Reader) -> Result<Tip, DecodeError> {
    Ok(Tip { height: reader.field("a tip's height").uint()?, id: BlockId::decode(reader)? })
}

fn write_tip(writer: &mut Writer<'_>, tip: &Tip) {
    writer.uint(tip.height);
    tip.id.encode(writer);
}

/// A whole number of symbols. The conversation decides whether they make sense.
pub(super) fn read_symbols(reader: &mut Reader) -> Result<Bytes, DecodeError> {
    let symbols = reader.bytes("symbols", SYMBOLS_BYTES_MAX)?;
    if symbols.len().is_multiple_of(SYMBOL_BYTES) {
        Ok(symbols)
    } else {
        Err(DecodeError::BadValue("the length of symbols"))
    }
}

/// A bit for each place. No more bits are set than may be asked for at a time.
fn read_places(reader: &mut Reader) -> Result<Bytes, DecodeError> {
    let places = reader.bytes("places", OFFER_ENTRIES_MAX / 8)?;
    let set = places.iter().fold(0_usize, |sum, byte| sum.saturating_add(byte.count_ones() as usize));
    if set <= TAKE_PLACES_MAX {
        Ok(places)
    } else {
        Err(DecodeError::TooLong { what: "the number of places", max: TAKE_PLACES_MAX })
    }
}

pub(super) fn read_salted(reader: &mut Reader) -> Result<Vec<SaltedId>, DecodeError> {
    let packed = reader.bytes("salted ids", OFFER_ENTRIES_MAX * SALTED_ID_BYTES)?;
    ids_from_bytes(&packed).ok_or(DecodeError::BadValue("the length of salted ids"))
}

pub(super) fn read_short(reader: &mut Reader) -> Result<Vec<ShortId>, DecodeError> {
    let packed = reader.bytes("ids", OFFER_ENTRIES_MAX * 8)?;
    let (ids, rest) = packed.as_chunks::<8>();
    if !rest.is_empty() {
        return Err(DecodeError::BadValue("the length of ids"));
    }
    Ok(ids.iter().map(|id| ShortId(*id)).collect())
}

pub(super) fn write_short(writer: &mut Writer<'_>, ids: &[ShortId]) {
    let packed: Vec<u8> = ids.iter().flat_map(|id| id.0).collect();
    writer.bytes(&packed);
}
