//! The JSON-RPC door: turns requests into [`Command`]s for the service, and its answers into JSON. One trait makes
//! server and client, so the two can't disagree.
//!
//! Listens on loopback only, and answers requests that name a loopback host only, so that a web page can't reach
//! it by a name of its own. Deliberately absent: passwords, subscriptions, websockets.

use std::io;
use std::net::{SocketAddr, TcpListener};
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jsonrpsee::core::{RpcResult, async_trait};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::server::middleware::http::HostFilterLayer;
use jsonrpsee::server::{BatchRequestConfig, Server, ServerConfig, ServerHandle};
use jsonrpsee::types::ErrorObjectOwned;
use jsonrpsee::types::error::INVALID_PARAMS_CODE;
use protocol::block::Block;
use protocol::codec::{Decode, Encode as _};
use protocol::gossip::{Refusal, Submission, TransactionStatus};
use protocol::hash::{BlockId, TxId};
use protocol::limits::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, TRANSACTION_BYTES_MAX};
use protocol::transaction::SignedTransaction;
use serde::{Deserialize, Serialize};
use tokio::sync::{mpsc, oneshot};

use crate::command::{Command, PeerStatus, Status};

/// JSON around an item: names, quotes, ids. 4 KiB is ample.
const ENVELOPE_BYTES: usize = 4 * 1024;

/// Bytes of a request: the largest block in hexadecimal and what is around it, 8 MiB and 4 KiB.
pub const REQUEST_BYTES_MAX: usize = 2 * BLOCK_BYTES_MAX + ENVELOPE_BYTES;

/// Bytes of an answer: as a request, and a block's transaction ids of 64 digits, two quotes and a comma: 10.6 MiB.
pub const RESPONSE_BYTES_MAX: usize = REQUEST_BYTES_MAX + BLOCK_TRANSACTIONS_MAX * 67;

/// Connections at a time: 32 with the largest request each hold 256 MiB of text.
pub const CONNECTIONS_MAX: u32 = 32;

/// Requests in a batch. They are answered one after the other, so 32 * 64 connections never queue more than 32
/// commands.
pub const BATCH_MAX: u32 = 64;

/// How long the service may take to answer, waiting for its queue included.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The code of an item's refusal; the message is the refusal's prose.
pub const CODE_REFUSED: i32 = -32010;

/// The code for a service that did not answer in time.
pub const CODE_BUSY: i32 = -32011;

/// The code for a service that has stopped.
pub const CODE_STOPPED: i32 = -32012;

/// The answer to a submission.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Submitted {
    /// The item's id, in hexadecimal.
    pub id: String,
    /// Whether it is new here; false if it was held already.
    pub accepted: bool,
}

/// What is known of a transaction.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct TransactionView {
    /// Where it stands.
    pub status: TransactionState,
    /// The id of the block that holds it.
    pub block: Option<String>,
    /// That block's height.
    pub height: Option<u64>,
    /// The encoded signed transaction in hexadecimal, while it is kept.
    pub transaction: Option<String>,
}

/// Where a transaction stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum TransactionState {
    /// In the mempool.
    Pending,
    /// In the best chain.
    Confirmed,
}

/// A block.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct BlockView {
    /// Its height.
    pub height: u64,
    /// Its parent's id.
    pub parent: String,
    /// Its producer's public key.
    pub producer: String,
    /// When its producer says it was made, in milliseconds since 1970.
    pub timestamp_ms: u64,
    /// Its transactions' ids, in order.
    pub transactions: Vec<String>,
    /// The encoded block in hexadecimal.
    pub encoded: String,
}

/// The methods. Bytes and ids are hexadecimal without 0x.
#[rpc(server, client)]
pub trait Api {
    /// How the node is.
    #[method(name = "admin_nodeInfo")]
    async fn node_info(&self) -> RpcResult<Status>;

    /// Who its gossip peers are.
    #[method(name = "admin_peers")]
    async fn peers(&self) -> RpcResult<Vec<PeerStatus>>;

    /// Takes an encoded signed transaction.
    #[method(name = "tx_send")]
    async fn tx_send(&self, transaction: String) -> RpcResult<Submitted>;

