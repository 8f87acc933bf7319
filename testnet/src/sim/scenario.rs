//! A scenario: everything that defines a simulation, except the seed, as one value that a TOML file holds. A key
//! that the file leaves out has the command line's default. [`Draft`] combines a file, flags and a sweep's values.
//!
//! Deliberately absent: running it (`super::runner`).

mod draft;
mod keys;

use std::time::Duration;

use anyhow::{Context as _, bail};
use protocol::gossip::{Digest, Reconciliation, RelayPolicy};
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::limits::BLOCK_BYTES_MAX;
use protocol::time;
use serde::{Deserialize, Serialize};

pub use draft::{Draft, ScenarioError};

use super::adversary::{AdversaryPlan, Kind};
use super::fault::{Fault, FaultPlan, Schedule};
use super::link::LinkModel;
use super::members::Start;
use super::members::liars::{About, Kinds};
use super::members::plan::{MembersPlan, Portion, RIVAL, Watcher};
use super::simulation::{EPOCH_MS, NodeSetup, Parted, Room, SETTLE, Setup};
use crate::random::Seed;
use crate::random::keys::node_key;
use crate::text;
use crate::topology::{NODES_DEFAULT, Topology};
use crate::wan::{Bandwidth, Delays, Halves, Jitter, Partition, Wan};
use crate::workload::items::BlockMaker;
use crate::workload::{Load, Workload, WorkloadError};

/// The most nodes of a simulation: a delivery is noted in 32 bits, of which 31 name a node. Memory is the limit long
/// before that (`runner::memory`).
pub const SIMULATED_NODES_MAX: usize = (1 << 31) - 1;

/// The time of one signature check: the middle of the 50 to 90 µs that a usual core needs for one Ed25519
/// signature alone.
pub const CHECK: Duration = Duration::from_micros(75);

/// If some nodes break the rules, an honest producer makes the last block, this long after the load, when
/// everything has spread.
const LAST_WORD: Duration = Duration::from_secs(20);

/// Everything that defines a simulation, except the seed.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// Number of nodes; `None` for the number in a topology file, or otherwise [`NODES_DEFAULT`].
    #[serde(skip_serializing_if = "Option::is_none")]
    pub nodes: Option<usize>,
    /// Which node is connected to which.
    pub topology: Topology,
    /// How nodes relay, as `--relay` spells it.
    pub relay: String,
    /// How often nodes reconcile; zero means never.
    #[serde(with = "text::time")]
    pub reconcile_interval: Duration,
    /// The direction, as `--reconcile-digest` spells it.
    pub reconcile_digest: String,
    /// How far apart nodes are.
    pub wan: Wan,
    /// By how much the delays vary.
    pub jitter: Jitter,
    /// How fast each node sends and receives.
    pub bandwidth: Bandwidth,
    /// The number of address groups of the nodes, drawn evenly. By default each node has its own group.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub groups: Option<usize>,
    /// When the network falls into two halves, and for how long. It must heal before the load ends.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub partition: Option<Partition>,
    /// The spread of transactions is reported in multiples of this time, such as the interval at which nodes
    /// reconcile.
    #[serde(skip_serializing_if = "Option::is_none", with = "text::some_time")]
    pub interval: Option<Duration>,
    /// How long the run goes on after the load, if anything still happens.
    #[serde(with = "text::time")]
    pub drain: Duration,
    /// The time of one signature check.
    #[serde(with = "text::time")]
    pub check: Duration,
    /// The additional time that a node needs for each message.
    #[serde(with = "text::time")]
    pub processing: Duration,
    /// Bytes of each node's mempool, if there should be fewer than the protocol's, so that it fills.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mempool_bytes: Option<usize>,
    /// Headers of each node's tree, for the same purpose.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub headers: Option<usize>,
    /// The load.
    pub workload: Load,
    /// The faults.
    pub faults: FaultPlan,
    /// The adversaries.
    pub adversaries: AdversaryPlan,
    /// What members do, if nodes watch each other.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members: Option<MembersPlan>,
}

impl Default for Scenario {
    fn default() -> Self {
        Self {
            name: "unnamed".to_owned(),
            nodes: None,
            topology: Topology::Regular(8),
            relay: RelayPolicy::default().to_string(),
            reconcile_interval: Duration::from_secs(1),
            reconcile_digest: Digest::default().to_string(),
            wan: Wan::Regions,
            jitter: Jitter::new(0.1).unwrap_or_default(),
            bandwidth: Bandwidth::UNLIMITED,
            groups: None,
            partition: None,
            interval: None,
            drain: Duration::from_secs(10),
            check: CHECK,
            processing: Duration::ZERO,
            mempool_bytes: None,
            headers: None,
            workload: Load::default(),
            faults: FaultPlan::default(),
            adversaries: AdversaryPlan::default(),
            members: None,
        }
    }
}

