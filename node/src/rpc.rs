//! The JSON-RPC's methods: they turn requests into [`Command`]s for the service, and its answers into JSON. One
//! trait makes server and client, so the two can't disagree.
//!
//! Reading and `tx_send` are open to everyone on the machine. Other methods that change the node need the cookie
//! (`access.rs`). The listener is `http.rs`. Deliberately absent: what is
//! told to subscribers (`feeds.rs`), and how (`http/socket.rs`).

use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use jsonrpsee::RpcModule;
use jsonrpsee::core::{RpcResult, async_trait};
use jsonrpsee::proc_macros::rpc;
use jsonrpsee::types::ErrorObjectOwned;
use jsonrpsee::types::error::{INTERNAL_ERROR_CODE, INVALID_PARAMS_CODE};
use protocol::gossip::{Refusal, Submission};
use protocol::items::block::Block;
use protocol::items::hash::{BlockId, TxId};
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{BLOCK_BYTES_MAX, BLOCK_TRANSACTIONS_MAX, TRANSACTION_BYTES_MAX};
use protocol::wire::codec::Decode;
use serde_json::Value;
use tokio::sync::{mpsc, oneshot};

pub mod access;
pub mod command;
pub mod evidence;
pub mod feeds;
pub mod http;
mod items;
pub mod lists;
pub mod members;
pub mod orders;
pub mod trace;

use self::command::{BanStatus, Command, PeerStatus, Status};
use self::evidence::EvidenceView;
pub use self::items::{BlockView, Submitted, TransactionState, TransactionView};
use self::lists::{BLOCKS_LISTED, BLOCKS_LISTED_MAX, BlockSummary, PENDING_LISTED, PENDING_LISTED_MAX, PoolView};
use self::members::{AggregateView, MemberDetail, MemberView, MembersError};
use self::orders::{ORDERED_BAN_LONGEST, ORDERED_BAN_TIME, Order, OrderError};
use self::trace::{TRACES_LISTED, TRACES_LISTED_MAX, TraceError, TraceSummary, TraceView};
use crate::observe::logging;

/// The JSON around an item: names, quotes, ids. 4 KiB is ample.
const ENVELOPE_BYTES: usize = 4 * 1024;

/// Bytes of a request: the largest block in hexadecimal and the JSON around it, 8 MiB and 4 KiB.
pub const REQUEST_BYTES_MAX: usize = 2 * BLOCK_BYTES_MAX + ENVELOPE_BYTES;

/// Bytes of an answer: those of a request, and for each of a block's transactions an id of 64 digits, two
/// quotes and a comma: 10.5 MiB.
pub const RESPONSE_BYTES_MAX: usize = REQUEST_BYTES_MAX + BLOCK_TRANSACTIONS_MAX * 67;

/// Requests in a batch. They are answered one after the other, so a connection never has more
/// than one command under way.
pub const BATCH_MAX: u32 = 64;

/// How long the service may take to answer, including the time in its queue.
pub const ANSWER_TIMEOUT: Duration = Duration::from_secs(10);

/// The code of an item's refusal; the message is the refusal's text. Our codes lie outside of -32768 to -32000,
/// because JSON-RPC 2.0 (section 5.1) reserves these for itself and its libraries.
pub const CODE_REFUSED: i32 = -31_010;

/// The code for a service that did not answer in time.
pub const CODE_BUSY: i32 = -31_011;

/// The code for a service that has stopped.
pub const CODE_STOPPED: i32 = -31_012;

/// The code for a method that needs the cookie.
pub const CODE_NOT_ALLOWED: i32 = -31_013;

/// The code for a subscription that was asked for without a WebSocket.
pub const CODE_NO_SOCKET: i32 = -31_014;

/// The code for a call whose turn did not come in time, because clients ask for more calls than the node serves.
pub const CODE_TOO_MANY: i32 = -31_015;

/// The description of all methods: an OpenRPC document. A test compares it with the methods and their answers.
pub const OPENRPC: &str = include_str!("rpc/openrpc.json");

/// The method that subscribes, over a WebSocket.
pub const SUBSCRIBE: &str = "events_subscribe";

/// The method that ends a subscription.
pub const UNSUBSCRIBE: &str = "events_unsubscribe";

