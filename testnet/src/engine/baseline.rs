//! The alternatives that Hearsay is measured against: libp2p's gossipsub in the node's place.
//!
//! A process of these looks to the instrument exactly like a node: the same lock, key, `rpc.json`, JSON-RPC, trace and
//! signals, the same transport with the same byte counter, the same connections, the same items. Only the gossip is
//! another's, set as in `docs/COMPARING.md`.
//!
//! Deliberately absent: a mempool, a fork choice, orphans, catching up, discovery, bans. What isn't there costs
//! nothing, to the alternative's advantage.

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

/// How gossipsub is set up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Form {
    /// Messages without author, number and signature of gossipsub's own; each item's own signature is checked by the
    /// strict rule before it is passed on. So Ethereum's consensus clients run it.
    Anonymous,
    /// The library's default: every message is signed by the node where it entered, and gossipsub checks that
    /// signature. Nobody checks the items' own.
    Signed,
}

/// Runs a baseline node until it is told to stop, or can't go on. Its TCP connections go over `links`, if there are any.
///
/// # Errors
/// See [`RunError`]; whatever was started has been stopped.
pub fn run(args: RunArgs, links: Option<Arc<dyn Links>>, form: Form) -> Result<ExitCode, RunError> {
    run_service(args, links, move |config, commands, ready, shutdown| {
        service::run(config, form, commands, ready, shutdown)
    })
}
