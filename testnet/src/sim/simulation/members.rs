//! Members in the simulator: every node has a key, runs the membership machine in its engine, and answers pings and
//! short dials.
//!
//! * **Pings and dials** are not messages of the engine, so they are simulated here. They obey the same cuts,
//!   partitions, pauses and loss as the messages. TCP repeats what is lost, so a loss delays a ping or a dial
//!   (`passage.rs`).
//! * **Statements** are really signed. A record is in memory once, whichever number of nodes knows it.
//! * **The ledger** notes who learns what, and when (`sim/members/ledger.rs`). The report is made from it.
//!
//! Without a plan (`sim/members/plan.rs`) nothing of this exists, and a run is as it would be without this file.
//! Deliberately absent: any rule about members. `protocol` has them.

mod carry;
mod judge;
mod passage;
mod pause;
mod places;

use std::collections::HashMap;

use protocol::gossip::Gossip;
use protocol::gossip::members::{Identity, Reach};
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::member::{Instance, Statement};
use protocol::time::Time;
use protocol::wire::message::VERSION;

use self::passage::Passages;
use self::places::Told;
use super::Simulation;
use crate::random::Seed;
use crate::random::keys::node_key;
use crate::sim::members::ledger::Ledger;
use crate::sim::members::lies::Lies;
use crate::sim::members::{Start, address};

pub(in crate::sim) use self::carry::Later;
use self::pause::Waiting;

/// What the world has for its members.
#[derive(Debug)]
pub(in crate::sim::simulation) struct World {
    start: Start,
    seed: Seed,
    secrets: Vec<SecretKey>,
    keys: Vec<PublicKey>,
    numbers: HashMap<PublicKey, usize>,
    /// What each node keeps for its later runs: its record and its entries.
    kept: Vec<Vec<Statement>>,
    waiting: Waiting,
    passages: Passages,
    told: Told,
    /// The member that a liar asks the node at work to try.
    asked: Option<PublicKey>,
    pub(in crate::sim::simulation) ledger: Ledger,
}

/// The program that members name in their records.
const AGENT: &str = concat!("testnet/", env!("CARGO_PKG_VERSION"));

impl World {
    /// The members of `nodes` nodes. Figures of traffic count from `load_from` to `load_to`.
    pub(in crate::sim::simulation) fn new(start: Start, nodes: usize, seed: Seed, load: (Time, Time)) -> Self {
        let secrets: Vec<SecretKey> = (0..nodes).map(|node| node_key(seed, node)).collect();
        let keys: Vec<PublicKey> = secrets.iter().map(SecretKey::public).collect();
        let mut ledger = Ledger::new(nodes, load);
        ledger.lies = start.lying.as_ref().map(|lying| Lies::new(lying, nodes, load));
        Self {
            numbers: keys.iter().enumerate().map(|(node, key)| (*key, node)).collect(),
            kept: vec![Vec::new(); nodes],
            waiting: Waiting::new(nodes),
            passages: Passages::new(seed),
            told: Told::default(),
            asked: None,
            ledger,
            start,
            seed,
            secrets,
            keys,
        }
    }

    /// Whether a node is there at the beginning.
    pub(in crate::sim::simulation) fn begins(&self, node: usize) -> bool {
        !self.start.late.contains(&node)
    }

    pub(in crate::sim::simulation) fn key(&self, node: usize) -> Option<PublicKey> {
        self.keys.get(node).copied()
    }

    /// The node with this key.
    fn number(&self, key: &PublicKey) -> Option<usize> {
        self.numbers.get(key).copied()
    }

    /// The engine of a node that starts for this time, as a member. `clocks` is what its clock and its wall clock show.
    pub(in crate::sim::simulation) fn joined(
        &mut self,
        node: usize,
        run: u32,
        engine: Gossip,
        clocks: (Time, u64),
    ) -> Gossip {
        let mut draws = self.seed.draws(&format!("instance {node} {run}"));
        let mut instance = [0; 8];
        instance.copy_from_slice(&draws.bytes(8));
        let identity = Identity {
            key: self.keys[node],
            instance: Instance(instance),
            version: VERSION as u32,
            agent: AGENT.to_owned(),
            reach: Reach::Addresses(vec![address(node)]),
            kept: self.kept[node].clone(),
        };
        let engine = engine.with_members(self.start.config, identity, clocks.0, clocks.1);
        engine.with_push_pull_mode(self.start.digest)
    }

    /// Keeps a statement for later runs, in place of an earlier one of its kind.
    fn keep(&mut self, node: usize, statement: Statement) {
        let kind = std::mem::discriminant(&statement);
        self.kept[node].retain(|kept| std::mem::discriminant(kept) != kind);
        self.kept[node].push(statement);
    }
}

impl Simulation {
    /// A node has started.
    pub(in crate::sim::simulation) fn member_started(&mut self, node: usize) {
        if let Some(world) = self.members.as_mut() {
            world.ledger.started(node, self.now);
            self.arm(node);
        }
    }

    /// A node has crashed.
    pub(in crate::sim::simulation) fn member_crashed(&mut self, node: usize) {
        if let Some(world) = self.members.as_mut() {
            world.waiting.drop(node);
            world.ledger.crashed(node, self.now);
        }
    }
}
