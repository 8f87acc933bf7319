//! Whom to dial. Decides only: the service asks it, dials, and tells it how that went.
//!
//! Fixed addresses (bootstrap, reserved) are retried forever, each with its own jittered backoff, so that a dead one
//! holds up nobody. **An address is an attempt, not a fact.** Only a peer id that was typed with an address is demanded
//! of who answers there. An id that was learned from an answer says no more than that the address needs no second dial
//! while that peer holds a slot; it is forgotten when the connection ends, a dial fails or another answers. An address
//! that led to this very node has failed, and is tried again like any other: a name may lead elsewhere the next time.
//!
//! Other candidates come from Kademlia and identify into a bounded book, with IP addresses only, for names are the operator's to give, and are picked at random:
//! nodes that all know the same first peer still end up with different neighbours. With all slots in use, one more
//! candidate is made a peer now and then, and one peer is left for it (a *refresh*): two parts of a network that were cut
//! off from each other would else stay apart for good, each busy with itself. No sockets, no clock.

use std::collections::HashMap;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::multiaddr::Protocol;
use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use protocol::time::{Duration, Time};
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::addresses;
use crate::limits::ip_of;
use crate::reason::CloseReason;

mod fixed;
mod want;

use fixed::Fixed;
pub use fixed::{Failure, Trouble, Warning};
pub use want::{Target, ToldBy, View, Want};

/// Peers in the address book. With 10 addresses of some 50 bytes each: half a megabyte.
pub const BOOK_PEERS_MAX: usize = 1_024;
/// Addresses kept of one peer.
pub const PEER_ADDRESSES_MAX: usize = 10;
/// Dials under way for gossip slots, slow ones included.
pub const DIALS_MAX: usize = 16;

/// A peer that failed more often in a row, over a minute or more of doubling delays, isn't kept for another run.
pub const KEPT_FAILURES_MAX: u32 = 6;

/// Peers over the target while one is exchanged for another.
pub const REFRESH_EXTRA: usize = 1;

/// Between two refreshes; about Bitcoin Core's `EXTRA_BLOCK_RELAY_ONLY_PEER_INTERVAL`.
const REFRESH_INTERVAL: Duration = Duration::from_secs(300);
/// The same while it may be needed: peers fell silent rather than closed, as they do when a network parts.
const REFRESH_INTERVAL_SILENT: Duration = Duration::from_secs(15);
/// How long it may be needed after a peer fell silent.
const SILENT_TIME: Duration = Duration::from_secs(600);

/// Delays between tries of one address: doubling from the first to the second, each shortened or lengthened by up to
/// a quarter.
const BACKOFF_MIN: Duration = Duration::from_secs(1);
const BACKOFF_MAX: Duration = Duration::from_secs(60);
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
    book: HashMap<PeerId, Entry>,
    dials: HashMap<ConnectionId, (Target, Time)>,
    query_at: Time,
    query_delay: Duration,
    /// The last refresh, or when all slots were first in use; and percent of the interval until the next.
    refreshed: Option<Time>,
    refresh_spread: u64,
    /// Until when peers that fell silent let it be feared that the network has parted.
    silent_until: Time,
    /// The IPs that this node listens on, which tell near addresses from far ones.
    own: Vec<IpAddr>,
    /// Whether a peer was met on the loopback device, where other nodes may be then.
    loopback: bool,
    warnings: Vec<Warning>,
    rng: StdRng,
}

#[derive(Debug, Default)]
struct Entry {
    /// What the peer told itself, and behind it what others told.
    addresses: Vec<Multiaddr>,
    /// How many of them it told itself.
    own: usize,
    retry: Retry,
}

