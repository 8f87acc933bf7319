//! Whom to dial. Decides only: the service asks it, dials, and tells it how that went.
//!
//! Fixed addresses (bootstrap, reserved) are retried forever, each with its own jittered backoff, so that a dead one
//! holds up nobody. **An address is an attempt, not a fact.** Only a peer id that was typed with an address is demanded
//! of who answers there. An id that was learned from an answer says no more than that the address needs no second dial
//! while that peer holds a slot; it is forgotten when the connection ends, a dial fails or another answers. An address
//! that led to this very node has failed, and is tried again like any other: a name may lead elsewhere the next time.
//!
//! Other candidates come from Kademlia and identify into the [address book](crate::book), with IP addresses only, for names
//! are the operator's to give. One outbound slot is enough for an address group, except in private networks and for what the
//! operator gave: whoever has addresses in few groups has few of the slots, whatever number of names they are under.
//! Where the network itself has fewer groups than there are slots, a group may have more (`crowd.rs`). The peers that held outbound slots longest when the last run ended, the *anchors*, are dialled first. What else changes with all slots in use is in
//! `exchange.rs`. No sockets, no clock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use protocol::time::{Duration, Time};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::addresses;
use crate::book::BACKOFF_MIN;
use crate::book::{self, Book, Group, Kept, Pick, Retry, Standing};
use crate::limits::ip_of;
use crate::reason::CloseReason;

mod crowd;
mod exchange;
mod fixed;
mod poll;
mod want;

pub use crowd::CROWD_AFTER;
use exchange::Exchange;
pub use exchange::{
    EXCHANGE_INTERVAL, EXTRA_AGAIN, EXTRA_INTERVAL, EXTRA_INTERVAL_SILENT, FEELER_INTERVAL, REFRESH_EXTRA,
    SETTLE_TIME, SILENT_TIME, WALK_INTERVAL,
};
use fixed::Fixed;
pub use fixed::{Failure, Trouble, Warning};
pub use want::{Target, ToldBy, View, Want};

pub use crate::book::PEER_ADDRESSES_MAX;

/// Dials under way for gossip slots, slow ones included.
pub const DIALS_MAX: usize = 16;

/// Peers of one group that are tried in a row until one has a slot for us. Of ten honest ones seven are expected to; five in
/// a row that don't are one in 400.
pub const GROUP_TRIES: u8 = 5;

/// Peers that are dialled first in the next run. Bitcoin Core's `MAX_BLOCK_RELAY_ONLY_ANCHORS`.
pub const ANCHORS: usize = 2;

/// A peer that failed more often in a row, over a minute or more of doubling delays, isn't kept for another run.
pub const KEPT_FAILURES_MAX: u32 = 6;

/// A peer without a slot for us is asked again after this.
const DECLINED_DELAY: Duration = Duration::from_secs(60);
/// A dial that takes longer than this no longer counts for a slot: another candidate is tried beside it.
const SLOW_DIAL: Duration = Duration::from_secs(2);
/// Delays between random walks while peers are missing: doubling from the first to the second.
const QUERY_MIN: Duration = Duration::from_millis(500);
const QUERY_MAX: Duration = Duration::from_secs(30);
/// After news of a new peer the next walk is at most this far.
const QUERY_AFTER_NEWS: Duration = Duration::from_secs(2);

/// The state.
#[derive(Debug)]
pub struct Discovery {
    local: PeerId,
    target: usize,
    reserved_only: bool,
    fixed: Vec<Fixed>,
    book: Book,
    /// What the last answer wanted dialled, and how many slots one group may have by that.
    picked: Vec<(Pick, u8)>,
    per_group: usize,
    /// Since when slots are missing.
    missing_since: Option<Time>,
    /// Since when none was, for the first time.
    full_since: Option<Time>,
    /// Until when the run settles, from when it was full for the first time.
    settling_until: Option<Time>,
    dials: HashMap<ConnectionId, Dial>,
    /// Groups in which a pick came to nothing, and how often in a row: another of the group is tried first.
    owed: VecDeque<(Group, u8)>,
    /// Candidates that answered and are no peers yet, with the groups that they were picked for; [`DIALS_MAX`] at most.
    answered: BTreeMap<PeerId, (Vec<Group>, u8)>,
    /// Since when peers hold outbound slots.
    held: BTreeMap<PeerId, Time>,
    /// The anchors of the last run, and those of them that are still to be dialled.
    anchors: Vec<PeerId>,
    anchors_due: Vec<PeerId>,
    query_at: Time,
    query_delay: Duration,
    exchange: Exchange,
    /// The IPs that this node listens on, which tell near addresses from far ones.
    own: Vec<IpAddr>,
    /// Whether a peer was met on the loopback device, where other nodes may be then.
    loopback: bool,
    warnings: Vec<Warning>,
    rng: StdRng,
}

