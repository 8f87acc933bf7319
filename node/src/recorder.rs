//! The trace of a running node: writes records while there is a file, and nothing when there is none.
//!
//! A trace that can't be written is given up with one warning; the node goes on.

use protocol::gossip::{Event, ItemId, PeerHandle};
use protocol::items::hash::ShortId;
use protocol::wire::message::Message;
use tracing::warn;

use crate::trace::{Kind, TraceWriter, What};

/// A trace, or none.
#[derive(Debug, Default)]
pub struct Recorder {
    writer: Option<TraceWriter>,
}

impl Recorder {
    /// Records into `writer`; nothing if there is none.
    #[must_use]
    pub const fn new(writer: Option<TraceWriter>) -> Self {
        Self { writer }
    }

    /// Writes one record.
    pub fn record(&mut self, what: What) {
        let result = self.writer.as_mut().map_or(Ok(()), |writer| writer.write(what));
        self.give_up_on(result);
    }

    /// Hands what is buffered to the system.
    pub fn flush(&mut self) {
        let result = self.writer.as_mut().map_or(Ok(()), TraceWriter::flush);
        self.give_up_on(result);
    }

    /// Whether records go anywhere. What is costly to compute for one is left out if not.
    #[must_use]
    pub const fn is_on(&self) -> bool {
        self.writer.is_some()
    }

    /// Records an item's entry here.
    pub fn submitted(&mut self, item: ItemId, bytes: usize) {
        let (kind, item) = name(item);
        self.record(What::Submitted { kind, item, bytes: bytes as u64 });
    }

    /// Records what an event tells, if traces hold it.
    pub fn event(&mut self, event: &Event) {
        match *event {
            Event::BodyReceived { item, from, bytes, duplicate } => {
                let (kind, item) = name(item);
                self.record(What::Body { kind, item, bytes: bytes as u64, from: from.0, duplicate });
            }
            Event::Accepted { item, from, within, bytes } => {
                let (kind, item) = name(item);
                let from = from.map(|peer| peer.0);
                self.record(What::Accepted { kind, item, bytes: bytes as u64, from, within: within.is_some() });
            }
            Event::TipChanged { tip, disconnected } => {
                let disconnected = disconnected as u64;
                self.record(What::Tip { item: tip.id.short(), height: tip.height, disconnected });
            }
            _ => {}
        }
    }

    /// Records the announcements in a message that came.
    pub fn received(&mut self, from: PeerHandle, message: &Message) {
        if !self.is_on() {
            return;
        }
        let from = from.0;
        match message {
            Message::Inv(entries) => {
                for entry in entries {
                    let item = entry.transaction.short();
                    self.record(What::Announced { kind: Kind::Transaction, item, from });
                }
            }
            Message::BlockHeader { header, .. } => {
                self.record(What::Announced { kind: Kind::Block, item: header.id().short(), from });
            }
            _ => {}
        }
    }

    /// Records the items in a message that goes out.
    pub fn sent(&mut self, to: PeerHandle, message: &Message) {
        if !self.is_on() {
            return;
        }
        let to = to.0;
        match message {
            Message::Inv(entries) => {
                for entry in entries {
                    self.record(What::SentInv { kind: Kind::Transaction, item: entry.transaction.short(), to });
                }
            }
            Message::BlockHeader { header, .. } => {
                self.record(What::SentInv { kind: Kind::Block, item: header.id().short(), to });
            }
            Message::Transactions { bodies, .. } => {
                for body in bodies {
                    let item = body.id().short();
                    self.record(What::SentBody { kind: Kind::Transaction, item, to });
                }
            }
            Message::Block(block) => {
                self.record(What::SentBody { kind: Kind::Block, item: block.header.id().short(), to });
            }
            _ => {}
        }
    }

    fn give_up_on(&mut self, result: std::io::Result<()>) {
        if let Err(error) = result {
            warn!(%error, "cannot write the trace any more; it ends here, and the node goes on");
            self.writer = None;
        }
    }
}

const fn name(item: ItemId) -> (Kind, ShortId) {
    match item {
        ItemId::Transaction(id) => (Kind::Transaction, id.short()),
        ItemId::Block(id) => (Kind::Block, id.short()),
    }
}
