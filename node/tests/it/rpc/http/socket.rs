//! JSON-RPC over a WebSocket: calls, subscriptions, who may open one, and what a slow or a silent client costs.

use std::net::SocketAddr;
use std::time::Duration;

use futures::{SinkExt as _, StreamExt as _};
use node::config::cookie::Cookie;
use node::rpc::command::Command;
use node::rpc::feeds::{FEED_EVENT_BYTES_MAX, FEED_EVENTS_MAX, Told, Topic};
use node::rpc::http::{CONNECTIONS_MAX, OPEN_REQUEST_BYTES_MAX, SUBSCRIPTIONS_MAX, Times, WATCHERS_MAX};
use node::rpc::members::MemberNews;
use node::rpc::{CODE_NO_SOCKET, CODE_NOT_ALLOWED};
use protocol::gossip::ItemId;
use protocol::gossip::members::{MemberChange, MemberEvent};
use protocol::items::block::{Header, SignedHeader};
use protocol::items::hash::{BlockId, TxId};
use protocol::items::keys::SecretKey;
use protocol::wire::message::Tip;
use serde_json::{Value, json};
use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;
use tokio_tungstenite::tungstenite::http::StatusCode;
use tokio_tungstenite::tungstenite::{Error, Message};
use tokio_tungstenite::{WebSocketStream, client_async};

use crate::support::harness::PATIENCE;
use crate::support::program::network;
use crate::support::rpc::{FakeNode, exchange};

type Socket = WebSocketStream<TcpStream>;