/// The methods. Bytes and ids are hexadecimal without 0x.
#[rpc(server, client)]
pub trait Api {
    /// Returns the state of the node.
    #[method(name = "admin_nodeInfo")]
    async fn node_info(&self) -> RpcResult<Status>;

    /// Lists its gossip peers.
    #[method(name = "admin_peers")]
    async fn peers(&self) -> RpcResult<Vec<PeerStatus>>;

    /// Lists the evidence against producers that signed two blocks for one height, by producer.
    #[method(name = "evidence_list")]
    async fn evidence_list(&self) -> RpcResult<Vec<EvidenceView>>;

    /// Lists the members of the network, as this node sees them.
    #[method(name = "members_list")]
    async fn members_list(&self) -> RpcResult<Vec<MemberView>>;

    /// Shows a member, named by its peer id or its public key; null if it isn't known.
    #[method(name = "members_get")]
    async fn members_get(&self, id: String) -> RpcResult<Option<MemberDetail>>;

    /// Computes the aggregates of an entry over all members that have it as a number.
    #[method(name = "members_aggregate")]
    async fn members_aggregate(&self, name: String) -> RpcResult<AggregateView>;

    /// Sets an entry of this node: its value in hexadecimal, or null to remove it.
    #[method(name = "members_set")]
    async fn members_set(&self, key: String, value: Option<String>) -> RpcResult<()>;

    /// Tells the network that this node leaves. It relays on, and comes back when it is started again.
    #[method(name = "members_leave")]
    async fn members_leave(&self) -> RpcResult<()>;

    /// Submits an encoded signed transaction.
    #[method(name = "tx_send")]
    async fn tx_send(&self, transaction: String) -> RpcResult<Submitted>;

    /// Looks up a transaction; null if it isn't known.
    #[method(name = "tx_get")]
    async fn tx_get(&self, id: String) -> RpcResult<Option<TransactionView>>;

    /// Submits an encoded block.
    #[method(name = "block_publish")]
    async fn block_publish(&self, block: String) -> RpcResult<Submitted>;

    /// Looks up a block by its id, or by its height on the best chain in decimal digits; null if its body isn't kept.
    #[method(name = "block_get")]
    async fn block_get(&self, id: String) -> RpcResult<Option<BlockView>>;

    /// Lists blocks of the best chain, the highest first: from a height downwards, or from the tip. At most 100; 20 if no
    /// number is given.
    #[method(name = "block_list")]
    async fn block_list(&self, from: Option<u64>, count: Option<u32>) -> RpcResult<Vec<BlockSummary>>;

    /// Lists pending transactions in the order of their ids, after a given id or from the first. At most 500; 100 if no
    /// number is given.
    #[method(name = "pool_content")]
    async fn pool_content(&self, after: Option<String>, count: Option<u32>) -> RpcResult<PoolView>;

    /// Tells how an item came to this node and where it went. The item is named by its id, or by the first 8 to 16
    /// digits of it. null if nothing is recorded of it.
    #[method(name = "trace_get")]
    async fn trace_get(&self, id: String) -> RpcResult<Option<TraceView>>;

    /// Lists the last items that came, the newest first. At most 200; 20 if no number is given.
    #[method(name = "trace_list")]
    async fn trace_list(&self, count: Option<u32>) -> RpcResult<Vec<TraceSummary>>;

    /// Lists all bans, those of addresses first, and the latest first.
    #[method(name = "bans_list")]
    async fn bans_list(&self) -> RpcResult<Vec<BanStatus>>;

    /// Keeps a connection to the node at an address, also in the next runs, or if `keep` is false until this node ends.
    #[method(name = "admin_addPeer")]
    async fn add_peer(&self, address: String, keep: Option<bool>) -> RpcResult<()>;

    /// Disconnects a peer, and forgets that it was added. It is named by its peer id, or by the address that was added.
    #[method(name = "admin_removePeer")]
    async fn remove_peer(&self, peer_id: String) -> RpcResult<()>;

    /// Bans a peer, or all peers at an address, for this many seconds; for a day if no number is given.
    #[method(name = "admin_banPeer")]
    async fn ban_peer(&self, who: String, seconds: Option<u64>) -> RpcResult<()>;

