//! What peers say to each other. Types and their encoding only. What they mean is in `gossip`.
//!
//! Every message is one CBOR array whose first item is the tag below. Deliberately absent: tags 11, 22 and 23,
//! which are not for the engine (`frame`).

mod aggregates;
mod body;
mod goodbye;
mod members;
mod reconcile;

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

pub use self::aggregates::{
    AggregateMessage, AggregatePart, Extremes, Fingerprint, Flow, GaugeId, Tickets, Totals,
};
pub use self::body::Body;
pub use self::goodbye::GoodbyeReason;
pub use self::members::{
    Difference, Digests, MemberDigest, MemberMessage, MemberSketch, MemberState, SketchDifference,
};
pub use self::reconcile::{Digest, Outcome, Reconcile, taken};
use super::head::{Head, tag};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::items::block::{Block, SignedHeader};
use crate::items::hash::{BlockId, RouteId, ShortId, TxId};
use crate::items::network::NetworkId;
use crate::items::transaction::Height;
use crate::limits::{
    CONTROL_ITEM_BYTES_MAX, GETDATA_ENTRIES_MAX, GOODBYE_REASON_LEN_MAX, HAD_ENTRIES_MAX, HEADERS_ENTRIES_MAX,
    INV_ENTRIES_MAX, LOCATOR_ENTRIES_MAX, NETWORK_ID_LEN_MAX, NOTFOUND_BLOCKS_MAX, ROUTES_ENTRIES_MAX,
    TRANSACTION_BYTES_MAX, TRANSACTIONS_ENTRIES_MAX,
};

/// The version that [`Hello`] states. Nodes of another version are refused.
pub const VERSION: u64 = 2;

/// The bit of [`Hello::features`] that says: the speaker takes part in membership, and reads its messages.
pub const FEATURE_MEMBERS: u64 = 1;

/// The bit of [`Hello::features`] that says: the speaker takes part in aggregates over links, and reads their
/// messages.
pub const FEATURE_AGGREGATES: u64 = 2;

/// Which of a peer's two substreams a message travels on.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Lane {
    /// Small messages, and items up to [`CONTROL_ITEM_BYTES_MAX`].
    Control,
    /// Larger bodies, so that they never delay an announcement.
    Bulk,
}

impl Lane {
    /// Its name, as it appears in the protocol's name and in logs.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Control => "control",
            Self::Bulk => "bulk",
        }
    }
}

/// The end of a node's best chain.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Tip {
    /// Its height; 0 is genesis.
    pub height: Height,
    /// Its id.
    pub id: BlockId,
}

/// The first message in each direction.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Hello {
    /// The speaker's [`VERSION`].
    pub version: u64,
    /// The network's name, as the speaker knows it. Checked by the receiver.
    pub network: Bytes,
    /// Feature bits: [`FEATURE_MEMBERS`] and [`FEATURE_AGGREGATES`]; unknown ones are ignored.
    pub features: u64,
    /// The speaker's tip.
    pub tip: Tip,
    /// The lowest height from which on the speaker keeps the body of every block of its best chain, as far as it
    /// knows; 1 if it never deleted any. This is a hint: a peer that asks for a lower one gets a notfound.
    pub kept_from: Height,
}

/// A transaction's name on the wire: the short id where that is enough, the full id where a short id is ambiguous.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum TxRef {
    /// The first 8 bytes of the id.
    Short(ShortId),
    /// The whole id.
    Full(TxId),
}

/// One announcement: "I hold this transaction, and have held it for this long".
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct InvEntry {
    /// Which transaction.
    pub transaction: TxRef,
    /// Time since the announcer accepted it, in milliseconds.
    pub age_ms: u32,
}

