//! Whether others can dial this node, and which relays it should have therefore. Pure: no sockets and no clock, and
//! chance follows a seed.
//!
//! Rules:
//!
//! 1. **The verdict.** The operator's word wins. Otherwise the node is reachable if the last test of at least one
//!    address worked. It is unreachable if addresses were tested and none of the last tests worked. Before the first
//!    test nothing is known. A peer can claim that a test failed, but not that it worked. So the worst that a liar
//!    gets is that a reachable node takes a relay as well, and goes on listening.
//! 2. **Relays.** An unreachable node wants [`RESERVATIONS_WANTED`] reservations. Relays that the operator gave come
//!    first. Others are those that this node dialled, directly, and that say that they are relays. Of these one is
//!    drawn at random, and no two are in one address group: the owner of a group should not be the only way to a node.
//! 3. **Retries.** A relay that refuses, or is lost, is asked again after a delay that doubles up to a minute, as for
//!    every address.
//! 4. **A reservation stays** until its relay or its connection ends, whatever the verdict becomes. To give one back
//!    while an answer is under way would end the program (libp2p-relay 0.22), and it costs the relay little.
//!
//! Deliberately absent: the tests themselves (`tests.rs`), and listening at a relay (`service/network/reach.rs`).

use std::fmt;

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use protocol::time::Time;
use rand::rngs::StdRng;
use rand::seq::IteratorRandom as _;
use rand::{RngExt as _, SeedableRng as _};

use crate::config::reach::Reachability;
use crate::net::addresses::split_peer;
use crate::net::discovery::book::{Retry, slot_group};

/// Reservations that an unreachable node wants. If one relay ends, the other is still there.
pub const RESERVATIONS_WANTED: usize = 2;
/// Relays that were found and are remembered, beside those that the operator gave. Each is a peer that was dialled.
pub const OFFERED_MAX: usize = 16;
/// Addresses whose last test is remembered. The bound of those that are tested at a time is 8 (`tests.rs`).
pub const TESTED_MAX: usize = 16;
/// Bytes of a reason that are kept: some come from a library, and contain what a peer sent.
const REASON_BYTES_MAX: usize = 200;

/// Whether others can dial this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Nobody has tried.
    Unknown,
    /// They can.
    Reachable,
    /// They cannot.
    Unreachable,
}

impl fmt::Display for Verdict {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Unknown => "unknown",
            Self::Reachable => "reachable",
            Self::Unreachable => "unreachable",
        })
    }
}

/// The last test of an address.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Test {
    /// The address.
    pub address: Multiaddr,
    /// The peer that tried.
    pub by: PeerId,
    /// When it told the result.
    pub at: Time,
    /// Why it failed; `None` if it worked.
    pub failure: Option<String>,
}

/// What is going on with a relay.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Stage {
    /// Nothing.
    Idle,
    /// It was asked for a reservation.
    Asked,
    /// This node has a reservation there.
    Held,
}

/// A relay that this node may use.
#[derive(Clone, Debug)]
pub struct Relay {
    /// Its id.
    pub peer: PeerId,
    /// Its address, without the id.
    pub address: Multiaddr,
    /// Whether the operator gave it.
    pub given: bool,
    /// What is going on with it.
    pub stage: Stage,
    /// Why the last try failed, or why the last reservation ended.
    pub trouble: Option<String>,
    retry: Retry,
}

impl Relay {
    fn new(peer: PeerId, address: Multiaddr, given: bool) -> Self {
        Self { peer, address, given, stage: Stage::Idle, trouble: None, retry: Retry::default() }
    }

    /// The address at which this node listens when it has a reservation, without the node's own id.
    #[must_use]
    pub fn circuit(&self) -> Multiaddr {
        self.address.clone().with(Protocol::P2p(self.peer)).with(Protocol::P2pCircuit)
    }
}

/// The state.
#[derive(Debug)]
pub struct Judge {
    setting: Reachability,
    tests: Vec<Test>,
    relays: Vec<Relay>,
    rng: StdRng,
}

impl Judge {
    /// Nothing is known but what the operator says. Relays without an id are left out: the command line refuses them.
    #[must_use]
    pub fn new(setting: Reachability, given: &[Multiaddr], seed: [u8; 32]) -> Self {
        let relay = |given: &Multiaddr| {
            let (address, peer) = split_peer(given);
            Some(Relay::new(peer?, address, true))
        };
        let relays = given.iter().filter_map(relay).collect();
        Self { setting, tests: Vec::new(), relays, rng: StdRng::from_seed(seed) }
    }

