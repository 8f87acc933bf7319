//! Messages and their bytes, by kind and direction. A kind belongs to a cause: the part of the protocol that sends it.
//!
//! Counted are encoded messages, without the prefix of their frames, before encryption. A received message counts when it
//! is decoded, and a sent one when it is queued for its connection. The bytes of the transport are another metric.
//!
//! Deliberately absent: whether a body was pushed or asked for. A message doesn't say it.

use std::fmt;
use std::sync::atomic::{AtomicU64, Ordering};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::DescriptorEncoder;
use prometheus_client::registry::Unit;

use super::sheet::Sheet;
use crate::observe::trace::ReadBytes;

/// What the driver itself says on a control lane.
pub const DRIVER_KINDS: [&str; 3] = ["ack", "ping", "pong"];

/// Kinds of messages and their causes. The most frequent come first, because a kind is looked up from the front.
const MESSAGE_KINDS: [(&str, &str); 36] = [
    ("inv", "relay"),
    ("transactions", "relay"),
    ("getdata", "fetch"),
    ("had", "relay"),
    ("prune", "relay"),
    ("graft", "relay"),
    ("ack", "link"),
    ("ping", "link"),
    ("pong", "link"),
    ("news", "members"),
    ("blockheader", "relay"),
    ("block", "relay"),
    ("getblock", "fetch"),
    ("notfound", "fetch"),
    ("reconcile", "repair"),
    ("more", "repair"),
    ("symbols", "repair"),
    ("difference", "repair"),
    ("offer", "repair"),
    ("take", "repair"),
    ("list", "repair"),
    ("getheaders", "sync"),
    ("headers", "sync"),
    ("membersketch", "members"),
    ("sketchdifference", "members"),
    ("digests", "members"),
    ("memberdifference", "members"),
    ("statements", "members"),
    ("proberequest", "members"),
    ("probeanswer", "members"),
    ("aggregates", "aggregates"),
    ("totals", "aggregates"),
    ("tickets", "aggregates"),
    ("hello", "link"),
    ("goodbye", "link"),
    ("unlisted", "unlisted"),
];

/// The place of a kind that is not in the list. A test ensures that there is none.
const UNLISTED: usize = MESSAGE_KINDS.len() - 1;

/// Which way a message goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From a peer.
    In,
    /// To a peer.
    Out,
}

/// The counters.
#[derive(Debug)]
pub struct Traffic {
    read: [Count; MESSAGE_KINDS.len()],
    written: [Count; MESSAGE_KINDS.len()],
}

#[derive(Debug, Default)]
struct Count {
    messages: AtomicU64,
    bytes: AtomicU64,
}

impl Default for Traffic {
    fn default() -> Self {
        Self {
            read: std::array::from_fn(|_| Count::default()),
            written: std::array::from_fn(|_| Count::default()),
        }
    }
}

impl Traffic {
    /// Counts a message of this kind ([`Message::name`](protocol::wire::message::Message::name), or one of
    /// [`DRIVER_KINDS`]) and length in bytes.
    pub fn count(&self, way: Way, kind: &str, bytes: usize) {
        let place = MESSAGE_KINDS.iter().position(|(name, _)| *name == kind).unwrap_or(UNLISTED);
        if let Some(count) = self.counts(way).get(place) {
            count.messages.fetch_add(1, Ordering::Relaxed);
            count.bytes.fetch_add(bytes as u64, Ordering::Relaxed);
        }
    }

    /// Messages and bytes of a kind so far; `None` if there is no such kind.
    #[must_use]
    pub fn of(&self, way: Way, kind: &str) -> Option<(u64, u64)> {
        let place = MESSAGE_KINDS.iter().position(|(name, _)| *name == kind)?;
        self.counts(way).get(place).map(Count::read)
    }

    /// Bytes that were read so far, by cause.
    #[must_use]
    pub fn read_by_cause(&self) -> ReadBytes {
        let of = |wanted: &[&str]| {
            let all = MESSAGE_KINDS.iter().zip(&self.read).filter(|((_, cause), _)| wanted.contains(cause));
            all.map(|(_, count)| count.read().1).sum()
        };
        ReadBytes {
            relay: of(&["relay", "fetch"]),
            repair: of(&["repair"]),
            sync: of(&["sync"]),
            members: of(&["members", "aggregates"]),
            link: of(&["link", "unlisted"]),
        }
    }

    const fn counts(&self, way: Way) -> &[Count; MESSAGE_KINDS.len()] {
        match way {
            Way::In => &self.read,
            Way::Out => &self.written,
        }
    }

    fn each(&self) -> impl Iterator<Item = ([(&'static str, &'static str); 3], (u64, u64))> {
        [("in", Way::In), ("out", Way::Out)].into_iter().flat_map(|(direction, way)| {
            MESSAGE_KINDS.iter().zip(self.counts(way)).map(move |((kind, cause), count)| {
                ([("direction", direction), ("cause", *cause), ("kind", *kind)], count.read())
            })
        })
    }
}

impl Count {
    fn read(&self) -> (u64, u64) {
        (self.messages.load(Ordering::Relaxed), self.bytes.load(Ordering::Relaxed))
    }
}

impl Collector for Traffic {
    fn encode(&self, encoder: DescriptorEncoder<'_>) -> fmt::Result {
        let mut sheet = Sheet(encoder);
        let messages = self.each().map(|(labels, (messages, _))| (labels, messages));
        sheet.counters(
            "messages",
            "Messages of the gossip protocol, by direction, cause and kind.",
            None,
            messages,
        )?;
        let bytes = self.each().map(|(labels, (_, bytes))| (labels, bytes));
        let help = "Bytes of these messages, before encryption and without the prefixes of frames.";
        sheet.counters("message", help, Some(&Unit::Bytes), bytes)
    }
}
