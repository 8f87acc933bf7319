//! Attacks on a whole node over real sockets. Each attack is on the middle one of three honest nodes in a line,
//! which relay transactions before, during and after it. The attacker is disconnected for the counted reason, or
//! bounded. No honest node disconnects another.

use std::collections::BTreeMap;
use std::io::{ErrorKind, Read as _, Write as _};
use std::net::TcpStream;
use std::process::{Child, Command as Program, Stdio};
use std::time::Duration;

use jsonrpsee::http_client::{HttpClient, HttpClientBuilder};
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use node::config::Config;
use node::config::data_dir::{RpcInfo, read_rpc};
use node::net::lane::BULK_BUDGET_BYTES;
use node::rpc::ApiClient as _;
use node::rpc::command::{Command, Status};
use protocol::gossip::Submission;
use protocol::items::hash::{ShortId, TxId};
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::limits::{
    BULK_FRAME_BYTES_MAX, CONTROL_FRAME_BYTES_MAX, INV_ENTRIES_MAX, REQUEST_ANNOUNCEMENTS_MAX,
};
use protocol::wire::codec::Encode as _;
use protocol::wire::frame::Frame;
use protocol::wire::message::{Hello, InvEntry, Lane, Message, TxRef, VERSION};
use tempfile::TempDir;

use crate::support::harness::{Node, config, transaction};
use crate::support::hostile_client::{HostileClient, frame, framed, hello, prefix};

/// The longest time that a test waits. Only a failure takes so long.
const PATIENCE: Duration = Duration::from_secs(60);
/// The time between two looks.
const LOOK: Duration = Duration::from_millis(20);

/// Three honest nodes in a line. The middle one is attacked.
struct Line {
    ends: [Node; 2],
    middle: Node,
    exchanged: u64,
}

impl Line {
    async fn start(seed: u8) -> Self {
        Self::start_with(seed, |_| {}).await
    }

    /// The middle node dials one end, and the other end dials it.
    async fn start_with(seed: u8, adjust_middle: impl FnOnce(&mut Config)) -> Self {
        let first = Node::start(Config { reserved_only: true, ..config(seed) }).await;
        let mut middle = knowing(seed + 1, first.address());
        adjust_middle(&mut middle);
        let middle = Node::start(middle).await;
        let last = Node::start(knowing(seed + 2, middle.address())).await;
        let line = Self { ends: [first, last], middle, exchanged: 0 };
        line.middle.status_until("both hellos", |status| (status.peers_in, status.peers_out) == (1, 1)).await;
        for end in &line.ends {
            end.status_until("the middle's hello", |status| status.peers_in + status.peers_out == 1).await;
        }
        line
    }

    fn target(&self) -> Multiaddr {
        self.middle.address()
    }

    /// A transaction goes in each direction, through the middle.
    async fn exchange(&mut self) {
        exchange(&self.ends, self.exchanged).await;
        self.exchanged += 1;
    }

    /// Waits until the middle node has disconnected peers for these reasons, each this number of times.
    async fn left(&self, reasons: &[(&str, u64)]) {
        let wanted: BTreeMap<_, _> =
            reasons.iter().map(|(reason, count)| ((*reason).to_owned(), *count)).collect();
        let what = format!("connections closed for {wanted:?}");
        self.middle.status_until(&what, |status| status.disconnects == wanted).await;
    }

    /// Only other peers were disconnected, and only for these reasons. The rest is as in [`Self::stop`].
    async fn end(mut self, reasons: &[(&str, u64)]) {
        self.exchange().await;
        self.left(reasons).await;
        self.stop().await;
    }

    /// The honest nodes still have each other, and all stop.
    async fn stop(self) {
        let mut peers: Vec<_> = self.middle.peers().await.into_iter().map(|peer| peer.peer_id).collect();
        let mut honest = self.ends.each_ref().map(|end| end.ready.peer_id.to_string());
        peers.sort_unstable();
        honest.sort_unstable();
        assert_eq!(peers, honest);
        for end in self.ends {
            assert_undisturbed(&end).await;
            end.stop().await;
        }
        self.middle.stop().await;
    }
}