/// A dial under way.
#[derive(Debug)]
struct Dial {
    target: Target,
    since: Time,
    /// What of the book it tries, and the groups that are kept free for it.
    tries: Option<book::Entry>,
    groups: Vec<Group>,
    /// Tries in a row that the group was picked for, this one included; 0 for what was not picked so.
    turn: u8,
}

impl Discovery {
    /// Starts with fixed addresses. With `reserved_only` only the reserved ones are ever dialled.
    #[must_use]
    pub fn new(
        local: PeerId,
        target: usize,
        bootstrap: &[Multiaddr],
        reserved: &[Multiaddr],
        reserved_only: bool,
        loopback_exempt: bool,
        seed: [u8; 32],
    ) -> Self {
        let mut rng = StdRng::from_seed(seed);
        let bootstrap = if reserved_only { &[] } else { bootstrap };
        let fixed = reserved.iter().map(|address| (address, true)).chain(bootstrap.iter().map(|a| (a, false)));
        let fixed = fixed.map(|(address, reserved)| {
            let (address, typed) = split_peer(address);
            // Our own id, typed into a list that all nodes have: it is never dialled.
            let trouble = (typed == Some(local)).then_some(Trouble::Ourselves);
            Fixed { address, typed, found: None, reserved, retry: Retry::default(), trouble, warned: None }
        });
        Self {
            local,
            target,
            reserved_only,
            fixed: fixed.collect(),
            book: Book::new(rng.random(), loopback_exempt),
            picked: Vec::new(),
            per_group: 1,
            missing_since: None,
            full_since: None,
            settling_until: None,
            dials: HashMap::new(),
            owed: VecDeque::new(),
            answered: BTreeMap::new(),
            held: BTreeMap::new(),
            anchors: Vec::new(),
            anchors_due: Vec::new(),
            query_at: Time::ZERO,
            query_delay: QUERY_MIN,
            exchange: Exchange::new(&mut rng),
            own: Vec::new(),
            loopback: false,
            warnings: Vec::new(),
            rng,
        }
    }

    /// The node listens on these IPs from now on.
    pub fn set_own(&mut self, ips: Vec<IpAddr>) {
        self.own = ips;
    }

    /// A peer is connected by the loopback device.
    pub const fn on_loopback_peer(&mut self) {
        self.loopback = true;
    }

    /// What to do now.
    pub fn poll(&mut self, now: Time, view: &impl View) -> Vec<Want> {
        let mut wants: Vec<Want> = self.warnings.drain(..).map(Want::Warn).collect();
        self.picked.clear();
        let missing = self.target.saturating_sub(view.outbound());
        let full = self.target > 0 && !self.reserved_only && self.is_full(now, missing, view);
        let settling = full && self.is_settling(now);
        let extra = if full { self.exchange(now, settling, view, &mut wants) } else { 0 };
        let slots = |dial: &&Dial| !matches!(dial.target, Target::Feeler(_));
        let fresh = self.dials.values().filter(slots).filter(|dial| now.since(dial.since) < SLOW_DIAL).count();
        let dials = self.dials.values().filter(slots).count();
        let wanted = missing.saturating_sub(fresh).saturating_add(extra);
        let mut free = wanted.min(DIALS_MAX.saturating_sub(dials));
        self.poll_fixed(now, view, missing, &mut free, &mut wants);
        if self.reserved_only {
            return wants;
        }
        self.poll_book(now, view, free, &mut wants);
        if full && self.exchange.walk(now, settling) {
            wants.push(Want::Walk);
        }
        if full && self.exchange.feel(now, &mut self.rng) {
            self.poll_feeler(now, view, &mut wants);
        }
        if missing > 0 && now >= self.query_at {
            self.poll_walk(now, view, missing, &mut wants);
        }
        wants
    }

    /// Whether the run still draws its peers anew: not if its book knew most groups when all slots were first in use.
    fn is_settling(&mut self, now: Time) -> bool {
        let book = &self.book;
        let until = *self
            .settling_until
            .get_or_insert_with(|| if book.knows_most_groups(self.target) { now } else { now + SETTLE_TIME });
        now < until
    }

