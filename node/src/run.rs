//! One run of the node, from the first look at the data dir to the last signal. It locks the data dir, loads the
//! key, starts the service and the RPC, reports where it can be reached, and stops cleanly when asked.

use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

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
use crate::config::data_dir::{self, DataDir, DataDirError};
use crate::config::identity::{Identity, IdentityError, KEY_FILE};
use crate::config::links::Links;
use crate::config::rates::RATE_PER_PEER;
use crate::net::transport::listen::ListenError;
use crate::observe::logging::{self, LogFormat};
use crate::observe::units::bytes_text;
use crate::rpc::command::Command;
use crate::rpc::http::{CONNECTIONS_MAX, Faces, HttpError, HttpListener, HttpServer, Times};
use crate::service::{self, Ready, ServiceError};

/// Commands that wait for the service: one for each connection of the HTTP listener, because each
/// has only one under way.
const COMMANDS_MAX: usize = CONNECTIONS_MAX;

/// How long a clean stop may take.
const RUN_STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of this time the HTTP listener may use to send its last answers.
const HTTP_STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The exit code of a panic: `EX_SOFTWARE` of sysexits.h.
const PANIC_CODE: u8 = 70;

/// Why a run failed.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The key failed.
    #[error(transparent)]
    Key(#[from] IdentityError),
    /// The data dir failed.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The HTTP listener failed.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The service failed.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The service's task was lost.
    #[error("the service ended without a word: {0}")]
    Lost(String),
    /// It did not stop in time.
    #[error("the node did not stop within 5 s and was left: what it had not written yet is lost")]
    StopTimeout,
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
        ExitCode::from(match self {
            Self::DataDir(DataDirError::Locked { .. }) => 3,
            Self::Http(HttpError::AddressInUse(_))
            | Self::Service(ServiceError::Listen(ListenError::AddressInUse { .. })) => 4,
            Self::Key(_) => 5,
            Self::Service(ServiceError::Store(_) | ServiceError::StoreFailed(_)) => 6,
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
    let result = runtime.block_on(supervise(args, links, service));
    // A process that was asked twice to stop doesn't wait for a blocked thread.
    runtime.shutdown_background();
    result
}

/// The parts that a run needs first, and how they were obtained.
struct Footing {
    identity: Identity,
    data_dir: Option<DataDir>,
    key_note: String,
}

struct Running {
    service: JoinHandle<Result<(), ServiceError>>,
    stop: watch::Sender<bool>,
    http: Option<HttpServer>,
    format: LogFormat,
}

async fn supervise<S, F>(args: RunArgs, links: Option<Arc<dyn Links>>, service: S) -> Result<ExitCode, RunError>
where
    S: FnOnce(Config, mpsc::Receiver<Command>, oneshot::Sender<Ready>, watch::Receiver<bool>) -> F,
    F: Future<Output = Result<(), ServiceError>> + Send + 'static,
{
    let mut signals = Signals::listen()?;
    let place = Footing::take(&args)?;
    let data_dir = place.data_dir.as_ref().map(|dir| dir.path().to_owned());
    let format = args.log_format;
    let config = Config { links, ..args.settings(&place.identity, data_dir) };
    let descriptors = claim_descriptors(&config)?;
    warn_of_low_rates(&config);
    let listener = config.rpc_addr.map(HttpListener::bind).transpose()?;
    let rpc_addr = listener.as_ref().map(HttpListener::address);
    let banner = Banner::new(&config, place.key_note.clone(), rpc_addr.map(|address| address.to_string()));

    let (commands, commands_received) = mpsc::channel(COMMANDS_MAX);
    let (ready_sent, ready) = oneshot::channel();
    let (stop, stop_received) = watch::channel(false);
    let service = tokio::spawn(service(config, commands_received, ready_sent, stop_received));
    let mut running = Running { service, stop, http: None, format };

    let ready = tokio::select! {
        ready = ready => ready,
        first = signals.next() => return running.stop(first, &mut signals).await,
    };
    let Ok(ready) = ready else {
        return ended(running.service.await).and(Err(RunError::Lost("it stopped before it was ready".to_owned())));
    };
    // The RPC answers only from now on, and rpc.json appears last. So a program that finds
    // it finds a working node.
    if let Some(listener) = listener {
        let cookie = place.data_dir.as_ref().map(DataDir::write_cookie).transpose()?;
        let health = Arc::clone(&ready.health);
        let connections_max = descriptors.http;
        let members = ready.members.clone();
        let (feeds, metrics, times) = (ready.feeds.clone(), ready.metrics.clone(), Times::default());
        let faces = Faces { commands, cookie, health, members, feeds, metrics, connections_max, times };
        running.http = Some(listener.serve(faces)?);
    }
    let info = banner.info(&ready);
    if let Some(dir) = &place.data_dir {
        dir.write_rpc(&info)?;
    }
    banner.print(&info, format);
    let _notifier = Notifier::ready(&ready.health, info.listen.first().map(String::as_str));

    tokio::select! {
        result = &mut running.service => ended(result).map(|()| ExitCode::SUCCESS),
        first = signals.next() => running.stop(first, &mut signals).await,
    }
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

impl Footing {
    fn take(args: &RunArgs) -> Result<Self, RunError> {
        let path = match (&args.place.data_dir, args.ephemeral) {
            (Some(path), _) => Some(path.clone()),
            (None, true) => None,
            (None, false) => Some(data_dir::default_path(&args.place.network)?),
        };
        // The lock comes first, so that two starts at the same time can't both make a key.
        let data_dir = path.as_deref().map(DataDir::lock).transpose()?;
        let (identity, key_note) = match (&args.key_file, &data_dir) {
            (Some(file), _) => (Identity::load(file)?, format!("ed25519 key of {}", file.display())),
            (None, Some(dir)) if !args.ephemeral => {
                let file: PathBuf = dir.path().join(KEY_FILE);
                let (identity, made) = Identity::load_or_make(&file)?;
                let file = file.display();
                let note = if made {
                    format!("new ed25519 key written to {file} (0600)")
                } else {
                    format!("ed25519 key of {file}")
                };
                (identity, note)
            }
            _ => (Identity::generate()?, "new ed25519 key, in memory only".to_owned()),
        };
        Ok(Self { identity, data_dir, key_note })
    }
}

impl Running {
    /// Asks the service to stop and waits for it. It waits no longer than the limit, and not
    /// after a second signal.
    async fn stop(mut self, first: Stop, signals: &mut Signals) -> Result<ExitCode, RunError> {
        let text = format!("{}: stopping; a second signal forces it", first.name());
        if self.format.is_for_programs() {
            tracing::info!("{text}")
        } else {
            logging::to_stderr(&text)
        }
        notify::stopping();
        let _ = self.stop.send(true);
        let http = self.http.take();
        let stopped = async {
            if let Some(http) = &http {
                http.stop();
            }
            let result = (&mut self.service).await;
            if let Some(http) = http {
                // Answers under way are sent. A client that dawdles does not make the stop unclean.
                let _ = tokio::time::timeout(HTTP_STOP_TIMEOUT, http.stopped()).await;
            }
            result
        };
        tokio::select! {
            result = tokio::time::timeout(RUN_STOP_TIMEOUT, stopped) => match result {
                Ok(result) => ended(result).map(|()| ExitCode::SUCCESS),
                Err(_) => Err(RunError::StopTimeout),
            },
            second = signals.next() => Ok(second.forced()),
        }
    }
}

fn ended(result: Result<Result<(), ServiceError>, tokio::task::JoinError>) -> Result<(), RunError> {
    result.map_err(|error| RunError::Lost(error.to_string()))?.map_err(RunError::Service)
}
