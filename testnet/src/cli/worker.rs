//! The flags of `testnet worker`: an engine, the file that describes its links, and then the flags of `node run`.

use std::path::PathBuf;
use std::time::Duration;

use clap::Args;

use super::load::parse_time;
use crate::engine::Engine;
use crate::engine::manners::BadManners;

/// The flags of `testnet worker`.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// The engine to run: hearsay, gossipsub or gossipsub-signed
    pub engine: Engine,
    /// Emulate the links that this file describes
    #[arg(long, value_name = "FILE", requires = "number")]
    pub links: Option<PathBuf>,
    /// The number of this node in the file
    #[arg(long, value_name = "I", requires = "links")]
    pub number: Option<usize>,
    /// Need this time for each message
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub slow_by: Option<Duration>,
    /// Announce items, and send no bodies
    #[arg(long)]
    pub withhold: bool,
    /// As `node run`.
    #[command(flatten)]
    pub node: node::cli::RunArgs,
}

impl WorkerArgs {
    /// The manners that the flags describe.
    #[must_use]
    pub fn manners(&self) -> BadManners {
        BadManners { slow_by: self.slow_by.unwrap_or_default(), withholds: self.withhold }
    }
}