/// One message of the protocol.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Message {
    /// Tag 0.
    Hello(Hello),
    /// Tag 1: transactions that the speaker holds, at most [`INV_ENTRIES_MAX`].
    Inv(Vec<InvEntry>),
    /// Tag 2: transactions that the speaker wants.
    GetData {
        /// Whether the speaker asks for pushes of later items that travel on the same routes.
        graft: bool,
        /// Which, at most [`GETDATA_ENTRIES_MAX`].
        wanted: Vec<TxRef>,
    },
    /// Tag 3: items that were asked for and aren't held.
    NotFound {
        /// Transactions, named as they were asked for.
        transactions: Vec<TxRef>,
        /// Blocks.
        blocks: Vec<BlockId>,
    },
    /// Tag 4: encoded signed transactions.
    Transactions {
        /// The route on which they travel; `None` for the route of each one's author.
        via: Option<RouteId>,
        /// At most [`TRANSACTIONS_ENTRIES_MAX`].
        bodies: Vec<Body>,
    },
    /// Tag 5: routes on which the speaker wants no more pushes from the listener, at most [`ROUTES_ENTRIES_MAX`].
    Prune(Vec<RouteId>),
    /// Tag 6: a block that the speaker holds, announced by its header.
    BlockHeader {
        /// Boxed, so that the many small messages don't take as much memory.
        header: Box<SignedHeader>,
        /// Whether the body follows unasked.
        pushed: bool,
    },
    /// Tag 7: a block that the speaker wants.
    GetBlock {
        /// Whether the speaker asks for pushes of later blocks of the same producer.
        graft: bool,
        /// Which.
        id: BlockId,
    },
    /// Tag 8: a whole block.
    Block(Arc<Block>),
    /// Tag 9: asks for the headers after the first of these ids that the listener's best chain has.
    GetHeaders(Vec<BlockId>),
    /// Tag 10: consecutive headers, lowest first, at most [`HEADERS_ENTRIES_MAX`].
    Headers(Vec<SignedHeader>),
    /// Tag 12: transactions that the listener pushed and that the speaker had already, at most
    /// [`HAD_ENTRIES_MAX`].
    Had(Vec<ShortId>),
    /// Tag 13: routes on which the speaker wants pushes from the listener again, at most [`ROUTES_ENTRIES_MAX`].
    Graft(Vec<RouteId>),
    /// Tags 14 to 20: comparing mempools. Boxed, so that the many small messages don't take as much memory.
    Reconcile(Box<Reconcile>),
    /// Tag 21: the speaker closes the connection, and gives the reason.
    Goodbye(GoodbyeReason),
    /// Tags 24 to 31: members. Boxed as well.
    Members(Box<MemberMessage>),
    /// Tags 36 to 38: aggregates over links. Boxed as well.
    Aggregates(Box<AggregateMessage>),
}

impl Message {
    /// The message's name in logs and counters.
    #[must_use]
    pub const fn name(&self) -> &'static str {
        match self {
            Self::Hello(_) => "hello",
            Self::Inv(_) => "inv",
            Self::GetData { .. } => "getdata",
            Self::NotFound { .. } => "notfound",
            Self::Transactions { .. } => "transactions",
            Self::Prune(_) => "prune",
            Self::BlockHeader { .. } => "blockheader",
            Self::GetBlock { .. } => "getblock",
            Self::Block(_) => "block",
            Self::GetHeaders(_) => "getheaders",
            Self::Headers(_) => "headers",
            Self::Had(_) => "had",
            Self::Graft(_) => "graft",
            Self::Reconcile(message) => message.name(),
            Self::Goodbye(_) => "goodbye",
            Self::Members(message) => message.name(),
            Self::Aggregates(message) => message.name(),
        }
    }

    /// The lane of the message: bulk if it carries an item over [`CONTROL_ITEM_BYTES_MAX`].
    #[must_use]
    pub fn lane(&self) -> Lane {
        let large = match self {
            Self::Transactions { bodies, .. } => bodies.iter().any(|body| body.len() > CONTROL_ITEM_BYTES_MAX),
            Self::Block(block) => block.encoded_len() > CONTROL_ITEM_BYTES_MAX,
            _ => false,
        };
        if large { Lane::Bulk } else { Lane::Control }
    }
}

impl Encode for Message {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Hello(hello) => write_hello(writer, hello),
            Self::Inv(entries) => write_inv(writer, entries),
            Self::GetData { graft, wanted } => {
                tag(writer, 2, 3);
                writer.bool(*graft);
                list(writer, wanted);
            }
            Self::NotFound { transactions, blocks } => {
                tag(writer, 3, 3);
                list(writer, transactions);
                list(writer, blocks);
            }
            Self::Transactions { via, bodies } => {
                tag(writer, 4, 3);
                writer.bytes(via.as_ref().map_or(&[], |route| &route.0));
                writer.array(bodies.len());
                bodies.iter().for_each(|body| writer.bytes(body.encoded()));
            }
            Self::Prune(routes) => {
                tag(writer, 5, 2);
                list(writer, routes);
            }
            Self::BlockHeader { header, pushed } => {
                tag(writer, 6, 3);
                header.encode(writer);
                writer.bool(*pushed);
            }
            Self::GetBlock { graft, id } => {
                tag(writer, 7, 3);
                writer.bool(*graft);
                id.encode(writer);
            }
            Self::Block(block) => one(writer, 8, block.as_ref()),
            Self::GetHeaders(locator) => {
                tag(writer, 9, 2);
                list(writer, locator);
            }
            Self::Headers(headers) => {
                tag(writer, 10, 2);
                list(writer, headers);
            }
            Self::Had(ids) => {
                tag(writer, 12, 2);
                list(writer, ids);
            }
            Self::Graft(routes) => {
                tag(writer, 13, 2);
                list(writer, routes);
            }
            Self::Reconcile(message) => message.encode(writer),
            Self::Goodbye(reason) => {
                tag(writer, 21, 2);
                writer.text(reason.as_str());
            }
            Self::Members(message) => message.encode(writer),
            Self::Aggregates(message) => message.encode(writer),
        }
    }
}

