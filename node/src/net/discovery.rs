//! Decides which addresses to dial. It only decides: the service asks it, dials, and reports the result.
//!
//! Fixed addresses (bootstrap, reserved) are retried forever. Each has its own jittered backoff, so that a dead
//! one delays no other. **An address is an attempt, not a fact.** A peer id is demanded from the node at an
//! address only if the operator typed it with the address. A peer id that was learned from an answer has one use:
//! the address needs no second dial while that peer holds a slot. It is forgotten when the connection ends, a dial
//! fails or another peer answers. A dial that led to this very node has failed. The address is tried again like
//! any other, because a name may lead elsewhere the next time.
//!
//! Other candidates come from Kademlia and identify into the [address book](crate::net::discovery::book). They
//! have IP addresses only, because only the operator may give names. One outbound slot is enough for an address
//! group, except in private networks and for addresses that the operator gave. So a party with addresses in few
//! groups gets few of the slots, no matter how many names it uses. If the network itself has fewer groups than
//! there are slots, a group may have more (`crowd.rs`). The peers that held outbound slots longest when the last
//! run ended, the *anchors*, are dialled first. The other changes while all slots are in use are in
//! `exchange.rs`. No sockets, no clock.

use std::collections::{BTreeMap, HashMap, VecDeque};
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use protocol::time::{Duration, Time};
use rand::rngs::StdRng;
use rand::{RngExt as _, SeedableRng as _};

use crate::net::addresses::{self, dialable, ip_of, relay_of, split_peer};

pub mod added;
pub(crate) mod announce;
pub mod book;
mod crowd;
mod exchange;
mod fixed;
pub mod kademlia;
mod outcomes;
pub mod own_key;
mod poll;
mod usable;
mod want;

pub use added::ADDED_PEERS_MAX;
use book::{BACKOFF_MIN, Book, Group, Kept, PEER_ADDRESSES_MAX, Pick, Retry, Standing};
pub use crowd::CROWD_AFTER;
use exchange::Exchange;
pub use exchange::{
    EXCHANGE_INTERVAL, EXTRA_AGAIN, EXTRA_INTERVAL, EXTRA_INTERVAL_SILENT, FEELER_INTERVAL, REFRESH_EXTRA,
    SETTLE_TIME, SILENT_TIME, WALK_INTERVAL,
};
use fixed::Fixed;
pub use fixed::{Failure, Trouble, Warning};
pub use want::{Target, ToldBy, View, Want};

/// Dials under way for gossip slots, slow ones included.
pub const DIALS_MAX: usize = 16;

/// Peers of one group that are tried in a row until one has a slot for us. Of ten honest peers seven are expected
/// to have one, so five in a row without one happen once in 400 times.
pub const GROUP_TRIES: u8 = 5;

/// Peers that are dialled first in the next run. Bitcoin Core's `MAX_BLOCK_RELAY_ONLY_ANCHORS`.
pub const ANCHORS: usize = 2;

/// A peer that failed more often than this in a row is not kept for another run. The doubling delays between so
/// many failures take a minute or more.
pub const KEPT_FAILURES_MAX: u32 = 6;

/// A peer that had no slot for us is asked again after this time.
const DECLINED_DELAY: Duration = Duration::from_secs(60);
/// A dial that takes longer than this no longer counts for a slot: another candidate is tried beside it.
const SLOW_DIAL: Duration = Duration::from_secs(2);
/// Delays between random walks while peers are missing. They double from the first to the second.
const QUERY_MIN: Duration = Duration::from_millis(500);
const QUERY_MAX: Duration = Duration::from_secs(30);
/// After news of a new peer the next walk comes within this time.
const QUERY_AFTER_NEWS: Duration = Duration::from_secs(2);

/// The state.
#[derive(Debug)]
pub struct Discovery {
    local: PeerId,
    target: usize,
    reserved_only: bool,
    fixed: Vec<Fixed>,
    /// Places among these for addresses that the owner added.
    added: usize,
    book: Book,
    /// The dials that the last answer wanted, each with its number of tries in a row; and how many slots one group
    /// may have.
    picked: Vec<(Pick, u8)>,
    per_group: usize,
    /// Since when slots are missing.
    missing_since: Option<Time>,
    /// When all slots were in use for the first time.
    full_since: Option<Time>,
    /// The time until which the run settles. Counted from when all slots were first in use.
    settling_until: Option<Time>,
    dials: HashMap<ConnectionId, Dial>,
    /// Groups in which a pick failed, and how often in a row. Another peer of the group is tried first.
    owed: VecDeque<(Group, u8)>,
    /// Candidates that answered and are no peers yet, with the groups for which they were picked;
    /// [`DIALS_MAX`] at most.
    answered: BTreeMap<PeerId, (Vec<Group>, u8)>,
    /// Since when each peer holds an outbound slot.
    held: BTreeMap<PeerId, Time>,
    /// The anchors of the last run, and those that are still to be dialled.
    anchors: Vec<PeerId>,
    anchors_due: Vec<PeerId>,
    query_at: Time,
    query_delay: Duration,
    exchange: Exchange,
    /// The IPs that this node listens on. They tell near addresses from far ones.
    own: Vec<IpAddr>,
    /// Whether a peer was met on the loopback device. If so, other nodes may be there as well.
    loopback: bool,
    warnings: Vec<Warning>,
    rng: StdRng,
}

