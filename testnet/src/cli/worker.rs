//! The flags of `testnet worker`: an engine, the file that describes its links, and then the flags of `node run`.

use std::path::PathBuf;

use clap::Args;

use crate::engine::Engine;

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
    /// As `node run`.
    #[command(flatten)]
    pub node: node::cli::RunArgs,
}