    /// Looks a transaction up; null if it isn't known.
    #[method(name = "tx_get")]
    async fn tx_get(&self, id: String) -> RpcResult<Option<TransactionView>>;

    /// Takes an encoded block.
    #[method(name = "block_publish")]
    async fn block_publish(&self, block: String) -> RpcResult<Submitted>;

    /// Looks a block up; null if its body isn't kept.
    #[method(name = "block_get")]
    async fn block_get(&self, id: String) -> RpcResult<Option<BlockView>>;
}

/// The RPC's socket, bound but not yet answering.
#[derive(Debug)]
pub struct RpcListener {
    socket: TcpListener,
    address: SocketAddr,
}

/// Why the RPC doesn't listen.
#[derive(Debug, thiserror::Error)]
pub enum RpcError {
    /// The address is not on loopback.
    #[error(
        "the RPC asks nobody for a password, so it listens on loopback only, not on {0}: use --rpc-addr 127.0.0.1:30401"
    )]
    NotLoopback(SocketAddr),
    /// Another process has the address.
    #[error(
        "{0} is in use, so the RPC can't listen there: choose another with --rpc-addr, or 127.0.0.1:0 for a free port"
    )]
    AddressInUse(SocketAddr),
    /// The system failed.
    #[error("the RPC can't listen on {address}: {error}")]
    Io {
        /// The address.
        address: SocketAddr,
        /// What the system said.
        error: io::Error,
    },
}

impl RpcListener {
    /// Binds `address`; port 0 takes a free one. Connections wait until [`RpcListener::serve`].
    ///
    /// # Errors
    /// If the address is not on loopback, in use or otherwise not to be had.
    pub fn bind(address: SocketAddr) -> Result<Self, RpcError> {
        if !address.ip().is_loopback() {
            return Err(RpcError::NotLoopback(address));
        }
        let failed = |error: io::Error| match error.kind() {
            io::ErrorKind::AddrInUse => RpcError::AddressInUse(address),
            _ => RpcError::Io { address, error },
        };
        let socket = TcpListener::bind(address).map_err(failed)?;
        socket.set_nonblocking(true).map_err(failed)?;
        let address = socket.local_addr().map_err(failed)?;
        Ok(Self { socket, address })
    }

    /// The address, with the port that was taken.
    #[must_use]
    pub const fn address(&self) -> SocketAddr {
        self.address
    }

    /// Answers requests through `commands` until the handle is stopped or dropped. Needs a tokio runtime.
    ///
    /// # Errors
    /// The system's.
    pub fn serve(self, commands: mpsc::Sender<Command>) -> Result<ServerHandle, RpcError> {
        let config = ServerConfig::builder()
            .http_only()
            .max_request_body_size(u32::try_from(REQUEST_BYTES_MAX).unwrap_or(u32::MAX))
            .max_response_body_size(u32::try_from(RESPONSE_BYTES_MAX).unwrap_or(u32::MAX))
            .max_connections(CONNECTIONS_MAX)
            .set_batch_request_config(BatchRequestConfig::Limit(BATCH_MAX))
            .set_tcp_no_delay(true)
            .build();
        let hosts = HostFilterLayer::new(["127.0.0.1:*", "localhost:*", "[::1]:*"])
            .expect("the host patterns are constants");
        let server = Server::builder()
            .set_config(config)
            .set_http_middleware(tower::ServiceBuilder::new().layer(hosts))
            .build_from_tcp(self.socket)
            .map_err(|error| RpcError::Io { address: self.address, error })?;
        Ok(server.start(Methods { commands }.into_rpc()))
    }
}

struct Methods {
    commands: mpsc::Sender<Command>,
}

impl Methods {
    /// Sends the command that `make` builds around a reply channel, and waits for the answer.
    async fn ask<T>(&self, make: impl FnOnce(oneshot::Sender<T>) -> Command) -> RpcResult<T> {
        let (reply, answer) = oneshot::channel();
        let asked = async {
            self.commands.send(make(reply)).await.map_err(|_| stopped("the request was not carried out"))?;
            answer.await.map_err(|_| stopped("an item sent may or may not have been taken"))
        };
        tokio::time::timeout(ANSWER_TIMEOUT, asked).await.map_err(|_| {
            let text = "the node did not answer in 10 s; an item sent may or may not have been taken: look it up";
            error(CODE_BUSY, text.to_owned())
        })?
    }
}

