//! Whether another machine uses this node's key: what a copied data dir does. Decides only: no sockets, no clock.
//!
//! Nobody else can prove our id, so whoever does is this node or has its key. This node it is when it dials itself, by a
//! name or behind a router that turns its own packets back: then the answer that the dial got, and the call that a
//! listener took, come together. An answer without a call, or a call without an answer, comes from elsewhere.
//!
//! Two machines with one key need not meet. Their peers see one node that connects again and again, and keep now the
//! newer connection, now the older one. So a peer that closes one connection of ours after the other, at least one of
//! which was already up, is a sign as well, though of less weight. A peer that is full closes connections too, but none that
//! was up.

use std::collections::{HashMap, VecDeque};

use libp2p::{Multiaddr, PeerId};
use protocol::time::{Duration, Time};

/// An answer and a call that are not further apart than this belong together.
pub const PAIR_TIME: Duration = Duration::from_secs(3);
/// Answers without a call before they count: a call may be lost in a limit of our own.
pub const ANSWERS_MIN: usize = 2;
/// Connections that one peer closes soon, within [`CUT_TIME`], before they count. A peer that starts anew closes one.
pub const CUTS_MIN: usize = 3;
/// How soon, and within what time.
pub const CUT_TIME: Duration = Duration::from_secs(60);
/// Between two warnings.
pub const KEY_WARN_INTERVAL: Duration = Duration::from_secs(600);

/// Answers and calls remembered: as many as come in [`PAIR_TIME`] at one retry a second of some addresses.
const SIGHTS_MAX: usize = 16;
/// Peers whose closings are counted.
const PEERS_MAX: usize = 128;

/// What to tell the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySign {
    /// A machine with our key is at this address.
    SeenAt(Multiaddr),
    /// This peer closes our connections one after the other.
    Replaced(PeerId),
}

/// The state.
#[derive(Debug, Default)]
pub struct KeyWatch {
    answers: VecDeque<(Multiaddr, Time)>,
    calls: VecDeque<(Multiaddr, Time)>,
    lone_answers: usize,
    /// When a peer's connection came up, and when earlier ones were closed soon.
    ups: HashMap<PeerId, Time>,
    cuts: HashMap<PeerId, Vec<Cut>>,
    sign: Option<KeySign>,
    warned: Option<Time>,
}

#[derive(Clone, Copy, Debug)]
struct Cut {
    at: Time,
    was_up: bool,
}

impl KeyWatch {
    /// An address that we dialled answered with our own id.
    pub fn on_answer(&mut self, address: Multiaddr, now: Time) {
        push(&mut self.answers, address, now);
    }

    /// Somebody with our own id called from this address.
    pub fn on_call(&mut self, address: Multiaddr, now: Time) {
        push(&mut self.calls, address, now);
    }

    /// A connection that we dialled is a gossip peer's.
    pub fn on_up(&mut self, peer: PeerId, now: Time) {
        self.ups.retain(|_, up| now.since(*up) < CUT_TIME);
        if self.ups.len() < PEERS_MAX {
            self.ups.insert(peer, now);
        }
    }

    /// A peer closed a connection that we dialled, whether it was up or not.
    pub fn on_closed(&mut self, peer: PeerId, now: Time) {
        let up = self.ups.remove(&peer);
        if up.is_some_and(|up| now.since(up) >= CUT_TIME) {
            return;
        }
        for cuts in self.cuts.values_mut() {
            cuts.retain(|cut| now.since(cut.at) < CUT_TIME);
        }
        self.cuts.retain(|_, cuts| !cuts.is_empty());
        if self.cuts.len() >= PEERS_MAX && !self.cuts.contains_key(&peer) {
            return;
        }
        let cuts = self.cuts.entry(peer).or_default();
        if cuts.len() < SIGHTS_MAX {
            cuts.push(Cut { at: now, was_up: up.is_some() });
        }
        if cuts.len() >= CUTS_MIN && cuts.iter().any(|cut| cut.was_up) {
            cuts.clear();
            self.sign.get_or_insert(KeySign::Replaced(peer));
        }
    }

    /// What there is to tell now.
    pub fn poll(&mut self, now: Time) -> Option<KeySign> {
        self.pair(now);
        let due = self.warned.is_none_or(|warned| now.since(warned) >= KEY_WARN_INTERVAL);
        let sign = self.sign.take().filter(|_| due)?;
        self.warned = Some(now);
        Some(sign)
    }

    /// Takes out what belongs together, and then what has waited in vain for its other half.
    fn pair(&mut self, now: Time) {
        self.answers.retain(|(_, at)| {
            let call = self.calls.iter().position(|(_, call)| apart(*call, *at) <= PAIR_TIME);
            call.and_then(|call| self.calls.remove(call)).is_none()
        });
        while self.answers.front().is_some_and(|(_, at)| now.since(*at) > PAIR_TIME) {
            let answer = self.answers.pop_front();
            self.lone_answers += 1;
            if self.lone_answers >= ANSWERS_MIN {
                self.lone_answers = 0;
                self.sign = answer.map(|(address, _)| KeySign::SeenAt(address));
            }
        }
        while self.calls.front().is_some_and(|(_, at)| now.since(*at) > PAIR_TIME) {
            self.sign = self.calls.pop_front().map(|(address, _)| KeySign::SeenAt(address));
        }
    }
}

fn push(sights: &mut VecDeque<(Multiaddr, Time)>, address: Multiaddr, now: Time) {
    if sights.len() < SIGHTS_MAX {
        sights.push_back((address, now));
    }
}

fn apart(a: Time, b: Time) -> Duration {
    if a > b { a.since(b) } else { b.since(a) }
}
