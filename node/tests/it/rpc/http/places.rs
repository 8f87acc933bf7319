//! Places at the listener: connections that wait or are slow make room, requests under way don't, and each has a
//! time limit.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use jsonrpsee::http_client::HttpClient;
use node::rpc::ApiClient as _;
use node::rpc::access::LARGE_ANSWERS_MAX;
use node::rpc::command::{Command, PeerStatus};
use node::rpc::http::Times;

use crate::support::rpc::{FakeNode, client, exchange};

const HEAD: &str = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\n";
const PEERS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"admin_peers","params":[]}"#;

fn open(address: SocketAddr, sent: &str) -> TcpStream {
    let mut stream = TcpStream::connect(address).expect("it listens");
    stream.write_all(sent.as_bytes()).expect("sent");
    stream
}

fn half_sent() -> String {
    format!("{HEAD}Content-Length: 100\r\n\r\n{{")
}

/// Waits until the other side closes, without an answer.
async fn closes(mut stream: TcpStream) {
    let read = tokio::task::spawn_blocking(move || stream.read(&mut [0; 1]));
    // What was half sent is unread, so the end may be a reset.
    assert!(matches!(read.await.expect("it ends"), Ok(0) | Err(_)));
}

/// A request is answered. Its connection is kept as long as the client.
async fn answered(fake: &mut FakeNode) -> HttpClient {
    let client = client(fake.address, None);
    let (peers, ()) = tokio::join!(client.peers(), async {
        let Command::Peers { reply } = fake.command().await else { panic!("another") };
        reply.send(vec![PeerStatus::default()]).expect("somebody waits");
    });
    assert_eq!(peers.expect("an answer").len(), 1);
    client
}

#[tokio::test]
async fn a_new_connection_takes_the_place_of_the_one_that_waited_longest() {
    let long = Duration::from_secs(3_600);
    let mut fake = FakeNode::with_places(3, Times { wait: long, body: long, serve: long, ..Times::default() });
    let (silent, half, headless) =
        (open(fake.address, ""), open(fake.address, &half_sent()), open(fake.address, "POST / HT"));
    let _first = answered(&mut fake).await;
    closes(silent).await;
    let _second = answered(&mut fake).await;
    let _third = answered(&mut fake).await;
    closes(half).await;
    closes(headless).await;
}

