//! Whether another machine uses this node's key, as happens when a data dir is copied. Decides
//! only: no sockets, no clock.
//!
//! A node that proves that it has our id is one of three: it is this node, it has this node's key, or it passes this
//! node's own connections back to it. A connection of our own may come back through a name, or through a router that
//! returns our own packets. Then the answer that the dial got and the call that a listener accepted belong together.
//! An answer without a call, or a call without an answer, comes from elsewhere. One half may be late by a whole
//! handshake. It may also be lost, because of one of our own limits, or because the connection was cut before the
//! listener knew whose it was. So each half waits for the other as long as a handshake may take. A call that failed
//! counts as the half that an answer lacks. One half without its other half is no sign yet. Two such halves of the
//! same kind, one soon after the other, are a sign.
//!
//! Two machines with one key need not meet. Their peers see one node that connects again and again, and keep
//! sometimes the newer connection and sometimes the older one. So it is a sign as well if a peer closes our
//! connections one after the other, and at least one of them was already up. This sign has less weight, because any
//! peer can do that at will. It counts if the operator named the peer's address. Otherwise two peers from different
//! address groups must do it. A peer that is full closes connections too, but none that was up.

use std::collections::{HashMap, VecDeque};

use libp2p::{Multiaddr, PeerId};
use protocol::gossip::AddressGroup;
use protocol::time::{Duration, Time};

/// An answer and a call that are no further apart than this belong together: a handshake's 10 s
/// (`transport::SETUP_TIMEOUT`) and two more for the time in queues.
pub const PAIR_TIME: Duration = Duration::from_secs(12);
/// How long an answer without a call, or a call without an answer, counts. If a second one of the same kind comes in
/// this time, the two are a sign. This is five retries at their slowest.
pub const LONE_TIME: Duration = Duration::from_secs(300);
/// How many connections one peer must close soon, within [`CUT_TIME`], before they count. A peer
/// that restarts closes one.
pub const CUTS_MIN: usize = 3;
/// How soon after its start a connection must be closed, and the time within which such closings are counted.
pub const CUT_TIME: Duration = Duration::from_secs(60);
/// The time between two warnings of one kind.
pub const KEY_WARN_INTERVAL: Duration = Duration::from_secs(600);

/// Answers and calls remembered: as many as come in [`PAIR_TIME`] at one retry a second of five addresses.
pub const SIGNS_MAX: usize = 64;
/// Peers whose closings are counted.
const WATCHED_MAX: usize = 128;

/// What to tell the operator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeySign {
    /// A machine with our key is at this address.
    SeenAt(Multiaddr),
    /// This peer closes our connections one after the other.
    Replaced(PeerId),
}

/// How a peer came to be dialled. This decides how much its closings count.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Origin {
    /// At an address that the operator gave.
    Fixed,
    /// At an address that was learned, in this address group.
    Learned(Option<AddressGroup>),
}

/// The state.
#[derive(Debug, Default)]
pub struct KeyWatch {
    answers: VecDeque<(Multiaddr, Time)>,
    calls: VecDeque<(Multiaddr, Time)>,
    /// Calls that failed before it was known whose they were.
    nameless: VecDeque<Time>,
    lone_answer: Option<Time>,
    lone_call: Option<Time>,
    /// When a peer's connection came up, and when earlier ones were closed soon after they came up.
    ups: HashMap<PeerId, Time>,
    cuts: HashMap<PeerId, Vec<Cut>>,
    /// The last peer of a learned address that closed too many connections.
    suspect: Option<(PeerId, Option<AddressGroup>, Time)>,
    seen: Told<Multiaddr>,
    replaced: Told<PeerId>,
}

#[derive(Clone, Copy, Debug)]
struct Cut {
    at: Time,
    was_up: bool,
}

/// Signs of one kind: what is to be told, and when one was last told. Each kind has its own, so that a sign that
/// any peer can cause delays none that needs the key.
#[derive(Debug)]
struct Told<T> {
    sign: Option<T>,
    at: Option<Time>,
}

impl KeyWatch {
    /// An address that we dialled answered with our own id.
    pub fn on_answer(&mut self, address: Multiaddr, now: Time) {
        push(&mut self.answers, (address, now));
    }

    /// A node with our own id called from this address.
    pub fn on_call(&mut self, address: Multiaddr, now: Time) {
        push(&mut self.calls, (address, now));
    }

    /// A call failed before it was known whose it was.
    pub fn on_nameless_call(&mut self, now: Time) {
        if self.nameless.len() >= SIGNS_MAX {
            self.nameless.pop_front();
        }
        self.nameless.push_back(now);
    }

