//! How a node is started and stopped, for the library and for the program alike.
//!
//! The order of the start: the lock on the data dir, the key, the settings, the RPC's port, the service, and the RPC's
//! answers last. `rpc.json` appears at the end, so a program that finds it finds a working node. The lock is held until
//! the service has ended, whoever still has a handle.
//!
//! Deliberately absent: signals, and what a person is shown (`run.rs`).

use std::net::SocketAddr;
use std::path::Path;
use std::pin::pin;
use std::sync::Arc;
use std::time::Duration;

use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use tokio::runtime::Handle;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;
use tokio::time::timeout;

use super::Node;
use super::builder::{Builder, KeySource};
use super::error::NodeError;
use crate::config::Config;
use crate::config::application::items::Items;
use crate::config::data_dir::DataDir;
use crate::config::identity::{Identity, KEY_FILE};
use crate::rpc::command::Command;
use crate::rpc::feeds::Feeds;
use crate::rpc::http::{CONNECTIONS_MAX, Faces, HttpListener, HttpServer, Times};
use crate::service::{Ready, ServiceError};

/// Commands that wait for the service: one for each connection of the HTTP listener, because each
/// has only one under way.
const COMMANDS_MAX: usize = CONNECTIONS_MAX;

/// How long a clean stop may take.
const NODE_STOP_TIMEOUT: Duration = Duration::from_secs(5);

/// How much of this time the HTTP listener may use to send its last answers.
const HTTP_STOP_TIMEOUT: Duration = Duration::from_secs(1);

/// A node that has its data dir, its key and the RPC's port, and runs nothing yet.
#[derive(Debug)]
pub(crate) struct Prepared {
    pub(crate) config: Config,
    /// How the key was obtained, for people.
    pub(crate) key_note: String,
    /// Connections that the HTTP listener may have at a time.
    pub(crate) connections_max: usize,
    data_dir: Option<DataDir>,
    listener: Option<HttpListener>,
}

/// A node that was launched, and may not listen yet.
#[derive(Debug)]
pub(crate) struct Launched {
    about: About,
    ready: oneshot::Receiver<Ready>,
    commands: mpsc::Sender<Command>,
    connections_max: usize,
    rpc_calls: Option<u32>,
    data_dir: Option<Arc<DataDir>>,
    listener: Option<HttpListener>,
    running: Running,
}

/// What stays true of a node.
#[derive(Debug)]
struct About {
    network: NetworkId,
    key: SecretKey,
}

/// A node's task, and what ends with it.
#[derive(Debug)]
pub(crate) struct Running {
    /// `None` once its end was told.
    task: Option<JoinHandle<Result<(), ServiceError>>>,
    stop: watch::Sender<bool>,
    ended: watch::Receiver<bool>,
    feeds: Feeds,
    http: Option<HttpServer>,
}

/// Tells all readers when the task ends, however it ends, and lets go of the data dir.
struct End {
    items: Option<Items>,
    ended: watch::Sender<bool>,
    _data_dir: Option<Arc<DataDir>>,
}

impl Builder {
    /// Takes the data dir, the key and the RPC's port.
    pub(crate) fn prepare(self) -> Result<Prepared, NodeError> {
        if Handle::try_current().is_err() {
            return Err(NodeError::NoRuntime);
        }
        // The lock comes first, so that two starts at the same time can't both make a key.
        let data_dir = self.data_dir.as_deref().map(DataDir::lock).transpose()?;
        let place = data_dir.as_ref().map(DataDir::path);
        let (identity, key_note) = self.identity(place)?;
        let place = place.map(Path::to_owned);
        let config = self.config(&identity, place)?;
        let listener = config.rpc_addr.map(HttpListener::bind).transpose()?;
        Ok(Prepared { config, key_note, connections_max: CONNECTIONS_MAX, data_dir, listener })
    }

    /// The key, and how it was obtained.
    fn identity(&self, data_dir: Option<&Path>) -> Result<(Identity, String), NodeError> {
        Ok(match (&self.key, data_dir) {
            (KeySource::Given(identity), _) => (identity.clone(), "ed25519 key of the program".to_owned()),
            (KeySource::File(file), _) => (Identity::load(file)?, format!("ed25519 key of {}", file.display())),
            (KeySource::DataDir, Some(dir)) if !self.ephemeral => {
                let file = dir.join(KEY_FILE);
                let (identity, made) = Identity::load_or_make(&file)?;
                let file = file.display();
                let note = if made {
                    format!("new ed25519 key written to {file} (0600)")
                } else {
                    format!("ed25519 key of {file}")
                };
                (identity, note)
            }
            (KeySource::DataDir, _) => (Identity::generate()?, "new ed25519 key, in memory only".to_owned()),
        })
    }
}

impl Prepared {
    /// Where the RPC will listen.
    pub(crate) fn rpc_addr(&self) -> Option<SocketAddr> {
        self.listener.as_ref().map(HttpListener::address)
    }

