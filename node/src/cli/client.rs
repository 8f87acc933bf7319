//! The commands that ask a running node, and those for keys. Data goes to stdout, everything else to stderr.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::Duration;

use axum::http::header::AUTHORIZATION;
use jsonrpsee::core::ClientError;
use jsonrpsee::http_client::transport::Error as TransportError;
use jsonrpsee::http_client::{HeaderMap, HeaderValue, HttpClient, HttpClientBuilder};
use protocol::items::hash::TxId;
use protocol::items::network::{NetworkId, NetworkIdError};
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::limits::PAYLOAD_BYTES_MAX;
use protocol::wire::codec::DecodeError;
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::Serialize;
use serde_json::json;

use super::exit::ExitStatus;
use crate::cli::{AskArgs, KeyCommand, PayloadArgs, PeersArgs, PlaceArgs, SendArgs, StatusArgs, TxCommand};
use crate::config::cookie::Cookie;
use crate::config::data_dir::{self, DataDirError};
use crate::config::identity::{Identity, IdentityError, KEY_FILE};
use crate::observe::errors::chain;
use crate::observe::logging::to_stderr;
use crate::rpc::command::{BLOCKS_ON_THEIR_WAY, Status};
use crate::rpc::feeds::Topic;
use crate::rpc::{
    ApiClient as _, CODE_NOT_ALLOWED, CODE_REFUSED, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, TransactionView,
};

pub mod block;
pub mod bounds;
pub(super) mod columns;
pub mod doctor;
mod follow;
mod lasting;
pub mod members;
pub mod orders;
mod pool;
pub mod text;
pub mod trace;
mod watch;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The key failed.
    #[error(transparent)]
    Key(#[from] IdentityError),
    /// No key to sign with was named, and the data dir has none.
    #[error(
        "there is no key to sign with, and nothing was sent: name its file with --key-file, or make one with `node key \
         generate --out FILE`. Without --key-file it is the node's own key that signs, which is in its data dir: {} is \
         not there",
        .0.display()
    )]
    NoKey(PathBuf),
    /// The data dir failed.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// No node listens in the data dir.
    #[error(
        "no node is running in {}: start it with `node run` and the flags that it had, --network and --data-dir among them. If \
         another node is meant, name its --network, --data-dir or --rpc address",
        .0.display()
    )]
    NotRunning(PathBuf),
    /// The node runs without RPC.
    #[error("the node with pid {0} runs with --no-rpc, so it can't be asked: start it without")]
    NoRpc(u32),
    /// No program answers at the address.
    #[error("no node answers at {address}: {error}. If it was killed, start it again")]
    NoAnswer {
        /// The address.
        address: String,
        /// What happened.
        error: String,
    },
    /// All its places are taken.
    #[error("the node at {0} serves as many requests as it can; nothing was done: try again in a moment")]
    Busy(String),
    /// The address is a name to which a node doesn't answer.
    #[error(
        "the node at {0} answers only what is asked of 127.0.0.1, [::1] or localhost; nothing was done: name one of these with \
         --rpc, for another machine's node the near end of a tunnel"
    )]
    WrongHost(String),
    /// It doesn't accept that this client is its owner.
    #[error(
        "only the user who runs the node may do this, because it takes the file `cookie` in its data dir; nothing was done: name \
         the node by --data-dir"
    )]
    NotAllowed,
    /// The node refused the item.
    #[error("the node refused it: {0}. Nothing was sent on")]
    Refused(String),
    /// The node answered with another error.
    #[error("the node answered with an error: {message} (code {code})")]
    Answer {
        /// The JSON-RPC code.
        code: i32,
        /// The message.
        message: String,
    },
    /// The answer makes no sense.
    #[error("the answer can't be understood, so this may be another version of the node: {0}")]
    Strange(String),
    /// The node doesn't know the item.
    #[error("the node does not know transaction {0}: it may never have come here, or be forgotten")]
    Unknown(TxId),
    /// The node doesn't keep the block's body.
    #[error("the node keeps no block {0}: it may never have come here, or its body was deleted")]
    UnknownBlock(String),
    /// The node has recorded nothing of the item.
    #[error("{0}")]
    NoTrace(String),
    /// The node knows no such member.
    #[error(
        "the node knows no member {0}: it may never have been here, or be forgotten. `node members` lists all"
    )]
    NoMember(String),
    /// The member has no such entry.
    #[error("the member {member} has no entry {key}: `node members show {member}` lists its entries")]
    NoEntry {
        /// The member.
        member: String,
        /// The entry's key.
        key: String,
    },
    /// The file is not a block.
    #[error("{path} holds no encoded block, so nothing was sent: {reason}", path = .path.display())]
    NoBlock {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        reason: String,
    },
    /// The payload can't be read.
    #[error("cannot read {}: {error}", .path.display())]
    Payload {
        /// The file.
        path: PathBuf,
        /// The system's error.
        error: io::Error,
    },
    /// The payload is too long.
    #[error("the payload is over {PAYLOAD_BYTES_MAX} bytes (64 KiB), so nothing was sent: send less")]
    PayloadTooLong,
    /// The transaction can't be made.
    #[error("the transaction can't be made, so nothing was sent: {0}")]
    Sign(#[from] DecodeError),
    /// The node's network has an impossible name.
    #[error("the node names a network that can't be: {0}")]
    Network(#[from] NetworkIdError),
    /// stdout or the runtime failed.
    #[error("{0}")]
    System(#[from] io::Error),
}

impl ExitStatus for AskError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(if matches!(self, Self::Key(_) | Self::NoKey(_)) { 5 } else { 1 })
    }
}