impl Scenario {
    /// Draws and checks everything: a simulation before it begins, without checkers.
    ///
    /// # Errors
    /// Says which settings contradict each other or are impossible.
    pub fn setup(&self, seed: Seed) -> anyhow::Result<Setup> {
        self.setup_on(format!("testnet-{}", seed.0).parse()?, BLOCK_BYTES_MAX, seed)
    }

    /// The same on a network with this name, with mempool blocks of up to `block_bytes_max`.
    ///
    /// # Errors
    /// As [`Scenario::setup`].
    pub fn setup_on(&self, network: NetworkId, block_bytes_max: usize, seed: Seed) -> anyhow::Result<Setup> {
        match self.workload.check() {
            // Members have enough to say.
            Err(WorkloadError::Nothing) if self.members.is_some() => {}
            checked => checked?,
        }
        if let Some(nodes) = self.nodes.filter(|nodes| !(1..=SIMULATED_NODES_MAX).contains(nodes)) {
            bail!("nodes is {nodes}: 1 to {SIMULATED_NODES_MAX} are wanted");
        }
        let graph = self.topology.graph(self.nodes, NODES_DEFAULT, seed)?;
        let nodes = graph.nodes();
        let delays = Delays::new(&self.wan, nodes, seed)?;
        let load = &self.workload;
        let workload = Workload::new(load, nodes, &network, seed).context("--tx-bytes")?;
        let producers = load.producer_nodes(nodes, seed);
        let kinds = self.adversaries.kinds(nodes, &producers, seed).context("adversaries")?;
        let graph = self.adversaries.widened(graph, &kinds, seed);
        self.faults.check().context("faults")?;
        let (mut schedule, drawn) = self.faults.draw(&graph, load.duration().into(), &producers, seed);
        let mut setups: Vec<NodeSetup> = drawn.into_iter().map(NodeSetup::from).collect();
        schedule.extend(self.kills(nodes, &producers, seed)?);
        let partition = self.parted(nodes, seed)?;
        schedule.extend(partition.iter().map(|parted| {
            let until = time::Time::ZERO + parted.to;
            (time::Time::ZERO + parted.from, Fault::Part { halves: parted.halves.clone(), until })
        }));
        let taken: Vec<usize> =
            (0..nodes).filter(|node| kinds[*node].is_some()).chain(producers.clone()).collect();
        let members = self.watched(nodes, &taken, &mut schedule, seed)?;
        schedule.sort_by_key(|(at, _)| *at);
        let adversaries = self.adversaries.made(&kinds, &network, seed);
        let mut draws = seed.draws("address groups");
        for (setup, adversary) in setups.iter_mut().zip(adversaries) {
            setup.group = self.groups.map(|groups| draws.below(groups) as u64);
            setup.adversary = adversary;
            setup.slowness = setup.slowness + time::Duration::from(self.processing);
        }
        self.let_lie(members.as_ref(), &mut setups, &network, seed);
        Ok(Setup {
            relay: self.policy(nodes)?,
            reconciliation: self.reconciliation()?,
            links: LinkModel { jitter: self.jitter, bandwidth: self.bandwidth },
            settle: self.members.as_ref().map_or(SETTLE, |plan| plan.settle.into()),
            load: load.duration().into(),
            members,
            blocks: self.blocks(&producers, &kinds, seed),
            makers: self.makers(&producers, &network, seed)?,
            block_bytes_max,
            drain: self.drain.into(),
            room: Room { mempool_bytes: self.mempool_bytes, headers: self.headers },
            check: self.check.into(),
            schedule,
            partition,
            nodes: setups,
            checkers: Vec::new(),
            recorded: false,
            graph,
            delays,
            network,
            seed,
            workload,
        })
    }

    /// How nodes reconcile.
    ///
    /// # Errors
    /// If the digest is not spelled correctly.
    pub fn reconciliation(&self) -> anyhow::Result<Reconciliation> {
        let digest = self.reconcile_digest.parse();
        let digest = digest.with_context(|| format!("reconcile_digest is {:?}", self.reconcile_digest))?;
        Ok(Reconciliation { interval: self.reconcile_interval.into(), digest })
    }

    /// The relay policy for this number of nodes.
    ///
    /// # Errors
    /// If it is not spelled correctly.
    pub fn policy(&self, nodes: usize) -> anyhow::Result<RelayPolicy> {
        let nodes = u32::try_from(nodes).unwrap_or(u32::MAX);
        RelayPolicy::parse(&self.relay, nodes).with_context(|| format!("relay is {:?}", self.relay))
    }

    /// The times and producers of the blocks. If some producers break the rules, an honest one makes one more
    /// block, after all others, because nobody can promise that all nodes prefer the same of several blocks at one
    /// height.
    fn blocks(&self, producers: &[usize], kinds: &[Option<Kind>], seed: Seed) -> Vec<(time::Duration, usize)> {
        let block = |index: u64| {
            let (due, producer) = self.workload.block_at(u32::try_from(index).ok()?, seed)?;
            Some((due.into(), *producers.get(producer.checked_rem(producers.len())?)?))
        };
        let mut blocks: Vec<_> = (0..self.workload.blocks()).map_while(block).collect();
        let kind = |node: usize| kinds.get(node).copied().flatten();
        let honest = producers.iter().find(|&&node| kind(node).is_none());
        if producers.iter().any(|&node| kind(node).is_some()) {
            let last: time::Duration = (self.workload.duration() + LAST_WORD).into();
            blocks.extend(honest.map(|&node| (last, node)));
        }
        blocks
    }

