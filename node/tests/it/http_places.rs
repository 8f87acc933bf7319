//! Places at the listener: connections that wait or dawdle make room, requests under way don't, and each has its time.

use std::io::{Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use jsonrpsee::http_client::HttpClient;
use node::command::{Command, PeerStatus};
use node::http::Times;
use node::rpc::ApiClient as _;

use crate::support::{FakeNode, client, exchange};

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
    let mut fake = FakeNode::with_places(3, Times { wait: long, body: long, serve: long });
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
async fn requests_under_way_keep_their_places_and_a_new_one_is_told() {
    let mut fake = FakeNode::with_places(2, Times::default());
    let (first, second) = (client(fake.address, None), client(fake.address, None));
    let work = async {
        let waiting = [fake.command().await, fake.command().await];
        let address = fake.address;
        let head = HEAD.trim_end().to_owned();
        let third = tokio::task::spawn_blocking(move || exchange(address, &head, PEERS)).await.expect("it ends");
        assert!(third.starts_with("HTTP/1.1 503") && third.contains("retry-after: 1"), "{third}");
        let (_, body) = third.split_once("\r\n\r\n").expect("a body");
        assert!(third.contains(&format!("content-length: {}\r\n", body.len())), "{third}");
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
    let waiting = FakeNode::with_places(9, Times { wait: short, body: long, serve: long });
    closes(open(waiting.address, "")).await;
    closes(open(waiting.address, HEAD)).await;
    let reading = FakeNode::with_places(9, Times { wait: long, body: short, serve: long });
    closes(open(reading.address, &half_sent())).await;
    let mut serving = FakeNode::with_places(9, Times { wait: long, body: long, serve: short });
    let stream = open(serving.address, &format!("{HEAD}Content-Length: {}\r\n\r\n{PEERS}", PEERS.len()));
    let _unanswered = serving.command().await;
    closes(stream).await;
}
