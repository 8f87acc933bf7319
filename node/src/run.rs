//! One run of the node, from the first look at the data dir to the last signal. It starts the node as any program can
//! ([`Builder`]), reports where it can be reached, and stops it cleanly when asked.

use std::process::ExitCode;
use std::sync::Arc;

use tokio::sync::{mpsc, oneshot, watch};

mod banner;
pub mod bounds;
pub mod descriptors;
mod notify;
mod signals;

use self::banner::Banner;
use self::descriptors::Descriptors;
use self::notify::Notifier;
use self::signals::{Signals, Stop};
use crate::cli::exit::ExitStatus;
use crate::cli::{Cli, RunArgs};
use crate::config::Config;
use crate::config::data_dir::{self, DataDirError};
use crate::config::links::Links;
use crate::config::rates::RATE_PER_PEER;
use crate::embed::Node;
use crate::embed::builder::Builder;
use crate::embed::error::NodeError;
use crate::embed::launch::Running;
use crate::net::transport::listen::ListenError;
use crate::observe::logging::{self, LogFormat};
use crate::observe::units::bytes_text;
use crate::rpc::command::Command;
use crate::rpc::http::HttpError;
use crate::service::{self, Ready, ServiceError};

/// The exit code of a panic: `EX_SOFTWARE` of sysexits.h.
const PANIC_CODE: u8 = 70;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The node failed.
    #[error(transparent)]
    Node(#[from] NodeError),
    /// The runtime or the signals failed.
    #[error("cannot {action}: {error}")]
    System {
        /// What was tried.
        action: &'static str,
        /// The system's error.
        error: std::io::Error,
    },
}

impl ExitStatus for RunError {
    fn exit_code(&self) -> ExitCode {
        let Self::Node(error) = self else { return ExitCode::FAILURE };
        ExitCode::from(match error {
            NodeError::DataDir(DataDirError::Locked { .. }) => 3,
            NodeError::Http(HttpError::AddressInUse(_))
            | NodeError::Service(ServiceError::Listen(ListenError::AddressInUse { .. })) => 4,
            NodeError::Key(_) => 5,
            NodeError::Service(ServiceError::Store(_) | ServiceError::StoreFailed(_)) => 6,
            _ => 1,
        })
    }
}

/// Makes any panic, in any thread, end the process with code 70 and a message.
pub fn exit_on_panic() {
    let default = std::panic::take_hook();
    std::panic::set_hook(Box::new(move |info| {
        default(info);
        logging::to_stderr("error: this is a bug in the node, which has stopped; please report the lines above");
        std::process::exit(i32::from(PANIC_CODE));
    }));
}

/// Runs a node until it is told to stop, or can't go on. Its TCP connections go over `links`, if there are any.
///
/// # Errors
/// See [`RunError`]; everything that was started has been stopped.
pub fn run(args: RunArgs, links: Option<Arc<dyn Links>>) -> Result<ExitCode, RunError> {
    run_service(args, links, service::run)
}

/// Runs a node with more than its flags can say, such as a chain's own validator. `more` gets the builder with
/// everything that was typed.
///
/// # Errors
/// See [`RunError`]; everything that was started has been stopped.
pub fn run_with(args: RunArgs, more: impl FnOnce(Builder) -> Builder) -> Result<ExitCode, RunError> {
    supervised(args, more, service::run)
}

/// Runs another service in the node's place, with the same lock, key, RPC, banner and signals around it. It is
/// called like [`service::run`], and must behave like it.
///
/// # Errors
/// See [`RunError`]; everything that was started has been stopped.
pub fn run_service<S, F>(args: RunArgs, links: Option<Arc<dyn Links>>, service: S) -> Result<ExitCode, RunError>
where
    S: FnOnce(Config, mpsc::Receiver<Command>, oneshot::Sender<Ready>, watch::Receiver<bool>) -> F,
    F: Future<Output = Result<(), ServiceError>> + Send + 'static,
{
    supervised(args, |builder| builder.with(move |config| config.links = links), service)
}