    /// How many slots of one group may be in use with a candidate that was wanted last.
    #[must_use]
    pub const fn per_group(&self) -> usize {
        self.per_group
    }

    /// No dial was needed: a connection to the target was there, and has a slot now. That tests no entry of the book.
    pub fn not_needed(&mut self, target: Target, now: Time) {
        if matches!(target, Target::Fixed(_)) {
            self.dialling(target, None, now);
        }
    }

    /// A dial is under way. `None` if none was possible: the target waits for its next turn.
    pub fn dialling(&mut self, target: Target, dial: Option<ConnectionId>, now: Time) {
        let (tries, groups, turn) = match target {
            Target::Fixed(_) => (None, Vec::new(), 0),
            Target::Candidate(peer) | Target::Feeler(peer) => {
                let picked = self.picked.iter().find(|(pick, _)| pick.peer == peer);
                let feeler = matches!(target, Target::Feeler(_));
                let groups = picked.iter().filter(|_| !feeler).map(|(pick, _)| pick.group);
                let turn = picked.map_or(0, |(_, turn)| *turn);
                (picked.map(|(pick, _)| pick.entry), groups.collect(), turn)
            }
        };
        let dialled = Dial { target, since: now, tries, groups, turn };
        match dial {
            Some(id) => {
                self.dials.insert(id, dialled);
            }
            None => self.put_off(&dialled, now),
        }
    }

    /// A dial led to a connection. Whether that becomes a peer is told by [`Discovery::on_up`].
    pub fn on_established(&mut self, id: ConnectionId, peer: PeerId, address: &Multiaddr, now: Time) {
        let Some(dial) = self.dials.remove(&id) else { return };
        match dial.target {
            Target::Fixed(index) => {
                if let Some(fixed) = self.fixed.get_mut(index) {
                    fixed.found = Some(peer);
                    // An earlier trouble stays until this one turns out to be a peer, or not.
                    fixed.trouble.get_or_insert(Trouble::NoWordYet);
                }
            }
            // An answer is what proves an entry. As a candidate it counts as one more failure until it is a peer: a
            // connection alone is no success.
            Target::Candidate(_) | Target::Feeler(_) => {
                let (plain, _) = split_peer(address);
                self.book.on_answer(peer, &plain, now);
                if matches!(dial.target, Target::Candidate(_)) {
                    if self.answered.len() >= DIALS_MAX {
                        self.answered.pop_first();
                    }
                    self.answered.insert(peer, (dial.groups, dial.turn));
                    let spread = self.rng.random_range(75..=125);
                    self.book.retries(&peer).for_each(|retry| retry.put_off(now, spread));
                }
                return;
            }
        }
        self.put_off(&dial, now);
    }

    /// A dial failed.
    pub fn on_dial_failed(&mut self, id: ConnectionId, failure: Failure, now: Time) {
        if let Some(dial) = self.dials.remove(&id) {
            self.refused(&dial, failure, now);
        }
    }

    /// A fixed address is not dialled, for a cause that is known before.
    pub fn on_refused(&mut self, index: usize, failure: Failure, now: Time) {
        let dial = Dial { target: Target::Fixed(index), since: now, tries: None, groups: Vec::new(), turn: 0 };
        self.refused(&dial, failure, now);
    }

    fn refused(&mut self, dial: &Dial, failure: Failure, now: Time) {
        if let Target::Fixed(index) = dial.target
            && let Some(fixed) = self.fixed.get_mut(index)
        {
            // Who is denied answers there, and need not be dialled while it is a peer by another way, or banned.
            fixed.found = if let Failure::Denied { found, .. } = &failure { Some(*found) } else { None };
            if let (Some(wanted), Failure::Another(found)) = (fixed.typed, &failure) {
                let warning = Warning::AnotherPeer { address: fixed.address.clone(), wanted, found: *found };
                self.warnings.extend(fixed.warn(warning, now));
            }
            fixed.trouble = Some(match failure {
                Failure::Unreachable(cause) => Trouble::Unreachable(cause),
                Failure::Denied { cause, .. } => Trouble::Denied(cause),
                Failure::Ourselves => Trouble::Ourselves,
                Failure::Another(found) => Trouble::Another(found),
            });
        }
        self.put_off(dial, now);
    }

