//! The flags of `testnet run`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;
use node::cli::values::parse_bytes;

use super::load::{DEGREE, DRAIN};
use super::{LinkArgs, LoadArgs, PlantedArgs};
use crate::engine::Engine;
use crate::local::plan::{Plan, REAL_NODES_MAX};
use crate::random::Seed;
use crate::report::Json;
use crate::topology::Topology;

const RUN_HELP: &str = "\
Examples:
  testnet run
      50 nodes that find each other, 20 transactions a second for 30 s
  testnet run --nodes 20 --degree 4 --block-interval 5s --relay flood
      a random 4-regular graph, blocks of the mempool, bodies pushed to everyone
  testnet run --txs 500 --author-skew zipf:1.0 --stray 0.2 --kill 5
  testnet run --degree 8 --find-capacity --engine gossipsub
      the highest rate at which libp2p's gossipsub delivers everything within 3 s after the load
  testnet run --plateau 96MiB --nodes 20 --tx-rate 60 --block-interval 5s --duration 1h
      memory, descriptors and threads over an hour; fails unless memory stays within 96 MiB and is flat at the end
  testnet run --degree 8 --wan regions --bandwidth 50mbit --block-interval 5s --block-bytes 131072
      links with published delays between six regions of the world, emulated below the nodes' encryption
  testnet run --degree 8 --wan regions --partition 10s,60s --duration 90s --drain 60s
      for a minute nothing passes between two halves; then how long until all are as one again
  testnet run --nodes 8 --degree 4 --wan uniform:5ms --slow-node 2 --withhold-node 5 --slow-link 0,7
      three things go wrong on purpose; the report should name each of them as a cause of late deliveries

Phases: start, wait until every node has its peers (at most 60 s), 5 s idle, load, drain, stop.
The out directory then holds report.html (the page to look at), report.json, deliveries.csv, cdf.svg, traces/, logs/
and nodes/.

Exit status: 0 the report was written, whatever it says; 1 it could not run, or a --plateau was not reached; 2 usage;
130 interrupted.";

/// The defaults of a search for the capacity: how long each rate is offered, and the wait afterwards.
const CAPACITY_DURATION: Duration = Duration::from_secs(10);
const CAPACITY_DRAIN: Duration = Duration::from_secs(3);

/// The flags of `testnet run`.
#[derive(Debug, Args)]
#[command(after_long_help = RUN_HELP)]
pub struct RunArgs {
    /// The engine to run: hearsay, gossipsub or gossipsub-signed
    #[arg(long, value_name = "ENGINE", default_value_t)]
    pub engine: Engine,
    /// Nodes to launch [default: 50, or as many as a topology file names]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=REAL_NODES_MAX as u64))]
    pub nodes: Option<u64>,
    /// Network and load.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Links.
    #[command(flatten)]
    pub links: LinkArgs,
    /// Bad nodes and links.
    #[command(flatten)]
    pub planted: PlantedArgs,
    /// Search for the highest --tx-rate at which everything arrives within the drain time and nothing is refused
    ///
    /// It begins at --tx-rate, doubles until a rate is not carried, and then bisects. Each rate is offered for
    /// --duration [default here: 10s]. Then the search waits for --drain [default here: 3s].
    #[arg(long, conflicts_with_all = ["txs", "block_interval", "block_bytes", "kill", "partition"])]
    pub find_capacity: bool,
    /// The search ends when the lowest rate that failed is at most this far above the highest that was carried
    #[arg(long, value_name = "PERCENT", default_value = "10%", value_parser = parse_percent, requires = "find_capacity")]
    pub within: f64,
    /// Watch what the nodes take instead of what they deliver: fail unless each one's resident memory is within SIZE
    /// and flat at the end, and it has no more descriptors and threads
    ///
    /// A sample is taken every 10 s. The nodes write no traces, so the load may last for hours. Flat means that
    /// memory rises by at most 3 MiB in the last 20 minutes, or in the last third of a load of less than an hour.
    #[arg(long, value_name = "SIZE", value_parser = parse_bytes,
          conflicts_with_all = ["find_capacity", "kill", "partition"])]
    pub plateau: Option<u64>,
    /// Show the run in the browser while it is under way, with controls; prints the address
    ///
    /// The page is served on the loopback interface. The run goes on as planned. What a person does through the page is in addition,
    /// and the report says so.
    #[arg(long, conflicts_with_all = ["find_capacity", "plateau"])]
    pub dashboard: bool,
    /// Let the nodes keep nothing on disk, to see how much the store costs
    #[arg(long)]
    pub ephemeral: bool,
    /// Decides everything that is random in the workload and the topology
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Directory for the results; an earlier run's files there are replaced
    #[arg(long, value_name = "DIR", default_value = "out/testnet")]
    pub out: PathBuf,
    /// Write the report here as well; - is standard output, and the tables go to standard error then
    #[arg(long, value_name = "FILE")]
    pub json: Option<Json>,
    /// The node program [default: `node` beside this program; with a --wan, this program itself]
    #[arg(long, value_name = "PATH")]
    pub node: Option<PathBuf>,
    /// A flag for every node, such as --max-upload=2MiB/s; it may be repeated, and comes after the run's own flags
    #[arg(long, value_name = "FLAG", allow_hyphen_values = true)]
    pub node_arg: Vec<String>,
    /// The nodes' log filter, like `node --log` [default: theirs]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
    /// Idle time before the load; published results use the default
    #[arg(long, value_name = "TIME", hide = true, value_parser = super::load::parse_time)]
    pub idle: Option<Duration>,
}

