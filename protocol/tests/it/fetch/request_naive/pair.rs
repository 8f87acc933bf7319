//! The tracker and its model side by side: each operation is done to both, and every answer compared.

use protocol::gossip::fetch::request::{RequestKey, RequestTracker};
use protocol::gossip::{AddressGroup, Direction, PeerHandle};
use protocol::time::{Duration, Time};

use super::super::request_support::peer;
use super::{END_OF_TIME, KEYS, Model, Op, PEERS, State, key};

/// The tracker and its model, driven together.
pub(crate) struct Pair {
    tracker: RequestTracker,
    model: Model,
}

impl Pair {
    /// A new tracker beside an empty model, to which all peers connect.
    pub(crate) fn new(seed: [u8; 32]) -> Self {
        let mut pair = Self { tracker: RequestTracker::new(seed), model: Model::default() };
        (0..PEERS).for_each(|number| pair.apply(&Op::Connect(number)));
        pair
    }

    /// All peers leave, and nothing is left of them.
    pub(crate) fn end(&mut self) {
        (0..PEERS).for_each(|number| self.apply(&Op::Disconnect(number)));
        self.compare();
        assert!(self.tracker.is_empty());
        assert_eq!(self.tracker.peers(), 0);
    }

    fn now(&self) -> Time {
        Time::from_micros(self.model.now)
    }

    pub(crate) fn apply(&mut self, op: &Op) {
        let now = self.now();
        match *op {
            Op::Connect(number) => {
                let group = (number % 3).checked_sub(1).map(u64::from);
                let direction = if number.is_multiple_of(2) { Direction::Inbound } else { Direction::Outbound };
                self.tracker.peer_connected(now, peer(number), direction, group.map(AddressGroup));
                self.model.connect(peer(number), direction == Direction::Inbound, group);
            }
            Op::Disconnect(number) => {
                self.tracker.peer_disconnected(now, peer(number));
                self.model.disconnect(peer(number));
            }
            Op::Announce { peer: number, key: name, bytes } => self.announce(number, name, bytes),
            Op::AnnounceAll { peer: number, bytes } => {
                (0..KEYS).for_each(|name| self.announce(number, name, bytes));
            }
            Op::Request { may_ask } => {
                let may = |asked: PeerHandle| may_ask & (1 << asked.0) != 0;
                let requests = self.tracker.next_requests(now, may);
                let askable = (0..PEERS).map(peer).filter(|it| may(*it)).collect();
                self.model.request(&askable, &requests);
                assert!(self.tracker.next_requests(now, may).is_empty(), "nothing is left to ask");
            }
            Op::Receive { peer: number, key: name, bytes } => self.receive(peer(number), key(name), bytes),
            Op::Answer { bytes } => {
                let oldest = self.model.deadlines().first().map(|it| (it.3, it.4));
                oldest.into_iter().for_each(|(from, name)| self.receive(from, name, bytes));
            }
            Op::PassOn { peer: number, key: name, bytes } => self.pass_on(peer(number), key(name), bytes),
            Op::PassOnInFlight { bytes } => {
                let oldest = self.model.deadlines().first().map(|it| (it.3, it.4));
                oldest.into_iter().for_each(|(from, name)| self.pass_on(from, name, bytes));
            }
            Op::Proved(number) => {
                self.tracker.proved(peer(number));
                self.model.peer_mut(peer(number)).into_iter().for_each(|it| it.proven = true);
            }
            Op::Measure { peer: number, micros } => self.measure(peer(number), micros),
            Op::Forget(name) => {
                self.tracker.forget(key(name));
                self.model.announcements.retain(|it| it.key != key(name));
            }
            Op::NotFound { peer: number, key: name } => self.not_found(peer(number), key(name)),
            Op::NotFoundInFlight => {
                let last = self.model.deadlines().last().map(|it| (it.3, it.4));
                last.into_iter().for_each(|(from, name)| self.not_found(from, name));
            }
            Op::Stalled(name) => self.stalled(key(name)),
            Op::StalledInFlight => {
                let in_flight = self.model.deadlines().into_iter().map(|it| it.4);
                let others = |name: &RequestKey| {
                    let mut of_key = self.model.announcements.iter().filter(|it| it.key == *name);
                    of_key.any(|it| it.state == State::Candidate)
                };
                let name = in_flight.into_iter().find(others);
                name.into_iter().for_each(|name| self.stalled(name));
            }
            Op::Expire => assert_eq!(self.tracker.expire(now), self.model.expire()),
            Op::ToDeadline => {
                let deadline = self.model.deadlines().first().map(|it| it.0);
                self.model.now = deadline.unwrap_or(self.model.now);
                assert_eq!(self.tracker.expire(self.now()), self.model.expire());
            }
            Op::Forward(micros) => self.model.now = self.model.now.saturating_add(micros).min(END_OF_TIME),
            Op::Back(micros) => self.model.now = self.model.now.saturating_sub(micros),
            Op::Jump(to) => self.model.now = to.min(END_OF_TIME),
        }
    }

