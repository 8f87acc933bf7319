//! The alternatives that Hearsay is compared with: libp2p's gossipsub in the node's place.
//!
//! To the instrument, such a process looks exactly like a node. It has the same lock, key, `rpc.json`, JSON-RPC,
//! trace and signals, the same transport with the same byte counter, the same connections and the same items. Only
//! the gossip is different. Its settings are in `docs/COMPARING.md`.
//!
//! Deliberately absent: a mempool, a fork choice, orphans, catching up, discovery, bans. Absent parts cost
//! nothing, which is an advantage for the alternative.

mod answers;
mod arrivals;
mod items;
mod ledger;
mod links;
mod pending;
mod service;
mod swarm;

use std::process::ExitCode;
use std::sync::Arc;

use node::cli::RunArgs;
use node::config::links::Links;
use node::run::{RunError, run_service};

/// The variants of gossipsub.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Messages without gossipsub's own author, number and signature. Each item's own signature is checked, by the
    /// same pool as Hearsay's, before the item is relayed. Ethereum's consensus clients run it like this.
    Anonymous,
    /// The library's default: every message is signed by the node where it entered, and gossipsub checks that
    /// signature. Nobody checks the items' own signatures.
    Signed,
}

/// Runs a baseline node until it is told to stop, or can't continue. Its TCP connections use `links`, if there are
/// any.
///
/// # Errors
/// See [`RunError`]. Everything that was started has been stopped.
pub fn run(args: RunArgs, links: Option<Arc<dyn Links>>, form: Form) -> Result<ExitCode, RunError> {
    run_service(args, links, move |config, commands, ready, shutdown| {
        service::run(config, form, commands, ready, shutdown)
    })
}