/// Settings of a node that knows one other node, and dials no other.
fn knowing(seed: u8, other: Multiaddr) -> Config {
    Config { reserved_only: true, reserved_peers: vec![other], ..config(seed) }
}

/// A transaction goes in each direction between two nodes.
async fn exchange(nodes: &[Node; 2], nonce: u64) {
    let items = [transaction(1, nonce, 200), transaction(2, nonce, 200)];
    for (node, item) in nodes.iter().zip(&items) {
        assert_eq!(node.send(item.clone()).await, Ok(Submission::Accepted));
    }
    for (node, item) in nodes.iter().rev().zip(&items) {
        node.transaction(item.id()).await;
    }
}

async fn assert_undisturbed(node: &Node) {
    let status = node.status().await;
    assert!(status.disconnects.is_empty(), "{:?}", status.disconnects);
}

async fn assert_unknown(node: &Node, id: TxId) {
    assert!(node.ask(|reply| Command::Transaction { id, reply }).await.is_none());
}

/// Random bytes, the same each time.
fn noise(count: usize) -> Vec<u8> {
    let mut state = 7_u64;
    let mut next = || {
        state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (state >> 56) as u8
    };
    (0..count).map(|_| next()).collect()
}

#[tokio::test]
async fn garbage_ends_its_connection_only() {
    let mut line = Line::start(1).await;
    let mut padded = Frame::Ack(0).to_bytes();
    padded.push(0);
    let (early, late, bulk) = ((false, Lane::Control), (true, Lane::Control), (true, Lane::Bulk));
    let garbage = [
        (early, framed(&noise(300))),
        (
            early,
            b"GET / HTTP/1.1\r\nHost: localhost\r\nUser-Agent: a browser that is lost\r\nAccept: */*\r\n\r\n"
                .to_vec(),
        ),
        (late, framed(&noise(60_000))),
        (late, vec![0xff; 1_000]),
        (late, framed(&[])),
        (late, framed(&padded)),
        // An Ack of nothing, its array's length in two bytes where one would do.
        (late, framed(&[0x98, 2, 11, 0])),
        (bulk, framed(&noise(100_000))),
    ];
    let count = garbage.len() as u64;
    for ((greets, lane), bytes) in garbage {
        let connect = async |address: &Multiaddr| match greets {
            true => HostileClient::greeted(address).await,
            false => HostileClient::connect(address).await,
        };
        let mut client = connect(&line.target()).await;
        line.exchange().await;
        client.write(lane, &bytes).await;
        client.closed().await;
    }
    line.end(&[("undecodable", count)]).await;
}

#[tokio::test]
async fn garbage_below_the_protocol_ends_its_socket() {
    let mut line = Line::start(4).await;
    let port = line.target().iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    let mut socket = TcpStream::connect(("127.0.0.1", port.expect("a TCP address"))).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    socket.write_all(&noise(100_000)).expect("buffered");
    line.exchange().await;
    let ended = tokio::task::spawn_blocking(move || {
        // The node may say what it speaks before it closes; bytes that it left unread make that a reset.
        socket.read_to_end(&mut Vec::new()).map_err(|error| error.kind())
    });
    let ended = ended.await.expect("no panic");
    assert!(matches!(ended, Ok(_) | Err(ErrorKind::ConnectionReset)), "{ended:?}");
    line.end(&[]).await;
}