impl Decode for Message {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let head = Head::read(reader)?;
        Self::after(&head, reader)
    }
}

impl Message {
    /// Reads what follows a head.
    pub(super) fn after(head: &Head, reader: &mut Reader) -> Result<Self, DecodeError> {
        let items = match head.tag {
            0 => 7,
            2 | 3 | 4 | 6 | 7 => 3,
            1 | 5 | 8..=10 | 12 | 13 | 21 => 2,
            tag if Reconcile::TAGS.contains(&tag) => Reconcile::items(tag),
            tag if MemberMessage::TAGS.contains(&tag) => MemberMessage::items(tag),
            tag if AggregateMessage::TAGS.contains(&tag) => AggregateMessage::items(tag),
            _ => return Err(DecodeError::BadValue("a message tag")),
        };
        head.has_items(items, reader)?;
        Ok(match head.tag {
            0 => Self::Hello(Hello {
                version: reader.field("a hello's version").uint()?,
                network: reader.text("a network name", NETWORK_ID_LEN_MAX)?,
                features: reader.field("a hello's features").uint()?,
                tip: Tip { height: reader.field("a tip's height").uint()?, id: BlockId::decode(reader)? },
                kept_from: reader.field("a hello's kept-from").uint()?,
            }),
            1 => Self::Inv(read_inv(reader)?),
            2 => Self::GetData {
                graft: reader.field("whether to graft").bool()?,
                wanted: read_list(reader, "a getdata", GETDATA_ENTRIES_MAX)?,
            },
            3 => Self::NotFound {
                transactions: read_list(reader, "a notfound", GETDATA_ENTRIES_MAX)?,
                blocks: read_list(reader, "a notfound's blocks", NOTFOUND_BLOCKS_MAX)?,
            },
            4 => {
                let via = read_via(reader)?;
                let count = reader.array("a transactions message", TRANSACTIONS_ENTRIES_MAX)?;
                let mut bodies = Vec::with_capacity(count);
                for _ in 0..count {
                    bodies.push(reader.bytes("a transaction", TRANSACTION_BYTES_MAX)?.into());
                }
                Self::Transactions { via, bodies }
            }
            5 => Self::Prune(read_list(reader, "a prune", ROUTES_ENTRIES_MAX)?),
            6 => Self::BlockHeader {
                header: Box::new(SignedHeader::decode(reader)?),
                pushed: reader.field("whether the block is pushed").bool()?,
            },
            7 => Self::GetBlock { graft: reader.field("whether to graft").bool()?, id: BlockId::decode(reader)? },
            8 => Self::Block(Arc::new(Block::decode(reader)?)),
            9 => Self::GetHeaders(read_list(reader, "a locator", LOCATOR_ENTRIES_MAX)?),
            10 => Self::Headers(read_list(reader, "headers", HEADERS_ENTRIES_MAX)?),
            12 => Self::Had(read_list(reader, "a had", HAD_ENTRIES_MAX)?),
            13 => Self::Graft(read_list(reader, "a graft", ROUTES_ENTRIES_MAX)?),
            21 => {
                Self::Goodbye(GoodbyeReason::checked(reader.text("a goodbye's reason", GOODBYE_REASON_LEN_MAX)?)?)
            }
            tag if MemberMessage::TAGS.contains(&tag) => {
                Self::Members(Box::new(MemberMessage::decode(tag, reader)?))
            }
            tag if AggregateMessage::TAGS.contains(&tag) => {
                Self::Aggregates(Box::new(AggregateMessage::decode(tag, reader)?))
            }
            tag => Self::Reconcile(Box::new(Reconcile::decode(tag, reader)?)),
        })
    }
}

