//! The flags of `testnet report`.

use std::path::PathBuf;

use clap::Args;

use crate::report::Json;
use crate::report::tables::tree::SLOWEST;

const REPORT_HELP: &str = "\
Examples:
  testnet report out/testnet
      the tables of a run again, and how soon items arrived as a curve
  testnet report out/testnet --tree
      the way of the slowest item, with the latency and the cause of each hop
  testnet report out/testnet --tree 3f2a
      the same of the item whose id begins so
  testnet report out/testnet --ndjson
      deliveries.ndjson and hops.ndjson beside the CSV files";

/// The flags of `testnet report`.
#[derive(Debug, Args)]
#[command(after_long_help = REPORT_HELP)]
pub struct ReportArgs {
    /// The --out directory
    pub dir: PathBuf,
    /// Write the report here as well; - is standard output, and the tables go to standard error then
    #[arg(long, value_name = "FILE")]
    pub json: Option<Json>,
    /// Show the way of an item in place of the tables: of the one whose id begins with ID, or of the slowest
    #[arg(long, value_name = "ID", num_args = 0..=1, default_missing_value = SLOWEST, conflicts_with = "json")]
    pub tree: Option<String>,
    /// Write deliveries.csv and hops.csv as NDJSON, too
    #[arg(long)]
    pub ndjson: bool,
}
