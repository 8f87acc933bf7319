//! A naive model of the request tracker. Below it, in `pair`, the model runs beside the tracker: each operation is
//! done to both, and every answer is compared.
//!
//! The model keeps one flat list of announcements and counts everything again for each question. Only the
//! tie-break is left to the tracker: its choice must be among the best candidates, and the model follows it. The
//! fuzz target `tracker` uses the model too.

mod pair;

use std::collections::BTreeSet;

use protocol::gossip::PeerHandle;
use protocol::gossip::fetch::request::{Announced, RequestKey};

pub(crate) use self::pair::Pair;
use super::request_support::{block, transaction};

/// The last point in time that there is, in microseconds.
const END_OF_TIME: u64 = u64::MAX - 1;

pub(crate) const PEERS: u32 = 7;
pub(crate) const KEYS: u8 = 48;

#[derive(Clone, Debug)]
pub(crate) enum Op {
    Connect(u32),
    Disconnect(u32),
    Announce { peer: u32, key: u8, bytes: usize },
    AnnounceAll { peer: u32, bytes: usize },
    Request { may_ask: u8 },
    Receive { peer: u32, key: u8, bytes: usize },
    Answer { bytes: usize },
    PassOn { peer: u32, key: u8, bytes: usize },
    PassOnInFlight { bytes: usize },
    Proved(u32),
    Measure { peer: u32, micros: u64 },
    Forget(u8),
    NotFound { peer: u32, key: u8 },
    NotFoundInFlight,
    Stalled(u8),
    StalledInFlight,
    Expire,
    ToDeadline,
    Forward(u64),
    Back(u64),
    Jump(u64),
}

#[derive(Clone, Copy, Debug, PartialEq)]
enum State {
    Candidate,
    Requested { at: u64, number: u64, deadline: u64 },
    Completed { late: Option<(u64, u64)> },
}

#[derive(Clone, Debug)]
struct Announcement {
    peer: PeerHandle,
    key: RequestKey,
    /// Shared by all announcements of a key.
    order: u64,
    bytes: u128,
    state: State,
}

#[derive(Clone, Copy, Debug, Default)]
struct Strikes {
    count: u64,
    since: u64,
    served: u64,
}

#[derive(Clone, Debug)]
struct Peer {
    handle: PeerHandle,
    inbound: bool,
    group: Option<u64>,
    proven: bool,
    strikes: Strikes,
    inherited: Strikes,
    response: Option<(u64, u64)>,
    round_trip: u64,
    rate: u64,
    long_body_at: u64,
    doublings: u32,
    sampled_below: u64,
    doubled_below: u64,
}

#[derive(Debug, Default)]
struct Model {
    now: u64,
    announcements: Vec<Announcement>,
    peers: Vec<Peer>,
    groups: Vec<(u64, Strikes)>,
    orders: u64,
    requests: u64,
}

impl Strikes {
    fn at(self, now: u64) -> u64 {
        self.count.saturating_sub(now.saturating_sub(self.since) / 60_000_000)
    }

    fn settle(&mut self, now: u64) {
        self.count = self.at(now);
        while self.since.checked_add(60_000_000).is_some_and(|next| next <= now) && self.count > 0 {
            self.since += 60_000_000;
        }
        self.since = self.since.min(now);
    }

    fn strike(&mut self, now: u64, most: u64) {
        self.settle(now);
        if self.count == 0 {
            *self = Self { count: 0, since: now, served: 0 };
        }
        self.count = (self.count + 1).min(most);
    }

    fn serve(&mut self, now: u64) {
        self.settle(now);
        if self.count > 0 {
            self.served += 1;
            if self.served == 8 {
                self.served = 0;
                self.count -= 1;
            }
        }
    }
}

/// How many bytes a request adds to the expiry of later ones. For a block it is eight times its length: seven
/// other peers may get it first.
fn weight(it: &Announcement) -> u128 {
    if is_transaction(it.key) { it.bytes } else { 8 * it.bytes }
}

impl Peer {
    fn standing(&self, now: u64) -> (u64, bool) {
        let standing = match self.strikes.at(now) + self.inherited.at(now) {
            0 if self.proven => 0,
            0 => 1,
            strikes => 1 + strikes,
        };
        (standing, self.inbound)
    }