    /// A connection that we dialled has become a gossip peer.
    pub fn on_up(&mut self, peer: PeerId, now: Time) {
        self.ups.retain(|_, up| now.since(*up) < CUT_TIME);
        if self.ups.len() < WATCHED_MAX {
            self.ups.insert(peer, now);
        }
    }

    /// A peer closed a connection that we dialled, whether it was up or not, without a goodbye. A lost
    /// connection does not count.
    pub fn on_closed(&mut self, peer: PeerId, origin: Origin, now: Time) {
        let up = self.ups.remove(&peer);
        if up.is_some_and(|up| now.since(up) >= CUT_TIME) {
            return;
        }
        for cuts in self.cuts.values_mut() {
            cuts.retain(|cut| now.since(cut.at) < CUT_TIME);
        }
        self.cuts.retain(|_, cuts| !cuts.is_empty());
        if self.cuts.len() >= WATCHED_MAX && !self.cuts.contains_key(&peer) {
            return;
        }
        let cuts = self.cuts.entry(peer).or_default();
        if cuts.len() < SIGNS_MAX {
            cuts.push(Cut { at: now, was_up: up.is_some() });
        }
        if cuts.len() >= CUTS_MIN && cuts.iter().any(|cut| cut.was_up) {
            cuts.clear();
            if self.is_believed(peer, origin, now) {
                self.replaced.sign.get_or_insert(peer);
            }
        }
    }

    /// The sign to tell now.
    pub fn poll(&mut self, now: Time) -> Option<KeySign> {
        self.pair(now);
        self.seen.take(now).map(KeySign::SeenAt).or_else(|| self.replaced.take(now).map(KeySign::Replaced))
    }

    /// Whether a peer's closings are a sign by themselves. Otherwise another peer's closings are needed as well.
    fn is_believed(&mut self, peer: PeerId, origin: Origin, now: Time) -> bool {
        let Origin::Learned(group) = origin else { return true };
        let confirmed = self.suspect.is_some_and(|(other, elsewhere, at)| {
            other != peer && elsewhere != group && now.since(at) < LONE_TIME
        });
        self.suspect = Some((peer, group, now));
        confirmed
    }

    /// Removes the pairs that belong together, and then the halves that have waited in vain.
    fn pair(&mut self, now: Time) {
        self.answers.retain(|(_, at)| {
            let call = self.calls.iter().position(|(_, call)| apart(*call, *at) <= PAIR_TIME);
            call.and_then(|call| self.calls.remove(call)).is_none()
        });
        // An answer waits for `PAIR_TIME`, and only then is it compared with these calls. The call may have come
        // `PAIR_TIME` before the answer.
        self.nameless.retain(|call| now.since(*call) <= PAIR_TIME.times(3));
        while let Some((address, at)) = pop_overdue(&mut self.answers, now) {
            let call = self.nameless.iter().position(|call| apart(*call, at) <= PAIR_TIME);
            let lone = call.and_then(|call| self.nameless.remove(call)).is_none();
            if lone && is_second(&mut self.lone_answer, at) {
                self.seen.sign = Some(address);
            }
        }
        while let Some((address, at)) = pop_overdue(&mut self.calls, now) {
            if is_second(&mut self.lone_call, at) {
                self.seen.sign = Some(address);
            }
        }
    }
}

impl<T> Default for Told<T> {
    fn default() -> Self {
        Self { sign: None, at: None }
    }
}

impl<T> Told<T> {
    /// The sign, unless a similar one was told a short while ago.
    fn take(&mut self, now: Time) -> Option<T> {
        let due = self.at.is_none_or(|at| now.since(at) >= KEY_WARN_INTERVAL);
        let sign = self.sign.take().filter(|_| due)?;
        self.at = Some(now);
        Some(sign)
    }
}

/// Whether this is the second of its kind within [`LONE_TIME`]. The next is a first one again.
fn is_second(first: &mut Option<Time>, at: Time) -> bool {
    let second = first.is_some_and(|first| at.since(first) <= LONE_TIME);
    *first = (!second).then_some(at);
    second
}

fn push(sights: &mut VecDeque<(Multiaddr, Time)>, sight: (Multiaddr, Time)) {
    if sights.len() < SIGNS_MAX {
        sights.push_back(sight);
    }
}

/// The first one, if it has waited in vain for its other half.
fn pop_overdue(sights: &mut VecDeque<(Multiaddr, Time)>, now: Time) -> Option<(Multiaddr, Time)> {
    let overdue = sights.front().is_some_and(|(_, at)| now.since(*at) > PAIR_TIME);
    overdue.then(|| sights.pop_front()).flatten()
}

fn apart(a: Time, b: Time) -> Duration {
    if a > b { a.since(b) } else { b.since(a) }
}
