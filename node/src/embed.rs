//! A node inside another program: [`Builder`] starts it, [`Node`] is the handle.
//!
//! * **It runs in the caller's tokio runtime,** as one task. Threads of its own check signatures, write the store and
//!   answer the RPC, if one is wanted. It installs no logger, no signal handler and no panic hook, and it changes no
//!   limit of the process. It writes its log with `tracing`.
//! * **What is acknowledged is on disk,** if there is a data dir.
//! * **A node stops in one way:** it tells the members of the network, closes its connections, commits what it holds,
//!   and frees ports and data dir. [`Node::stop`] waits for that. A [`Node`] that is dropped does the same by itself,
//!   as long as the runtime goes on.
//! * **The program `node` is built on this.** It adds the command line, the log, signals and the banner.
//!
//! What is promised to other programs is what the crate's root names. Other modules are public for the program `node`
//! and for the instrument, and may change with any version.

use std::net::SocketAddr;
use std::sync::Arc;

use bytes::Bytes;
use libp2p::{Multiaddr, PeerId};
use protocol::gossip::{Submission, TransactionStatus};
use protocol::items::block::Block;
use protocol::items::hash::{BlockId, TxId};
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::network::NetworkId;
use protocol::items::transaction::{Height, SignedTransaction, Transaction};
use tokio::sync::{mpsc, oneshot};

pub mod builder;
pub mod changes;
pub mod error;
pub mod launch;
mod rules;

use self::builder::Builder;
use self::changes::MemberChanges;
use self::error::NodeError;
use self::launch::Running;
use crate::config::application::items::Events;
use crate::config::data_dir::RpcInfo;
use crate::rpc::command::{Command, PeerStatus, Status};
use crate::rpc::members::MemberView;

/// For how many blocks a transaction of [`Node::send`] may still be confirmed, from the best height that the node
/// knows.
pub const SENT_VALID_FOR: Height = 1_000;

/// A node that runs in this process. Its methods may be called from any task or thread of the program; put it into an
/// [`Arc`] to share it.
///
/// If it is dropped, it stops as by [`Node::stop`], but nobody waits for it, and no error is told. The port and the data
/// dir are free a moment later, at most 5 s. If the runtime ends before, the node is cut off at once, and says no
/// goodbye. Everything that it acknowledged is on disk nevertheless.
#[derive(Debug)]
pub struct Node {
    network: NetworkId,
    key: SecretKey,
    peer_id: PeerId,
    addresses: Vec<Multiaddr>,
    rpc: Option<SocketAddr>,
    commands: mpsc::Sender<Command>,
    running: Running,
}

impl Node {
    /// The settings of a node of the network with this name: 1 to 32 of `a-z`, `0-9` and `-`, starting with a letter.
    ///
    /// A name that can't be one is an error of [`Builder::start`].
    pub fn builder(network: impl ToString) -> Builder {
        Builder::new(network)
    }

    /// The network's name.
    #[must_use]
    pub fn network(&self) -> &str {
        self.network.as_str()
    }

    /// The id that stands for the block before the first one.
    #[must_use]
    pub fn genesis(&self) -> BlockId {
        self.network.genesis()
    }

    /// The node's public key, with which it signs its blocks and what it says as a member.
    #[must_use]
    pub fn public_key(&self) -> PublicKey {
        self.key.public()
    }

    /// The node's libp2p id, as text.
    #[must_use]
    pub fn peer_id(&self) -> String {
        self.peer_id.to_string()
    }

    /// The addresses on which it listened when it started, each with its peer id: what other nodes take as
    /// [`Builder::bootstrap`].
    #[must_use]
    pub fn addresses(&self) -> Vec<String> {
        let whole = |address: &Multiaddr| address.clone().with_p2p(self.peer_id).unwrap_or_else(|whole| whole);
        self.addresses.iter().map(|address| whole(address).to_string()).collect()
    }

    /// Where its RPC listens, if [`Builder::rpc_addr`] asked for one.
    #[must_use]
    pub const fn rpc_addr(&self) -> Option<SocketAddr> {
        self.rpc
    }

    /// Signs a transaction with the node's key. It can be in no block above height `valid_until`.
    ///
    /// # Errors
    /// If the payload is longer than a transaction may have.
    pub fn sign(
        &self,
        nonce: u64,
        valid_until: Height,
        payload: impl Into<Bytes>,
    ) -> Result<SignedTransaction, NodeError> {
        let transaction = Transaction { author: self.public_key(), nonce, valid_until, payload: payload.into() };
        transaction.sign(&self.key, &self.network).map_err(NodeError::Item)
    }

    /// Signs a payload with the node's key and submits it. The nonce is random, and the transaction may be confirmed
    /// for [`SENT_VALID_FOR`] blocks.
    ///
    /// # Errors
    /// Those of [`Node::sign`] and [`Node::submit`].
    pub async fn send(&self, payload: impl Into<Bytes>) -> Result<TxId, NodeError> {
        let status = self.status().await?;
        let best = status.best_known_height.max(status.tip_height);
        let transaction = self.sign(rand::random(), best.saturating_add(SENT_VALID_FOR), payload)?;
        let id = transaction.id();
        self.submit(transaction).await.map(|_| id)
    }

