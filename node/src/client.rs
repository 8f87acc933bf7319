//! The commands that ask a running node, and those for keys. Data goes to stdout, everything else to stderr.

use std::io::{self, Read as _, Write as _};
use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use axum::http::header::AUTHORIZATION;
use comfy_table::{CellAlignment, Table, presets};
use jsonrpsee::core::ClientError;
use jsonrpsee::http_client::transport::Error as TransportError;
use jsonrpsee::http_client::{HeaderMap, HeaderValue, HttpClient, HttpClientBuilder};
use protocol::block::Block;
use protocol::codec::{Decode as _, DecodeError};
use protocol::hash::{BlockId, TxId};
use protocol::limits::{BLOCK_BYTES_MAX, PAYLOAD_BYTES_MAX};
use protocol::network::{NetworkId, NetworkIdError};
use protocol::transaction::{SignedTransaction, Transaction};
use rand::TryRng as _;
use rand::rngs::SysRng;
use serde::Serialize;
use serde_json::json;

use crate::cli::{AskArgs, BlockCommand, KeyCommand, PayloadArgs, PlaceArgs, SendArgs, TxCommand};
use crate::command::{BanStatus, PeerStatus, Status};
use crate::data_dir::{self, DataDirError};
use crate::identity::{Identity, IdentityError, KEY_FILE};
use crate::logging::to_stderr;
use crate::notices::BLOCKS_ON_THEIR_WAY;
use crate::rpc::{
    ApiClient as _, CODE_NOT_ALLOWED, CODE_REFUSED, REQUEST_BYTES_MAX, RESPONSE_BYTES_MAX, TransactionState,
};
use crate::run::ExitStatus;