    fn transfer(&self, bytes: u128) -> u128 {
        (bytes * 1_000_000).min(u128::from(u64::MAX)) / u128::from(self.rate)
    }

    fn expiry(&self, bytes: u128) -> u64 {
        let response = match self.response {
            None => 1_000_000,
            Some((smoothed, deviation)) => {
                let answered = u128::from(smoothed) + (4 * u128::from(deviation)).max(u128::from(smoothed) / 2);
                let trips = u128::from(self.round_trip) + u128::from(self.round_trip) / 2;
                answered.max(trips.min(1_000_000))
            }
        };
        let whole = (response + self.transfer(bytes)) << self.doublings;
        u64::try_from(whole.clamp(250_000, 5_000_000)).unwrap_or(u64::MAX)
    }

    fn serve(&mut self, now: u64, (at, number): (u64, u64), bytes: usize, requests: u64) {
        let elapsed = now.saturating_sub(at);
        self.doublings = 0;
        if bytes >= 32 * 1024 {
            let begun = at.max(self.long_body_at);
            let idle = if at >= self.long_body_at { self.response.map_or(0, |it| it.0) } else { 0 };
            let whole = now.saturating_sub(begun);
            let busy = whole.saturating_sub(idle).max(whole / 8);
            self.long_body_at = now;
            if busy > 0 {
                let micros = (bytes as u128 * 1_000_000).min(u128::from(u64::MAX));
                let sample = (micros / u128::from(busy)).clamp(1 << 16, 1 << 30);
                self.rate = u64::try_from((u128::from(self.rate) * 3 + sample) / 4).unwrap_or(u64::MAX);
            }
        } else if number >= self.sampled_below {
            self.sampled_below = requests;
            let transfer = u64::try_from(self.transfer(bytes as u128)).unwrap_or(u64::MAX);
            let sample = elapsed.saturating_sub(transfer);
            self.response = Some(match self.response {
                None => (sample, sample / 2),
                Some((smoothed, deviation)) => (
                    smoothed.saturating_mul(7).saturating_add(sample) / 8,
                    deviation.saturating_mul(3).saturating_add(smoothed.abs_diff(sample)) / 4,
                ),
            });
        }
    }
}

fn is_transaction(key: RequestKey) -> bool {
    !matches!(key, RequestKey::Block(_))
}

fn key(number: u8) -> RequestKey {
    if number < KEYS / 2 { block(number) } else { transaction(u64::from(number)) }
}

impl Model {
    fn peer_mut(&mut self, handle: PeerHandle) -> Option<&mut Peer> {
        self.peers.iter_mut().find(|peer| peer.handle == handle)
    }

    fn connect(&mut self, handle: PeerHandle, inbound: bool, group: Option<u64>) {
        if self.peers.iter().any(|peer| peer.handle == handle) {
            return;
        }
        let now = self.now;
        self.groups.retain(|(number, strikes)| Some(*number) != group || strikes.at(now) > 0);
        let strikes = self.groups.iter().find(|(number, _)| Some(*number) == group).map(|it| it.1);
        self.peers.push(Peer {
            handle,
            inbound,
            group,
            proven: false,
            strikes: Strikes::default(),
            inherited: strikes.unwrap_or_default(),
            response: None,
            round_trip: 0,
            rate: 1 << 20,
            long_body_at: 0,
            doublings: 0,
            sampled_below: 0,
            doubled_below: 0,
        });
    }

    fn disconnect(&mut self, handle: PeerHandle) {
        self.peers.retain(|peer| peer.handle != handle);
        self.announcements.retain(|it| it.peer != handle);
        self.forget_completed();
    }

    fn forget_completed(&mut self) {
        let alive = self.announcements.iter().filter(|it| !matches!(it.state, State::Completed { .. }));
        let alive: Vec<_> = alive.map(|it| it.key).collect();
        self.announcements.retain(|it| alive.contains(&it.key));
    }

