//! The trace of a running node: writes records while there is a file, and nothing if there is none.
//!
//! If a trace can't be written, it is given up with one warning, and the node goes on. All clones of a
//! recorder write into one trace: the engine's host records what happens to items, the service records
//! the state of the process.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use protocol::gossip::{Event, ItemId, PeerHandle};
use protocol::items::hash::ShortId;
use protocol::wire::message::Message;
use tracing::warn;

use crate::observe::trace::{Kind, TraceWriter, What};

/// A trace, or none.
#[derive(Clone, Debug, Default)]
pub struct Recorder {
    writer: Arc<Mutex<Option<TraceWriter>>>,
}

impl Recorder {
    /// Records into `writer`; records nothing if there is none.
    #[must_use]
    pub fn new(writer: Option<TraceWriter>) -> Self {
        Self { writer: Arc::new(Mutex::new(writer)) }
    }

    /// Records into `writer` from now on, in all clones.
    pub fn start(&self, writer: TraceWriter) {
        *self.lock() = Some(writer);
    }

    /// Writes one record.
    pub fn record(&self, what: What) {
        self.write(|writer| writer.write(what));
    }

    /// Hands buffered records to the system.
    pub fn flush(&self) {
        self.write(TraceWriter::flush);
    }

    /// Whether records are written. If not, callers skip records that are costly to compute.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.lock().is_some()
    }

    /// Records an item's entry here.
    pub fn submitted(&self, item: ItemId, bytes: usize) {
        let (kind, item) = name(item);
        self.record(What::Submitted { kind, item, bytes: bytes as u64 });
    }

    /// Records an event, if traces hold its kind.
    pub fn event(&self, event: &Event) {
        match *event {
            Event::BodyReceived { item, from, bytes, duplicate, cause } => {
                let ((kind, item), cause) = (name(item), Some(cause));
                self.record(What::Body { kind, item, bytes: bytes as u64, from: from.0, duplicate, cause });
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

    /// Records the announcements in a message that was received.
    pub fn received(&self, from: PeerHandle, message: &Message) {
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

    /// Records the items in a message that is sent.
    pub fn sent(&self, to: PeerHandle, message: &Message) {
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

    fn write(&self, write: impl FnOnce(&mut TraceWriter) -> std::io::Result<()>) {
        let mut writer = self.lock();
        if let Some(Err(error)) = writer.as_mut().map(write) {
            warn!(%error, "cannot write the trace any more; it ends here, and the node goes on");
            *writer = None;
        }
    }

    /// A record that was half written when a thread panicked spoils only the trace, and a panic ends the process.
    fn lock(&self) -> MutexGuard<'_, Option<TraceWriter>> {
        self.writer.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

const fn name(item: ItemId) -> (Kind, ShortId) {
    match item {
        ItemId::Transaction(id) => (Kind::Transaction, id.short()),
        ItemId::Block(id) => (Kind::Block, id.short()),
    }
}