/// Opens a socket with these headers besides the usual ones.
async fn open(address: SocketAddr, headers: &[(&'static str, String)]) -> Result<Socket, Error> {
    let mut request = format!("ws://{address}/").into_client_request().expect("a request");
    for (name, value) in headers {
        request.headers_mut().insert(*name, value.parse().expect("a header"));
    }
    let stream = TcpStream::connect(address).await.expect("it listens");
    client_async(request, stream).await.map(|(socket, _)| socket)
}

async fn opened(address: SocketAddr) -> Socket {
    open(address, &[]).await.expect("a socket")
}

async fn say(socket: &mut Socket, message: &Value) {
    socket.send(Message::text(message.to_string())).await.expect("sent");
}

/// The next message that is text; `None` if the socket has ended.
async fn hear(socket: &mut Socket) -> Option<Value> {
    loop {
        let next = tokio::time::timeout(PATIENCE, socket.next()).await.expect("something comes in time");
        match next?.ok()? {
            Message::Text(text) => return Some(serde_json::from_str(&text).expect("JSON")),
            Message::Close(_) => return None,
            _ => {}
        }
    }
}

async fn ask(socket: &mut Socket, method: &str, params: Value) -> Value {
    say(socket, &json!({ "jsonrpc": "2.0", "id": 7, "method": method, "params": params })).await;
    hear(socket).await.expect("an answer")
}

async fn subscribe(socket: &mut Socket, topic: &str) -> u64 {
    let answer = ask(socket, "events_subscribe", json!([topic])).await;
    assert_eq!(answer["id"], 7);
    answer["result"].as_u64().unwrap_or_else(|| panic!("{answer}"))
}

fn status(refused: Result<Socket, Error>) -> StatusCode {
    match refused {
        Err(Error::Http(answer)) => answer.status(),
        other => panic!("{other:?}"),
    }
}

fn owner(cookie: &Cookie) -> Vec<(&'static str, String)> {
    vec![("authorization", cookie.to_header().to_string())]
}

fn transaction(number: u8) -> ItemId {
    ItemId::Transaction(TxId([number; 32]))
}

fn header(height: u64) -> SignedHeader {
    let key = SecretKey::from_seed(&[3; 32]);
    let header = Header {
        height,
        parent: BlockId([0xff; 32]),
        producer: key.public(),
        timestamp_ms: u64::MAX,
        transactions_root: Default::default(),
        count: u32::MAX,
    };
    header.sign(&key, &network())
}

#[tokio::test]
async fn each_topic_comes_to_those_that_subscribed_to_it() {
    let fake = FakeNode::start();
    let mut socket = opened(fake.address).await;
    let mut numbers = Vec::new();
    for (topic, _) in Topic::ALL {
        numbers.push(subscribe(&mut socket, topic).await);
    }
    fake.feeds.accepted(transaction(5), 300, None, |_| None);
    let event = hear(&mut socket).await.expect("an event");
    assert_eq!((&event["method"], &event["params"]["subscription"]), (&json!("events_event"), &json!(numbers[0])));
    assert_eq!(event["params"]["result"]["id"], "05".repeat(32));
    assert_eq!(event["params"]["result"]["bytes"], 300);
    fake.feeds.accepted(ItemId::Block(BlockId([6; 32])), 900, None, |_| Some(header(44)));
    let event = hear(&mut socket).await.expect("an event");
    assert_eq!(
        (&event["params"]["subscription"], &event["params"]["result"]["height"]),
        (&json!(numbers[1]), &json!(44))
    );
    fake.feeds.tip(Tip { height: 45, id: BlockId([7; 32]) }, 2);
    let event = hear(&mut socket).await.expect("an event");
    assert_eq!(
        (&event["params"]["subscription"], &event["params"]["result"]["stale"]),
        (&json!(numbers[2]), &json!(2))
    );
    fake.feeds.peer(&"12D3", true, Some("withheld"));
    let event = hear(&mut socket).await.expect("an event");
    assert_eq!(event["params"]["subscription"], numbers[3]);
    assert_eq!(event["params"]["result"]["event"], "disconnected");
    let change = MemberEvent { member: SecretKey::from_seed(&[7; 32]).public(), change: MemberChange::Joined };
    fake.members.send(MemberNews { at_ms: 1, event: change }).expect("somebody hears it");
    let event = hear(&mut socket).await.expect("an event");
    assert_eq!(
        (&event["params"]["subscription"], &event["params"]["result"]["event"]),
        (&json!(numbers[4]), &json!("joined"))
    );
}

#[tokio::test]
async fn a_subscription_ends_when_it_is_told_to() {
    let fake = FakeNode::start();
    let mut socket = opened(fake.address).await;
    let (first, second) = (subscribe(&mut socket, "tip").await, subscribe(&mut socket, "tip").await);
    assert_eq!(ask(&mut socket, "events_unsubscribe", json!([first])).await["result"], true);
    assert_eq!(ask(&mut socket, "events_unsubscribe", json!([first])).await["result"], false);
    fake.feeds.tip(Tip { height: 1, id: BlockId([1; 32]) }, 0);
    assert_eq!(hear(&mut socket).await.expect("an event")["params"]["subscription"], second);
    // The answer comes next, so the first subscription got nothing.
    assert!(ask(&mut socket, "events_unsubscribe", json!(["tip"])).await["error"].is_object());
}

#[tokio::test]
async fn calls_are_those_of_http_with_the_same_rights() {
    let mut fake = FakeNode::start();
    let mut anyone = opened(fake.address).await;
    let answer = ask(&mut anyone, "block_publish", json!(["00"])).await;
    assert_eq!(answer["error"]["code"], CODE_NOT_ALLOWED);
    let mut owned = open(fake.address, &owner(&fake.cookie)).await.expect("a socket");
    let answer = ask(&mut owned, "block_publish", json!(["00"])).await;
    assert_eq!(answer["error"]["code"], -32602, "the owner's call is looked at: {answer}");
    let (answer, ()) = tokio::join!(ask(&mut anyone, "tx_get", json!(["00".repeat(32)])), async {
        let Command::Transaction { reply, .. } = fake.command().await else { panic!("another") };
        reply.send(None).expect("somebody waits");
    });
    assert_eq!((&answer["id"], &answer["result"]), (&json!(7), &Value::Null));
    let answer = ask(&mut anyone, "no_method", json!([])).await;
    assert_eq!(answer["error"]["code"], -32601);
    anyone.send(Message::text("{ no JSON")).await.expect("sent");
    assert_eq!(hear(&mut anyone).await.expect("an answer")["error"]["code"], -32700);
}

#[tokio::test]
async fn a_subscription_without_a_socket_is_refused_with_the_reason() {
    let fake = FakeNode::start();
    let request =
        json!({ "jsonrpc": "2.0", "id": 1, "method": "events_subscribe", "params": ["tip"] }).to_string();
    let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json";
    let answer = exchange(fake.address, head, &request);
    assert!(answer.contains(&CODE_NO_SOCKET.to_string()) && answer.contains("WebSocket"), "{answer}");
    let answer = exchange(fake.address, "GET / HTTP/1.1\r\nHost: localhost\r\nUpgrade: h2c", "");
    assert!(answer.starts_with("HTTP/1.1 405"), "{answer}");
}

#[tokio::test]
async fn pages_of_other_sites_and_strange_hosts_open_no_socket() {
    let fake = FakeNode::start();
    let refused = open(fake.address, &[("origin", "http://attacker.example".to_owned())]).await;
    assert_eq!(status(refused), StatusCode::FORBIDDEN);
    let refused = open(fake.address, &[("host", "attacker.example".to_owned())]).await;
    assert_eq!(status(refused), StatusCode::FORBIDDEN);
    let refused = open(fake.address, &[("authorization", "Bearer 00".to_owned())]).await;
    assert_eq!(status(refused), StatusCode::UNAUTHORIZED);
    let own = open(fake.address, &[("origin", format!("http://{}", fake.address))]).await;
    assert!(own.is_ok(), "a page of the node itself may");
}

#[tokio::test]
async fn a_message_over_the_limit_ends_the_socket() {
    let fake = FakeNode::start();
    let mut socket = opened(fake.address).await;
    let long = " ".repeat(OPEN_REQUEST_BYTES_MAX + 1);
    let _ = socket.send(Message::text(long)).await;
    assert_eq!(hear(&mut socket).await, None);
    let mut socket = opened(fake.address).await;
    socket.send(Message::binary(vec![1, 2, 3])).await.expect("sent");
    assert_eq!(hear(&mut socket).await, None, "binary messages are none");
}

#[tokio::test]
async fn sockets_and_subscriptions_have_bounds() {
    let fake = FakeNode::start();
    let mut sockets = Vec::new();
    for _ in 0..WATCHERS_MAX {
        sockets.push(opened(fake.address).await);
    }
    assert_eq!(status(open(fake.address, &[]).await), StatusCode::SERVICE_UNAVAILABLE);
    let first = &mut sockets[0];
    for _ in 0..SUBSCRIPTIONS_MAX {
        subscribe(first, "tip").await;
    }
    let refused = ask(first, "events_subscribe", json!(["tip"])).await;
    assert!(refused["error"]["message"].as_str().expect("a text").contains("at most 15"), "{refused}");
    assert!(ask(first, "events_subscribe", json!(["weather"])).await["error"].is_object());
    // One that ends makes room.
    let _ = sockets.pop().expect("one").close(None).await;
    let again = async { while open(fake.address, &[]).await.is_err() {} };
    tokio::time::timeout(PATIENCE, again).await.expect("a place is free again");
}

#[tokio::test]
async fn a_slow_subscriber_is_told_how_much_it_lost() {
    let fake = FakeNode::start();
    let mut reader = fake.feeds.subscribe(Topic::Transactions);
    let more = 40;
    for number in 0..FEED_EVENTS_MAX + more {
        fake.feeds.accepted(transaction(number as u8), number, None, |_| None);
    }
    assert_eq!(reader.next().await, Some(Told::Lost(more as u64)));
    let Some(Told::Event(event)) = reader.next().await else { panic!("an event follows") };
    let event: Value = serde_json::from_str(&event).expect("JSON");
    assert_eq!(event["bytes"], more);
    assert_eq!(Told::Lost(3).into_json(), r#"{"event":"lost","events":3}"#);
}

#[tokio::test]
async fn the_longest_event_is_within_its_bound() {
    let fake = FakeNode::start();
    let mut blocks = fake.feeds.subscribe(Topic::Blocks);
    fake.feeds.accepted(ItemId::Block(BlockId([6; 32])), 900, None, |_| Some(header(u64::MAX)));
    let Some(Told::Event(event)) = blocks.next().await else { panic!("an event") };
    assert!(event.len() <= FEED_EVENT_BYTES_MAX && event.len() > 300, "{} bytes: {event}", event.len());
}

#[tokio::test]
async fn a_client_that_takes_nothing_is_disconnected_and_costs_no_memory() {
    let times = Times { answer: Duration::from_millis(200), ..Times::default() };
    let fake = FakeNode::with_places(CONNECTIONS_MAX, times);
    let mut stuck = opened(fake.address).await;
    subscribe(&mut stuck, "transactions").await;
    // It reads nothing from here on. Events go on until the system's buffers are full and its time is over.
    let open = || fake.metrics.rpc.websockets.get();
    assert_eq!(open(), 1);
    let flood = async {
        while open() > 0 {
            for number in 0..100 {
                fake.feeds.accepted(transaction(number), 300, None, |_| None);
            }
            tokio::time::sleep(Duration::from_millis(1)).await;
        }
    };
    tokio::time::timeout(PATIENCE, flood).await.expect("it is disconnected");
    assert_eq!(fake.metrics.rpc.subscriptions.get(), 0);
}

#[tokio::test]
async fn sockets_end_with_the_node() {
    let fake = FakeNode::start();
    let mut socket = opened(fake.address).await;
    subscribe(&mut socket, "tip").await;
    drop(fake);
    assert_eq!(hear(&mut socket).await, None);
}
