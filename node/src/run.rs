//! One run of the node, from the first look at the data dir to the last signal: takes hold of the data dir, loads the
//! key, starts service and RPC, says where it can be reached, and stops cleanly when asked.

use std::collections::BTreeSet;
use std::path::PathBuf;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use protocol::items::validator::Producers;
use tokio::signal::unix::{Signal, SignalKind, signal};
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

use crate::cli::{Cli, LogFormat, RunArgs};
use crate::command::Command;
use crate::config::Config;
use crate::data_dir::{self, DataDir, DataDirError, RpcInfo};
use crate::descriptors::Descriptors;
use crate::http::{CONNECTIONS_MAX, Faces, HttpError, HttpListener, HttpServer, Times};
use crate::identity::{Identity, IdentityError, KEY_FILE};
use crate::logging;
use crate::service::{self, Ready, ServiceError};
use crate::transport::Links;

/// Commands that wait for the service: one for each connection of the HTTP listener, which has no second under way.
const COMMANDS_MAX: usize = CONNECTIONS_MAX;

/// How long a clean stop may take.
const STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// What of it the HTTP listener may take to get its last answers out.
const HTTP_STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// The exit code of a panic: `EX_SOFTWARE` of sysexits.h.
const PANIC_CODE: u8 = 70;

/// Why a run ended badly.
#[derive(Debug, thiserror::Error)]
pub enum RunError {
    /// The key.
    #[error(transparent)]
    Key(#[from] IdentityError),
    /// The data dir.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// The HTTP listener.
    #[error(transparent)]
    Http(#[from] HttpError),
    /// The service.
    #[error(transparent)]
    Service(#[from] ServiceError),
    /// The service's task was lost.
    #[error("the service ended without a word: {0}")]
    Lost(String),
    /// It did not stop in time.
    #[error("the node did not stop within 5 s and was left: what it had not written yet is lost")]
    StopTimeout,
    /// Runtime or signals.
    #[error("cannot {action}: {error}")]
    System {
        /// What was tried.
        action: &'static str,
        /// What the system said.
        error: std::io::Error,
    },
}

/// The exit code that an error stands for.
pub trait ExitStatus {
    /// The code.
    fn exit_code(&self) -> ExitCode;
}

impl ExitStatus for RunError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(match self {
            Self::DataDir(DataDirError::Locked { .. }) => 3,
            Self::Http(HttpError::AddressInUse(_)) | Self::Service(ServiceError::AddressInUse { .. }) => 4,
            Self::Key(_) => 5,
            Self::Service(ServiceError::Store(_) | ServiceError::StoreFailed(_)) => 6,
            _ => 1,
        })
    }
}

/// Makes any panic, in whatever thread, end the process with code 70 and a message.
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
/// See [`RunError`]; whatever was started has been stopped.
pub fn run(args: RunArgs, links: Option<Arc<dyn Links>>) -> Result<ExitCode, RunError> {
    run_service(args, links, service::run)
}

/// Runs another service in the node's place, with the same lock, key, RPC, banner and signals around it. It is called
/// as [`service::run`] is, and must behave as that does.
///
/// # Errors
/// See [`RunError`]; whatever was started has been stopped.
pub fn run_service<S, F>(args: RunArgs, links: Option<Arc<dyn Links>>, service: S) -> Result<ExitCode, RunError>
where
    S: FnOnce(Config, mpsc::Receiver<Command>, oneshot::Sender<Ready>, watch::Receiver<bool>) -> F,
    F: Future<Output = Result<(), ServiceError>> + Send + 'static,
{
    logging::start(&args.log, args.log_format);
    for line in Cli::strange_variables(std::env::vars_os().map(|(name, _)| name)) {
        tracing::warn!("{line}");
    }
    // One thread for bytes and engine: nearly all work is many small messages that each pass the engine's single loop. A second
    // one adds a wake-up and a change of context to every one of them, and a scheduler for several threads costs even with
    // one. Many signatures are checked on threads of their own, and the HTTP listener has one.
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .map_err(|error| RunError::System { action: "start the runtime", error })?;
    let result = runtime.block_on(supervise(args, links, service));
    // Whoever was asked twice to leave doesn't wait for a blocked thread.
    runtime.shutdown_background();
    result
}

/// What the node stands on, and how it was come by.
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
    let config = Config { links, ..Config::resolve(args, &place.identity, data_dir) };
    let descriptors = claim_descriptors(&config)?;
    let listener = config.rpc_addr.map(HttpListener::bind).transpose()?;
    let rpc_addr = listener.as_ref().map(HttpListener::address);
    let banner = Banner::new(&config, &place, rpc_addr.map(|address| address.to_string()));

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
    // The RPC answers only from now on, and rpc.json appears last: whoever finds it finds a working node.
    if let Some(listener) = listener {
        let cookie = place.data_dir.as_ref().map(DataDir::write_cookie).transpose()?;
        let health = Arc::clone(&ready.health);
        let connections_max = descriptors.http;
        let faces = Faces { commands, cookie, health, connections_max, times: Times::default() };
        running.http = Some(listener.serve(faces)?);
    }
    let info = banner.info(&ready);
    if let Some(dir) = &place.data_dir {
        dir.write_rpc(&info)?;
    }
    banner.print(&info, format);