    /// A peer has tried to dial this node at an address.
    pub fn on_test(&mut self, test: Test) {
        let failure = test.failure.map(cut);
        let test = Test { failure, ..test };
        if let Some(known) = self.tests.iter_mut().find(|known| known.address == test.address) {
            *known = test;
            return;
        }
        if self.tests.len() >= TESTED_MAX {
            self.tests.remove(0);
        }
        self.tests.push(test);
    }

    /// A peer that this node dialled directly, at this address, says that it is a relay.
    pub fn on_offer(&mut self, peer: PeerId, address: Multiaddr) {
        if self.relays.iter().any(|relay| relay.peer == peer) {
            return;
        }
        if self.relays.iter().filter(|relay| !relay.given).count() >= OFFERED_MAX {
            let failed = |relay: &Relay| !relay.given && relay.stage == Stage::Idle && relay.retry.failures > 0;
            let Some(worst) = self.relays.iter().position(failed) else { return };
            self.relays.remove(worst);
        }
        self.relays.push(Relay::new(peer, address, false));
    }

    /// The relays that are to be asked for a reservation now. They count as asked.
    pub fn poll(&mut self, now: Time) -> Vec<Relay> {
        let mut wanted = Vec::new();
        if self.verdict() != Verdict::Unreachable {
            return wanted;
        }
        while self.relays.iter().filter(|relay| relay.stage != Stage::Idle).count() < RESERVATIONS_WANTED {
            let Some(relay) = self.next(now).and_then(|next| self.relays.get_mut(next)) else { break };
            relay.stage = Stage::Asked;
            wanted.push(relay.clone());
        }
        wanted
    }

    /// This node has a reservation at the relay.
    pub fn on_held(&mut self, peer: &PeerId) {
        if let Some(relay) = self.relay(peer) {
            (relay.stage, relay.trouble, relay.retry) = (Stage::Held, None, Retry::default());
        }
    }

    /// The relay gave no reservation, or the reservation has ended.
    pub fn on_lost(&mut self, peer: &PeerId, why: String, now: Time) {
        let spread = self.rng.random_range(75..=125);
        if let Some(relay) = self.relay(peer) {
            (relay.stage, relay.trouble) = (Stage::Idle, Some(cut(why)));
            relay.retry.put_off(now, spread);
        }
    }

    /// Whether others can dial this node.
    #[must_use]
    pub fn verdict(&self) -> Verdict {
        match self.setting {
            Reachability::Public => Verdict::Reachable,
            Reachability::Private => Verdict::Unreachable,
            Reachability::Auto if self.tests.iter().any(|test| test.failure.is_none()) => Verdict::Reachable,
            Reachability::Auto if self.tests.is_empty() => Verdict::Unknown,
            Reachability::Auto => Verdict::Unreachable,
        }
    }

    /// Whether the operator has said so, and nobody is asked.
    #[must_use]
    pub fn is_told(&self) -> bool {
        self.setting != Reachability::Auto
    }

    /// The last test of each address.
    #[must_use]
    pub fn tests(&self) -> &[Test] {
        &self.tests
    }

    /// All relays that are known.
    #[must_use]
    pub fn relays(&self) -> &[Relay] {
        &self.relays
    }

    fn relay(&mut self, peer: &PeerId) -> Option<&mut Relay> {
        self.relays.iter_mut().find(|relay| relay.peer == *peer)
    }

    /// The place of the relay that is to be asked next.
    fn next(&mut self, now: Time) -> Option<usize> {
        let groups: Vec<_> = self
            .relays
            .iter()
            .filter(|relay| relay.stage != Stage::Idle)
            .filter_map(|relay| slot_group(&relay.address))
            .collect();
        let due = |relay: &Relay| relay.stage == Stage::Idle && now >= relay.retry.not_before;
        let elsewhere = |relay: &Relay| slot_group(&relay.address).is_none_or(|group| !groups.contains(&group));
        let given = self.relays.iter().position(|relay| relay.given && due(relay));
        let all = self.relays.iter().enumerate();
        let offered = all.filter(|(_, relay)| !relay.given && due(relay) && elsewhere(relay)).map(|(at, _)| at);
        given.or_else(|| offered.choose(&mut self.rng))
    }
}

fn cut(text: String) -> String {
    text.chars().filter(|letter| !letter.is_control()).take(REASON_BYTES_MAX).collect()
}
