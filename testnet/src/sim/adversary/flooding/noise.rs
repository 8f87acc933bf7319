//! Nodes that send much of no use: ids that don't exist, and items that everybody has.

use std::collections::VecDeque;

use protocol::gossip::PeerHandle;
use protocol::limits::INV_ENTRIES_MAX;
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use crate::sim::adversary::craft::{Craft, Pace, TICK, now as at_once};
use crate::sim::adversary::{Adversary, Sending};

/// Announces random ids to all peers.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Spam {
    pub(in crate::sim::adversary) craft: Craft,
    pub(in crate::sim::adversary) pace: Pace,
    /// Whether it lets the requests for them expire and gets strikes. Otherwise its engine answers notfound, which
    /// is no strike.
    pub(in crate::sim::adversary) withholds: bool,
}

/// Sends bodies and announcements that it saw before, again and again.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Replay {
    craft: Craft,
    pace: Pace,
    seen: VecDeque<Message>,
}

/// Messages that a replayer remembers.
const REPLAY_MAX: usize = 256;

impl Adversary for Spam {
    fn incoming(&mut self, _now: Time, _from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        !(self.withholds && matches!(message, Message::GetData { .. }))
    }

    fn interval(&self) -> Option<Duration> {
        Some(TICK)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let count = self.pace.due().min(INV_ENTRIES_MAX);
        for &peer in peers.iter().filter(|_| count > 0) {
            let entries = (0..count).map(|_| self.craft.entry(0)).collect();
            out.push(at_once(peer, Message::Inv(entries)));
        }
    }
}

impl Replay {
    pub(in crate::sim::adversary) const fn new(craft: Craft, pace: Pace) -> Self {
        Self { craft, pace, seen: VecDeque::new() }
    }
}

impl Adversary for Replay {
    fn incoming(&mut self, _now: Time, _from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        let worth = match message {
            Message::Inv(_) | Message::Transactions { .. } | Message::Block(_) | Message::BlockHeader { .. } => {
                true
            }
            Message::Headers(headers) => !headers.is_empty(),
            _ => false,
        };
        if worth {
            self.seen.push_back(message.clone());
            if self.seen.len() > REPLAY_MAX {
                self.seen.pop_front();
            }
        }
        true
    }

    fn interval(&self) -> Option<Duration> {
        Some(TICK)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        for _ in 0..self.pace.due() {
            let message = self.seen.get(self.craft.draws.below(self.seen.len()));
            if let (Some(peer), Some(message)) = (self.craft.one_of(peers), message) {
                out.push(at_once(peer, message.clone()));
            }
        }
    }
}
