//! The flags of `testnet members`.

use std::path::PathBuf;
use std::time::Duration;

use anyhow::bail;
use clap::Args;

use super::LinkArgs;
use super::load::parse_time;
use crate::engine::Engine;
use crate::local::plan::{Plan, REAL_NODES_MAX};
use crate::local::watched::Watching;
use crate::random::Seed;
use crate::report::Json;
use crate::topology::Topology;
use crate::workload::Load;

const MEMBERS_HELP: &str = "\
Examples:
  testnet members --nodes 50 --kill 10 --pause 10
      ten of 50 nodes are killed and started again, then ten are stopped for a minute
  testnet members --nodes 20 --kill 4 --preset lan
  testnet members --nodes 20 --wan regions --partition 5s,60s

Phases: start, until all members are known, idle, kill, start again, stop, go on, partition, stop.
The out directory then holds report.json, members.svg, logs/ and nodes/.

Exit status: 0 the report was written, and every phase was over in its time; 1 it could not run, or a phase was not;
2 usage; 130 interrupted.";

/// The flags.
#[derive(Debug, Args)]
#[command(after_long_help = MEMBERS_HELP)]
pub struct WatchedArgs {
    /// Nodes to launch
    #[arg(long, value_name = "N", default_value_t = 50,
          value_parser = clap::value_parser!(u64).range(2..=REAL_NODES_MAX as u64))]
    pub nodes: u64,
    /// Nodes that are killed, and started again with other ports when all others have seen it
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub kill: usize,
    /// Nodes that are stopped (SIGSTOP) for a while
    #[arg(long, value_name = "N", default_value_t = 0)]
    pub pause: usize,
    /// How long they are stopped
    #[arg(long, value_name = "TIME", default_value = "1m", value_parser = parse_time)]
    pub pause_for: Duration,
    /// The parameters of membership: lan or wan
    #[arg(long, value_name = "PRESET", default_value = "wan", value_parser = ["lan", "wan"])]
    pub preset: String,
    /// Idle time before anything is done; an accuser must have been known for a minute
    #[arg(long, value_name = "TIME", default_value = "70s", value_parser = parse_time)]
    pub settle: Duration,
    /// Links.
    #[command(flatten)]
    pub links: LinkArgs,
    /// Decides everything that is random
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Directory for the results; an earlier run's files there are replaced
    #[arg(long, value_name = "DIR", default_value = "out/members")]
    pub out: PathBuf,
    /// Write the report here as well; - is standard output, and the tables go to standard error then
    #[arg(long, value_name = "FILE")]
    pub json: Option<Json>,
    /// The node program [default: `node` beside this program; with a --wan, this program itself]
    #[arg(long, value_name = "PATH")]
    pub node: Option<PathBuf>,
}

impl WatchedArgs {
    /// What the flags describe.
    ///
    /// # Errors
    /// If flags contradict each other.
    pub fn watching(self, command: String) -> anyhow::Result<Watching> {
        let nodes = usize::try_from(self.nodes)?;
        if self.kill >= nodes || self.pause >= nodes {
            bail!("--kill and --pause leave at least one of the {nodes} nodes alone");
        }
        // Nothing is submitted.
        let load = Load::default();
        let mut plan = Plan::new(Some(nodes), Topology::Kademlia, load, Seed(self.seed))?;
        plan.set_engine(Engine::Hearsay, None)?;
        (plan.wan, plan.jitter, plan.bandwidth) = self.links.emulated()?;
        plan.partition = self.links.partition;
        plan.links()?;
        if self.node.is_some() && plan.uses_workers() {
            bail!("--node names a program that emulates no links: leave it out");
        }
        plan.traces = false;
        plan.node_flags = vec!["--members-preset".to_owned(), self.preset.clone()];
        plan.out = self.out;
        plan.json = self.json;
        plan.node = self.node;
        plan.command = command;
        let partition = plan.partition;
        let (kill, pause, pause_for) = (self.kill, self.pause, self.pause_for);
        Ok(Watching { plan, preset: self.preset, settle: self.settle, kill, pause, pause_for, partition })
    }
}