    fn announce(&mut self, number: u32, name: u8, bytes: usize) {
        let answer = self.tracker.announced(self.now(), peer(number), key(name), bytes);
        assert_eq!(answer, self.model.announce(peer(number), key(name), bytes));
    }

    fn measure(&mut self, peer: PeerHandle, micros: u64) {
        self.tracker.measured(peer, Duration::from_micros(micros));
        self.model.peer_mut(peer).into_iter().for_each(|it| it.round_trip = micros);
    }

    fn receive(&mut self, from: PeerHandle, name: RequestKey, bytes: usize) {
        let answer = self.tracker.received(self.now(), from, name, bytes);
        assert_eq!(answer, self.model.receive(from, name, bytes));
    }

    fn pass_on(&mut self, from: PeerHandle, name: RequestKey, bytes: usize) {
        let answer = self.tracker.passed_on(self.now(), from, name, bytes);
        assert_eq!(answer, self.model.pass_on(from, name, bytes));
    }

    fn not_found(&mut self, from: PeerHandle, name: RequestKey) {
        let answer = self.tracker.not_found(self.now(), from, name);
        assert_eq!(answer, self.model.not_found(from, name));
    }

    fn stalled(&mut self, name: RequestKey) {
        let answer = self.tracker.stalled(self.now(), name);
        assert_eq!(answer, self.model.stalled(name));
    }

    pub(crate) fn compare(&mut self) {
        // Tells the tracker the time and changes nothing else.
        self.tracker.peer_disconnected(self.now(), peer(u32::MAX));
        let (tracker, model) = (&self.tracker, &self.model);
        let deadline = model.deadlines().first().map(|it| Time::from_micros(it.0));
        assert_eq!(tracker.next_deadline(), deadline);
        for handle in (0..PEERS).map(peer) {
            let known = model.peers.iter().find(|it| it.handle == handle);
            let strikes = known.map_or(0, |it| it.strikes.at(model.now));
            assert_eq!(u64::from(tracker.strikes(handle)), strikes, "strikes of {handle:?}");
            let inherited = known.map_or(0, |it| it.inherited.at(model.now));
            assert_eq!(u64::from(tracker.inherited(handle)), inherited, "of the group of {handle:?}");
            let response = known.and_then(|it| it.response).map(|it| it.0);
            assert_eq!(tracker.response(handle).map(|it| it.as_micros()), response);
            assert_eq!(tracker.is_proven(handle), known.is_some_and(|it| it.proven));
            assert_eq!(tracker.in_flight(handle), model.in_flight(handle).count());
            let announcements = model.announcements.iter().filter(|it| it.peer == handle).count();
            assert_eq!(tracker.announcements(handle), announcements);
        }
        let mut tracked = 0;
        for name in (0..KEYS).map(key) {
            let mut of_key = model.announcements.iter().filter(|it| it.key == name).peekable();
            tracked += usize::from(of_key.peek().is_some());
            assert_eq!(tracker.is_tracked(name), of_key.peek().is_some());
            let requested = of_key.filter(|it| matches!(it.state, State::Requested { .. }));
            assert_eq!(tracker.asked(name), requested.map(|it| it.peer).next());
        }
        assert_eq!(tracker.len(), tracked);
        assert_eq!(tracker.is_empty(), tracked == 0);
        assert_eq!(tracker.peers(), model.peers.len());
        assert_eq!(tracker.groups(), model.groups.len());
    }
}