/// A dial under way.
#[derive(Debug)]
struct Dial {
    target: Target,
    since: Time,
    /// The entry of the book that it tries, and the groups that are kept free for it.
    tries: Option<book::Entry>,
    groups: Vec<Group>,
    /// Which try in a row for its group this is, counted from 1; 0 if it was not picked for a group.
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
            // Our own id was typed, in a list that all nodes have. It is never dialled.
            let trouble = (typed == Some(local)).then_some(Trouble::Ourselves);
            let retry = Retry::default();
            Fixed {
                address,
                typed,
                found: None,
                reserved,
                kept: false,
                removed: false,
                retry,
                trouble,
                warned: None,
            }
        });
        Self {
            local,
            target,
            reserved_only,
            fixed: fixed.collect(),
            added: 0,
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

    /// From now on the node listens on these IPs.
    pub fn set_own(&mut self, ips: Vec<IpAddr>) {
        self.own = ips;
    }

    /// A peer is connected through the loopback device.
    pub const fn on_loopback_peer(&mut self) {
        self.loopback = true;
    }

    /// What is to be done now.
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

    /// Whether the run still draws new peers. It does not if its book knew most groups when all
    /// slots were first in use.
    fn is_settling(&mut self, now: Time) -> bool {
        let book = &self.book;
        let until = *self
            .settling_until
            .get_or_insert_with(|| if book.knows_most_groups(self.target) { now } else { now + SETTLE_TIME });
        now < until
    }

    /// How many slots one group may have, including the candidate that was wanted last.
    #[must_use]
    pub const fn per_group(&self) -> usize {
        self.per_group
    }

    /// No dial was needed: a connection to the target existed, and has a slot now. This
    /// tests no entry of the book.
    pub fn not_needed(&mut self, target: Target, now: Time) {
        if matches!(target, Target::Fixed(_)) {
            self.dialling(target, None, now);
        }
    }

    /// A dial is under way. `None` if no dial was possible: the target waits for its next turn.
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

    /// The fixed addresses that lead to no peer now, and the result of the last try; `None` before the first try
    /// has ended. Reserved ones come first.
    pub fn troubles(&self) -> impl Iterator<Item = (&Multiaddr, Option<&Trouble>)> {
        let fixed = self.fixed.iter().filter(|fixed| !fixed.removed);
        fixed.map(|fixed| (&fixed.address, fixed.trouble.as_ref()))
    }

    /// An address that a peer told, in the form in which it is kept, if it may lead to another node. A loopback
    /// address may if this node has only the loopback device, or met a peer there. The peer's own claim of a
    /// loopback address counts only if the peer is connected that way. Of the loopback addresses, one of each IP
    /// version is accepted, and those that we listen on. The others of 127.0.0.0/8 lead to our own listeners as
    /// well, under a name that we do not know.
    #[must_use]
    pub fn acceptable(&self, address: Multiaddr, told_by: ToldBy) -> Option<Multiaddr> {
        let address = dialable(address).filter(|address| !self.relays(address))?;
        let Some(ip) = ip_of(&address).filter(IpAddr::is_loopback) else { return Some(address) };
        let only = !self.own.is_empty() && self.own.iter().all(IpAddr::is_loopback);
        let believed = told_by == ToldBy::Itself || only || self.loopback;
        let known = ip == Ipv4Addr::LOCALHOST || ip == Ipv6Addr::LOCALHOST || self.own.contains(&ip);
        (believed && known).then_some(address)
    }

    /// Whether this node itself is the relay of an address.
    fn relays(&self, address: &Multiaddr) -> bool {
        relay_of(address).is_some_and(|(_, relay)| relay == self.local)
    }

    /// Learns a peer and addresses at which it is said to listen, by itself or by others. `source` is where this
    /// was said, by [`Discovery::group`].
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

    /// The group of an address from which something is told.
    #[must_use]
    pub fn group(&self, address: &Multiaddr) -> Group {
        self.book.group(address)
    }

    /// Restores what an earlier run kept.
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

    /// What is worth keeping for another run, at most `most` peers. Peers that failed more than
    /// [`KEPT_FAILURES_MAX`] times in a row are omitted, unless all did, because then our own network fails.
    #[must_use]
    pub fn kept(&self, most: usize) -> Vec<Kept> {
        self.book.kept(&self.anchors(), KEPT_FAILURES_MAX.saturating_add(1), most)
    }

    /// The peers that have held outbound slots longest, of those that the book led to. While fewer peers hold
    /// slots than are wanted, the last run's anchors keep their place: a run that meets no peer forgets no anchor.
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

    /// The address book, for questions.
    #[must_use]
    pub const fn book(&self) -> &Book {
        &self.book
    }

    /// Peers in the book.
    #[must_use]
    pub fn known(&self) -> usize {
        self.book.len()
    }

    fn jittered(&mut self, delay: Duration) -> Duration {
        delay.times(self.rng.random_range(75..=125)).divided_by(100)
    }
}