#[derive(Debug, Default)]
struct Retry {
    failures: u32,
    not_before: Time,
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
            book: HashMap::new(),
            dials: HashMap::new(),
            query_at: Time::ZERO,
            query_delay: QUERY_MIN,
            refreshed: None,
            // Nodes that started together don't refresh together.
            refresh_spread: rng.random_range(0..=100),
            silent_until: Time::ZERO,
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
        let fresh = self.dials.values().filter(|(_, since)| now.since(*since) < SLOW_DIAL).count();
        let missing = self.target.saturating_sub(view.outbound());
        let full = missing == 0 && self.target > 0 && !self.reserved_only;
        let extra = if full { self.refresh(now, view, &mut wants) } else { 0 };
        let wanted = missing.saturating_sub(fresh).saturating_add(extra);
        let mut free = wanted.min(DIALS_MAX.saturating_sub(self.dials.len()));
        for (index, fixed) in self.fixed.iter().enumerate() {
            let held = fixed.peer().is_some_and(|peer| view.holds_slot(&peer) || view.is_banned(&peer));
            let dialling = self.dials.values().any(|(target, _)| *target == Target::Fixed(index));
            // Our own id, typed into a list that all nodes have.
            if fixed.typed == Some(self.local)
                || held
                || dialling
                || now < fixed.retry.not_before
                || !(fixed.reserved || missing > 0)
            {
                continue;
            }
            if !fixed.reserved {
                free = free.saturating_sub(1);
            }
            let (address, reserved) = (fixed.address.clone(), fixed.reserved);
            wants.push(Want::Fixed { index, address, peer: fixed.typed, reserved });
        }
        if self.reserved_only || free == 0 && missing == 0 {
            return wants;
        }
        // A peer whose fixed address fails may be reached elsewhere.
        let fixed = self.fixed.iter().filter(|fixed| fixed.retry.failures <= 1).filter_map(Fixed::peer);
        let fixed: Vec<PeerId> = fixed.collect();
        let ready = self.book.iter().filter(|(peer, entry)| {
            entry.retry.not_before <= now
                && !view.holds_slot(peer)
                && !view.is_banned(peer)
                && !fixed.contains(peer)
                && !self.dials.values().any(|(target, _)| *target == Target::Candidate(**peer))
        });
        let mut candidates = 0;
        let picked = ready.inspect(|_| candidates += 1).sample(&mut self.rng, free);
        let picked: Vec<_> = picked.into_iter().map(|(peer, entry)| (*peer, entry.addresses.clone())).collect();
        wants.extend(picked.into_iter().map(|(peer, mut addresses)| {
            addresses::order(&mut addresses, &self.own);
            Want::Candidate { peer, addresses }
        }));
        if candidates < missing.saturating_mul(2) && now >= self.query_at {
            wants.push(Want::Walk);
            let delay = self.jittered(self.query_delay);
            self.query_at = now + delay;
            self.query_delay = self.query_delay.times(2).min(QUERY_MAX);
        }
        wants
    }

    /// With all slots in use: leaves a peer if there is one too many, and tells how many candidates to try besides.
    fn refresh(&mut self, now: Time, view: &impl View, wants: &mut Vec<Want>) -> usize {
        let peers = view.outbound_peers();
        if peers.len() > self.target {
            wants.extend(peers.into_iter().choose(&mut self.rng).map(Want::Leave));
            return 0;
        }
        let every = if now < self.silent_until { REFRESH_INTERVAL_SILENT } else { REFRESH_INTERVAL };
        let last = *self.refreshed.get_or_insert(now);
        if now.since(last) < every.times(self.refresh_spread).divided_by(100) {
            return 0;
        }
        self.refreshed = Some(now);
        self.refresh_spread = self.rng.random_range(75..=125);
        REFRESH_EXTRA
    }

    /// A dial is under way. `None` if none was needed or possible: the target waits for its next turn.
    pub fn dialling(&mut self, target: Target, dial: Option<ConnectionId>, now: Time) {
        match dial {
            Some(id) => {
                self.dials.insert(id, (target, now));
            }
            None => self.put_off(target, now),
        }
    }

    /// A dial led to a connection. Whether that becomes a peer is told by [`Discovery::on_up`].
    pub fn on_established(&mut self, id: ConnectionId, peer: PeerId, now: Time) {
        if let Some((target, _)) = self.dials.remove(&id) {
            if let Target::Fixed(index) = target
                && let Some(fixed) = self.fixed.get_mut(index)
            {
                fixed.found = Some(peer);
                // An earlier trouble stays until this one turns out to be a peer, or not.
                fixed.trouble.get_or_insert(Trouble::NoWordYet);
            }
            // Until it is a peer it counts as one more failure: a connection alone is no success.
            self.put_off(target, now);
        }
    }

    /// A dial failed.
    pub fn on_dial_failed(&mut self, id: ConnectionId, failure: Failure, now: Time) {
        if let Some((target, _)) = self.dials.remove(&id) {
            self.on_refused(target, failure, now);
        }
    }

    /// A target is not dialled, for a cause that is known before.
    pub fn on_refused(&mut self, target: Target, failure: Failure, now: Time) {
        if let Target::Fixed(index) = target
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
        self.put_off(target, now);
    }

    /// A connection became a gossip peer.
    pub fn on_up(&mut self, peer: &PeerId) {
        self.retries(peer).for_each(|retry| *retry = Retry::default());
        let reached = self.fixed.iter_mut().filter(|fixed| fixed.peer().as_ref() == Some(peer));
        reached.for_each(|fixed| fixed.trouble = None);
    }

    /// A peer's slot is free again. `outbound`: we had dialled it.
    pub fn on_down(&mut self, peer: &PeerId, outbound: bool, reason: CloseReason, now: Time) {
        // Only those that we chose: whoever dials us could have us change our peers at will.
        if outbound && reason.is_silence() {
            self.silent_until = now + SILENT_TIME;
        }
        let declined = self.jittered(DECLINED_DELAY);
        let soon = self.jittered(BACKOFF_MIN);
        for retry in self.retries(peer) {
            let unwanted = matches!(reason, CloseReason::Declined | CloseReason::Refreshed);
            let delay = if unwanted { declined } else { soon };
            retry.not_before = retry.not_before.max(now + delay);
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

    /// A peer and addresses at which it says to listen, or others say that it does. What others say comes behind
    /// what it said itself, as far as there is room, and replaces nothing but what others said of a peer that could
    /// not be reached since.
    pub fn learn(
        &mut self,
        peer: PeerId,
        addresses: impl IntoIterator<Item = Multiaddr>,
        told_by: ToldBy,
        now: Time,
    ) {
        if peer == self.local || self.reserved_only {
            return;
        }
        let addresses = addresses.into_iter().filter_map(|address| self.acceptable(address, told_by));
        let addresses = addresses::best(addresses, &self.own, PEER_ADDRESSES_MAX);
        if addresses.is_empty() {
            return;
        }
        if let Some(known) = self.book.get_mut(&peer) {
            known.learn(addresses, told_by);
            return;
        }
        if self.book.len() >= BOOK_PEERS_MAX {
            self.evict();
        }
        let mut entry = Entry::default();
        entry.learn(addresses, told_by);
        self.book.insert(peer, entry);
        self.query_at = self.query_at.min(now + QUERY_AFTER_NEWS);
    }

    /// The peers of the book and what they told of their addresses themselves, for another run: without those that failed
    /// more than [`KEPT_FAILURES_MAX`] times in a row, unless all did, for then it is our own network that fails.
    #[must_use]
    pub fn book(&self) -> Vec<(PeerId, Vec<Multiaddr>)> {
        let told = self.book.iter().filter(|(_, entry)| entry.own > 0);
        let (sound, failed): (Vec<_>, Vec<_>) =
            told.partition(|(_, entry)| entry.retry.failures <= KEPT_FAILURES_MAX);
        let kept = if sound.is_empty() { failed } else { sound };
        let row = |(peer, entry): (&PeerId, &Entry)| Some((*peer, entry.addresses.get(..entry.own)?.to_vec()));
        let mut book: Vec<_> = kept.into_iter().filter_map(row).collect();
        book.sort_unstable_by_key(|(peer, _)| *peer);
        book
    }

    /// Peers in the book.
    #[must_use]
    pub fn known(&self) -> usize {
        self.book.len()
    }

    /// The worst of a few random entries makes room, so that no flood of names pushes out all good ones.
    fn evict(&mut self) {
        let sample = self.book.iter().sample(&mut self.rng, 8);
        if let Some(worst) =
            sample.into_iter().max_by_key(|(_, entry)| entry.retry.failures).map(|(peer, _)| *peer)
        {
            self.book.remove(&worst);
        }
    }

    fn put_off(&mut self, target: Target, now: Time) {
        let spread = self.rng.random_range(75..=125);
        let retry = match target {
            Target::Fixed(index) => self.fixed.get_mut(index).map(|fixed| &mut fixed.retry),
            Target::Candidate(peer) => self.book.get_mut(&peer).map(|entry| &mut entry.retry),
        };
        if let Some(retry) = retry {
            let delay = BACKOFF_MIN.times(1 << retry.failures.min(6)).min(BACKOFF_MAX);
            retry.failures = retry.failures.saturating_add(1);
            retry.not_before = now + delay.times(spread).divided_by(100);
        }
    }

    fn retries(&mut self, peer: &PeerId) -> impl Iterator<Item = &mut Retry> {
        let fixed = self.fixed.iter_mut().filter(|fixed| fixed.peer().as_ref() == Some(peer));
        fixed.map(|fixed| &mut fixed.retry).chain(self.book.get_mut(peer).map(|entry| &mut entry.retry))
    }

    fn jittered(&mut self, delay: Duration) -> Duration {
        delay.times(self.rng.random_range(75..=125)).divided_by(100)
    }
}

impl Entry {
    fn learn(&mut self, addresses: Vec<Multiaddr>, told_by: ToldBy) {
        match told_by {
            ToldBy::Itself => {
                let of_others = self.addresses.split_off(self.own);
                self.addresses.clear();
                self.append(addresses);
                self.own = self.addresses.len();
                self.append(of_others);
            }
            ToldBy::Others => {
                if self.retry.failures > 0 {
                    self.addresses.truncate(self.own);
                }
                self.append(addresses);
            }
        }
    }

    fn append(&mut self, addresses: Vec<Multiaddr>) {
        for address in addresses {
            if self.addresses.len() < PEER_ADDRESSES_MAX && !self.addresses.contains(&address) {
                self.addresses.push(address);
            }
        }
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
