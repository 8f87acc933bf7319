//! The flags of `testnet aggregates`.

use std::path::PathBuf;

use clap::Args;

use super::load::parse_percent;
use crate::report::Json;
use crate::sim::members::aggregates::Plan;

const AGGREGATES_HELP: &str = "\
Examples:
  testnet aggregates
      push-sum on 16 to 100,000 members; with loss and churn on up to 16,384; the size of up to 4,096
  testnet aggregates --nodes 64,1024 --seeds 20 --faulty none --sizes none
  testnet aggregates --faulty 1000 --loss 50% --churn 20%

The machines run alone, in one thread: no relay, no chain, no signatures. A tick is a second of a node.

Exit status: 0 all goals hold, 1 one is missed or it could not run, 2 usage.";

/// The numbers of members of a list, or `none`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Counts(Vec<usize>);

/// The flags.
#[derive(Debug, Args)]
#[command(after_long_help = AGGREGATES_HELP)]
pub struct AggregatesArgs {
    /// Numbers of members on which push-sum runs; none for none
    #[arg(long, value_name = "N,N…", default_value = "16,64,256,1024,4096,16384,65536,100000", value_parser = parse_counts)]
    pub nodes: Counts,
    /// Links of each member
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(u16).range(2..=64))]
    pub degree: u16,
    /// Seeds for each number of members
    #[arg(long, value_name = "N", default_value_t = 5, value_parser = clap::value_parser!(u64).range(1..=1_000))]
    pub seeds: u64,
    /// The first seed
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Numbers of members on which it runs while messages are lost and members come and go
    #[arg(long, value_name = "N,N…", default_value = "64,1024,16384", value_parser = parse_counts)]
    pub faulty: Counts,
    /// Messages that are lost there
    #[arg(long, value_name = "PERCENT", default_value = "30%", value_parser = parse_percent)]
    pub loss: f64,
    /// Members that leave there in a minute; as many join
    #[arg(long, value_name = "PERCENT", default_value = "10%", value_parser = parse_percent)]
    pub churn: f64,
    /// Numbers of members whose size is estimated
    #[arg(long, value_name = "N,N…", default_value = "16,256,4096", value_parser = parse_counts)]
    pub sizes: Counts,
    /// Epochs in which each of these is estimated
    #[arg(long, value_name = "N", default_value_t = 100, value_parser = clap::value_parser!(u64).range(1..=10_000))]
    pub epochs: u64,
    /// Draw how push-sum grows into this file, as SVG
    #[arg(long, value_name = "FILE")]
    pub svg: Option<PathBuf>,
    /// Write the figures here as well; - is standard output, and the tables go to standard error then
    #[arg(long, value_name = "FILE")]
    pub json: Option<Json>,
}

impl AggregatesArgs {
    /// What the flags describe.
    #[must_use]
    pub fn plan(&self, command: String) -> Plan {
        Plan {
            nodes: self.nodes.0.clone(),
            degree: usize::from(self.degree),
            seeds: self.seeds,
            seed: self.seed,
            faulty: self.faulty.0.clone(),
            loss: self.loss,
            churn: self.churn,
            sizes: self.sizes.0.clone(),
            epochs: self.epochs,
            command,
        }
    }
}

/// The most members that fit into the memory of a usual machine: some 2 KB each.
const MEMBERS_MOST: usize = 1_000_000;

fn parse_counts(text: &str) -> Result<Counts, String> {
    if text == "none" {
        return Ok(Counts(Vec::new()));
    }
    let parse = |part: &str| match part.parse() {
        Ok(count) if (2..=MEMBERS_MOST).contains(&count) => Ok(count),
        _ => Err(format!("none, or numbers from 2 to {MEMBERS_MOST} with commas are wanted")),
    };
    text.split(',').map(parse).collect::<Result<Vec<usize>, String>>().map(Counts)
}