    fn announce(&mut self, handle: PeerHandle, key: RequestKey, bytes: usize) -> Announced {
        if self.announcements.iter().any(|it| it.peer == handle && it.key == key) {
            return Announced::Repeated;
        }
        if !self.peers.iter().any(|peer| peer.handle == handle) {
            return Announced::Dropped;
        }
        let order = self.announcements.iter().find(|it| it.key == key).map(|it| it.order);
        self.orders += 1;
        let order = order.unwrap_or(self.orders);
        let bytes = (bytes as u128).min(u128::from(u32::MAX));
        self.announcements.push(Announcement { peer: handle, key, order, bytes, state: State::Candidate });
        let strikes = |handle: PeerHandle| {
            self.peers.iter().find(|it| it.handle == handle).map(|it| it.strikes.at(self.now))
        };
        let relieves = strikes(handle) == Some(0);
        let struck = self.announcements.iter().map(|it| strikes(it.peer) > Some(0)).collect::<Vec<_>>();
        for (it, struck) in self.announcements.iter_mut().zip(struck).filter(|(it, _)| it.key == key) {
            if let State::Requested { at, number, .. } = it.state
                && relieves
                && struck
            {
                it.state = State::Completed { late: Some((at, number)) };
            }
        }
        Announced::Tracked
    }

    fn in_flight(&self, handle: PeerHandle) -> impl Iterator<Item = &Announcement> {
        let requested = |it: &&Announcement| matches!(it.state, State::Requested { .. });
        self.announcements.iter().filter(requested).filter(move |it| it.peer == handle)
    }

    fn has_room(&self, peer: &Peer, key: RequestKey) -> bool {
        let like = |it: &&Announcement| is_transaction(it.key) == is_transaction(key);
        let count = self.in_flight(peer.handle).filter(like).count();
        let bytes: u128 = self.in_flight(peer.handle).filter(like).map(|it| it.bytes).sum();
        let max = if is_transaction(key) { 256 } else { 16 };
        count == 0 || (count < max && bytes < u128::from(peer.rate) * 2)
    }

    /// Checks the tracker's requests one by one, and follows them.
    fn request(&mut self, askable: &BTreeSet<PeerHandle>, requests: &[(PeerHandle, RequestKey)]) {
        let mut requests = requests.iter();
        let keys: BTreeSet<_> =
            self.announcements.iter().map(|it| (is_transaction(it.key), it.order, it.key)).collect();
        for (_, _, key) in keys {
            let of_key: Vec<_> = self.announcements.iter().filter(|it| it.key == key).collect();
            if of_key.iter().any(|it| matches!(it.state, State::Requested { .. })) {
                continue;
            }
            let candidates: Vec<_> = of_key
                .iter()
                .filter(|it| it.state == State::Candidate && askable.contains(&it.peer))
                .filter_map(|it| self.peers.iter().find(|peer| peer.handle == it.peer))
                .filter(|peer| self.has_room(peer, key))
                .collect();
            let Some(best) = candidates.iter().map(|peer| peer.standing(self.now)).min() else { continue };
            let best: Vec<_> =
                candidates.iter().filter(|it| it.standing(self.now) == best).map(|it| it.handle).collect();
            let request = requests.next();
            let chosen = best.iter().find(|handle| request == Some(&(**handle, key))).copied();
            let Some(chosen) = chosen else { panic!("{key:?} should go to one of {best:?}, not {request:?}") };
            self.send(chosen, key);
        }
        assert_eq!(requests.next(), None, "asked for more than is ready");
    }

    fn send(&mut self, chosen: PeerHandle, key: RequestKey) {
        let queued: u128 = self.in_flight(chosen).map(weight).sum();
        let (now, number) = (self.now, self.requests);
        self.requests += 1;
        let Some(peer) = self.peers.iter().find(|peer| peer.handle == chosen) else { return };
        for it in self.announcements.iter_mut().filter(|it| it.peer == chosen && it.key == key) {
            let deadline = now.saturating_add(peer.expiry(queued + weight(it))).min(END_OF_TIME);
            it.state = State::Requested { at: now, number, deadline };
        }
    }

    fn receive(&mut self, handle: PeerHandle, key: RequestKey, bytes: usize) -> bool {
        let asked = self.asked(handle, key);
        self.announcements.retain(|it| it.key != key);
        self.serve(handle, asked, bytes)
    }

