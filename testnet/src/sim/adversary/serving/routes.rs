//! Nodes that misuse author trees: they put items on made-up routes, push late, or prune and graft at random.

use protocol::gossip::PeerHandle;
use protocol::items::hash::RouteId;
use protocol::limits::GRACE_MIN;
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use crate::sim::adversary::craft::{Craft, Pace, TICK, now as at_once};
use crate::sim::adversary::{Adversary, Sending};

/// Relays every transaction as if it travelled on an entry node's route that nobody has seen, another route each
/// time.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Mark {
    pub(in crate::sim::adversary) craft: Craft,
}

/// Pushes late, just before the time is over for which a push is waited for. With everything else it is as quick
/// as others.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Dawdle;

/// Prunes and grafts on the routes of the items that it sees, and on other routes.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Meddle {
    craft: Craft,
    pace: Pace,
    seen: Vec<RouteId>,
}

/// How late: 1 ms less than the shortest grace.
const DAWDLES_BY: Duration = Duration::from_micros(GRACE_MIN.as_micros() - 1_000);

/// The number of routes that a meddler remembers.
const SEEN_MAX: usize = 64;

impl Adversary for Mark {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        let message = match message {
            Message::Transactions { bodies, .. } => {
                Message::Transactions { via: Some(self.craft.route()), bodies }
            }
            other => other,
        };
        out.push(at_once(to, message));
    }
}

impl Adversary for Dawdle {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        let push = matches!(
            message,
            Message::Transactions { .. } | Message::Block(_) | Message::BlockHeader { pushed: true, .. }
        );
        out.push(Sending { to, message, after: if push { DAWDLES_BY } else { Duration::ZERO } });
    }
}

impl Meddle {
    pub(in crate::sim::adversary) const fn new(craft: Craft, pace: Pace) -> Self {
        Self { craft, pace, seen: Vec::new() }
    }
}

impl Adversary for Meddle {
    fn incoming(&mut self, _now: Time, _from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        let routes: &[RouteId] = match message {
            Message::Prune(routes) | Message::Graft(routes) => routes,
            Message::Transactions { via: Some(via), .. } => std::slice::from_ref(via),
            _ => &[],
        };
        for route in routes {
            if self.seen.len() < SEEN_MAX && !self.seen.contains(route) {
                self.seen.push(*route);
            }
        }
        true
    }

    fn interval(&self) -> Option<Duration> {
        Some(TICK)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        for _ in 0..self.pace.due() {
            let place = self.craft.draws.below(self.seen.len().saturating_add(1));
            let route = self.seen.get(place).copied().unwrap_or_else(|| self.craft.route());
            let Some(peer) = self.craft.one_of(peers) else { return };
            let prune = self.craft.draws.chance(0.5);
            let message = if prune { Message::Prune(vec![route]) } else { Message::Graft(vec![route]) };
            out.push(at_once(peer, message));
        }
    }
}