    tokio::select! {
        result = &mut running.service => ended(result).map(|()| ExitCode::SUCCESS),
        first = signals.next() => running.stop(first, &mut signals).await,
    }
}

/// Raises the limit of open files, and tells what came of it.
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

impl Footing {
    fn take(args: &RunArgs) -> Result<Self, RunError> {
        let path = match (&args.place.data_dir, args.ephemeral) {
            (Some(path), _) => Some(path.clone()),
            (None, true) => None,
            (None, false) => Some(data_dir::default_path(&args.place.network)?),
        };
        // The lock comes first, so that two starts at once can't both make a key.
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
    /// Asks the service to stop and waits for it, but no longer than the limit or a second signal.
    async fn stop(mut self, first: Stop, signals: &mut Signals) -> Result<ExitCode, RunError> {
        let text = format!("{}: stopping; a second signal forces it", first.name());
        if self.format == LogFormat::Json {
            tracing::info!("{text}")
        } else {
            logging::to_stderr(&text)
        }
        let _ = self.stop.send(true);
        let http = self.http.take();
        let stopped = async {
            if let Some(http) = &http {
                http.stop();
            }
            let result = (&mut self.service).await;
            if let Some(http) = http {
                // Answers under way get out; a client that dawdles is no reason to call the stop unclean.
                let _ = tokio::time::timeout(HTTP_STOP_TIMEOUT, http.stopped()).await;
            }
            result
        };
        tokio::select! {
            result = tokio::time::timeout(STOP_TIMEOUT, stopped) => match result {
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

#[derive(Clone, Copy)]
enum Stop {
    Interrupt,
    Terminate,
    Hangup,
}

impl Stop {
    const fn name(self) -> &'static str {
        match self {
            Self::Interrupt => "interrupted",
            Self::Terminate => "terminated",
            Self::Hangup => "hung up",
        }
    }

    /// 128 and the signal's number, as shells have it.
    fn forced(self) -> ExitCode {
        ExitCode::from(match self {
            Self::Interrupt => 130,
            Self::Terminate => 143,
            Self::Hangup => 129,
        })
    }
}

struct Signals {
    interrupt: Signal,
    terminate: Signal,
    /// `None` if whoever started us wants hangups ignored, as nohup does.
    hangup: Option<Signal>,
}

impl Signals {
    fn listen() -> Result<Self, RunError> {
        let of = |kind| signal(kind).map_err(|error| RunError::System { action: "listen for signals", error });
        let hangup = if ignores_hangups() { None } else { Some(of(SignalKind::hangup())?) };
        Ok(Self { interrupt: of(SignalKind::interrupt())?, terminate: of(SignalKind::terminate())?, hangup })
    }

    async fn next(&mut self) -> Stop {
        tokio::select! {
            _ = self.interrupt.recv() => Stop::Interrupt,
            _ = self.terminate.recv() => Stop::Terminate,
            () = hung_up(&mut self.hangup) => Stop::Hangup,
        }
    }
}

/// Ends with the next hangup; never, where these are ignored.
async fn hung_up(signal: &mut Option<Signal>) {
    match signal {
        Some(signal) => {
            signal.recv().await;
        }
        None => std::future::pending().await,
    }
}

/// Whether this process was started with SIGHUP ignored. Linux tells; where nobody does, it was not.
fn ignores_hangups() -> bool {
    let status = std::fs::read_to_string("/proc/self/status").unwrap_or_default();
    let ignored = status.lines().find_map(|line| line.strip_prefix("SigIgn:"));
    let mask = ignored.and_then(|mask| u64::from_str_radix(mask.trim(), 16).ok()).unwrap_or(0);
    // Signal n is bit n - 1, and SIGHUP is signal 1.
    mask & 1 != 0
}

/// What a person wants to know when a node has started.
struct Banner {
    network: String,
    /// Whose blocks it takes from the network.
    blocks: String,
    /// What a node that joins has to say of producers to take this one's blocks.
    producers: String,
    data: String,
    key: String,
    public_key: String,
    bootstrap: usize,
    rpc: Option<String>,
}

impl Banner {
    fn new(config: &Config, place: &Footing, rpc: Option<String>) -> Self {
        Self {
            network: config.network.to_string(),
            blocks: blocks(config),
            producers: producers(config),
            data: config
                .data_dir
                .as_ref()
                .map_or_else(|| "in memory".to_owned(), |path| path.display().to_string()),
            key: place.key_note.clone(),
            public_key: place.identity.public_key().to_string(),
            bootstrap: config.bootstrap.len(),
            rpc,
        }
    }

    fn info(&self, ready: &Ready) -> RpcInfo {
        let with_peer =
            |address: &Multiaddr| address.clone().with_p2p(ready.peer_id).unwrap_or_else(|whole| whole);
        RpcInfo {
            pid: std::process::id(),
            peer_id: ready.peer_id.to_string(),
            public_key: self.public_key.clone(),
            rpc: self.rpc.clone(),
            listen: ready.listen.iter().map(|address| with_peer(address).to_string()).collect(),
        }
    }

    fn print(&self, info: &RpcInfo, format: LogFormat) {
        let version = env!("CARGO_PKG_VERSION");
        if format == LogFormat::Json {
            let (listen, rpc) = (info.listen.join(","), self.rpc.as_deref().unwrap_or("none"));
            let (network, data, key, peer_id) = (&self.network, &self.data, &self.key, &info.peer_id);
            let blocks = &self.blocks;
            tracing::info!(version, network, data, key, peer_id, listen, rpc, blocks, "ready");
            return;
        }
        let network = if self.network == "dev" { String::new() } else { format!("--network {} ", self.network) };
        let mut lines = vec![format!("node {version} · network {} · data {}", self.network, self.data)];
        lines.push(format!("key      {}", self.key));
        lines.push(format!("public   {}", info.public_key));
        lines.push(format!("peer id  {}", info.peer_id));
        lines.extend(info.listen.iter().map(|address| format!("listen   {address}")));
        lines.push(format!(
            "rpc      {}",
            self.rpc.as_ref().map_or("none".to_owned(), |at| format!("http://{at}"))
        ));
        lines.push(format!("blocks   {}", self.blocks));
        lines.push(match self.bootstrap {
            0 => "boot     no --bootstrap address: waiting to be joined".to_owned(),
            count => {
                format!("boot     dialling {count} bootstrap {}", if count == 1 { "address" } else { "addresses" })
            }
        });
        lines.push(match reachable(&info.listen) {
            Some(address) => {
                format!("ready    join me with: node {network}--bootstrap {address}{}", self.producers)
            }
            None => "ready    listening nowhere: nobody can join through this node".to_owned(),
        });
        for line in lines {
            logging::to_stderr(&line);
        }
    }
}

/// Whose blocks the node takes from the network, and how that is changed where it takes none.
fn blocks(config: &Config) -> String {
    match &config.producers {
        Producers::Open => "of every producer".to_owned(),
        Producers::Allowed(keys) if keys.is_empty() => {
            "none from the network is taken: name producers with --producers, or take all with --open-producers"
                .to_owned()
        }
        Producers::Allowed(keys) => {
            format!("of {} {}", keys.len(), if keys.len() == 1 { "producer" } else { "producers" })
        }
    }
}

/// The flags with which a node takes the blocks that this one takes and makes.
fn producers(config: &Config) -> String {
    let Producers::Allowed(keys) = &config.producers else { return " --open-producers".to_owned() };
    let own = config.produce_every.map(|_| config.key.public());
    let keys: BTreeSet<_> = keys.iter().copied().chain(own).collect();
    if keys.is_empty() {
        return String::new();
    }
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    format!(" --producers {}", keys.join(","))
}

/// The address to give to others: one that other machines can reach, before loopback; TCP, before QUIC.
fn reachable(listen: &[String]) -> Option<&String> {
    let rank = |text: &&String| {
        let address: Option<Multiaddr> = text.parse().ok();
        let has = |wanted: fn(&Protocol<'_>) -> bool| {
            address.as_ref().is_some_and(|at| at.iter().any(|part| wanted(&part)))
        };
        let loopback = has(|part| match part {
            Protocol::Ip4(ip) => ip.is_loopback(),
            Protocol::Ip6(ip) => ip.is_loopback(),
            _ => false,
        });
        (loopback, !has(|part| matches!(part, Protocol::Tcp(_))))
    };
    listen.iter().min_by_key(rank)
}