    /// Submits a signed transaction, and waits until it is accepted and safe on disk. It is passed on to all nodes. The
    /// node need not have a peer yet: peers that connect later get it as well.
    ///
    /// # Errors
    /// [`NodeError::Refused`] with the reason, or [`NodeError::Stopped`].
    pub async fn submit(&self, transaction: impl Into<Arc<SignedTransaction>>) -> Result<Submission, NodeError> {
        let transaction = transaction.into();
        Ok(self.ask(|reply| Command::SubmitTransaction { transaction, reply }).await??)
    }

    /// Submits a block, and waits until it is accepted and safe on disk. To let the node make blocks itself, see
    /// [`Builder::produce_every`].
    ///
    /// # Errors
    /// [`NodeError::Refused`] with the reason, or [`NodeError::Stopped`].
    pub async fn publish(&self, block: impl Into<Arc<Block>>) -> Result<Submission, NodeError> {
        let block = block.into();
        Ok(self.ask(|reply| Command::SubmitBlock { block, reply }).await??)
    }

    /// Opens a reader of accepted transactions and blocks, and of the best chain's end. It hears what happens from now
    /// on. A reader that is slow is told how many events it lost: [`Event::Lost`](crate::Event::Lost).
    #[must_use]
    pub fn events(&self) -> Events {
        self.running.feeds().items().subscribe()
    }

    /// Opens a reader of changes of members. It hears what happens from now on. [`Builder::member_events`] is the same
    /// as a trait with a method for each change.
    #[must_use]
    pub fn member_changes(&self) -> MemberChanges {
        MemberChanges::new(self.running.feeds().members().subscribe(), self.running.ended())
    }

    /// What is known of a transaction; `None` if it is in no block and not in the mempool.
    ///
    /// # Errors
    /// [`NodeError::Stopped`].
    pub async fn transaction(&self, id: TxId) -> Result<Option<TransactionStatus>, NodeError> {
        self.ask(|reply| Command::Transaction { id, reply }).await
    }

    /// A block, if its body is kept.
    ///
    /// # Errors
    /// [`NodeError::Stopped`].
    pub async fn block(&self, id: BlockId) -> Result<Option<Arc<Block>>, NodeError> {
        self.ask(|reply| Command::Block { id, reply }).await
    }

    /// The block of the best chain at a height, if its body is kept.
    ///
    /// # Errors
    /// [`NodeError::Stopped`].
    pub async fn block_at(&self, height: Height) -> Result<Option<Arc<Block>>, NodeError> {
        self.ask(|reply| Command::BlockAt { height, reply }).await
    }

    /// The state of the node.
    ///
    /// # Errors
    /// [`NodeError::Stopped`].
    pub async fn status(&self) -> Result<Status, NodeError> {
        self.ask(|reply| Command::Status { reply }).await
    }

    /// Its gossip peers.
    ///
    /// # Errors
    /// [`NodeError::Stopped`].
    pub async fn peers(&self) -> Result<Vec<PeerStatus>, NodeError> {
        self.ask(|reply| Command::Peers { reply }).await
    }

    /// The members of the network, as this node sees them.
    ///
    /// # Errors
    /// [`NodeError::Members`] if the node takes no part in membership, or [`NodeError::Stopped`].
    pub async fn members(&self) -> Result<Vec<MemberView>, NodeError> {
        Ok(self.ask(|reply| Command::Members { reply }).await??)
    }

    /// Sets an entry of this node that all members get to know, or removes it with `None`.
    ///
    /// # Errors
    /// [`NodeError::Members`] if the entry may not be set, or [`NodeError::Stopped`].
    pub async fn set_entry(&self, key: impl Into<String>, value: Option<Bytes>) -> Result<(), NodeError> {
        let key = key.into();
        Ok(self.ask(|reply| Command::SetEntry { key, value, reply }).await??)
    }

    /// Waits until the node ends by itself, which it does only if it can't go on: because its store failed, for example.
    /// Nothing is lost if the future is dropped.
    ///
    /// # Errors
    /// The reason.
    pub async fn ended(&mut self) -> Result<(), NodeError> {
        self.running.ended_by_itself().await
    }

    /// Stops the node, and waits until its ports and its data dir are free. Readers of events hear what waits for them,
    /// and then the end.
    ///
    /// # Errors
    /// If it could not keep everything, or did not stop within 5 s. Half a second is usual.
    pub async fn stop(mut self) -> Result<(), NodeError> {
        self.running.stop().await
    }

    /// What other programs on this machine are told about the node.
    pub(crate) fn info(&self) -> RpcInfo {
        RpcInfo {
            pid: std::process::id(),
            peer_id: self.peer_id(),
            public_key: self.public_key().to_string(),
            rpc: self.rpc.map(|address| address.to_string()),
            listen: self.addresses(),
        }
    }

    pub(crate) const fn running(&mut self) -> &mut Running {
        &mut self.running
    }

    /// Sends a command and waits for the answer. A node that has stopped gives none.
    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> Result<T, NodeError> {
        let (reply, answer) = oneshot::channel();
        self.commands.send(make(reply)).await.map_err(|_| NodeError::Stopped)?;
        answer.await.map_err(|_| NodeError::Stopped)
    }
}