    /// A connection became a gossip peer.
    pub fn on_up(&mut self, peer: &PeerId, outbound: bool, now: Time) {
        self.answered.remove(peer);
        if outbound {
            self.held.insert(*peer, now);
        }
        self.retries(peer).for_each(|retry| *retry = Retry::default());
        let reached = self.fixed.iter_mut().filter(|fixed| fixed.peer().as_ref() == Some(peer));
        reached.for_each(|fixed| fixed.trouble = None);
    }

    /// A peer's slot is free again. `outbound`: we had dialled it.
    pub fn on_down(&mut self, peer: &PeerId, outbound: bool, reason: CloseReason, now: Time) {
        // Only those that we chose: whoever dials us could have us change our peers at will.
        if outbound && reason.is_silence() {
            self.exchange.on_silence(now);
        }
        if outbound {
            self.held.remove(peer);
            if let Some((groups, turn)) = self.answered.remove(peer) {
                self.owe(groups, turn);
            }
        }
        let declined = self.jittered(DECLINED_DELAY);
        let soon = self.jittered(BACKOFF_MIN);
        for retry in self.retries(peer) {
            let unwanted = matches!(reason, CloseReason::Declined | CloseReason::Refreshed);
            let delay = if unwanted { declined } else { soon };
            retry.wait(now, delay);
        }
        self.forget_found(peer, reason, now);
        self.query_delay = QUERY_MIN;
        self.query_at = self.query_at.min(now + QUERY_MIN);
    }

    /// Who answered at a fixed address is no peer any more: the next to answer there may be another.
    fn forget_found(&mut self, peer: &PeerId, reason: CloseReason, now: Time) {
        for fixed in self.fixed.iter_mut().filter(|fixed| fixed.peer().as_ref() == Some(peer)) {
            fixed.trouble = Some(Trouble::Closed(reason));
            if reason == CloseReason::Unsupported && fixed.found.is_some() {
                let warning = Warning::AnotherNetwork { address: fixed.address.clone(), found: *peer };
                self.warnings.extend(fixed.warn(warning, now));
            }
            fixed.found = None;
        }
    }

    /// The fixed addresses that lead to no peer now, and what the last try came to; nothing before the first has ended.
    /// Reserved ones come first.
    pub fn troubles(&self) -> impl Iterator<Item = (&Multiaddr, Option<&Trouble>)> {
        self.fixed.iter().map(|fixed| (&fixed.address, fixed.trouble.as_ref()))
    }

    /// An address that a peer told, as it is kept, if it is one that may lead to another node. A loopback address does where
    /// this node has nothing but the loopback device, or met a peer there; the peer's own word for it is only asked for
    /// if it is connected that way. Of all loopback addresses there is one of each IP version, and those we listen on:
    /// the others of 127.0.0.0/8 lead to our own listeners as well, by a name that we do not know.
    #[must_use]
    pub fn acceptable(&self, address: Multiaddr, told_by: ToldBy) -> Option<Multiaddr> {
        let address = dialable(address)?;
        let Some(ip) = ip_of(&address).filter(IpAddr::is_loopback) else { return Some(address) };
        let only = !self.own.is_empty() && self.own.iter().all(IpAddr::is_loopback);
        let believed = told_by == ToldBy::Itself || only || self.loopback;
        let known = ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST || self.own.contains(&ip);
        (believed && known).then_some(address)
    }

    /// A peer and addresses at which it says to listen, or others say that it does. `source`: from where that is said, by
    /// [`Discovery::group`].
    pub fn learn(
        &mut self,
        peer: PeerId,
        addresses: impl IntoIterator<Item = Multiaddr>,
        told_by: ToldBy,
        source: Group,
        now: Time,
    ) {
        if peer == self.local || self.reserved_only {
            return;
        }
        let addresses = addresses.into_iter().filter_map(|address| self.acceptable(address, told_by));
        let addresses = addresses::best(addresses, &self.own, PEER_ADDRESSES_MAX);
        if self.book.learn(peer, &addresses, told_by == ToldBy::Itself, source, now) {
            self.query_at = self.query_at.min(now + QUERY_AFTER_NEWS);
        }
    }

    /// The group of an address that something is told from.
    #[must_use]
    pub fn group(&self, address: &Multiaddr) -> Group {
        self.book.group(address)
    }