impl RunArgs {
    /// The plan that the flags describe.
    ///
    /// # Errors
    /// If flags contradict each other, or if a topology or an item of the wanted kind doesn't exist.
    pub fn plan(mut self, command: String) -> anyhow::Result<Plan> {
        if self.find_capacity {
            self.load.duration.get_or_insert(CAPACITY_DURATION);
            self.load.drain.get_or_insert(CAPACITY_DRAIN);
        }
        let load = self.load.load();
        if load.block_bytes.is_some() && load.block_interval.is_none() {
            bail!("--block-bytes needs a --block-interval");
        }
        // The other engines have no discovery.
        let usual = if self.engine == Engine::Hearsay { Topology::Kademlia } else { Topology::Regular(DEGREE) };
        let topology = self.load.topology().unwrap_or(usual);
        let nodes = self.nodes.map(usize::try_from).transpose()?;
        let mut plan = Plan::new(nodes, topology, load, Seed(self.seed))?;
        plan.set_engine(self.engine, self.load.relay.as_deref())?;
        plan.reconciliation = self.load.reconciliation();
        plan.ephemeral = self.ephemeral;
        plan.traces = self.plateau.is_none();
        (plan.wan, plan.jitter, plan.bandwidth) = self.links.emulated()?;
        if self.dashboard {
            plan.set_dashboard();
        }
        plan.set_partition(self.links.partition)?;
        plan.set_planted(self.planted.planted())?;
        plan.links()?;
        if self.node.is_some() && plan.uses_workers() {
            bail!("--node names a program that emulates no links and has Hearsay's engine alone: leave it out");
        }
        plan.drain = self.load.drain.unwrap_or(DRAIN);
        plan.idle = self.idle.unwrap_or(plan.idle);
        plan.out = self.out;
        plan.json = self.json;
        plan.node = self.node;
        plan.log = self.log;
        if !self.node_arg.is_empty() && self.engine != Engine::Hearsay {
            bail!("--node-arg gives flags to Hearsay's nodes, and {} has none: leave it out", self.engine);
        }
        plan.node_flags = self.node_arg;
        plan.command = command;
        Ok(plan)
    }
}

fn parse_percent(text: &str) -> Result<f64, String> {
    let number = text.strip_suffix('%').and_then(|number| number.parse::<f64>().ok());
    match number {
        Some(percent) if (1.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("a percentage from 1% to 100% is wanted".to_owned()),
    }
}
