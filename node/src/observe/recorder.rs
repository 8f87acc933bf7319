//! The trace of a running node: writes records while there is a file, and nothing if there is none.
//!
//! [`of_event`], [`of_received`] and [`of_sent`] make the records of an event or a message. A simulation calls them
//! too, so it has the same records without files.
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
        if let Some(what) = of_event(event) {
            self.record(what);
        }
    }

    /// Records the announcements in a message that was received.
    pub fn received(&self, from: PeerHandle, message: &Message) {
        if self.is_on() {
            of_received(from, message, &mut |what| self.record(what));
        }
    }

    /// Records the items in a message that is sent.
    pub fn sent(&self, to: PeerHandle, message: &Message) {
        if self.is_on() {
            of_sent(to, message, &mut |what| self.record(what));
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

/// The record of an event; `None` if traces don't hold its kind.
#[must_use]
pub fn of_event(event: &Event) -> Option<What> {
    match *event {
        Event::BodyReceived { item, from, bytes, duplicate, cause } => {
            let ((kind, item), cause) = (name(item), Some(cause));
            Some(What::Body { kind, item, bytes: bytes as u64, from: from.0, duplicate, cause })
        }
        Event::Accepted { item, from, within, bytes } => {
            let (kind, item) = name(item);
            let from = from.map(|peer| peer.0);
            Some(What::Accepted { kind, item, bytes: bytes as u64, from, within: within.is_some() })
        }
        Event::TipChanged { tip, disconnected } => {
            let disconnected = disconnected as u64;
            Some(What::Tip { item: tip.id.short(), height: tip.height, disconnected })
        }
        _ => None,
    }
}

/// The records of a message that was received: one for each announcement.
pub fn of_received(from: PeerHandle, message: &Message, each: &mut impl FnMut(What)) {
    let from = from.0;
    match message {
        Message::Inv(entries) => {
            for entry in entries {
                let item = entry.transaction.short();
                each(What::Announced { kind: Kind::Transaction, item, from });
            }
        }
        Message::BlockHeader { header, .. } => {
            each(What::Announced { kind: Kind::Block, item: header.id().short(), from });
        }
        _ => {}
    }
}

/// The records of a message that is sent: one for each item.
pub fn of_sent(to: PeerHandle, message: &Message, each: &mut impl FnMut(What)) {
    let to = to.0;
    match message {
        Message::Inv(entries) => {
            for entry in entries {
                each(What::SentInv { kind: Kind::Transaction, item: entry.transaction.short(), to });
            }
        }
        Message::BlockHeader { header, .. } => {
            each(What::SentInv { kind: Kind::Block, item: header.id().short(), to });
        }
        Message::Transactions { bodies, .. } => {
            for body in bodies {
                each(What::SentBody { kind: Kind::Transaction, item: body.id().short(), to });
            }
        }
        Message::Block(block) => {
            each(What::SentBody { kind: Kind::Block, item: block.header.id().short(), to });
        }
        _ => {}
    }
}

const fn name(item: ItemId) -> (Kind, ShortId) {
    match item {
        ItemId::Transaction(id) => (Kind::Transaction, id.short()),
        ItemId::Block(id) => (Kind::Block, id.short()),
    }
}