#[async_trait]
impl ApiServer for Methods {
    async fn node_info(&self) -> RpcResult<Status> {
        self.ask(|reply| Command::Status { reply }).await
    }

    async fn peers(&self) -> RpcResult<Vec<PeerStatus>> {
        self.ask(|reply| Command::Peers { reply }).await
    }

    async fn tx_send(&self, transaction: String) -> RpcResult<Submitted> {
        let transaction: SignedTransaction = item(&transaction, "a transaction", TRANSACTION_BYTES_MAX)?;
        let id = transaction.id().to_string();
        let transaction = Arc::new(transaction);
        submitted(id, self.ask(|reply| Command::SubmitTransaction { transaction, reply }).await?)
    }

    async fn tx_get(&self, id: String) -> RpcResult<Option<TransactionView>> {
        let id: TxId = id.parse().map_err(bad_params)?;
        Ok(self.ask(|reply| Command::Transaction { id, reply }).await?.map(TransactionView::from))
    }

    async fn block_publish(&self, block: String) -> RpcResult<Submitted> {
        let block: Block = item(&block, "a block", BLOCK_BYTES_MAX)?;
        let id = block.header.id().to_string();
        let block = Arc::new(block);
        submitted(id, self.ask(|reply| Command::SubmitBlock { block, reply }).await?)
    }

    async fn block_get(&self, id: String) -> RpcResult<Option<BlockView>> {
        let id: BlockId = id.parse().map_err(bad_params)?;
        Ok(self.ask(|reply| Command::Block { id, reply }).await?.map(|block| BlockView::from(&*block)))
    }
}

impl From<TransactionStatus> for TransactionView {
    fn from(status: TransactionStatus) -> Self {
        let encoded = |transaction: &SignedTransaction| hex::encode(transaction.encoded());
        match status {
            TransactionStatus::Pending(transaction) => Self {
                status: TransactionState::Pending,
                block: None,
                height: None,
                transaction: Some(encoded(&transaction)),
            },
            TransactionStatus::Confirmed { block, height, transaction } => Self {
                status: TransactionState::Confirmed,
                block: Some(block.to_string()),
                height: Some(height),
                transaction: transaction.as_deref().map(encoded),
            },
        }
    }
}

impl From<&Block> for BlockView {
    fn from(block: &Block) -> Self {
        let header = block.header.header();
        Self {
            height: header.height,
            parent: header.parent.to_string(),
            producer: header.producer.to_string(),
            timestamp_ms: header.timestamp_ms,
            transactions: block
                .transactions
                .iter()
                .map(|bytes| SignedTransaction::id_of(bytes).to_string())
                .collect(),
            encoded: hex::encode(block.to_bytes()),
        }
    }
}

/// Decodes an item from hexadecimal, its length checked first.
fn item<T: Decode>(text: &str, what: &str, bytes_max: usize) -> RpcResult<T> {
    if text.len() > 2 * bytes_max {
        return Err(bad_params(format!("{what} has at most {bytes_max} bytes")));
    }
    let bytes =
        hex::decode(text).map_err(|error| bad_params(format!("{what} in hexadecimal is wanted: {error}")))?;
    T::from_bytes(&Bytes::from(bytes)).map_err(|error| bad_params(format!("the bytes are not {what}: {error}")))
}

fn submitted(id: String, result: Result<Submission, Refusal>) -> RpcResult<Submitted> {
    match result {
        Ok(submission) => Ok(Submitted { id, accepted: submission == Submission::Accepted }),
        Err(refusal) => Err(error(CODE_REFUSED, refusal.to_string())),
    }
}

fn bad_params(reason: impl std::fmt::Display) -> ErrorObjectOwned {
    error(INVALID_PARAMS_CODE, reason.to_string())
}

fn stopped(state: &str) -> ErrorObjectOwned {
    error(CODE_STOPPED, format!("the node is stopping: {state}"))
}

fn error(code: i32, message: String) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code, message, None::<()>)
}
