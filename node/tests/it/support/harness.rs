//! Runs nodes in this process: temporary settings, loopback, free ports. Everything is stopped at the end.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use node::config::deadlines::Deadlines;
use node::config::members::Membership;
use node::config::memory::Memory;
use node::config::rates::Rates;
use node::config::reach::Reach;
use node::config::{Config, Prune, TRACE_FLUSH_DEFAULT};
use node::rpc::command::{Command, PeerStatus, Status};
use node::service::{self, Ready, ServiceError};
use protocol::gossip::{Reconciliation, Refusal, RelayPolicy, Submission, TransactionStatus};
use protocol::items::hash::TxId;
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::items::validator::Producers;
use tokio::sync::{mpsc, oneshot, watch};
use tokio::task::JoinHandle;

/// The longest time that a test waits. Only a failure takes so long.
pub(crate) const PATIENCE: Duration = Duration::from_secs(60);
/// The time between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// A running node.
pub(crate) struct Node {
    pub(crate) ready: Ready,
    commands: mpsc::Sender<Command>,
    stop: watch::Sender<bool>,
    task: JoinHandle<Result<(), ServiceError>>,
}

/// Settings of a node that listens on a free loopback port and knows no other node. `seed` makes its key.
pub(crate) fn config(seed: u8) -> Config {
    let identity = Keypair::ed25519_from_bytes([seed; 32]).expect("32 bytes");
    Config {
        network: "test".parse().expect("a name"),
        identity,
        key: SecretKey::from_seed(&[seed; 32]),
        data_dir: None,
        listen: vec!["/ip4/127.0.0.1/tcp/0".parse().expect("an address")],
        bootstrap: Vec::new(),
        reserved_peers: Vec::new(),
        reserved_only: false,
        max_peers_in: 64,
        max_peers_out: 8,
        loopback_exempt: true,
        rates: Rates::default(),
        deadlines: Deadlines::default(),
        ephemeral: true,
        prune: Prune::default(),
        relay: RelayPolicy::Announce,
        reconciliation: Reconciliation::default(),
        producers: Producers::Open,
        validator: None,
        produce_every: None,
        rpc_addr: None,
        rpc_calls: None,
        rpc_any_producer: false,
        trace: None::<PathBuf>,
        trace_flush: TRACE_FLUSH_DEFAULT,
        item_traces: true,
        memory: Memory::default(),
        reach: Reach::default(),
        membership: Membership::default(),
        application: None,
        manners: None,
        links: None,
    }
}

impl Node {
    /// Starts a node. It must start.
    pub(crate) async fn start(config: Config) -> Self {
        Self::try_start(config).await.expect("the node starts")
    }

    /// Starts a node, or returns the reason why it could not start.
    pub(crate) async fn try_start(config: Config) -> Result<Self, ServiceError> {
        let (commands, receiver) = mpsc::channel(64);
        let (told, ready) = oneshot::channel();
        let (stop, stopped) = watch::channel(false);
        let task = tokio::spawn(service::run(config, receiver, told, stopped));
        match ready.await {
            Ok(ready) => Ok(Self { ready, commands, stop, task }),
            Err(_) => Err(task.await.expect("no panic").expect_err("a node that isn't ready has failed")),
        }
    }

    /// The queue for its commands.
    pub(crate) fn commands(&self) -> mpsc::Sender<Command> {
        self.commands.clone()
    }

    /// Its first address, with its peer id.
    pub(crate) fn address(&self) -> Multiaddr {
        self.ready.listen.first().cloned().expect("it listens")
    }

    /// Asks the node something.
    pub(crate) async fn ask<T>(&self, question: impl FnOnce(oneshot::Sender<T>) -> Command) -> T {
        let (reply, answer) = oneshot::channel();
        self.commands.send(question(reply)).await.expect("the node runs");
        answer.await.expect("the node answers")
    }

    pub(crate) async fn peers(&self) -> Vec<PeerStatus> {
        self.ask(|reply| Command::Peers { reply }).await
    }

    pub(crate) async fn status(&self) -> Status {
        self.ask(|reply| Command::Status { reply }).await
    }

    /// Waits until the answer of `peers` satisfies `enough`.
    pub(crate) async fn peers_until(&self, what: &str, enough: impl Fn(&[PeerStatus]) -> bool) -> Vec<PeerStatus> {
        let waited = async {
            loop {
                let peers = self.peers().await;
                if enough(&peers) {
                    return peers;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waited).await {
            Ok(peers) => peers,
            Err(_) => panic!("waited in vain for {what}; peers: {:#?}", self.peers().await),
        }
    }

    /// Submits a transaction.
    pub(crate) async fn send(&self, transaction: Arc<SignedTransaction>) -> Result<Submission, Refusal> {
        self.ask(|reply| Command::SubmitTransaction { transaction, reply }).await
    }

    /// Waits until the node knows a transaction.
    pub(crate) async fn transaction(&self, id: TxId) -> TransactionStatus {
        let waited = async {
            loop {
                if let Some(status) = self.ask(|reply| Command::Transaction { id, reply }).await {
                    return status;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        tokio::time::timeout(PATIENCE, waited).await.expect("the transaction comes in time")
    }

    /// Waits until the answer of `status` satisfies `enough`.
    pub(crate) async fn status_until(&self, what: &str, enough: impl Fn(&Status) -> bool) -> Status {
        let waited = async {
            loop {
                let status = self.status().await;
                if enough(&status) {
                    return status;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        match tokio::time::timeout(PATIENCE, waited).await {
            Ok(status) => status,
            Err(_) => panic!("waited in vain for {what}; status: {:#?}", self.status().await),
        }
    }

    /// Ends the node without a word, as a lost process does.
    pub(crate) async fn kill(self) {
        self.task.abort();
        let _ = self.task.await;
    }

    /// Stops the node and waits for its end.
    pub(crate) async fn stop(self) {
        self.stop.send_replace(true);
        self.task.await.expect("no panic").expect("a clean end");
    }
}

/// A transaction of `bytes` payload bytes, signed for the harness's network.
pub(crate) fn transaction(author: u8, nonce: u64, bytes: usize) -> Arc<SignedTransaction> {
    let payload = vec![author; bytes].into();
    let transaction = Transaction { author: PublicKey::default(), nonce, valid_until: 1_000, payload };
    let network = "test".parse().expect("a name");
    Arc::new(transaction.sign(&SecretKey::from_seed(&[author; 32]), &network).expect("within the bound"))
}
