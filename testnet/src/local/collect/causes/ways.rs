//! The ways of items from node to node: when an announcement and a body were sent, and when they were received. From
//! this follow a hop's cause and the parts of its time.

use std::collections::HashMap;

use node::observe::trace::Kind;
use protocol::gossip::{ArrivalCause, ArrivalWay};
use protocol::items::hash::ShortId;

use super::super::messages::{Receipt, for_each_received, for_each_sent};
use super::super::{Item, Observed};
use crate::report::deliveries::hops::{Cause, Parts};

/// The times of the messages about one item from one node to another, in nanoseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Way {
    pub(super) inv_sent: Option<u64>,
    pub(super) inv_got: Option<u64>,
    pub(super) body_sent: Option<u64>,
    pub(super) body_got: Option<u64>,
    /// The receiver's word for why the body came.
    why: Option<ArrivalCause>,
}

/// All ways of the counted items: item, sender, receiver.
pub(super) struct Ways {
    ways: HashMap<(usize, usize, usize), Way>,
    /// By item and receiver, the neighbours that said anything about the item.
    speakers: HashMap<(usize, usize), Vec<usize>>,
    /// Announcements that were received.
    pub(super) announcements: u64,
}

impl Ways {
    pub(super) fn new(
        observed: &Observed,
        peers: &[HashMap<u32, usize>],
        index: &HashMap<(Kind, ShortId), usize>,
    ) -> Self {
        let mut ways: HashMap<(usize, usize, usize), Way> = HashMap::new();
        let mut speakers: HashMap<(usize, usize), Vec<usize>> = HashMap::new();
        let mut announcements = 0;
        for_each_received(observed, peers, |at_ns, message, Receipt { cause, .. }| {
            let Some(&item) = index.get(&(message.kind, message.item)) else { return };
            let way = ways.entry((item, message.from, message.to)).or_insert_with(|| {
                speakers.entry((item, message.to)).or_default().push(message.from);
                Way::default()
            });
            announcements += u64::from(!message.body);
            if !message.body {
                way.inv_got.get_or_insert(at_ns);
            } else if way.body_got.is_none() {
                (way.body_got, way.why) = (Some(at_ns), cause);
            }
        });
        for_each_sent(observed, peers, |at_ns, message| {
            let Some(&item) = index.get(&(message.kind, message.item)) else { return };
            let Some(way) = ways.get_mut(&(item, message.from, message.to)) else { return };
            let (sent, got) =
                if message.body { (&mut way.body_sent, way.body_got) } else { (&mut way.inv_sent, way.inv_got) };
            // If it was sent several times, the last one before the first receipt is the one that was received.
            if got.is_some_and(|got| at_ns <= got) {
                *sent = Some(at_ns);
            }
        });
        Self { ways, speakers, announcements }
    }

    pub(super) fn get(&self, item: usize, from: usize, to: usize) -> Option<&Way> {
        self.ways.get(&(item, from, to))
    }

    /// The neighbours that told a node of an item, and how.
    pub(super) fn of(&self, item: usize, to: usize) -> impl Iterator<Item = (usize, &Way)> {
        let speakers = self.speakers.get(&(item, to)).map_or(&[][..], Vec::as_slice);
        speakers.iter().filter_map(move |&from| Some((from, self.get(item, from, to)?)))
    }

    /// All of them: item, sender, receiver.
    pub(super) fn all(&self) -> impl Iterator<Item = ((usize, usize, usize), &Way)> {
        self.ways.iter().map(|(key, way)| (*key, way))
    }
}

impl Way {
    /// Why the item came on this way, by the receiver's word. If its trace has none, the times tell how: a body that was
    /// sent after its announcement was received was asked for.
    pub(super) fn cause(&self) -> Cause {
        match (self.why, self.inv_got, self.body_sent) {
            (Some(why), ..) => Cause::Why(why),
            (None, _, None) => Cause::Unknown,
            (None, Some(inv_got), Some(body_sent)) if inv_got <= body_sent => Cause::Fetched,
            _ => Cause::Pushed,
        }
    }

    /// The times of the announcement, if the body was asked for because of it.
    fn announced(&self, cause: Cause) -> Option<(u64, u64)> {
        let (sent, got) = self.inv_sent.zip(self.inv_got)?;
        let asked = cause.way() == Some(ArrivalWay::Fetched) && self.body_sent.is_some_and(|at| at >= got);
        asked.then_some((sent, got))
    }

    /// The parts of a hop whose neighbour had the item at `had_ns`, and whose node accepted it at `accepted_ns`. The
    /// delay is that of one message on this link; without emulated links there is none.
    pub(super) fn parts(&self, cause: Cause, had_ns: u64, accepted_ns: u64, delay_ms: Option<f64>) -> Parts {
        let (Some(body_sent), Some(body_got)) = (self.body_sent, self.body_got) else { return Parts::default() };
        let body = span_ms(body_sent, body_got);
        let (queue, wait, link, messages) = match self.announced(cause) {
            Some((sent, got)) => (span_ms(had_ns, sent), span_ms(got, body_sent), span_ms(sent, got) + body, 2.0),
            None if cause.way() == Some(ArrivalWay::Pushed) => (span_ms(had_ns, body_sent), 0.0, body, 1.0),
            // The node asked, and nobody knows when.
            None => (0.0, span_ms(had_ns, body_sent), body, 1.0),
        };
        Parts {
            queue: Some(queue),
            wait: Some(wait),
            link: Some(link),
            floor: delay_ms.map(|delay| (messages * delay).min(link)),
            processor: None,
            verify: Some(span_ms(body_got, accepted_ns)),
        }
    }
}

/// From one moment to another, in milliseconds.
pub(super) fn span_ms(from_ns: u64, to_ns: u64) -> f64 {
    (to_ns as f64 - from_ns as f64) / 1e6
}

/// The time at which a node had an item: its acceptance, or at the origin the submission.
pub(super) fn had_ns(item: &Item, node: usize) -> Option<u64> {
    if node == item.origin { item.submitted_ns } else { item.reached.get(&node).map(|arrival| arrival.at_ns) }
}
