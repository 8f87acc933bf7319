//! The flags of `testnet worker`: an engine, where its links are described, and then those of `node run`.

use std::path::PathBuf;

use clap::Args;

use crate::engine::Engine;

/// The flags of `testnet worker`.
#[derive(Debug, Args)]
pub struct WorkerArgs {
    /// Whose gossip to run: hearsay, gossipsub or gossipsub-signed
    pub engine: Engine,
    /// Emulate the links that this file describes
    #[arg(long, value_name = "FILE", requires = "number")]
    pub links: Option<PathBuf>,
    /// Which of the file's nodes this one is
    #[arg(long, value_name = "I", requires = "links")]
    pub number: Option<usize>,
    /// As `node run`.
    #[command(flatten)]
    pub node: node::cli::RunArgs,
}