    /// Ends the ban of a peer or an address.
    #[method(name = "admin_unbanPeer")]
    async fn unban_peer(&self, who: String) -> RpcResult<()>;

    /// Changes what is logged, in the syntax of `--log`. Returns the filter from before.
    #[method(name = "debug_setLogFilter")]
    async fn set_log_filter(&self, filter: String) -> RpcResult<String>;

    /// Returns a description of all methods: an OpenRPC document.
    #[method(name = "rpc.discover")]
    async fn discover(&self) -> RpcResult<Value>;

    /// Subscribes to a topic: transactions, blocks, tip, peers or members. Over a WebSocket only; returns the
    /// subscription's number.
    #[method(name = "events_subscribe")]
    async fn events_subscribe(&self, topic: String) -> RpcResult<u64>;

    /// Ends a subscription. Over a WebSocket only; false if there is none.
    #[method(name = "events_unsubscribe")]
    async fn events_unsubscribe(&self, subscription: u64) -> RpcResult<bool>;
}

/// The methods, for a listener: each becomes one command.
pub fn methods(commands: mpsc::Sender<Command>) -> RpcModule<impl Sized> {
    Methods { commands }.into_rpc()
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

impl Methods {
    async fn order(&self, order: Order) -> RpcResult<()> {
        let done = self.ask(|reply| Command::Order { order, reply }).await?;
        done.map_err(|reason| error(CODE_REFUSED, reason.to_string()))
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

    async fn evidence_list(&self) -> RpcResult<Vec<EvidenceView>> {
        let evidence = self.ask(|reply| Command::Evidence { reply }).await?;
        Ok(evidence.iter().map(EvidenceView::from).collect())
    }

    async fn members_list(&self) -> RpcResult<Vec<MemberView>> {
        self.ask(|reply| Command::Members { reply }).await?.map_err(refused)
    }

    async fn members_get(&self, id: String) -> RpcResult<Option<MemberDetail>> {
        let key = members::parse_member(&id);
        let key =
            key.ok_or_else(|| bad_params("a member's peer id, or its public key in hexadecimal, is wanted"))?;
        self.ask(|reply| Command::Member { key, reply }).await?.map_err(refused)
    }

    async fn members_aggregate(&self, name: String) -> RpcResult<AggregateView> {
        self.ask(|reply| Command::Aggregate { name, reply }).await?.map_err(refused)
    }

    async fn members_set(&self, key: String, value: Option<String>) -> RpcResult<()> {
        let value = value.map(hex::decode).transpose();
        let value = value.map_err(|error| bad_params(format!("a value in hexadecimal is wanted: {error}")))?;
        let value = value.map(Bytes::from);
        self.ask(|reply| Command::SetEntry { key, value, reply }).await?.map_err(refused)
    }

    async fn members_leave(&self) -> RpcResult<()> {
        self.ask(|reply| Command::Leave { reply }).await?.map_err(refused)
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
        let found = match height_of(&id) {
            Some(height) => self.ask(|reply| Command::BlockAt { height, reply }).await?,
            None => {
                let id: BlockId = id.parse().map_err(bad_params)?;
                self.ask(|reply| Command::Block { id, reply }).await?
            }
        };
        let Some(block) = found else { return Ok(None) };
        // To hash and encode megabytes would make all other callers wait, so this runs on another thread.
        let made = tokio::task::spawn_blocking(move || BlockView::from(&*block)).await;
        made.map(Some).map_err(|_| stopped("the block was not looked up"))
    }

    async fn block_list(&self, from: Option<u64>, count: Option<u32>) -> RpcResult<Vec<BlockSummary>> {
        let count = listed(count, BLOCKS_LISTED, BLOCKS_LISTED_MAX)?;
        let headers = self.ask(|reply| Command::Blocks { from, count, reply }).await?;
        Ok(headers.iter().map(BlockSummary::from).collect())
    }

    async fn pool_content(&self, after: Option<String>, count: Option<u32>) -> RpcResult<PoolView> {
        let count = listed(count, PENDING_LISTED, PENDING_LISTED_MAX)?;
        let after: Option<TxId> = after.map(|id| id.parse()).transpose().map_err(bad_params)?;
        // One more shows whether there is another page.
        let page = self.ask(|reply| Command::Pool { after, count: count + 1, reply }).await?;
        Ok(page.view(count))
    }

    async fn trace_get(&self, id: String) -> RpcResult<Option<TraceView>> {
        let sought = id.parse().map_err(bad_params)?;
        self.ask(|reply| Command::Trace { sought, reply }).await?.map_err(untold)
    }

    async fn trace_list(&self, count: Option<u32>) -> RpcResult<Vec<TraceSummary>> {
        let count = listed(count, TRACES_LISTED, TRACES_LISTED_MAX)?;
        self.ask(|reply| Command::Traces { count, reply }).await?.map_err(untold)
    }

    async fn bans_list(&self) -> RpcResult<Vec<BanStatus>> {
        self.ask(|reply| Command::Bans { reply }).await
    }

    async fn add_peer(&self, address: String, keep: Option<bool>) -> RpcResult<()> {
        let address = address.parse().map_err(|_| bad_params(OrderError::NoAddress))?;
        self.order(Order::Add { address, kept: keep.unwrap_or(true) }).await
    }

    async fn remove_peer(&self, peer_id: String) -> RpcResult<()> {
        let order =
            match peer_id.parse() {
                Ok(peer) => Order::Remove(peer),
                Err(error) => Order::RemoveAddress(peer_id.parse().map_err(|_| {
                    bad_params(format!("a peer id is wanted, or an address that was added: {error}"))
                })?),
            };
        self.order(order).await
    }

    async fn ban_peer(&self, who: String, seconds: Option<u64>) -> RpcResult<()> {
        let time = seconds.map_or(ORDERED_BAN_TIME, Duration::from_secs);
        if time.is_zero() || time > ORDERED_BAN_LONGEST {
            return Err(bad_params(OrderError::BadTime));
        }
        self.order(Order::Ban(who.parse().map_err(bad_params)?, time)).await
    }

    async fn unban_peer(&self, who: String) -> RpcResult<()> {
        self.order(Order::Unban(who.parse().map_err(bad_params)?)).await
    }

    async fn set_log_filter(&self, filter: String) -> RpcResult<String> {
        logging::change(&filter).map_err(bad_params)
    }

    async fn discover(&self) -> RpcResult<Value> {
        serde_json::from_str(OPENRPC).map_err(|error| self::error(INTERNAL_ERROR_CODE, error.to_string()))
    }

    async fn events_subscribe(&self, _: String) -> RpcResult<u64> {
        Err(no_socket())
    }

    async fn events_unsubscribe(&self, _: u64) -> RpcResult<bool> {
        Err(no_socket())
    }
}

/// The height that a text names; `None` if it is no height. An id has 64 digits, and no height has that many.
fn height_of(text: &str) -> Option<u64> {
    text.parse().ok().filter(|_| text.len() < 64)
}

/// How many entries of a list are wanted.
fn listed(count: Option<u32>, usual: u32, most: usize) -> RpcResult<usize> {
    let count = count.unwrap_or(usual) as usize;
    if (1..=most).contains(&count) { Ok(count) } else { Err(bad_params(format!("ask for 1 to {most} entries"))) }
}

/// Decodes an item from hexadecimal. Its length is checked first.
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

fn refused(reason: MembersError) -> ErrorObjectOwned {
    error(CODE_REFUSED, reason.to_string())
}

fn untold(reason: TraceError) -> ErrorObjectOwned {
    match reason {
        TraceError::Ambiguous => bad_params(reason),
        TraceError::Off => error(CODE_REFUSED, reason.to_string()),
    }
}

fn bad_params(reason: impl std::fmt::Display) -> ErrorObjectOwned {
    error(INVALID_PARAMS_CODE, reason.to_string())
}

/// Calls over a WebSocket don't come here, unless they are in a batch (`http/socket.rs`).
fn no_socket() -> ErrorObjectOwned {
    error(
        CODE_NO_SOCKET,
        "subscriptions need a WebSocket, and a request of their own: open one at GET /".to_owned(),
    )
}

fn stopped(state: &str) -> ErrorObjectOwned {
    error(CODE_STOPPED, format!("the node is stopping: {state}"))
}

fn error(code: i32, message: String) -> ErrorObjectOwned {
    ErrorObjectOwned::owned(code, message, None::<()>)
}