#[tokio::test]
async fn requests_under_way_keep_their_places_and_one_that_waited_in_vain_is_told() {
    let mut fake = FakeNode::with_places(2, Times { leave: Duration::from_secs(3_600), ..Times::default() });
    let (first, second) = (client(fake.address, None), client(fake.address, None));
    let work = async {
        let waiting = [fake.command().await, fake.command().await];
        let address = fake.address;
        let head = HEAD.trim_end().to_owned();
        let third = tokio::task::spawn_blocking(move || exchange(address, &head, PEERS)).await.expect("it ends");
        assert!(third.starts_with("HTTP/1.1 503") && third.contains("retry-after: 1"), "{third}");
        let (_, body) = third.split_once("\r\n\r\n").expect("a body");
        assert!(third.contains(&format!("content-length: {}\r\n", body.len())), "{third}");
        fake.health.beat(Vec::new());
        let health =
            tokio::task::spawn_blocking(move || exchange(address, "GET /readyz HTTP/1.1\r\nHost: [::1]", ""));
        let health = health.await.expect("it ends");
        assert!(health.contains(r#"{"ready":"#), "{health}");
        for command in waiting {
            let Command::Peers { reply } = command else { panic!("another") };
            reply.send(Vec::new()).expect("somebody waits");
        }
    };
    let (first, second, ()) = tokio::join!(first.peers(), second.peers(), work);
    assert_eq!((first.expect("an answer"), second.expect("an answer")), (Vec::new(), Vec::new()));
}

#[tokio::test]
async fn a_connection_that_waits_or_dawdles_is_closed_after_its_time() {
    let short = Duration::from_millis(50);
    let long = Duration::from_secs(3_600);
    let waiting = FakeNode::with_places(9, Times { wait: short, body: long, serve: long, ..Times::default() });
    closes(open(waiting.address, "")).await;
    closes(open(waiting.address, HEAD)).await;
    let reading = FakeNode::with_places(9, Times { wait: long, body: short, serve: long, ..Times::default() });
    closes(open(reading.address, &half_sent())).await;
    let mut serving = FakeNode::with_places(9, Times { wait: long, body: long, serve: short, ..Times::default() });
    let stream = open(serving.address, &format!("{HEAD}Content-Length: {}\r\n\r\n{PEERS}", PEERS.len()));
    let _unanswered = serving.command().await;
    closes(stream).await;
}

/// Writes requests on one connection, and reads nothing yet.
fn ask(address: SocketAddr, count: usize) -> TcpStream {
    let request = format!("{HEAD}Content-Length: {}\r\n\r\n{PEERS}", PEERS.len());
    open(address, &request.repeat(count))
}

async fn reply(fake: &mut FakeNode) {
    let Command::Peers { reply } = fake.command().await else { panic!("another") };
    // Its connection may have been cut.
    let _ = reply.send(Vec::new());
}

#[tokio::test]
async fn who_asks_without_a_pause_gives_up_its_place_with_its_answer() {
    let mut fake = FakeNode::with_places(1, Times { leave: Duration::from_secs(3_600), ..Times::default() });
    let mut greedy = ask(fake.address, 1_000);
    let Command::Peers { reply: held } = fake.command().await else { panic!("another") };
    let (address, head) = (fake.address, HEAD.trim_end().to_owned());
    let patient = tokio::task::spawn_blocking(move || exchange(address, &head, PEERS));
    let told = tokio::task::spawn_blocking(move || {
        let mut text = String::new();
        let _ = greedy.read_to_string(&mut text);
        text
    });
    // Nothing tells when the patient one has been taken; a listener that has not yet seen it answers the greedy one once more.
    held.send(Vec::new()).expect("somebody waits");
    reply(&mut fake).await;
    while !patient.is_finished() {
        tokio::select! {
            () = reply(&mut fake) => {}
            () = tokio::task::yield_now() => {}
        }
    }
    let (patient, told) = (patient.await.expect("it ends"), told.await.expect("it ends"));
    assert!(patient.starts_with("HTTP/1.1 200"), "{patient}");
    assert!(told.matches("HTTP/1.1 200").count() < 1_000, "it was never told to leave");
}

#[tokio::test]
async fn a_request_that_lasts_is_cut_when_another_waits_for_its_place() {
    let mut fake = FakeNode::with_places(1, Times { leave: Duration::from_millis(50), ..Times::default() });
    let slow = ask(fake.address, 1);
    let _never_answered = fake.command().await;
    let _other = answered(&mut fake).await;
    closes(slow).await;
}

#[tokio::test]
async fn large_answers_are_made_a_few_at_a_time() {
    let mut fake = FakeNode::start();
    let id = "00".repeat(32);
    let asked: Vec<_> = (0..=LARGE_ANSWERS_MAX)
        .map(|_| {
            let (client, id) = (client(fake.address, None), id.clone());
            tokio::spawn(async move { client.block_get(id).await })
        })
        .collect();
    let mut held = Vec::new();
    for _ in 0..LARGE_ANSWERS_MAX {
        held.push(fake.command().await);
    }
    // What is small goes on, and the one too many waits.
    let _other = answered(&mut fake).await;
    assert!(fake.commands.try_recv().is_err());
    let Some(Command::Block { reply, .. }) = held.pop() else { panic!("another") };
    reply.send(None).expect("somebody waits");
    held.push(fake.command().await);
    for command in held {
        let Command::Block { reply, .. } = command else { panic!("another") };
        reply.send(None).expect("somebody waits");
    }
    for one in asked {
        assert_eq!(one.await.expect("it ends").expect("an answer"), None);
    }
}