impl Hello {
    /// The greeting of a node of `network` whose best chain ends at `tip`, and which keeps every body.
    #[must_use]
    pub fn new(network: &NetworkId, tip: Tip) -> Self {
        let network = Bytes::copy_from_slice(network.as_str().as_bytes());
        Self { version: VERSION, network, features: 0, tip, kept_from: 1 }
    }

    /// The same of a node with these feature bits.
    #[must_use]
    pub const fn with_features(mut self, features: u64) -> Self {
        self.features = features;
        self
    }

    /// The same of a node that has deleted the bodies below a height.
    #[must_use]
    pub const fn keeping_from(mut self, height: Height) -> Self {
        self.kept_from = height;
        self
    }
}

impl TxRef {
    /// The first 8 bytes of the id, whether it is named in short or in full.
    #[must_use]
    pub const fn short(&self) -> ShortId {
        match self {
            Self::Short(short) => *short,
            Self::Full(id) => id.short(),
        }
    }
}

impl Encode for TxRef {
    fn encode(&self, writer: &mut Writer<'_>) {
        match self {
            Self::Short(short) => short.encode(writer),
            Self::Full(id) => id.encode(writer),
        }
    }
}

impl Decode for TxRef {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let bytes = reader.short("a transaction reference", 32)?;
        match (<[u8; 8]>::try_from(bytes), <[u8; 32]>::try_from(bytes)) {
            (Ok(short), _) => Ok(Self::Short(ShortId(short))),
            (_, Ok(full)) => Ok(Self::Full(TxId(full))),
            _ => Err(DecodeError::BadValue("a transaction reference")),
        }
    }
}

impl fmt::Debug for TxRef {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Short(short) => write!(f, "{short:?}"),
            Self::Full(id) => write!(f, "{id:?}"),
        }
    }
}

fn write_hello(writer: &mut Writer<'_>, hello: &Hello) {
    tag(writer, 0, 7);
    writer.uint(hello.version);
    // The name was checked text when it came in. Bytes that are not text would be our own error.
    writer.text(core::str::from_utf8(&hello.network).unwrap_or_default());
    writer.uint(hello.features);
    writer.uint(hello.tip.height);
    hello.tip.id.encode(writer);
    writer.uint(hello.kept_from);
}

fn write_inv(writer: &mut Writer<'_>, entries: &[InvEntry]) {
    tag(writer, 1, 2);
    writer.array(entries.len().saturating_mul(2));
    for entry in entries {
        entry.transaction.encode(writer);
        writer.uint(u64::from(entry.age_ms));
    }
}

fn one(writer: &mut Writer<'_>, number: u64, item: &impl Encode) {
    tag(writer, number, 2);
    item.encode(writer);
}

fn list(writer: &mut Writer<'_>, items: &[impl Encode]) {
    writer.array(items.len());
    items.iter().for_each(|item| item.encode(writer));
}

fn read_list<T: Decode>(reader: &mut Reader, what: &'static str, max: usize) -> Result<Vec<T>, DecodeError> {
    let count = reader.array(what, max)?;
    let mut items = Vec::new();
    for _ in 0..count {
        items.push(T::decode(reader)?);
    }
    Ok(items)
}

/// A route, or an empty string for none.
fn read_via(reader: &mut Reader) -> Result<Option<RouteId>, DecodeError> {
    let bytes = reader.short("a route", 8)?;
    match <[u8; 8]>::try_from(bytes) {
        Ok(route) => Ok(Some(RouteId(route))),
        Err(_) if bytes.is_empty() => Ok(None),
        Err(_) => Err(DecodeError::BadValue("a route")),
    }
}

fn read_inv(reader: &mut Reader) -> Result<Vec<InvEntry>, DecodeError> {
    let items = reader.array("an inv", INV_ENTRIES_MAX.saturating_mul(2))?;
    if !items.is_multiple_of(2) {
        return Err(DecodeError::BadValue("an inv's length"));
    }
    let mut entries = Vec::with_capacity(items / 2);
    for _ in 0..items / 2 {
        let transaction = TxRef::decode(reader)?;
        let age_ms = u32::try_from(reader.field("an age").uint()?).map_err(|_| DecodeError::BadValue("an age"))?;
        entries.push(InvEntry { transaction, age_ms });
    }
    Ok(entries)
}
