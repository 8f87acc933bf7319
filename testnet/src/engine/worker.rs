//! One node of a run in this process: any engine, on emulated links if wanted. It takes the flags of `node run`,
//! and behaves like the `node` program: `rpc.json`, a trace, logs, the same exit codes.
//!
//! Deliberately absent: the work of an engine. Hearsay's engine is the node's own library, unchanged. A bad worker has
//! [manners](super::manners) between this library and the network.

use std::io::{self, BufReader};
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;

use anyhow::Context as _;
use node::cli::RunArgs;
use node::cli::exit::ExitStatus as _;
use node::config::Config;
use node::config::links::Links;
use node::config::manners::Manners;
use node::observe::logging;
use node::{run, service};

use super::Engine;
use super::baseline::{self, Form};
use super::manners::BadManners;
use crate::wan::EmulatedLinks;

/// Runs the node until it is told to stop, or can't continue. Its links are emulated if there is a file that
/// describes them, in which the node has a number. Only Hearsay's engine can have bad manners.
///
/// # Errors
/// If the file that describes the links can't be used. Nothing was started.
pub fn run(
    engine: Engine,
    links: Option<(PathBuf, usize)>,
    manners: BadManners,
    node: RunArgs,
) -> anyhow::Result<ExitCode> {
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
        Engine::Hearsay => run::run_service(node, links, move |config, commands, ready, stop| {
            let manners = manners.are_bad().then(|| Arc::new(manners) as Arc<dyn Manners>);
            service::run(Config { manners, ..config }, commands, ready, stop)
        }),
        Engine::Gossipsub => baseline::run(node, links, Form::Anonymous),
        Engine::GossipsubSigned => baseline::run(node, links, Form::Signed),
    };
    Ok(result.unwrap_or_else(|error| {
        logging::to_stderr(&format!("error: {error}"));
        error.exit_code()
    }))
}