    fn makers(
        &self,
        producers: &[usize],
        network: &NetworkId,
        seed: Seed,
    ) -> anyhow::Result<Vec<(usize, BlockMaker)>> {
        let Some(bytes) = self.workload.block_bytes else { return Ok(Vec::new()) };
        if self.workload.block_interval.is_none() {
            bail!("--block-bytes needs a --block-interval");
        }
        let maker = |&node: &usize| {
            let author = SecretKey::from_seed(&seed.bytes(&format!("block author {node}")));
            let draws = seed.draws(&format!("blocks {node}"));
            let tx_bytes = self.workload.tx_bytes;
            BlockMaker::new(node_key(seed, node), author, network.clone(), bytes, tx_bytes, draws)
                .context("--block-bytes")
                .map(|maker| (node, maker))
        };
        producers.iter().map(maker).collect()
    }

    /// Makes liars of the nodes that are to lie about members.
    fn let_lie(&self, members: Option<&Start>, setups: &mut [NodeSetup], network: &NetworkId, seed: Seed) {
        let Some(plan) = &self.members else { return };
        let Some(lying) = members.and_then(|start| start.lying.as_ref()) else { return };
        let from = time::Time::ZERO + plan.settle.into();
        let nodes = setups.len();
        let about = About { network: network.clone(), seed, from, epoch_ms: EPOCH_MS, nodes };
        for (place, (liar, made)) in lying.liars.iter().zip(lying.made(&about)).enumerate() {
            let setup = &mut setups[liar.node];
            setup.adversary = Some(made);
            if let Some(groups) = plan.liars_groups {
                // No honest node has one of these.
                setup.group = Some((nodes + place % groups.max(1)) as u64);
            }
        }
    }

    /// The members, and what is done to them, in addition to the schedule. Nodes in `taken` are left alone.
    fn watched(
        &self,
        nodes: usize,
        taken: &[usize],
        schedule: &mut Schedule,
        seed: Seed,
    ) -> anyhow::Result<Option<Start>> {
        let Some(plan) = &self.members else { return Ok(None) };
        if plan.detector == Watcher::Foca {
            self.check_rival(plan)?;
        }
        let crashed = schedule.iter().filter_map(|(_, fault)| match fault {
            Fault::Crash(node) => Some(*node),
            _ => None,
        });
        let spared: Vec<usize> = taken.iter().copied().chain(crashed).collect();
        let (start, drawn) = plan.draw(nodes, self.workload.duration(), &spared, seed).context("members")?;
        schedule.extend(drawn);
        Ok(Some(start))
    }

    /// Refuses what the rival doesn't do, or what would be done to our machine alone.
    fn check_rival(&self, plan: &MembersPlan) -> anyhow::Result<()> {
        let impossible = [
            (self.workload.transactions() > 0, "transactions"),
            (self.workload.block_interval.is_some(), "blocks"),
            (self.adversaries != AdversaryPlan::default(), "adversaries"),
            (!self.faults.partition.is_empty(), "cuts of single links (faults.partition)"),
            (plan.set_entry > 0, "entries"),
            (plan.liars != Kinds::default(), "liars"),
            (plan.clock_jumps != Portion::Count(0), "wall clocks"),
            (plan.has_parameters(), "parameters of ours"),
        ];
        match impossible.iter().find(|(asked, _)| *asked) {
            Some((_, what)) => bail!("members.detector is {RIVAL}, which has no {what}: leave that out"),
            None => Ok(()),
        }
    }

    fn parted(&self, nodes: usize, seed: Seed) -> anyhow::Result<Option<Parted>> {
        let Some(partition) = &self.partition else { return Ok(None) };
        partition.check(self.workload.duration()).map_err(anyhow::Error::msg)?;
        let (from, to) = (time::Duration::from(partition.at), time::Duration::from(partition.heals()));
        Ok(Some(Parted { from, to, halves: Halves::draw(nodes, seed) }))
    }

    /// The nodes that `--kill` kills, with the times. They don't come back.
    fn kills(&self, nodes: usize, producers: &[usize], seed: Seed) -> anyhow::Result<Vec<(time::Time, Fault)>> {
        let killable = nodes - producers.len();
        if self.workload.kill > killable.saturating_sub(1) {
            bail!(
                "--kill {} leaves nobody to measure: {killable} nodes may be killed, less one",
                self.workload.kill
            );
        }
        let kills = self.workload.kills(nodes, producers, seed).into_iter();
        Ok(kills.map(|(due, node)| (time::Time::ZERO + time::Duration::from(due), Fault::Crash(node))).collect())
    }
}
