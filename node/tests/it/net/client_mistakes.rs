//! The mistakes that the author of a client makes, each on a real node over a real socket: what the client sees,
//! what the node logs, and what it counts. The table is read from PROTOCOL.md, so that the two cannot drift apart.

use std::collections::BTreeMap;
use std::io::{self, Read as _};
use std::net::TcpStream;
use std::sync::{Arc, Mutex};
use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use node::config::Config;
use node::config::deadlines::Deadlines;
use node::net::limits::PER_IPV4_MAX;
use protocol::gossip::Submission;
use protocol::items::block::{Block, Header, transactions_root};
use protocol::items::hash::ShortId;
use protocol::items::keys::SecretKey;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{CONTROL_FRAME_BYTES_MAX, INV_ENTRIES_MAX};
use protocol::wire::frame::Frame;
use protocol::wire::message::{InvEntry, Lane, Message, TxRef, VERSION};
use tracing_subscriber::EnvFilter;
use tracing_subscriber::fmt::MakeWriter;

use crate::support::harness::{Node, config, transaction};
use crate::support::hostile_client::{HostileClient, frame, framed, hello, prefix};
use crate::support::raw::Raw;

const PATIENCE: Duration = Duration::from_secs(30);

/// A row of the table.
#[derive(Debug)]
struct Row {
    mistake: String,
    sees: String,
    /// A level, and words in a line of that level.
    logs: (String, String),
    counter: String,
    banned: bool,
}

/// The client's view of the result.
enum Seen {
    Goodbye(String),
    Ended,
    Declined,
}

/// The log of a test's node, from debug on.
#[derive(Clone, Default)]
struct Log(Arc<Mutex<Vec<u8>>>);

impl io::Write for Log {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.lock().expect("no panic").extend_from_slice(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}

impl<'a> MakeWriter<'a> for Log {
    type Writer = Self;

    fn make_writer(&'a self) -> Self {
        self.clone()
    }
}

impl Log {
    fn lines(&self) -> Vec<String> {
        String::from_utf8_lossy(&self.0.lock().expect("no panic")).lines().map(str::to_owned).collect()
    }

