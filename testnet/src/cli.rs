//! What a person types. Deliberately absent: doing any of it.

use std::path::PathBuf;
use std::time::Duration;

use clap::{ArgGroup, Args, Parser, Subcommand};
use protocol::gossip::{RelayPolicy, RelayPolicyError};

use crate::local::plan::{NODES_MAX, Plan};
use crate::random::Seed;
use crate::text;
use crate::topology::Topology;
use crate::workload::{AUTHORS_MAX, Length, Load, RATE_MAX, Skew};

/// Launches real Hearsay nodes on this machine, loads them and measures how items spread.
#[derive(Debug, Parser)]
#[command(name = "testnet", version, arg_required_else_help = true)]
pub struct Cli {
    /// What to do.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Launch nodes, load them, and report
    Run(Box<RunArgs>),
    /// Show a finished run again, and draw its picture if that is missing
    Report {
        /// The run's --out directory
        dir: PathBuf,
    },
}

const RUN_HELP: &str = "\
Examples:
  testnet run
      50 nodes that find each other, 20 transactions a second for 30 s
  testnet run --nodes 20 --degree 4 --block-interval 5s --relay flood
      a random 4-regular graph, blocks of the mempool, bodies pushed to everyone
  testnet run --txs 500 --author-skew zipf:1.0 --stray 0.2 --kill 5

Phases: start, wait until every node has its peers (at most 60 s), 5 s idle, load, drain, stop.
The out directory then holds report.json, deliveries.csv, cdf.svg, traces/, logs/ and nodes/.

Exit status: 0 the report was written, whatever it says; 1 it could not run; 2 usage; 130 interrupted.";

/// The flags of `testnet run`.
#[derive(Debug, Args)]
#[command(after_long_help = RUN_HELP, group = ArgGroup::new("length").args(["duration", "txs"]))]
pub struct RunArgs {
    /// Nodes to launch [default: 50, or as many as a topology file names]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=NODES_MAX as u64))]
    pub nodes: Option<u64>,
    /// kademlia (each knows only the first one's address), or fixed: regular:N (a random graph in which each has N
    /// neighbours), kademlia:N (each dials N as Kademlia's tables would have it), small-world:N,P (a ring of N near
    /// neighbours each, edges rewired with probability P), complete, or a FILE of edges (two node numbers a line,
    /// from 0)
    #[arg(long, value_name = "TOPOLOGY", default_value = "kademlia")]
    pub topology: Topology,
    /// The same as --topology regular:N
    #[arg(long, value_name = "N", conflicts_with = "topology", value_parser = clap::value_parser!(u64).range(1..=NODES_MAX as u64))]
    pub degree: Option<u64>,
    /// How the nodes relay items: announce, flood, or rumor, also as
    /// rumor:fanout=3,round=1s,nodes=1000,feedback=on; nodes are those of the run unless given
    #[arg(long, value_name = "POLICY", default_value = "announce", value_parser = parse_relay)]
    pub relay: String,
    /// Transactions a second
    #[arg(long, alias = "rate", value_name = "RATE", default_value = "20", value_parser = parse_rate)]
    pub tx_rate: f64,
    /// Encoded bytes of each transaction, signature included
    #[arg(long, value_name = "BYTES", default_value_t = 256)]
    pub tx_bytes: usize,
    /// How long to submit
    #[arg(long, value_name = "TIME", default_value = "30s", value_parser = parse_time)]
    pub duration: Duration,
    /// Submit so many transactions instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub txs: Option<u64>,
    /// How long to wait afterwards for what hasn't arrived; ends early when every node has everything
    #[arg(long, value_name = "TIME", default_value = "10s", value_parser = parse_time)]
    pub drain: Duration,
    /// Authors; each has a home node, where its transactions enter
    #[arg(long, value_name = "N", default_value_t = 10, value_parser = clap::value_parser!(u64).range(1..=AUTHORS_MAX as u64))]
    pub authors: u64,
    /// How unequally the authors write: none or zipf:S
    #[arg(long, value_name = "SKEW", default_value_t = Skew::None)]
    pub author_skew: Skew,
    /// Share of transactions whose author writes no other
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = parse_share)]
    pub one_time_authors: f64,
    /// Share of transactions that enter away from their author's home
    #[arg(long, value_name = "SHARE", default_value = "0", value_parser = parse_share)]
    pub stray: f64,
    /// Make a block this often, at one node drawn from the seed; without this there are no blocks
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub block_interval: Option<Duration>,
    /// Encoded bytes of each block, filled with transactions that nobody has seen; without this, blocks hold the
    /// mempool
    #[arg(long, value_name = "BYTES", requires = "block_interval")]
    pub block_bytes: Option<usize>,
    /// Nodes to kill at random moments of the load, never the block producer
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub kill: usize,
    /// Decides everything that is random in the workload and the topology
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Where everything goes; an earlier run's files there are replaced
    #[arg(long, value_name = "DIR", default_value = "out/testnet")]
    pub out: PathBuf,
    /// Write the report here as well
    #[arg(long, value_name = "FILE")]
    pub json: Option<PathBuf>,
    /// The node program [default: `node` beside this program]
    #[arg(long, value_name = "PATH")]
    pub node: Option<PathBuf>,
    /// What the nodes log, as `node --log` [default: theirs]
    #[arg(long, value_name = "FILTER")]
    pub log: Option<String>,
}

impl RunArgs {
    /// The plan that the flags describe.
    ///
    /// # Errors
    /// If flags contradict each other, or a topology or an item of the wanted kind doesn't exist.
    pub fn plan(self, command: String) -> anyhow::Result<Plan> {
        let topology = match self.degree {
            Some(degree) => Topology::Regular(usize::try_from(degree)?),
            None => self.topology,
        };
        let length = match self.txs {
            Some(count) => Length::Transactions(count),
            None => Length::Duration(self.duration),
        };
        let load = Load {
            tx_rate: self.tx_rate,
            tx_bytes: self.tx_bytes,
            length,
            authors: usize::try_from(self.authors)?,
            skew: self.author_skew,
            one_time_authors: self.one_time_authors,
            stray: self.stray,
            block_interval: self.block_interval,
            block_bytes: self.block_bytes,
            kill: self.kill,
            ..Load::default()
        };
        let nodes = self.nodes.map(usize::try_from).transpose()?;
        let mut plan = Plan::new(nodes, topology, load, Seed(self.seed))?;
        let size = u32::try_from(plan.nodes).unwrap_or(u32::MAX);
        plan.relay = RelayPolicy::parse(&self.relay, size)?.to_string();
        plan.drain = self.drain;
        plan.out = self.out;
        plan.json = self.json;
        plan.node = self.node;
        plan.log = self.log;
        plan.command = command;
        Ok(plan)
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=RATE_MAX).contains(&rate) => Ok(rate),
        _ => Err(format!("a number from 0 to {RATE_MAX} is wanted")),
    }
}

/// A spelling that is right. It stays a spelling: how many nodes it means is known later.
fn parse_relay(text: &str) -> Result<String, RelayPolicyError> {
    text.parse::<RelayPolicy>().map(|_| text.to_owned())
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share from 0 to 1 is wanted".to_owned()),
    }
}

fn parse_time(text: &str) -> Result<Duration, String> {
    match text::parse_time(text)? {
        time if time <= Duration::from_secs(24 * 3600) => Ok(time),
        _ => Err("at most 24h is wanted".to_owned()),
    }
}