#[tokio::test]
async fn half_a_frame_and_then_silence_ends_by_the_deadline() {
    let mut line = Line::start_with(7, |middle| {
        middle.deadlines.read_stall = protocol::time::Duration::from_secs(2);
    })
    .await;
    let half = |bytes: u64| [prefix(bytes), vec![1; bytes as usize / 2]].concat();
    let halves = [
        (Lane::Control, vec![0x80]),
        (Lane::Control, half(1_000)),
        (Lane::Bulk, prefix(BULK_FRAME_BYTES_MAX as u64)),
        (Lane::Bulk, half(50_000)),
    ];
    let mut clients = Vec::new();
    for (lane, bytes) in &halves {
        let mut client = HostileClient::greeted(&line.target()).await;
        assert!(client.write(*lane, bytes).await);
        clients.push(client);
    }
    line.exchange().await;
    for client in clients {
        client.closed().await;
    }
    line.end(&[("read_stalled", halves.len() as u64)]).await;
}

#[tokio::test]
async fn peers_that_declare_large_frames_and_send_nothing_hold_up_no_other() {
    // Without the usual deadline: what ends them is that others wait.
    let mut line = Line::start_with(29, |middle| {
        middle.deadlines.read_stall = protocol::time::Duration::from_secs(3_600);
    })
    .await;
    let mut clients = Vec::new();
    for _ in 0..BULK_BUDGET_BYTES / BULK_FRAME_BYTES_MAX {
        let mut client = HostileClient::greeted(&line.target()).await;
        assert!(client.write(Lane::Bulk, &prefix(BULK_FRAME_BYTES_MAX as u64)).await);
        // When the second answer comes, what stood on the bulk lane has been looked at.
        for number in 0..2 {
            let wanted = TxRef::Short(ShortId([number; 8]));
            client.write(Lane::Control, &frame(&Message::GetData { graft: false, wanted: vec![wanted] })).await;
            let missing = Message::NotFound { transactions: vec![wanted], blocks: Vec::new() };
            client.expect("the answer", |message| *message == missing).await;
        }
        clients.push(client);
    }
    line.exchange().await;
    line.left(&[]).await;
    let large = transaction(32, 0, 64 * 1024);
    assert_eq!(line.ends[0].send(large.clone()).await, Ok(Submission::Accepted));
    line.ends[1].transaction(large.id()).await;
    let left = line.middle.status().await.disconnects;
    assert_eq!(left.keys().collect::<Vec<_>>(), ["read_stalled"], "{left:?}");
    drop(clients);
    line.middle.status_until("the honest peers only", |status| status.peers_in + status.peers_out == 2).await;
    line.exchange().await;
    line.stop().await;
}

#[tokio::test]
async fn a_frame_that_is_declared_too_large_ends_its_connection_at_once() {
    let mut line = Line::start(10).await;
    let four_gib = 4 << 30;
    let declared = [
        // More than four bytes of length are no length.
        (Lane::Control, four_gib, "undecodable"),
        (Lane::Bulk, four_gib, "undecodable"),
        (Lane::Control, (1 << 28) - 1, "frame_too_large"),
        (Lane::Control, CONTROL_FRAME_BYTES_MAX as u64 + 1, "frame_too_large"),
        (Lane::Bulk, BULK_FRAME_BYTES_MAX as u64 + 1, "frame_too_large"),
    ];
    let mut counts = BTreeMap::new();
    for (lane, bytes, reason) in declared {
        let mut client = HostileClient::greeted(&line.target()).await;
        line.exchange().await;
        client.write(lane, &prefix(bytes)).await;
        client.closed().await;
        *counts.entry(reason).or_default() += 1;
        line.left(&Vec::from_iter(counts.clone())).await;
    }
    line.end(&Vec::from_iter(counts)).await;
}