    fn has(&self, level: &str, words: &str) -> bool {
        let level = format!(" {} ", level.to_uppercase());
        self.lines().iter().any(|line| line.contains(&level) && line.contains(words))
    }
}

/// The rows of the table under the heading "Mistakes of a client's author".
fn table() -> Vec<Row> {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/PROTOCOL.md");
    let text = std::fs::read_to_string(path).expect("readable");
    let (_, section) = text.split_once("\n### Mistakes of a client's author\n").expect("the heading");
    let rows = section.lines().skip_while(|line| !line.starts_with("|---")).skip(1);
    rows.take_while(|line| line.starts_with('|')).map(row).collect()
}

fn row(line: &str) -> Row {
    let cells: Vec<&str> = line.trim_matches('|').split(" | ").map(str::trim).collect();
    let [mistake, sees, logs, counter, banned] = cells[..] else { panic!("five cells: {line}") };
    let (level, words) = logs.split_once(" `").expect("a level and words");
    let words = words.trim_end_matches('`').to_owned();
    let counter = counter.trim_matches('`').to_owned();
    Row {
        mistake: mistake.to_owned(),
        sees: sees.to_owned(),
        logs: (level.to_owned(), words),
        counter,
        banned: banned == "yes",
    }
}

/// A transaction with a signature that was made over other bytes.
fn signed_over(domain: &str, network: &str) -> Message {
    let good = transaction(7, 1, 20);
    let mut bytes = good.encoded().to_vec();
    let fields = &bytes[1..bytes.len() - 66];
    let text = |text: &str| [&[0x60 + text.len() as u8][..], text.as_bytes()].concat();
    let signed = [text(domain), text(network), vec![0x84], fields.to_vec()].concat();
    let signature = SecretKey::from_seed(&[7; 32]).sign(&signed).0;
    let at = bytes.len() - 64;
    bytes[at..].copy_from_slice(&signature);
    Message::Transactions { via: None, bodies: vec![bytes.into()] }
}

fn long_inv() -> Vec<u8> {
    let entry = |n: usize| InvEntry { transaction: TxRef::Short(ShortId((n as u64).to_be_bytes())), age_ms: 0 };
    frame(&Message::Inv((0..=INV_ENTRIES_MAX).map(entry).collect()))
}

/// The same transaction with its nonce in two bytes.
fn other_encoding() -> Message {
    let good = transaction(7, 1, 20);
    let bytes = good.encoded();
    let body = [&bytes[..35], &[0x18, 1], &bytes[36..]].concat();
    assert_eq!(bytes[35], 1, "the nonce");
    Message::Transactions { via: None, bodies: vec![body.into()] }
}

/// A block that holds one transaction two times.
fn repeating_block() -> Message {
    let (item, producer) = (transaction(7, 1, 20), SecretKey::from_seed(&[8; 32]));
    let network = "test".parse().expect("a name");
    let header = Header {
        height: 1,
        parent: protocol::items::network::NetworkId::genesis(&network),
        producer: producer.public(),
        timestamp_ms: 0,
        transactions_root: transactions_root(&[item.id(), item.id()]),
        count: 2,
    };
    let transactions = vec![item.encoded().clone(), item.encoded().clone()];
    Message::Block(Arc::new(Block { header: header.sign(&producer, &network), transactions }))
}

/// Greets, writes, and waits for the end.
async fn after_hello(node: &Node, lane: Lane, bytes: &[u8]) -> Seen {
    let mut client = HostileClient::greeted(&node.address()).await;
    client.write(lane, bytes).await;
    end_of(client).await
}

async fn instead_of_hello(node: &Node, bytes: &[u8]) -> Seen {
    let mut client = HostileClient::connect(&node.address()).await;
    client.write(Lane::Control, bytes).await;
    end_of(client).await
}

async fn end_of(mut client: HostileClient) -> Seen {
    let goodbye = client.goodbye().await;
    client.closed().await;
    goodbye.map_or(Seen::Ended, Seen::Goodbye)
}

/// A client that reads a large body and acknowledges nothing.
async fn without_acks(node: &Node) -> Seen {
    let mut client = HostileClient::greeted(&node.address()).await;
    let body = transaction(7, 2, 60_000);
    assert_eq!(node.send(body.clone()).await, Ok(Submission::Accepted));
    let wanted = vec![TxRef::Full(body.id())];
    client.write(Lane::Control, &frame(&Message::GetData { graft: false, wanted })).await;
    end_of(client).await
}

fn socket(address: &Multiaddr) -> TcpStream {
    let port = address.iter().find_map(|part| match part {
        Protocol::Tcp(port) => Some(port),
        _ => None,
    });
    let socket = TcpStream::connect(("127.0.0.1", port.expect("a TCP address"))).expect("it listens");
    socket.set_read_timeout(Some(PATIENCE)).expect("a time-out");
    socket
}

/// Whether the node ends the next connection before it sends anything.
async fn refused(address: Multiaddr) -> Seen {
    let read = tokio::task::spawn_blocking(move || {
        let (mut socket, mut heard) = (socket(&address), Vec::new());
        let end = socket.read_to_end(&mut heard);
        assert!(end.is_ok() || end.is_err_and(|error| error.kind() == io::ErrorKind::ConnectionReset));
        heard
    });
    assert!(read.await.expect("no panic").is_empty(), "it says nothing");
    Seen::Ended
}

async fn without_a_slot(node: &Node) -> Seen {
    // The second takes the place of the first, which its address group may do once in ten minutes.
    let first = HostileClient::greeted(&node.address()).await;
    let second = HostileClient::greeted(&node.address()).await;
    let mut raw = Raw::dial(node.address(), async {}).await;
    let stream = raw.open(&format!("/hearsay/test/control/{VERSION}"), async {}).await;
    raw.left(stream, async {}).await;
    drop((first, second));
    Seen::Declined
}

async fn ninth(node: &Node) -> Seen {
    let sockets: Vec<_> = (0..PER_IPV4_MAX).map(|_| socket(&node.address())).collect();
    let seen = refused(node.address()).await;
    drop(sockets);
    seen
}

async fn while_banned(node: &Node) -> Seen {
    let Seen::Goodbye(_) = after_hello(node, Lane::Control, &frame(&Frame::Ack(1))).await else {
        panic!("left without a word");
    };
    refused(node.address()).await
}

async fn hello_on_their_stream(node: &Node) -> Seen {
    let mut client = HostileClient::connect(&node.address()).await;
    client.write_back(Lane::Control, &frame(&Message::Hello(hello("test")))).await;
    end_of(client).await
}

/// The node's special settings for a mistake that needs some.
fn settings(mistake: &str) -> Config {
    let mut config = config(1);
    match mistake {
        "no acks for 20 s" => {
            config.deadlines =
                Deadlines { write_stall: protocol::time::Duration::from_secs(1), ..config.deadlines };
        }
        "no pong for 20 s" => {
            let soon = protocol::time::Duration::from_millis(200);
            config.deadlines = Deadlines { ping_interval: soon, ping_timeout: soon, ..config.deadlines };
        }
        "half a frame, and nothing for 20 s" => {
            config.deadlines =
                Deadlines { read_stall: protocol::time::Duration::from_secs(1), ..config.deadlines };
        }
        // One address group.
        "no free slot for 6 s" => (config.max_peers_in, config.loopback_exempt) = (1, false),
        "a ninth connection from an address" | "a connection while its address is banned" => {
            config.loopback_exempt = false;
        }
        _ => {}
    }
    config
}

/// Makes a mistake. A new row of the table needs a new line here.
async fn make(mistake: &str, node: &Node) -> Seen {
    let hello_of = |network: &str| frame(&Message::Hello(hello(network)));
    let control = Lane::Control;
    match mistake {
        "another domain string in a signature" => {
            after_hello(node, control, &frame(&signed_over("hearsay transaction 2", "test"))).await
        }
        "a signature for another network" => {
            after_hello(node, control, &frame(&signed_over("hearsay transaction 1", "other"))).await
        }
        "a bad signature" => {
            let mut bytes = transaction(7, 1, 20).encoded().to_vec();
            *bytes.last_mut().expect("long enough") ^= 1;
            after_hello(node, control, &frame(&Message::Transactions { via: None, bodies: vec![bytes.into()] }))
                .await
        }
        "a block with a transaction twice" => after_hello(node, Lane::Bulk, &frame(&repeating_block())).await,
        "an item in another encoding" => after_hello(node, control, &frame(&other_encoding())).await,
        "a message in another encoding" => after_hello(node, control, &framed(&[0x82, 0x0b, 0x18, 5])).await,
        "an unknown tag" => after_hello(node, control, &framed(&[0x82, 0x18, 99, 0])).await,
        "an inv of 4,097 entries" => after_hello(node, control, &long_inv()).await,
        "a body over 65,536 bytes on the control lane" => {
            after_hello(node, control, &prefix(CONTROL_FRAME_BYTES_MAX as u64 + 1)).await
        }
        "an ack on the bulk lane" => after_hello(node, Lane::Bulk, &frame(&Frame::Ack(1))).await,
        "an ack of more than was sent" => after_hello(node, control, &frame(&Frame::Ack(1))).await,
        "a pong without a ping" => after_hello(node, control, &frame(&Frame::Pong([7; 8]))).await,
        "a ping on the bulk lane" => after_hello(node, Lane::Bulk, &frame(&Frame::Ping([7; 8]))).await,
        "no pong for 20 s" => end_of(HostileClient::greeted(&node.address()).await).await,
        "no Hello for 5 s" => end_of(HostileClient::connect(&node.address()).await).await,
        "Hello on a stream that the node opened" => hello_on_their_stream(node).await,
        "a second Hello" => after_hello(node, control, &hello_of("test")).await,
        "a ping before Hello" => instead_of_hello(node, &frame(&Frame::Ping([7; 8]))).await,
        "a message before Hello" => instead_of_hello(node, &frame(&Message::Inv(Vec::new()))).await,
        "another network in Hello" => instead_of_hello(node, &hello_of("other")).await,
        "half a frame, and nothing for 20 s" => after_hello(node, control, &prefix(100)).await,
        "no acks for 20 s" => without_acks(node).await,
        "no free slot for 6 s" => without_a_slot(node).await,
        "a ninth connection from an address" => ninth(node).await,
        "a connection while its address is banned" => while_banned(node).await,
        other => panic!("the table has a mistake that nobody makes here: {other}"),
    }
}

/// The words of the table for the client's view.
fn spelled(seen: &Seen) -> String {
    match seen {
        Seen::Goodbye(reason) => format!("goodbye `{reason}`"),
        Seen::Ended => "the socket ends".to_owned(),
        Seen::Declined => "its streams end".to_owned(),
    }
}

#[tokio::test]
async fn each_mistake_is_seen_logged_and_counted_as_the_protocol_says() {
    let rows = table();
    assert!(rows.len() >= 16, "the table is there: {rows:#?}");
    for row in rows {
        let log = Log::default();
        let subscriber = tracing_subscriber::fmt()
            .with_env_filter(EnvFilter::new("node=debug"))
            .with_writer(log.clone())
            .with_ansi(false)
            .finish();
        let logging = tracing::subscriber::set_default(subscriber);
        let node = Node::start(settings(&row.mistake)).await;
        let seen = make(&row.mistake, &node).await;
        let mistake = &row.mistake;
        let status = node
            .status_until(&format!("{mistake}: {}", row.counter), |status| {
                status.disconnects.get(&row.counter) == Some(&1)
            })
            .await;
        assert_eq!(spelled(&seen), row.sees, "{mistake}");
        let (level, words) = &row.logs;
        assert!(log.has(level, words), "{mistake}: no {level} line with {words:?} in {:#?}", log.lines());
        // Whom a line is about is told by the peer's id, unless the socket ended before it was known.
        let of_it = log.lines().into_iter().filter(|line| line.contains(words.as_str()));
        let named = of_it.filter(|line| line.contains("peer=12D3KooW")).count() > 0;
        assert_eq!(named, !matches!(seen, Seen::Ended), "{mistake}: {:#?}", log.lines());
        // A ban is told at the default level, and listed.
        assert_eq!(status.bans.iter().any(|ban| ban.reason == row.counter), row.banned, "{mistake}: {status:?}");
        assert_eq!(
            log.has("warn", "a peer broke a rule of the protocol"),
            row.banned || mistake.contains("banned"),
            "{mistake}"
        );
        assert!(!log.lines().iter().any(|line| line.contains("PeerHandle")), "{mistake}: {:#?}", log.lines());
        node.stop().await;
        drop(logging);
    }
}

#[tokio::test]
async fn a_ban_is_listed_with_the_address_that_it_keeps_out() {
    let node = Node::start(Config { loopback_exempt: false, ..config(1) }).await;
    let seen = after_hello(&node, Lane::Control, &frame(&Frame::Ack(1))).await;
    assert_eq!(spelled(&seen), "goodbye `bad_ack`");
    let bans = node.status_until("the ban", |status| !status.bans.is_empty()).await.bans;
    let told: Vec<_> = bans.iter().map(|ban| (ban.who.as_str(), ban.reason.as_str())).collect();
    assert_eq!(told[0], ("127.0.0.1", "bad_ack"));
    assert!(told.len() == 2 && told[1].0.starts_with("12D3"), "{told:?}");
    assert!(bans.iter().all(|ban| ban.left_s > 500.0 && ban.left_s <= 600.0), "{bans:?}");
    node.stop().await;
}

#[tokio::test]
async fn a_ban_outlives_a_restart_and_holds_for_dials_of_the_address_by_its_operator_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let kept =
        || Config { loopback_exempt: false, data_dir: Some(dir.path().to_owned()), ephemeral: false, ..config(1) };
    let node = Node::start(kept()).await;
    after_hello(&node, Lane::Control, &frame(&Frame::Ack(1))).await;
    let before = node.status_until("the ban", |status| !status.bans.is_empty()).await.bans;
    node.stop().await;
    // The next run is told to dial somebody there.
    let other = Node::start(config(2)).await;
    let node = Node::start(Config { bootstrap: vec![other.address()], ..kept() }).await;
    let after = node.status().await.bans;
    assert_eq!(after.len(), before.len());
    for (before, after) in before.iter().zip(&after) {
        assert_eq!((&after.who, &after.reason), (&before.who, &before.reason));
        assert!(after.left_s <= before.left_s && after.left_s > 500.0, "{after:?}");
    }
    tokio::time::timeout(Duration::from_secs(1), node.peers_until("nobody", |peers| !peers.is_empty()))
        .await
        .expect_err("nobody is dialled at a banned address");
    node.stop().await;
    other.stop().await;
}

