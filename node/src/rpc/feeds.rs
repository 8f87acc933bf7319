//! What subscribers are told as it happens: transactions, blocks, the tip, peers and members.
//!
//! * **The loop never waits.** It puts an event into the ring of its topic. If nobody subscribes to the topic, it does not
//!   even make the event.
//! * **A subscriber's queue has a bound in entries and in bytes.** A ring has [`FEED_EVENTS_MAX`] places, and all subscribers
//!   of a topic share it. As JSON an event has at most [`FEED_EVENT_BYTES_MAX`]. So a subscriber is behind by 512 KiB at
//!   most. One that is further behind loses the oldest events, and is told how many.
//! * **Nothing is repeated.** A subscriber subscribes first, and asks for the state then.
//!
//! Deliberately absent: how events reach the subscribers (`http/socket.rs`, `http/events.rs`), and the items themselves: `tx_get` and
//! `block_get` have them.

use std::str::FromStr;

use futures::{Stream, stream};
use protocol::gossip::ItemId;
use protocol::items::block::SignedHeader;
use protocol::items::hash::{BlockId, TxId};
use protocol::wire::message::Tip;
use serde::{Deserialize, Serialize};
use tokio::sync::broadcast;

use super::members::{MemberEventView, MemberNews};
use crate::clock::wall_ms;
use crate::config::application::items::Items;

/// Events of a topic that wait for its subscribers: at 200 transactions a second those of 5 s. A place takes some 200
/// bytes, and a subscriber that is behind has no more than these.
pub const FEED_EVENTS_MAX: usize = 1_024;

/// Bytes of an event as JSON. The longest is a block's: three times 64 digits, 20 digits of each of four numbers, and the
/// names of its fields. A test makes it.
pub const FEED_EVENT_BYTES_MAX: usize = 512;

/// What can be subscribed to.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Topic {
    /// Transactions that were accepted.
    Transactions,
    /// Blocks that were accepted.
    Blocks,
    /// The end of the best chain.
    Tip,
    /// Gossip peers that come and go.
    Peers,
    /// Members that change.
    Members,
}

impl Topic {
    /// All topics and their names.
    pub const ALL: [(&'static str, Self); 5] = [
        (Self::Transactions.name(), Self::Transactions),
        (Self::Blocks.name(), Self::Blocks),
        (Self::Tip.name(), Self::Tip),
        (Self::Peers.name(), Self::Peers),
        (Self::Members.name(), Self::Members),
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Transactions => "transactions",
            Self::Blocks => "blocks",
            Self::Tip => "tip",
            Self::Peers => "peers",
            Self::Members => "members",
        }
    }
}

/// There is no such topic.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("there is no topic {0:?}: subscribe to transactions, blocks, tip, peers or members")]
pub struct NoTopic(String);

impl FromStr for Topic {
    type Err = NoTopic;

    fn from_str(text: &str) -> Result<Self, NoTopic> {
        let found = Self::ALL.into_iter().find(|(name, _)| *name == text);
        found.map(|(_, topic)| topic).ok_or_else(|| NoTopic(text.chars().take(32).collect()))
    }
}

/// A transaction was accepted.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionEvent {
    /// When, by this node's clock, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its id.
    pub id: String,
    /// Bytes of its encoding.
    pub bytes: u64,
    /// The block that brought it, if it did not come alone.
    pub within: Option<String>,
}

/// A block was accepted. It may be of another branch than the best.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockEvent {
    /// When, by this node's clock, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its id.
    pub id: String,
    /// Its height.
    pub height: u64,
    /// Its parent's id.
    pub parent: String,
    /// Its producer's public key.
    pub producer: String,
    /// When it was made, by its producer's word, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// How many transactions it has.
    pub transactions: u64,
}

/// The end of the best chain moved.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TipEvent {
    /// When, by this node's clock, in milliseconds since 1970.
    pub at_ms: u64,
    /// Its height.
    pub height: u64,
    /// The id of the last block.
    pub id: String,
    /// Blocks that are no longer on the best chain.
    pub stale: u64,
}

/// A gossip peer came or went.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct PeerEvent {
    /// When, by this node's clock, in milliseconds since 1970.
    pub at_ms: u64,
    /// `connected` or `disconnected`.
    pub event: String,
    /// Its libp2p peer id.
    pub peer_id: String,
    /// Whether it dialled this node.
    pub inbound: bool,
    /// Why it is disconnected, in the labels of `disconnects`.
    pub reason: Option<String>,
}

/// Told in place of events that a slow subscriber has lost.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct LostEvent {
    /// Always `lost`.
    pub event: String,
    /// How many.
    pub events: u64,
}

#[derive(Clone, Copy, Debug)]
struct NewTransaction {
    at_ms: u64,
    id: TxId,
    bytes: usize,
    within: Option<BlockId>,
}

/// What is put into a ring. Texts are made of it by the reader.
#[derive(Clone, Debug)]
enum News {
    Transaction(NewTransaction),
    Block(u64, Box<SignedHeader>),
    Tip(u64, Tip, usize),
    Peer(PeerEvent),
}

/// The rings.
#[derive(Clone, Debug)]
pub struct Feeds {
    transactions: broadcast::Sender<News>,
    blocks: broadcast::Sender<News>,
    tip: broadcast::Sender<News>,
    peers: broadcast::Sender<News>,
    members: broadcast::Sender<MemberNews>,
    items: Items,
}