#[tokio::test]
async fn a_hello_that_does_not_fit_ends_its_connection() {
    let mut line = Line::start(13).await;
    let other_version = Hello { version: VERSION + 1, ..hello("test") };
    let spoken = [
        (vec![Message::Hello(hello("other"))], "wrong_network"),
        (vec![Message::Hello(other_version)], "wrong_version"),
        (vec![Message::Inv(Vec::new())], "out_of_turn"),
        (vec![Message::Hello(hello("test")), Message::Hello(hello("test"))], "out_of_turn"),
    ];
    let mut counts = BTreeMap::new();
    for (messages, reason) in spoken {
        let mut client = HostileClient::connect(&line.target()).await;
        line.exchange().await;
        client.write(Lane::Control, &messages.iter().flat_map(frame).collect::<Vec<_>>()).await;
        client.closed().await;
        *counts.entry(reason).or_default() += 1;
        line.left(&Vec::from_iter(counts.clone())).await;
    }
    line.end(&Vec::from_iter(counts)).await;
}

#[tokio::test]
async fn saying_nothing_ends_by_the_deadline() {
    let mut line = Line::start(16).await;
    let mut silent = HostileClient::connect(&line.target()).await;
    silent.expect("the node's hello", |message| matches!(message, Message::Hello(_))).await;
    line.exchange().await;
    silent.closed().await;
    line.end(&[("no_hello", 1)]).await;
}

#[tokio::test]
async fn an_invalid_signature_ends_its_sender_and_goes_nowhere() {
    let mut line = Line::start(19).await;
    let good = transaction(22, 0, 100);
    let mut spoilt = good.encoded().to_vec();
    // A byte of the payload, which ends 66 bytes before the end.
    let at = spoilt.len() - 67;
    spoilt[at] ^= 1;
    let foreign =
        Transaction { author: PublicKey::default(), nonce: 0, valid_until: 1_000, payload: vec![1].into() };
    let network = "other".parse().expect("a name");
    let foreign = foreign.sign(&SecretKey::from_seed(&[22; 32]), &network).expect("within the bound");
    let bad = [spoilt, foreign.encoded().to_vec()];
    for body in &bad {
        let id = SignedTransaction::id_of(body);
        let mut client = HostileClient::greeted(&line.target()).await;
        let entry = InvEntry { transaction: TxRef::Full(id), age_ms: 0 };
        client.write(Lane::Control, &frame(&Message::Inv(vec![entry]))).await;
        client
            .expect("the request", |message| {
                *message == Message::GetData { graft: false, wanted: vec![TxRef::Full(id)] }
            })
            .await;
        line.exchange().await;
        client
            .write(Lane::Control, &frame(&Message::Transactions { via: None, bodies: vec![body.clone().into()] }))
            .await;
        client.closed().await;
    }
    assert_eq!(line.ends[0].send(good.clone()).await, Ok(Submission::Accepted));
    line.ends[1].transaction(good.id()).await;
    for body in &bad {
        for node in line.ends.iter().chain([&line.middle]) {
            assert_unknown(node, SignedTransaction::id_of(body)).await;
        }
    }
    line.end(&[("invalid_signature", bad.len() as u64)]).await;
}

#[tokio::test]
async fn a_body_in_another_encoding_ends_its_sender_and_goes_nowhere() {
    let mut line = Line::start(23).await;
    let good = transaction(26, 5, 10);
    let bytes = good.encoded().to_vec();
    let (array, author, nonce, rest) = (&bytes[..1], &bytes[1..35], &bytes[35..36], &bytes[36..]);
    assert_eq!((array, nonce), (&[0x85][..], &[5][..]), "an array of five, and the nonce in third place");
    // All mean the same to a lenient reader, and the signature would be good; each would be another id.
    let others = [
        [array, author, &[0x18, 5], rest].concat(),
        [&[0x98, 5], author, nonce, rest].concat(),
        [&[0x9f], author, nonce, rest, &[0xff]].concat(),
        [&bytes[..], &[0]].concat(),
        [&[0xc1], &bytes[..]].concat(),
    ];
    for body in &others {
        let mut client = HostileClient::greeted(&line.target()).await;
        line.exchange().await;
        client
            .write(Lane::Control, &frame(&Message::Transactions { via: None, bodies: vec![body.clone().into()] }))
            .await;
        client.closed().await;
        for node in line.ends.iter().chain([&line.middle]) {
            assert_unknown(node, SignedTransaction::id_of(body)).await;
        }
    }
    assert_eq!(line.ends[0].send(good.clone()).await, Ok(Submission::Accepted));
    line.ends[1].transaction(good.id()).await;
    line.end(&[("malformed_item", others.len() as u64)]).await;
}