/// `node key …`.
///
/// # Errors
/// See [`AskError`]; no existing key is changed.
pub fn key(command: KeyCommand) -> Result<ExitCode, AskError> {
    let (path, identity, json) = match command {
        KeyCommand::Generate { place, out, json } => {
            let path = key_path(out, &place)?;
            let identity = Identity::generate()?;
            identity.save_new(&path)?;
            to_stderr(&format!("new ed25519 key written to {} (0600)", path.display()));
            (path, identity, json)
        }
        KeyCommand::Show { place, key_file, json } => {
            let path = key_path(key_file, &place)?;
            let identity = Identity::load(&path)?;
            (path, identity, json)
        }
    };
    let (public_key, peer_id) = (identity.public_key().to_string(), identity.peer_id().to_string());
    if json {
        print_json(&json!({ "public_key": public_key, "peer_id": peer_id, "file": path }))?;
    } else {
        print(&text::fields(&[("public key", public_key), ("peer id", peer_id)], text::width()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `node status`.
///
/// # Errors
/// See [`AskError`].
pub fn status(args: &StatusArgs) -> Result<ExitCode, AskError> {
    let show = |node: &Node| {
        let status = node.call(async |client| client.node_info().await)?;
        if args.ask.json {
            print_json(&status)?;
        } else {
            print(&text::status(&status, text::width()))?;
        }
        Ok(())
    };
    if args.follow {
        return follow::follow(&args.ask, &[Topic::Tip, Topic::Peers], show);
    }
    show(&Node::find(&args.ask)?).map(|()| ExitCode::SUCCESS)
}

/// `node peers`.
///
/// # Errors
/// See [`AskError`].
pub fn peers(args: &PeersArgs) -> Result<ExitCode, AskError> {
    match &args.command {
        Some(command) => orders::peers(command),
        None if args.follow => follow::follow(&args.ask, &[Topic::Peers], |node| list_peers(node, &args.ask)),
        None => list_peers(&Node::find(&args.ask)?, &args.ask).map(|()| ExitCode::SUCCESS),
    }
}

fn list_peers(node: &Node, ask: &AskArgs) -> Result<(), AskError> {
    let peers = node.call(async |client| client.peers().await)?;
    if ask.json {
        print_json(&peers)?;
    } else if peers.is_empty() {
        to_stderr(
            "no peers. If the node was started with --bootstrap addresses, its log says what each of them came to; otherwise \
             start it with one, or have another node join it",
        );
    } else {
        print(&text::peers(&peers, text::width()))?;
    }
    Ok(())
}

/// `node evidence`.
///
/// # Errors
/// See [`AskError`].
pub fn evidence(ask: &AskArgs) -> Result<ExitCode, AskError> {
    let node = Node::find(ask)?;
    let evidence = node.call(async |client| client.evidence_list().await)?;
    if ask.json {
        print_json(&evidence)?;
    } else if evidence.is_empty() {
        to_stderr("none: no producer was seen to sign two blocks for one height since the node was started");
    } else {
        print(&text::evidence(&evidence, text::width()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `node tx …`.
///
/// # Errors
/// See [`AskError`].
pub fn transaction(command: TxCommand) -> Result<ExitCode, AskError> {
    match command {
        TxCommand::Send(args) => send(&args),
        TxCommand::Get { id, ask } => get(id, &ask),
        TxCommand::Pool(args) => pool::run(&args),
    }
}

fn send(args: &SendArgs) -> Result<ExitCode, AskError> {
    let identity = own_key(args)?;
    let payload = payload(&args.payload)?;
    let node = Node::find(&args.ask)?;
    let status = node.call(async |client| client.node_info().await)?;
    let network: NetworkId = status.network.parse()?;
    let valid_until = status.best_known_height.max(status.tip_height).saturating_add(args.valid_for);
    let transaction = Transaction {
        author: identity.public_key(),
        nonce: args.nonce.map_or_else(|| SysRng.try_next_u64().map_err(io::Error::other), Ok)?,
        valid_until,
        payload: payload.into(),
    };
    let signed: SignedTransaction = transaction.sign(&identity.secret_key(), &network)?;
    let encoded = hex::encode(signed.encoded());
    let submitted = node.call(async |client| client.tx_send(encoded).await)?;
    if args.ask.json {
        print_json(&submitted)?;
    } else {
        print(&submitted.id)?;
        if !submitted.accepted {
            to_stderr("the node holds this transaction already");
        }
    }
    if let Some(warning) = behind_warning(&status, valid_until) {
        to_stderr(&warning);
    }
    Ok(ExitCode::SUCCESS)
}

/// The key to sign with. If none was named, it is the data dir's. A user that asks a node on another
/// machine has none there.
fn own_key(args: &SendArgs) -> Result<Identity, AskError> {
    let path = key_path(args.key_file.clone(), &args.ask.place)?;
    match Identity::load(&path) {
        Err(IdentityError::Missing(path)) if args.key_file.is_none() => Err(AskError::NoKey(path)),
        loaded => Ok(loaded?),
    }
}

/// A warning for the sender if the node is behind: other nodes may already be past the transaction's last height.
fn behind_warning(status: &Status, valid_until: u64) -> Option<String> {
    let behind = status.behind.as_ref()?;
    let highest = behind.told_height.max(behind.best_header_height);
    if !behind.stuck && highest <= status.tip_height.saturating_add(BLOCKS_ON_THEIR_WAY) {
        return None;
    }
    let outcome = if highest >= valid_until {
        "if that height is right, no block can hold the transaction any more and the other nodes refuse it: send it \
         again when the node is in step"
    } else {
        "the transaction may reach the other nodes late or not at all: look it up on another node before you rely on it"
    };
    let text = &behind.text;
    Some(format!(
        "warning: the node is behind ({text}). The transaction is valid until height {valid_until}; {outcome}"
    ))
}

fn get(id: TxId, ask: &AskArgs) -> Result<ExitCode, AskError> {
    let node = Node::find(ask)?;
    let found = node.call(async |client| client.tx_get(id.to_string()).await)?;
    if ask.json {
        print_json(&found.as_ref().map(with_payload).transpose()?)?;
    }
    let view = found.ok_or(AskError::Unknown(id))?;
    if !ask.json {
        print(&text::transaction(view, text::width()))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// The answer, with the payload of the encoded transaction added in hexadecimal.
fn with_payload(view: &TransactionView) -> io::Result<serde_json::Value> {
    let mut answer = serde_json::to_value(view)?;
    let payload = view.transaction.as_deref().and_then(text::decode).map(|found| hex::encode(found.payload()));
    if let (Some(fields), Some(payload)) = (answer.as_object_mut(), payload) {
        fields.insert("payload".to_owned(), payload.into());
    }
    Ok(answer)
}

/// Reads a file, or standard input for `-`, up to `most` bytes and one.
fn read_up_to(path: &Path, most: usize) -> Result<Vec<u8>, AskError> {
    let failed = |error| AskError::Payload { path: path.to_owned(), error };
    let source: Box<dyn io::Read> = if path == Path::new("-") {
        Box::new(io::stdin())
    } else {
        Box::new(std::fs::File::open(path).map_err(failed)?)
    };
    let mut bytes = Vec::new();
    source.take(most as u64 + 1).read_to_end(&mut bytes).map_err(failed)?;
    Ok(bytes)
}

fn payload(args: &PayloadArgs) -> Result<Vec<u8>, AskError> {
    let bytes = if let Some(path) = &args.file {
        read_up_to(path, PAYLOAD_BYTES_MAX)?
    } else if let Some(count) = args.random {
        let mut bytes = vec![0; count as usize];
        SysRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
        bytes
    } else {
        args.payload.clone().unwrap_or_default().into_bytes()
    };
    if bytes.len() > PAYLOAD_BYTES_MAX { Err(AskError::PayloadTooLong) } else { Ok(bytes) }
}

fn key_path(named: Option<PathBuf>, place: &PlaceArgs) -> Result<PathBuf, AskError> {
    match named {
        Some(path) => Ok(path),
        None => Ok(dir(place)?.join(KEY_FILE)),
    }
}

fn dir(place: &PlaceArgs) -> Result<PathBuf, DataDirError> {
    place.data_dir.clone().map_or_else(|| data_dir::default_path(&place.network), Ok)
}

/// A node that can be asked.
struct Node {
    address: String,
    client: HttpClient,
    runtime: tokio::runtime::Runtime,
    timeout: Duration,
}

impl Node {
    fn find(ask: &AskArgs) -> Result<Self, AskError> {
        let address = match &ask.rpc {
            Some(address) => address.clone(),
            None => Self::address_in(&dir(&ask.place)?)?,
        };
        Self::at(address, None, ask.timeout)
    }

    /// The same for calls that need the cookie. The cookie is sent only to the node that runs in the data dir.
    fn find_as_owner(ask: &AskArgs) -> Result<Self, AskError> {
        let dir = dir(&ask.place)?;
        let address = Self::address_in(&dir)?;
        if ask
            .rpc
            .as_ref()
            .is_some_and(|named| named.trim_start_matches("http://").trim_end_matches('/') != address)
        {
            return Err(AskError::NotAllowed);
        }
        let cookie = data_dir::read_cookie(&dir).ok_or(AskError::NotAllowed)?;
        Self::at(address, Some(&cookie), ask.timeout)
    }

    /// The RPC address of the node that runs in `dir`.
    fn address_in(dir: &Path) -> Result<String, AskError> {
        let info = data_dir::find_node(dir)?.ok_or_else(|| AskError::NotRunning(dir.to_owned()))?;
        info.rpc.ok_or(AskError::NoRpc(info.pid))
    }

    fn at(address: String, cookie: Option<&Cookie>, timeout: Duration) -> Result<Self, AskError> {
        let url = if address.contains("://") { address.clone() } else { format!("http://{address}") };
        let mut headers = HeaderMap::new();
        if let Some(cookie) = cookie.and_then(|cookie| HeaderValue::from_str(&cookie.to_header()).ok()) {
            headers.insert(AUTHORIZATION, cookie);
        }
        let client = HttpClientBuilder::default()
            .request_timeout(timeout)
            .set_headers(headers)
            .max_request_size(u32::try_from(REQUEST_BYTES_MAX).unwrap_or(u32::MAX))
            .max_response_size(u32::try_from(RESPONSE_BYTES_MAX).unwrap_or(u32::MAX))
            .build(url)
            .map_err(|error| AskError::NoAnswer { address: address.clone(), error: error.to_string() })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { address, client, runtime, timeout })
    }

    fn call<T>(&self, request: impl AsyncFnOnce(&HttpClient) -> Result<T, ClientError>) -> Result<T, AskError> {
        let address = || self.address.clone();
        self.runtime.block_on(request(&self.client)).map_err(|error| match error {
            ClientError::Call(answer) if answer.code() == CODE_REFUSED => {
                AskError::Refused(text::plain(answer.message()))
            }
            ClientError::Call(answer) if answer.code() == CODE_NOT_ALLOWED => AskError::NotAllowed,
            ClientError::Call(answer) => {
                AskError::Answer { code: answer.code(), message: text::plain(answer.message()) }
            }
            ClientError::Transport(error) => match http_status(&*error) {
                Some(429 | 503) => AskError::Busy(address()),
                Some(401) => AskError::NotAllowed,
                Some(403) => AskError::WrongHost(address()),
                Some(code) => AskError::Strange(format!("{} answers with HTTP status {code}", self.address)),
                None => AskError::NoAnswer { address: address(), error: chain(&*error) },
            },
            ClientError::RequestTimeout => {
                let waited = humantime::format_duration(self.timeout);
                let error = format!("it took longer than {waited}; wait longer with --timeout");
                AskError::NoAnswer { address: address(), error }
            }
            other => AskError::Strange(other.to_string()),
        })
    }
}

/// The HTTP status of an answer that contained no JSON-RPC.
fn http_status(error: &(dyn std::error::Error + 'static)) -> Option<u16> {
    match error.downcast_ref()? {
        TransportError::Rejected { status_code } => Some(*status_code),
        _ => None,
    }
}

pub(super) fn print_json(value: &impl Serialize) -> io::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Prints to stdout. It is no error if a reader has seen enough (`node peers | head`).
pub(super) fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
