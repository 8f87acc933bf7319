//! A run before it begins: checked flags, the graph, the producer. To make one touches nothing but a topology
//! file.

pub mod planted;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use protocol::gossip::{Reconciliation, RelayPolicy};
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;

use self::planted::{Ends, Planted};
use crate::engine::Engine;
use crate::random::Seed;
use crate::random::keys::node_key;
use crate::report::Json;
use crate::topology::{Graph, NODES_DEFAULT, Topology};
use crate::wan::{Bandwidth, Delays, Halves, Jitter, LinkPlan, Partition, Wan};
use crate::workload::items::BlockMaker;
use crate::workload::{Load, Workload};

/// The most nodes on one machine. At about 20 MiB and 16 sockets each, 1,000 take 20 GiB and 16,000 file
/// descriptors.
pub const REAL_NODES_MAX: usize = 1_000;

/// Peers that a node of a Kademlia network must have before the load begins: its outbound target.
const KADEMLIA_PEERS: usize = 8;

/// The default idle time. Processor time and bytes are sampled once a second.
const IDLE: Duration = Duration::from_secs(5);

/// All settings of a run.
#[derive(Clone, Debug)]
pub struct Plan {
    /// Nodes to launch.
    pub nodes: usize,
    /// The topology, as it was asked for.
    pub topology: Topology,
    /// The edges; `None` for Kademlia.
    pub graph: Option<Graph>,
    /// The load.
    pub load: Load,
    /// Which of several loads on the same nodes this is, counted from 0.
    pub part: u32,
    /// The number from which everything random follows.
    pub seed: Seed,
    /// The network's name, which follows from the seed.
    pub network: NetworkId,
    /// The node that makes the blocks, if there are blocks.
    pub producer: Option<usize>,
    /// The engine of the nodes.
    pub engine: Engine,
    /// The nodes' relay policy; `gossipsub` for engines that have no policies.
    pub relay: String,
    /// How the nodes reconcile, if their engine does.
    pub reconciliation: Reconciliation,
    /// Whether they keep nothing on disk.
    pub ephemeral: bool,
    /// The delays between the nodes.
    pub wan: Wan,
    /// By how much the delays vary; nothing without a `wan`.
    pub jitter: Jitter,
    /// How much each node sends and receives in a second; unlimited without a `wan`.
    pub bandwidth: Bandwidth,
    /// When the network falls into two halves; never without a `wan`.
    pub partition: Option<Partition>,
    /// Nodes and links that are made bad.
    pub planted: Planted,
    /// Whether the run is shown in the browser, and controlled from there.
    pub dashboard: bool,
    /// Whether the nodes write traces, from which the figures of a run are read.
    pub traces: bool,
    /// Whether nodes are workers of this program even if the plain `node` program would do, so that runs of
    /// different engines can be compared.
    pub workers: bool,
    /// How long the network idles before the load, so that its idle cost is known.
    pub idle: Duration,
    /// The longest time to wait after the load.
    pub drain: Duration,
    /// The directory for the results.
    pub out: PathBuf,
    /// The second place for the report.
    pub json: Option<Json>,
    /// The node program; `None` for the program beside this one.
    pub node: Option<PathBuf>,
    /// The nodes' log filter; `None` for their own default.
    pub log: Option<String>,
    /// Further flags of every node.
    pub node_flags: Vec<String>,
    /// The command line, for the report.
    pub command: String,
}

impl Plan {
    /// Checks the settings, and draws everything that follows from the seed. Engine, policy, links and paths are
    /// set afterwards.
    ///
    /// # Errors
    /// Says which settings contradict each other or are impossible.
    pub fn new(nodes: Option<usize>, topology: Topology, load: Load, seed: Seed) -> anyhow::Result<Self> {
        let graph = match &topology {
            Topology::Kademlia => None,
            drawn => Some(drawn.graph(nodes, NODES_DEFAULT, seed)?),
        };
        let nodes = graph.as_ref().map_or(nodes.unwrap_or(NODES_DEFAULT), Graph::nodes);
        let network: NetworkId = format!("testnet-{}", seed.0).parse()?;
        let producer = load.producer_nodes(nodes, seed).first().copied();
        let plan = Self {
            nodes,
            topology,
            graph,
            load,
            part: 0,
            seed,
            network,
            producer,
            engine: Engine::Hearsay,
            relay: String::new(),
            reconciliation: Reconciliation::default(),
            ephemeral: false,
            wan: Wan::None,
            jitter: Jitter::NONE,
            bandwidth: Bandwidth::UNLIMITED,
            partition: None,
            planted: Planted::default(),
            dashboard: false,
            traces: true,
            workers: false,
            idle: IDLE,
            drain: Duration::ZERO,
            out: PathBuf::new(),
            json: None,
            node: None,
            log: None,
            node_flags: Vec::new(),
            command: String::new(),
        };
        plan.check()?;
        Ok(plan)
    }