/// One subscriber's place in a ring.
#[derive(Debug)]
pub struct Reader(Ring);

#[derive(Debug)]
enum Ring {
    News(broadcast::Receiver<News>),
    Members(broadcast::Receiver<MemberNews>),
}

impl Feeds {
    /// Rings without events. Changes of members are told elsewhere already.
    #[must_use]
    pub fn new(members: broadcast::Sender<MemberNews>) -> Self {
        let ring = || broadcast::Sender::new(FEED_EVENTS_MAX);
        Self { transactions: ring(), blocks: ring(), tip: ring(), peers: ring(), members, items: Items::default() }
    }

    /// An item was accepted. `header` finds a block's header, and is called only if somebody wants it.
    pub fn accepted(
        &self,
        item: ItemId,
        bytes: usize,
        within: Option<BlockId>,
        header: impl FnOnce(&BlockId) -> Option<SignedHeader>,
    ) {
        match item {
            ItemId::Transaction(id) => tell(&self.transactions, || {
                Some(News::Transaction(NewTransaction { at_ms: wall_ms(), id, bytes, within }))
            }),
            ItemId::Block(id) => {
                tell(&self.blocks, || Some(News::Block(wall_ms(), Box::new(header(&id)?))));
            }
        }
    }

    /// The tip moved, and this number of blocks became stale.
    pub fn tip(&self, tip: Tip, stale: usize) {
        tell(&self.tip, || Some(News::Tip(wall_ms(), tip, stale)));
    }

    /// A gossip peer came, or went for this reason.
    pub fn peer(&self, peer: &impl ToString, inbound: bool, reason: Option<&'static str>) {
        tell(&self.peers, || {
            let event = if reason.is_some() { "disconnected" } else { "connected" }.to_owned();
            let (peer_id, reason) = (peer.to_string(), reason.map(str::to_owned));
            Some(News::Peer(PeerEvent { at_ms: wall_ms(), event, peer_id, inbound, reason }))
        });
    }

    /// What a program in the same process is told, with the items themselves.
    #[must_use]
    pub const fn items(&self) -> &Items {
        &self.items
    }

    /// Where changes of members are told.
    #[must_use]
    pub const fn members(&self) -> &broadcast::Sender<MemberNews> {
        &self.members
    }

    /// Subscribes. Nothing from before is told.
    #[must_use]
    pub fn subscribe(&self, topic: Topic) -> Reader {
        Reader(match topic {
            Topic::Transactions => Ring::News(self.transactions.subscribe()),
            Topic::Blocks => Ring::News(self.blocks.subscribe()),
            Topic::Tip => Ring::News(self.tip.subscribe()),
            Topic::Peers => Ring::News(self.peers.subscribe()),
            Topic::Members => Ring::Members(self.members.subscribe()),
        })
    }
}

impl Default for Feeds {
    fn default() -> Self {
        Self::new(broadcast::Sender::new(1))
    }
}

/// What a subscriber is told next.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Told {
    /// An event, as JSON.
    Event(String),
    /// It was slow, and this number of events is lost.
    Lost(u64),
}

impl Reader {
    /// The events to come, as a stream.
    pub fn events(self) -> impl Stream<Item = Told> + Send {
        stream::unfold(self, async |mut reader| reader.next().await.map(|told| (told, reader)))
    }

    /// The next event; `None` when the node ends.
    pub async fn next(&mut self) -> Option<Told> {
        use broadcast::error::RecvError::{Closed, Lagged};
        let event = match &mut self.0 {
            Ring::News(ring) => ring.recv().await.map(|news| news.json()),
            Ring::Members(ring) => ring.recv().await.map(|news| json(&MemberEventView::from(&news))),
        };
        match event {
            Ok(event) => Some(Told::Event(event)),
            Err(Lagged(events)) => Some(Told::Lost(events)),
            Err(Closed) => None,
        }
    }
}

impl Told {
    /// The same as JSON.
    #[must_use]
    pub fn into_json(self) -> String {
        match self {
            Self::Event(event) => event,
            Self::Lost(events) => json(&LostEvent { event: super::members::LOST.to_owned(), events }),
        }
    }
}

impl News {
    fn json(&self) -> String {
        match self {
            Self::Transaction(new) => json(&TransactionEvent {
                at_ms: new.at_ms,
                id: new.id.to_string(),
                bytes: new.bytes as u64,
                within: new.within.map(|block| block.to_string()),
            }),
            Self::Block(at_ms, signed) => {
                let header = signed.header();
                json(&BlockEvent {
                    at_ms: *at_ms,
                    id: signed.id().to_string(),
                    height: header.height,
                    parent: header.parent.to_string(),
                    producer: header.producer.to_string(),
                    timestamp_ms: header.timestamp_ms,
                    transactions: u64::from(header.count),
                })
            }
            Self::Tip(at_ms, tip, stale) => {
                json(&TipEvent { at_ms: *at_ms, height: tip.height, id: tip.id.to_string(), stale: *stale as u64 })
            }
            Self::Peer(event) => json(event),
        }
    }
}

/// Puts an event into a ring, if somebody reads it.
fn tell(ring: &broadcast::Sender<News>, make: impl FnOnce() -> Option<News>) {
    if ring.receiver_count() > 0
        && let Some(news) = make()
    {
        // The last reader may have gone this moment.
        let _ = ring.send(news);
    }
}

/// Texts and numbers can always be written.
fn json(value: &impl Serialize) -> String {
    serde_json::to_string(value).unwrap_or_default()
}