#[tokio::test]
async fn what_a_peer_writes_on_our_streams_ends_it_whichever_and_whenever() {
    for quic in [false, true] {
        let address = if quic { "/ip4/127.0.0.1/udp/0/quic-v1" } else { "/ip4/127.0.0.1/tcp/0" };
        let listen = vec![address.parse().expect("an address")];
        let node = Node::start(Config { listen, ..config(1) }).await;
        let mut counts = BTreeMap::new();
        for lane in [Lane::Control, Lane::Bulk] {
            for greets in [false, true] {
                let mut client = match greets {
                    true => HostileClient::greeted(&node.address()).await,
                    false => HostileClient::connect(&node.address()).await,
                };
                client.write_back(lane, &[0]).await;
                assert_eq!(
                    spelled(&end_of(client).await),
                    "goodbye `unexpected_data`",
                    "{quic} {lane:?} {greets}"
                );
                *counts.entry("unexpected_data".to_owned()).or_insert(0) += 1;
                node.status_until("it is counted", |status| status.disconnects == counts).await;
            }
        }
        node.stop().await;
    }
}

#[tokio::test]
async fn hello_on_our_stream_before_all_four_are_open_is_told_too() {
    let node = Node::start(config(1)).await;
    let mut raw = Raw::dial(node.address(), async {}).await;
    let _control = raw.open(&format!("/hearsay/test/control/{VERSION}"), async {}).await;
    // The bulk stream is never opened.
    let (mut theirs, _) = raw.accept(&format!("/hearsay/test/control/{VERSION}")).await;
    raw.write(&mut theirs, &frame(&Message::Hello(hello("test")))).await;
    let heard = raw.read_frame(&mut theirs).await.expect("a word before the end");
    let reason = protocol::wire::message::GoodbyeReason::new("unexpected_data").expect("a word");
    assert_eq!(heard, frame(&Message::Goodbye(reason)));
    node.status_until("it is counted", |status| status.disconnects.contains_key("unexpected_data")).await;
    node.stop().await;
}

#[tokio::test]
async fn closing_the_half_that_nobody_writes_harms_nothing_and_closing_ones_own_ends_the_link() {
    let node = Node::start(config(1)).await;
    let mut client = HostileClient::greeted(&node.address()).await;
    for lane in [Lane::Control, Lane::Bulk] {
        client.close_back(lane).await;
    }
    let item = transaction(7, 1, 20);
    let entry = InvEntry { transaction: TxRef::Full(item.id()), age_ms: 0 };
    client.write(Lane::Control, &frame(&Message::Inv(vec![entry]))).await;
    client.expect("the request", |message| matches!(message, Message::GetData { .. })).await;
    let bodies = vec![SignedTransaction::encoded(&item).clone().into()];
    client.write(Lane::Control, &frame(&Message::Transactions { via: None, bodies })).await;
    node.transaction(item.id()).await;
    client.close_own(Lane::Control).await;
    client.closed().await;
    node.status_until("its end", |status| status.disconnects.get("closed_by_peer") == Some(&1)).await;
    node.stop().await;
}