/// Runs a service with everything around it.
fn supervised<S, F>(args: RunArgs, more: impl FnOnce(Builder) -> Builder, service: S) -> Result<ExitCode, RunError>
where
    S: FnOnce(Config, mpsc::Receiver<Command>, oneshot::Sender<Ready>, watch::Receiver<bool>) -> F,
    F: Future<Output = Result<(), ServiceError>> + Send + 'static,
{
    logging::start(&args.log, args.log_format);
    for line in Cli::strange_variables(std::env::vars_os().map(|(name, _)| name)) {
        tracing::warn!("{line}");
    }
    if let Some(file) = &args.config {
        tracing::info!("settings are read from {}; `node config` tells what is in effect", file.display());
    }
    // One thread for bytes and the engine: nearly all work is many small messages that each pass the engine's
    // single loop. A second thread adds a wake-up and a change of context to each of them, and a scheduler for
    // several threads costs time even with one. Many signatures are checked on other threads, and the HTTP
    // listener has its own thread.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| RunError::System { action: "start the runtime", error })?;
    let result = runtime.block_on(supervise(args, more, service));
    // A process that was asked twice to stop doesn't wait for a blocked thread.
    runtime.shutdown_background();
    result
}

async fn supervise<S, F>(
    args: RunArgs,
    more: impl FnOnce(Builder) -> Builder,
    service: S,
) -> Result<ExitCode, RunError>
where
    S: FnOnce(Config, mpsc::Receiver<Command>, oneshot::Sender<Ready>, watch::Receiver<bool>) -> F,
    F: Future<Output = Result<(), ServiceError>> + Send + 'static,
{
    let mut signals = Signals::listen()?;
    let format = args.log_format;
    let mut prepared = more(builder(args)?).prepare()?;
    prepared.connections_max = claim_descriptors(&prepared.config)?.http;
    warn_of_low_rates(&prepared.config);
    let rpc = prepared.rpc_addr().map(|address| address.to_string());
    let banner = Banner::new(&prepared.config, prepared.key_note.clone(), rpc);
    let mut launched = prepared.launch(service);
    let ready = tokio::select! {
        ready = launched.ready() => ready?,
        first = signals.next() => return stop(launched.running(), first, &mut signals, format).await,
    };
    let health = Arc::clone(&ready.health);
    let mut node: Node = launched.serve(ready)?;
    let info = node.info();
    banner.print(&info, format);
    let _notifier = Notifier::ready(&health, info.listen.first().map(String::as_str));

    tokio::select! {
        ended = node.ended() => Ok(ended.map(|()| ExitCode::SUCCESS)?),
        first = signals.next() => stop(node.running(), first, &mut signals, format).await,
    }
}

/// What was typed. A node that keeps something, and was given no place for it, has its own in the user's data directory.
fn builder(mut args: RunArgs) -> Result<Builder, RunError> {
    if args.place.data_dir.is_none() && !args.ephemeral {
        args.place.data_dir = Some(data_dir::default_path(&args.place.network).map_err(NodeError::DataDir)?);
    }
    Ok(args.builder())
}

/// Raises the limit of open files, and returns the result.
fn claim_descriptors(config: &Config) -> Result<Descriptors, RunError> {
    let descriptors = Descriptors::claim(config)
        .map_err(|error| RunError::System { action: "ask for the limit of open files", error })?;
    let Descriptors { limit, needed, .. } = descriptors;
    if let Some(before) = descriptors.raised_from {
        tracing::info!("the limit of open files was raised from {before} to {limit}");
    }
    if descriptors.are_short() {
        tracing::warn!(
            "the limit of open files is {limit}, and with all slots in use {needed} are needed: raise it with `ulimit -n \
             {needed}`, or lower --max-peers-in"
        );
    }
    Ok(descriptors)
}

/// Says so if a limit leaves each peer very little.
fn warn_of_low_rates(config: &Config) {
    let peers = (config.max_peers_in + config.max_peers_out).max(1) as u64;
    let wanted = peers.saturating_mul(RATE_PER_PEER);
    for (flag, rate) in [("--max-upload", config.rates.upload), ("--max-download", config.rates.download)] {
        if let Some(rate) = rate.filter(|rate| *rate < wanted) {
            tracing::warn!(
                "{flag} leaves {} a second for each of {peers} peers, and {} are wanted: large items will be late. Raise \
                 it to {} a second, or lower --max-peers-in",
                bytes_text(rate / peers),
                bytes_text(RATE_PER_PEER),
                bytes_text(wanted)
            );
        }
    }
}

/// Asks a node to stop and waits for it. It waits no longer than the limit, and not after a second signal.
async fn stop(
    node: &mut Running,
    first: Stop,
    signals: &mut Signals,
    format: LogFormat,
) -> Result<ExitCode, RunError> {
    let text = format!("{}: stopping; a second signal forces it", first.name());
    if format.is_for_programs() {
        tracing::info!("{text}")
    } else {
        logging::to_stderr(&text)
    }
    notify::stopping();
    tokio::select! {
        stopped = node.stop() => Ok(stopped.map(|()| ExitCode::SUCCESS)?),
        second = signals.next() => Ok(second.forced()),
    }
}