/// Why a command failed.
#[derive(Debug, thiserror::Error)]
pub enum AskError {
    /// The key.
    #[error(transparent)]
    Key(#[from] IdentityError),
    /// The data dir.
    #[error(transparent)]
    DataDir(#[from] DataDirError),
    /// No node listens in the data dir.
    #[error(
        "no node is running in {path}: start one with `node --data-dir {path}`, name its --data-dir or --network, or give its \
         address with --rpc",
        path = .0.display()
    )]
    NotRunning(PathBuf),
    /// The node runs without RPC.
    #[error("the node with pid {0} runs with --no-rpc, so it can't be asked: start it without")]
    NoRpc(u32),
    /// Nobody answers at the address.
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
    /// It doesn't take our word for being its owner.
    #[error(
        "the node did not take it: only who can read the file `cookie` in its data dir may do this, and it is a new one at each \
         start; nothing was done: name the node by --data-dir, as the user that runs it"
    )]
    NotAllowed,
    /// The node says no.
    #[error("the node refused it: {0}. Nothing was sent on")]
    Refused(String),
    /// The node answers with another error.
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
    UnknownBlock(BlockId),
    /// What should be a block is none.
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
        /// What the system said.
        error: io::Error,
    },
    /// The payload is too long.
    #[error("the payload is over {PAYLOAD_BYTES_MAX} bytes (64 KiB), so nothing was sent: send less")]
    PayloadTooLong,
    /// The transaction can't be made.
    #[error("the transaction can't be made, so nothing was sent: {0}")]
    Sign(#[from] DecodeError),
    /// The node's network has a name that can't be.
    #[error("the node names a network that can't be: {0}")]
    Network(#[from] NetworkIdError),
    /// stdout or the runtime failed.
    #[error("{0}")]
    System(#[from] io::Error),
}

impl ExitStatus for AskError {
    fn exit_code(&self) -> ExitCode {
        ExitCode::from(if matches!(self, Self::Key(_)) { 5 } else { 1 })
    }
}

/// `node key …`.
///
/// # Errors
/// See [`AskError`]; no existing key is touched.
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
        print(&fields(&[("public key", public_key), ("peer id", peer_id)]))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `node status`.
///
/// # Errors
/// See [`AskError`].
pub fn status(ask: &AskArgs) -> Result<ExitCode, AskError> {
    let node = Node::find(ask)?;
    let status = node.call(async |client| client.node_info().await)?;
    if ask.json {
        print_json(&status)?
    } else {
        print(&status_text(&status))?
    }
    Ok(ExitCode::SUCCESS)
}

/// `node peers`.
///
/// # Errors
/// See [`AskError`].
pub fn peers(ask: &AskArgs) -> Result<ExitCode, AskError> {
    let node = Node::find(ask)?;
    let peers = node.call(async |client| client.peers().await)?;
    if ask.json {
        print_json(&peers)?;
    } else if peers.is_empty() {
        to_stderr("no peers: give the node a --bootstrap address, or have another join it");
    } else {
        print(&peers_table(&peers))?;
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
    }
}

fn send(args: &SendArgs) -> Result<ExitCode, AskError> {
    let identity = Identity::load(&key_path(args.key.clone(), &args.ask.place)?)?;
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

/// What a sender should know when the node is behind: the transaction may be past its last height for everybody else.
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
        print_json(&found)?;
    }
    let view = found.ok_or(AskError::Unknown(id))?;
    if ask.json {
        return Ok(ExitCode::SUCCESS);
    }
    let status = match view.status {
        TransactionState::Pending => "pending, in the mempool",
        TransactionState::Confirmed => "confirmed",
    };
    let mut lines = vec![("status", status.to_owned())];
    lines.extend(view.block.map(|block| ("block", block)));
    lines.extend(view.height.map(|height| ("height", height.to_string())));
    let decoded = view.transaction.and_then(|text| {
        let bytes = hex::decode(text).ok()?;
        <SignedTransaction as protocol::codec::Decode>::from_bytes(&bytes.into()).ok()
    });
    if let Some(transaction) = decoded {
        lines.push(("author", transaction.author().to_string()));
        lines.push(("nonce", transaction.nonce().to_string()));
        lines.push(("valid until", format!("height {}", transaction.valid_until())));
        lines.push(("payload", bytes_text(transaction.payload().len() as u64)));
    }
    print(&fields(&lines))?;
    Ok(ExitCode::SUCCESS)
}

/// `node block …`.
///
/// # Errors
/// See [`AskError`].
pub fn block(command: BlockCommand) -> Result<ExitCode, AskError> {
    match command {
        BlockCommand::Publish { file, ask } => publish(&file, &ask),
        BlockCommand::Get { id, ask } => get_block(id, &ask),
    }
}

fn publish(file: &Path, ask: &AskArgs) -> Result<ExitCode, AskError> {
    // Hexadecimal takes two digits a byte, and a line's end.
    let text = read_up_to(file, 2 * BLOCK_BYTES_MAX + 2)?;
    let bytes = hex::decode(text.trim_ascii()).unwrap_or(text);
    let refused = |reason: String| AskError::NoBlock { path: file.to_owned(), reason };
    if bytes.len() > BLOCK_BYTES_MAX {
        return Err(refused(format!("it has over {BLOCK_BYTES_MAX} bytes")));
    }
    Block::from_bytes(&bytes.clone().into()).map_err(|error| refused(error.to_string()))?;
    let node = Node::find(ask)?;
    let submitted = node.call(async |client| client.block_publish(hex::encode(bytes)).await)?;
    if ask.json {
        print_json(&submitted)?;
    } else {
        print(&submitted.id)?;
        if !submitted.accepted {
            to_stderr("the node holds this block already");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn get_block(id: BlockId, ask: &AskArgs) -> Result<ExitCode, AskError> {
    let node = Node::find(ask)?;
    let found = node.call(async |client| client.block_get(id.to_string()).await)?;
    if ask.json {
        print_json(&found)?;
    }
    let view = found.ok_or(AskError::UnknownBlock(id))?;
    if ask.json {
        return Ok(ExitCode::SUCCESS);
    }
    let made = UNIX_EPOCH + Duration::from_millis(view.timestamp_ms);
    print(&fields(&[
        ("height", view.height.to_string()),
        ("parent", view.parent),
        ("producer", view.producer),
        ("made", humantime::format_rfc3339_millis(made).to_string()),
        ("size", bytes_text(view.encoded.len() as u64 / 2)),
        ("transactions", view.transactions.len().to_string()),
    ]))?;
    Ok(ExitCode::SUCCESS)
}

/// Reads a file, or standard input for `-`, no further than `most` bytes and one.
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
        let (address, cookie) = match &ask.rpc {
            // Whose node that is nobody knows; so it is not told our cookie, unless the data dir is named as well.
            Some(address) => (address.clone(), ask.place.data_dir.as_deref().and_then(data_dir::read_cookie)),
            None => {
                let dir = dir(&ask.place)?;
                let info = data_dir::find_node(&dir)?.ok_or_else(|| AskError::NotRunning(dir.clone()))?;
                (info.rpc.ok_or(AskError::NoRpc(info.pid))?, data_dir::read_cookie(&dir))
            }
        };
        let url = if address.contains("://") { address.clone() } else { format!("http://{address}") };
        let mut headers = HeaderMap::new();
        if let Some(cookie) = cookie.as_ref().and_then(|cookie| HeaderValue::from_str(&cookie.to_header()).ok()) {
            headers.insert(AUTHORIZATION, cookie);
        }
        let client = HttpClientBuilder::default()
            .request_timeout(ask.timeout)
            .set_headers(headers)
            .max_request_size(u32::try_from(REQUEST_BYTES_MAX).unwrap_or(u32::MAX))
            .max_response_size(u32::try_from(RESPONSE_BYTES_MAX).unwrap_or(u32::MAX))
            .build(url)
            .map_err(|error| AskError::NoAnswer { address: address.clone(), error: error.to_string() })?;
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
        Ok(Self { address, client, runtime, timeout: ask.timeout })
    }

    fn call<T>(&self, request: impl AsyncFnOnce(&HttpClient) -> Result<T, ClientError>) -> Result<T, AskError> {
        let address = || self.address.clone();
        self.runtime.block_on(request(&self.client)).map_err(|error| match error {
            ClientError::Call(answer) if answer.code() == CODE_REFUSED => {
                AskError::Refused(answer.message().to_owned())
            }
            ClientError::Call(answer) if answer.code() == CODE_NOT_ALLOWED => AskError::NotAllowed,
            ClientError::Call(answer) => {
                AskError::Answer { code: answer.code(), message: answer.message().to_owned() }
            }
            ClientError::Transport(error) => match http_status(&*error) {
                Some(429 | 503) => AskError::Busy(address()),
                Some(401) => AskError::NotAllowed,
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

/// The HTTP status that an answer without JSON-RPC in it had.
fn http_status(error: &(dyn std::error::Error + 'static)) -> Option<u16> {
    match error.downcast_ref()? {
        TransportError::Rejected { status_code } => Some(*status_code),
        _ => None,
    }
}

/// An error and what it came from, without saying a thing twice.
fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(error) = source {
        let more = error.to_string();
        if !text.contains(&more) {
            text = format!("{text}: {more}");
        }
        source = error.source();
    }
    text
}

fn status_text(status: &Status) -> String {
    let uptime = Duration::from_secs(Duration::try_from_secs_f64(status.uptime_s).unwrap_or_default().as_secs());
    let mut lines = vec![
        ("version", status.version.clone()),
        ("network", status.network.clone()),
        ("peer id", status.peer_id.clone()),
        ("public key", status.public_key.clone()),
        ("uptime", humantime::format_duration(uptime).to_string()),
        ("relay", status.relay.clone()),
    ];
    lines.extend(status.listen.iter().map(|address| ("listen", address.clone())));
    let (inbound, outbound, wanted) = (status.peers_in, status.peers_out, status.peers_out_target);
    let stats = &status.stats;
    lines.extend([
        ("peers", format!("{} ({inbound} in, {outbound} of {wanted} out)", inbound + outbound)),
        ("tip", format!("height {} · {}", status.tip_height, status.tip_id)),
        ("sync", status.behind.as_ref().map_or_else(|| "in step".to_owned(), |behind| behind.text.clone())),
        ("mempool", format!("{} tx · {}", status.mempool_transactions, bytes_text(status.mempool_bytes as u64))),
        ("accepted", format!("{} tx · {} blocks", stats.transactions_accepted, stats.blocks_accepted)),
        ("reorgs", stats.reorganisations.to_string()),
        ("duplicates", format!("{} tx · {} blocks", stats.transaction_duplicates, stats.block_duplicates)),
        ("wire", format!("{} in · {} out", bytes_text(status.wire_in), bytes_text(status.wire_out))),
        ("memory", format!("{} at most", bytes_text(status.rss_peak))),
    ]);
    lines.extend(status.disconnects.iter().map(|(reason, count)| ("closed", format!("{count} · {reason}"))));
    let banned = |ban: &BanStatus| format!("{} · {} · {:.0} s more", ban.who, ban.reason, ban.left_s);
    lines.extend(status.bans.iter().map(|ban| ("banned", banned(ban))));
    fields(&lines)
}

fn peers_table(peers: &[PeerStatus]) -> String {
    let mut table = Table::new();
    table.load_style(presets::NOTHING);
    table.set_header([
        "PEER",
        "ADDRESS",
        "DIR",
        "READY",
        "TIP",
        "DELIVERED",
        "STRIKES",
        "RESPONSE",
        "UP",
        "AGENT",
    ]);
    let or_dash = |value: Option<String>| value.unwrap_or_else(|| "-".to_owned());
    for peer in peers {
        table.add_row([
            peer.peer_id.clone(),
            peer.address.clone(),
            if peer.inbound { "in" } else { "out" }.to_owned(),
            if peer.ready { "yes" } else { "no" }.to_owned(),
            or_dash(peer.tip_height.map(|height| height.to_string())),
            peer.delivered.to_string(),
            peer.strikes.to_string(),
            or_dash(peer.response_ms.map(|ms| format!("{ms:.1} ms"))),
            format!("{:.0} s", peer.connected_s),
            or_dash(peer.agent.as_deref().map(visible)),
        ]);
    }
    for column in 4..9 {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table.trim_fmt()
}

/// A text from a peer, with nothing in it that could steer a terminal.
fn visible(text: &str) -> String {
    text.chars().map(|c| if c.is_control() { '?' } else { c }).take(64).collect()
}

fn fields(lines: &[(&str, String)]) -> String {
    let width = lines.iter().map(|(name, _)| name.len()).max().unwrap_or(0);
    lines.iter().map(|(name, value)| format!("{name:width$}  {value}")).collect::<Vec<_>>().join("\n")
}

fn bytes_text(bytes: u64) -> String {
    let (unit, name) = match bytes {
        0..1_024 => return format!("{bytes} B"),
        1_024..1_048_576 => (1_024.0, "KiB"),
        1_048_576..1_073_741_824 => (1_048_576.0, "MiB"),
        _ => (1_073_741_824.0, "GiB"),
    };
    format!("{:.1} {name}", bytes as f64 / unit)
}

fn print_json(value: &impl Serialize) -> io::Result<()> {
    print(&serde_json::to_string_pretty(value)?)
}

/// Prints to stdout. A reader that has seen enough (`node peers | head`) is no error.
fn print(text: &str) -> io::Result<()> {
    match writeln!(io::stdout(), "{text}") {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(()),
        result => result,
    }
}