    /// Sets the engine, and its policy if it has several: a policy as `--relay` spells it, or the node's own
    /// default.
    ///
    /// # Errors
    /// If the engine needs a fixed graph and there is none, or if there is no such policy.
    pub fn set_engine(&mut self, engine: Engine, relay: Option<&str>) -> anyhow::Result<()> {
        self.engine = engine;
        if engine != Engine::Hearsay {
            if self.graph.is_none() {
                bail!(
                    "--engine {engine}: its nodes find nobody by themselves: give a fixed graph, such as --degree 8"
                );
            }
            self.relay = Engine::Gossipsub.to_string();
            return Ok(());
        }
        let size = u32::try_from(self.nodes).unwrap_or(u32::MAX);
        self.relay = match relay {
            Some(relay) => RelayPolicy::parse(relay, size)?.to_string(),
            None => RelayPolicy::default().to_string(),
        };
        Ok(())
    }

    /// Sets the partition.
    ///
    /// # Errors
    /// If the load ends before it heals.
    pub fn set_partition(&mut self, partition: Option<Partition>) -> anyhow::Result<()> {
        if let Some(partition) = &partition {
            partition.check(self.load.duration()).map_err(anyhow::Error::msg)?;
        }
        self.partition = partition;
        Ok(())
    }

    /// Sets the nodes and links that are made bad. Comes after the engine and the links.
    ///
    /// # Errors
    /// If one doesn't exist, or if this engine or these links can't have it.
    pub fn set_planted(&mut self, planted: Planted) -> anyhow::Result<()> {
        planted.check(self.nodes, self.producer)?;
        if planted.has_nodes() && self.engine != Engine::Hearsay {
            bail!(
                "--slow-node and --withhold-node are for Hearsay's nodes, and not for {}: leave them out",
                self.engine
            );
        }
        if !planted.slow_links.is_empty() && self.wan == Wan::None {
            bail!("--slow-link is of emulated links: give a --wan as well, as regions or uniform:50ms");
        }
        for Ends(one, other) in &planted.slow_links {
            let linked = |graph: &Graph| graph.neighbours(*one).iter().any(|&node| node as usize == *other);
            if self.graph.as_ref().is_some_and(|graph| !linked(graph)) {
                bail!("--slow-link {one},{other}: these two have no link in this graph");
            }
        }
        self.planted = planted;
        Ok(())
    }

    /// Shows the run in the browser. If no node makes blocks, one is drawn that may, so that a person can make some.
    pub fn set_dashboard(&mut self) {
        self.dashboard = true;
        let nodes = self.nodes;
        let seed = self.seed;
        self.producer = self.producer.or_else(|| Some(seed.draws("producer by hand").below(nodes)));
    }

    /// Whether the links may be cut during the run, so that the nodes must listen for it.
    #[must_use]
    pub fn may_be_cut(&self) -> bool {
        self.partition.is_some() || (self.dashboard && self.wan != Wan::None)
    }

    /// The gossip peers that a node must have before the load begins.
    #[must_use]
    pub fn peers_wanted(&self, node: usize) -> usize {
        match &self.graph {
            Some(graph) => graph.neighbours(node).len(),
            None => KADEMLIA_PEERS.min(self.nodes.saturating_sub(1)),
        }
    }

    /// Whether the nodes are workers of this program, and not the plain `node` program.
    #[must_use]
    pub fn uses_workers(&self) -> bool {
        self.workers || self.engine != Engine::Hearsay || self.wan != Wan::None || self.planted.has_nodes()
    }

    /// The links to emulate; `None` without a `wan`.
    ///
    /// # Errors
    /// If the file of the delays can't be used.
    pub fn links(&self) -> anyhow::Result<Option<LinkPlan>> {
        if self.wan == Wan::None {
            return Ok(None);
        }
        let delays = Delays::new(&self.wan, self.nodes, self.seed).context("--wan")?;
        let (jitter, bandwidth) = (self.jitter, self.bandwidth);
        let halves = self.may_be_cut().then(|| Halves::draw(self.nodes, self.seed));
        let slow = self.planted.links();
        Ok(Some(LinkPlan { seed: self.seed.0, jitter, bandwidth, delays, halves, slow }))
    }

    /// The transactions.
    ///
    /// # Errors
    /// If no transaction has the wanted length.
    pub fn workload(&self) -> anyhow::Result<Workload> {
        let workload = Workload::new(&self.load, self.nodes, &self.network, self.seed).context("--tx-bytes")?;
        Ok(workload.part(self.part))
    }

    /// The maker of blocks of `--block-bytes`, if that was given.
    ///
    /// # Errors
    /// If there is no block of that length.
    pub fn block_maker(&self) -> anyhow::Result<Option<BlockMaker>> {
        let (Some(producer), Some(bytes)) = (self.producer, self.load.block_bytes) else { return Ok(None) };
        let author = SecretKey::from_seed(&self.seed.bytes("block author"));
        let draws = self.seed.draws("blocks");
        let key = node_key(self.seed, producer);
        BlockMaker::new(key, author, self.network.clone(), bytes, self.load.tx_bytes, draws)
            .context("--block-bytes")
            .map(Some)
    }

    fn check(&self) -> anyhow::Result<()> {
        if self.nodes > REAL_NODES_MAX {
            bail!("{} nodes are too many for one machine: at most {REAL_NODES_MAX}", self.nodes);
        }
        let load = &self.load;
        load.check()?;
        let killable = self.nodes - usize::from(self.producer.is_some());
        if load.kill > killable.saturating_sub(1) {
            bail!("--kill {} leaves nobody to measure: {killable} nodes may be killed, less one", load.kill);
        }
        self.workload()?;
        self.block_maker()?;
        Ok(())
    }
}