    /// Starts a service, which is called like [`run`](crate::service::run) and must behave like it.
    pub(crate) fn launch<S, F>(self, service: S) -> Launched
    where
        S: FnOnce(Config, mpsc::Receiver<Command>, oneshot::Sender<Ready>, watch::Receiver<bool>) -> F,
        F: Future<Output = Result<(), ServiceError>> + Send + 'static,
    {
        let Self { config, connections_max, data_dir, listener, .. } = self;
        let about = About { network: config.network.clone(), key: config.key.clone() };
        let rpc_calls = config.rpc_calls;
        let data_dir = data_dir.map(Arc::new);
        let (commands, commands_received) = mpsc::channel(COMMANDS_MAX);
        let (ready_sent, ready) = oneshot::channel();
        let (stop, stop_received) = watch::channel(false);
        let (ended_sent, ended) = watch::channel(false);
        let end = End { items: None, ended: ended_sent, _data_dir: data_dir.clone() };
        let (ready_told, ready_heard) = oneshot::channel();
        let service = service(config, commands_received, ready_told, stop_received);
        let task = tokio::spawn(end.after(service, ready_heard, ready_sent));
        let running = Running { task: Some(task), stop, ended, feeds: Feeds::default(), http: None };
        Launched { about, ready, commands, connections_max, rpc_calls, data_dir, listener, running }
    }
}

impl Launched {
    /// Waits until the node listens, and lets the RPC answer. If the future is dropped, the node stops.
    pub(crate) async fn node(mut self) -> Result<Node, NodeError> {
        let ready = self.ready().await?;
        self.serve(ready)
    }

    /// Waits until the node listens. Nothing is lost if the future is dropped.
    pub(crate) async fn ready(&mut self) -> Result<Ready, NodeError> {
        if let Ok(ready) = (&mut self.ready).await {
            return Ok(ready);
        }
        self.running.ended_by_itself().await?;
        Err(NodeError::Lost("it stopped before it was ready".to_owned()))
    }

    pub(crate) const fn running(&mut self) -> &mut Running {
        &mut self.running
    }

    /// Lets the RPC answer, and tells other programs where.
    pub(crate) fn serve(self, ready: Ready) -> Result<Node, NodeError> {
        let Self {
            about: About { network, key },
            commands,
            connections_max,
            rpc_calls,
            data_dir,
            listener,
            mut running,
            ..
        } = self;
        let Ready { peer_id, listen, health, members, feeds, metrics } = ready;
        running.feeds = feeds.clone();
        let rpc = listener.as_ref().map(HttpListener::address);
        if let Some(listener) = listener {
            let cookie = data_dir.as_ref().map(|dir| dir.write_cookie()).transpose()?;
            let (commands, times) = (commands.clone(), Times::default());
            let calls_max = rpc_calls;
            let faces =
                Faces { commands, cookie, health, members, feeds, metrics, connections_max, calls_max, times };
            running.http = Some(listener.serve(faces)?);
        }
        let node = Node { network, key, peer_id, addresses: listen, rpc, commands, running };
        if let Some(dir) = data_dir {
            dir.write_rpc(&node.info())?;
        }
        Ok(node)
    }
}

impl Running {
    pub(super) const fn feeds(&self) -> &Feeds {
        &self.feeds
    }

    /// Becomes true when the node's task ends.
    pub(super) fn ended(&self) -> watch::Receiver<bool> {
        self.ended.clone()
    }

    /// Waits for the end of the task. Nothing is lost if the future is dropped.
    pub(crate) async fn ended_by_itself(&mut self) -> Result<(), NodeError> {
        let Some(task) = &mut self.task else { return Ok(()) };
        let ended = task.await;
        self.task = None;
        Ok(ended.map_err(|error| NodeError::Lost(error.to_string()))??)
    }

    /// Asks the node to stop, and waits for its end. Waits no longer than the limit.
    pub(crate) async fn stop(&mut self) -> Result<(), NodeError> {
        let _ = self.stop.send(true);
        let http = self.http.take();
        let stopped = async {
            if let Some(http) = &http {
                http.stop();
            }
            let result = self.ended_by_itself().await;
            if let Some(http) = http {
                // Answers under way are sent. A client that dawdles does not make the stop unclean.
                let _ = timeout(HTTP_STOP_TIMEOUT, http.stopped()).await;
            }
            result
        };
        timeout(NODE_STOP_TIMEOUT, stopped).await.unwrap_or(Err(NodeError::StopTimeout))
    }
}

impl End {
    /// Runs the service, and notes whom to tell as soon as it is ready.
    async fn after(
        mut self,
        service: impl Future<Output = Result<(), ServiceError>>,
        heard: oneshot::Receiver<Ready>,
        told: oneshot::Sender<Ready>,
    ) -> Result<(), ServiceError> {
        let mut service = pin!(service);
        tokio::select! {
            biased;
            Ok(ready) = heard => {
                self.items = Some(ready.feeds.items().clone());
                // The caller may no longer be waiting.
                let _ = told.send(ready);
            }
            result = &mut service => return result,
        }
        service.await
    }
}

impl Drop for End {
    fn drop(&mut self) {
        self.items.iter().for_each(Items::end);
        let _ = self.ended.send(true);
    }
}