/// The program itself, so that it has its own memory. It is killed at the latest when this is dropped.
struct Running {
    child: Child,
    _dir: TempDir,
    client: HttpClient,
    address: Multiaddr,
}

impl Running {
    async fn start() -> Self {
        let dir = tempfile::tempdir().expect("a directory");
        let args = ["--network", "test", "--reserved-only", "--listen", "/ip4/127.0.0.1/tcp/0"];
        let mut child = Program::new(env!("CARGO_BIN_EXE_node"))
            .env_clear()
            .args(args)
            .args(["--rpc-addr", "127.0.0.1:0", "--data-dir"])
            .arg(dir.path())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .spawn()
            .expect("it starts");
        let told = async {
            loop {
                assert!(child.try_wait().expect("a child").is_none(), "it ended before it was ready");
                if let Some(info) = read_rpc(dir.path()).expect("readable") {
                    return info;
                }
                tokio::time::sleep(LOOK).await;
            }
        };
        let info: RpcInfo = tokio::time::timeout(PATIENCE, told).await.expect("ready in time");
        let rpc = info.rpc.expect("it has an RPC");
        let client = HttpClientBuilder::default().build(format!("http://{rpc}")).expect("a client");
        Self { child, _dir: dir, client, address: info.listen[0].parse().expect("an address") }
    }

    async fn status(&self) -> Status {
        self.client.node_info().await.expect("it answers")
    }

    async fn status_until(&self, what: &str, enough: impl Fn(&Status) -> bool) -> Status {
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
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// An inv of as many transactions as possible. None of them exists.
fn bogus_inv(number: u64) -> Message {
    let entry = |index: usize| {
        let id = (number << 32 | index as u64).to_be_bytes();
        InvEntry { transaction: TxRef::Short(ShortId(id)), age_ms: 0 }
    };
    Message::Inv((0..INV_ENTRIES_MAX).map(entry).collect())
}

#[tokio::test]
async fn a_hundred_thousand_bogus_announcements_stay_within_bounds() {
    let middle = Running::start().await;
    let ends = [
        Node::start(knowing(27, middle.address.clone())).await,
        Node::start(knowing(28, middle.address.clone())).await,
    ];
    middle.status_until("both hellos", |status| status.peers_in == 2).await;
    exchange(&ends, 0).await;
    let before = middle.status().await;

    let mut client = HostileClient::greeted(&middle.address).await;
    for number in 0..25 {
        if !client.write(Lane::Control, &frame(&bogus_inv(number))).await {
            break;
        }
    }
    exchange(&ends, 1).await;
    // None of what it was asked for ever comes.
    client.closed().await;
    let status = middle.status_until("its leaving", |status| status.disconnects.contains_key("withheld")).await;
    exchange(&ends, 2).await;

    assert_eq!(status.disconnects.into_iter().collect::<Vec<_>>(), [("withheld".to_owned(), 1)]);
    assert_eq!(middle.status().await.peers_in, 2);
    let (stats, honest) = (status.stats, 4);
    assert!(stats.announcements > 10 * INV_ENTRIES_MAX as u64, "{stats:?}");
    let kept = stats.announcements - stats.announcements_dropped;
    let bound = REQUEST_ANNOUNCEMENTS_MAX as u64 + stats.requests_expired + honest;
    assert!(kept <= bound, "{kept} kept: {stats:?}");
    let grown = middle.status().await.rss_peak - before.rss_peak;
    assert!(grown < 16 * 1024 * 1024, "memory grew by {grown} bytes");
    for end in ends {
        assert_undisturbed(&end).await;
        end.stop().await;
    }
    drop(middle);
}