    /// Takes in what an earlier run kept.
    pub fn restore(&mut self, kept: impl IntoIterator<Item = Kept>) {
        for mut kept in kept {
            if kept.peer == self.local || self.reserved_only {
                continue;
            }
            kept.addresses.retain(|address| self.acceptable(address.clone(), ToldBy::Itself).is_some());
            if kept.standing == Standing::Anchor && self.anchors.len() < ANCHORS {
                self.anchors.push(kept.peer);
                self.anchors_due.push(kept.peer);
            }
            self.book.restore(kept);
        }
    }

    /// What is worth keeping for another run, at most `most` peers: without those that failed more than
    /// [`KEPT_FAILURES_MAX`] times in a row, unless all did, for then it is our own network that fails.
    #[must_use]
    pub fn kept(&self, most: usize) -> Vec<Kept> {
        self.book.kept(&self.anchors(), KEPT_FAILURES_MAX.saturating_add(1), most)
    }

    /// Who holds outbound slots for longest, of the peers that the book led to. While fewer do than are wanted, the last
    /// run's anchors keep their place: a run that meets nobody forgets none.
    #[must_use]
    pub fn anchors(&self) -> Vec<PeerId> {
        let fixed: Vec<PeerId> = self.fixed.iter().filter_map(Fixed::peer).collect();
        let mut held: Vec<_> = self.held.iter().filter(|(peer, _)| !fixed.contains(peer)).collect();
        held.sort_by_key(|(peer, since)| (**since, **peer));
        let mut anchors: Vec<PeerId> = held.into_iter().map(|(peer, _)| *peer).take(ANCHORS).collect();
        let earlier: Vec<PeerId> = self.anchors.iter().filter(|peer| !anchors.contains(peer)).copied().collect();
        anchors.extend(earlier.into_iter().take(ANCHORS.saturating_sub(anchors.len())));
        anchors
    }

    /// The address book, to be asked.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Peers in the book.
    #[must_use]
    pub fn known(&self) -> usize {
        self.book.len()
    }

    fn put_off(&mut self, dial: &Dial, now: Time) {
        match dial.target {
            Target::Fixed(index) => {
                let spread = self.rng.random_range(75..=125);
                if let Some(fixed) = self.fixed.get_mut(index) {
                    fixed.retry.put_off(now, spread);
                }
            }
            Target::Candidate(peer) | Target::Feeler(peer) => {
                if let Some(entry) = dial.tries {
                    self.book.on_failure(&peer, entry, now);
                }
                self.owe(dial.groups.clone(), dial.turn);
            }
        }
    }

    /// A pick came to nothing after so many tries in a row.
    fn owe(&mut self, groups: Vec<Group>, turn: u8) {
        if (1..GROUP_TRIES).contains(&turn) && self.owed.len() < DIALS_MAX {
            self.owed.extend(groups.into_iter().map(|group| (group, turn)));
        }
    }

    fn retries(&mut self, peer: &PeerId) -> impl Iterator<Item = &mut Retry> {
        let fixed = self.fixed.iter_mut().filter(|fixed| fixed.peer().as_ref() == Some(peer));
        fixed.map(|fixed| &mut fixed.retry).chain(self.book.retries(peer))
    }

    fn jittered(&mut self, delay: Duration) -> Duration {
        delay.times(self.rng.random_range(75..=125)).divided_by(100)
    }
}

/// Takes a trailing `/p2p/…` off an address.
#[must_use]
pub fn split_peer(address: &Multiaddr) -> (Multiaddr, Option<PeerId>) {
    let mut address = address.clone();
    match address.iter().last() {
        Some(Protocol::P2p(peer)) => {
            address.pop();
            (address, Some(peer))
        }
        _ => (address, None),
    }
}

/// The address without its peer id, if it is one that this node dials though nobody but a peer told it: an IP, and TCP or
/// QUIC v1 on a real port. Names are for the operator to give.
#[must_use]
pub fn dialable(address: Multiaddr) -> Option<Multiaddr> {
    let (address, _) = split_peer(&address);
    let mut parts = address.iter();
    let host = match parts.next()? {
        Protocol::Ip4(ip) => !ip.is_unspecified() && !ip.is_multicast() && !ip.is_broadcast(),
        Protocol::Ip6(ip) => !ip.is_unspecified() && !ip.is_multicast(),
        _ => false,
    };
    let transport = addresses::port(&parts.collect::<Vec<_>>()).is_some_and(|port| port != 0);
    (host && transport).then_some(address)
}