    fn pass_on(&mut self, handle: PeerHandle, key: RequestKey, bytes: usize) -> bool {
        let asked = self.asked(handle, key);
        let own = self.announcements.iter_mut().filter(|it| it.peer == handle && it.key == key);
        own.for_each(|it| it.state = State::Completed { late: None });
        self.forget_completed();
        self.serve(handle, asked, bytes)
    }

    fn asked(&self, handle: PeerHandle, key: RequestKey) -> Option<(u64, u64)> {
        let own = self.announcements.iter().find(|it| it.peer == handle && it.key == key);
        own.and_then(|it| match it.state {
            State::Candidate => None,
            State::Requested { at, number, .. } => Some((at, number)),
            State::Completed { late } => late,
        })
    }

    fn serve(&mut self, handle: PeerHandle, asked: Option<(u64, u64)>, bytes: usize) -> bool {
        let (now, requests) = (self.now, self.requests);
        let Some(asked) = asked else { return false };
        let Some(peer) = self.peer_mut(handle) else { return false };
        peer.serve(now, asked, bytes, requests);
        peer.strikes.serve(now);
        peer.inherited.serve(now);
        let group = peer.group;
        for (_, strikes) in self.groups.iter_mut().filter(|it| Some(it.0) == group) {
            strikes.serve(now);
        }
        true
    }

    fn not_found(&mut self, handle: PeerHandle, key: RequestKey) -> bool {
        let own = self.announcements.iter_mut().find(|it| it.peer == handle && it.key == key);
        let Some(own) = own.filter(|it| matches!(it.state, State::Requested { .. })) else { return false };
        own.state = State::Completed { late: None };
        self.forget_completed();
        if let Some(peer) = self.peer_mut(handle) {
            peer.proven = false;
        }
        true
    }

    fn deadlines(&self) -> Vec<(u64, bool, u64, PeerHandle, RequestKey)> {
        let due = |it: &Announcement| match it.state {
            State::Requested { deadline, .. } => {
                Some((deadline, is_transaction(it.key), it.order, it.peer, it.key))
            }
            _ => None,
        };
        let mut deadlines: Vec<_> = self.announcements.iter().filter_map(due).collect();
        deadlines.sort();
        deadlines
    }

    fn strike(&mut self, handle: PeerHandle) {
        let now = self.now;
        let Some(peer) = self.peer_mut(handle) else { return };
        peer.strikes.strike(now, 60);
        if let Some(group) = peer.group {
            if !self.groups.iter().any(|it| it.0 == group) {
                self.groups.push((group, Strikes::default()));
            }
            self.groups.iter_mut().filter(|it| it.0 == group).for_each(|it| it.1.strike(now, 5));
        }
    }

    fn stalled(&mut self, key: RequestKey) -> Option<PeerHandle> {
        let of_key: Vec<_> = self.announcements.iter_mut().filter(|it| it.key == key).collect();
        let others = of_key.iter().any(|it| it.state == State::Candidate);
        let requested = of_key.into_iter().filter(|_| others).find_map(|it| match it.state {
            State::Requested { at, number, .. } => Some((it, (at, number))),
            _ => None,
        });
        let (it, asked) = requested?;
        it.state = State::Completed { late: Some(asked) };
        let handle = it.peer;
        self.strike(handle);
        Some(handle)
    }

    fn expire(&mut self) -> Vec<(PeerHandle, RequestKey)> {
        let (now, requests) = (self.now, self.requests);
        let due: Vec<_> = self.deadlines().into_iter().filter(|it| it.0 <= now).collect();
        for (_, _, _, handle, key) in &due {
            let mut asked = (0, 0);
            for it in self.announcements.iter_mut().filter(|it| it.peer == *handle && it.key == *key) {
                if let State::Requested { at, number, .. } = it.state {
                    asked = (at, number);
                    it.state = State::Completed { late: Some(asked) };
                }
            }
            let Some(peer) = self.peer_mut(*handle) else { continue };
            if asked.1 >= peer.doubled_below {
                peer.doubled_below = requests;
                peer.doublings = (peer.doublings + 1).min(5);
            }
            self.strike(*handle);
        }
        self.forget_completed();
        due.into_iter().map(|it| (it.3, it.4)).collect()
    }
}
