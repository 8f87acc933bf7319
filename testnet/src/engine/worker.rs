//! One node of a run in this process: any engine, on emulated links if wanted. It takes the flags of `node run`,
//! and behaves like the `node` program: `rpc.json`, a trace, logs, the same exit codes.
//!
//! Deliberately absent: the work of an engine. Hearsay's engine is the node's own library, unchanged.

use std::io::{self, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use node::cli::RunArgs;
use node::cli::exit::ExitStatus as _;
use node::config::links::Links;
use node::observe::logging;
use node::run;

use super::Engine;
use super::baseline::{self, Form};
use crate::wan::EmulatedLinks;

/// Runs the node until it is told to stop, or can't continue. Its links are emulated if there is a file that
/// describes them, in which the node has a number.
///
/// # Errors
/// If the file that describes the links can't be used. Nothing was started.
pub fn run(engine: Engine, links: Option<(PathBuf, usize)>, node: RunArgs) -> anyhow::Result<ExitCode> {
    run::exit_on_panic();
    if let Err(error) = node.relay_policy() {
        error.exit();
    }
    let links = links.map(|(path, number)| EmulatedLinks::read(&path, number)).transpose();
    let links = links.context("--links")?.map(|links| {
        links.listen(BufReader::new(io::stdin()));
        Arc::new(links) as Arc<dyn Links>
    });
    let result = match engine {
        Engine::Hearsay => run::run(node, links),
        Engine::Gossipsub => baseline::run(node, links, Form::Anonymous),
        Engine::GossipsubSigned => baseline::run(node, links, Form::Signed),
    };
    Ok(result.unwrap_or_else(|error| {
        logging::to_stderr(&format!("error: {error}"));
        error.exit_code()
    }))
}
