//! The stream of events over HTTP: what a reader gets, what a slow one loses, and how many there may be.

use std::io::{BufRead as _, BufReader, Read as _, Write as _};
use std::net::{SocketAddr, TcpStream};
use std::time::Duration;

use node::rpc::ApiClient as _;
use node::rpc::command::Command;
use node::rpc::http::{MEMBER_EVENTS, Times};
use node::rpc::members::{MemberEventView, MemberNews};
use protocol::gossip::members::{MemberChange, MemberEvent};
use protocol::items::keys::SecretKey;

use crate::support::rpc::{FakeNode, client, exchange};

/// More than the system's buffers of a connection hold, and many more than wait for a reader.
const FLOOD: u64 = 60_000;

fn news(at_ms: u64, change: MemberChange) -> MemberNews {
    MemberNews { at_ms, event: MemberEvent { member: SecretKey::from_seed(&[7; 32]).public(), change } }
}

/// A reader whose stream has begun: it has the first comment.
fn reader(address: SocketAddr) -> BufReader<TcpStream> {
    let (status, stream) = ask(address);
    assert_eq!(status, "HTTP/1.1 200 OK");
    stream
}

/// The status of the answer. If it is a stream, its first comment has been read.
fn ask(address: SocketAddr) -> (String, BufReader<TcpStream>) {
    let mut stream = TcpStream::connect(address).expect("it listens");
    write!(stream, "GET {MEMBER_EVENTS} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
    let mut reader = BufReader::new(stream);
    let status = line(&mut reader).expect("an answer");
    while status.ends_with("200 OK") && line(&mut reader).as_deref() != Some(":") {}
    (status, reader)
}

/// The next line; `None` at the end.
fn line(reader: &mut BufReader<TcpStream>) -> Option<String> {
    let mut line = String::new();
    reader.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
    Some(line.trim_end().to_owned())
}

/// The next event, and the name of its message.
fn event(reader: &mut BufReader<TcpStream>) -> Option<(String, MemberEventView)> {
    let mut name = String::new();
    loop {
        let line = line(reader)?;
        if let Some(text) = line.strip_prefix("event: ") {
            name = text.to_owned();
        } else if let Some(data) = line.strip_prefix("data: ") {
            return Some((name, serde_json::from_str(data).expect("an event")));
        }
    }
}

#[test]
fn a_reader_gets_each_change_as_a_message_with_its_time() {
    let fake = FakeNode::start();
    let mut readers = [reader(fake.address), reader(fake.address)];
    let changes = [MemberChange::Joined, MemberChange::Suspected, MemberChange::Conflict];
    for (at_ms, change) in (1..).zip(changes) {
        fake.members.send(news(at_ms, change)).expect("somebody reads");
    }
    for reader in &mut readers {
        for (at_ms, change) in (1..).zip(changes) {
            let (name, seen) = event(reader).expect("an event");
            assert_eq!((name.as_str(), seen.event.as_str(), seen.at_ms), (change.name(), change.name(), at_ms));
            let member = SecretKey::from_seed(&[7; 32]).public().to_string();
            assert_eq!((seen.public_key, seen.events), (Some(member), None));
            assert!(seen.peer_id.is_some_and(|id| id.starts_with("12D3Koo")));
        }
    }
}

#[test]
fn a_slow_reader_is_told_how_many_events_it_lost() {
    let fake = FakeNode::start();
    let mut slow = reader(fake.address);
    for at_ms in 0..FLOOD {
        fake.members.send(news(at_ms, MemberChange::Updated)).expect("somebody reads");
    }
    let (mut read, mut lost, mut last) = (0, 0, None);
    while last != Some(FLOOD - 1) {
        let (_, seen) = event(&mut slow).expect("an event");
        match seen.events {
            Some(events) => lost += events,
            None => {
                read += 1;
                assert!(last < Some(seen.at_ms), "in order");
                last = Some(seen.at_ms);
            }
        }
    }
    assert!(lost > 0, "it read everything");
    assert_eq!(read + lost, FLOOD, "none is missing without a word");
}

#[tokio::test]
async fn streams_take_half_of_the_places_and_leave_the_rest_to_requests() {
    let mut fake = FakeNode::with_places(4, Times { leave: Duration::from_millis(1), ..Times::default() });
    let address = fake.address;
    let mut readers = vec![reader(address), reader(address)];
    assert_eq!(ask(address).0, "HTTP/1.1 503 Service Unavailable");
    // As many clients as there are places, one after the other, each with its connection kept.
    let mut clients = Vec::new();
    for _ in 0..4 {
        let client = client(address, None);
        let (peers, ()) = tokio::join!(client.peers(), async {
            let Command::Peers { reply } = fake.command().await else { panic!("another") };
            reply.send(Vec::new()).expect("somebody waits");
        });
        assert_eq!(peers.expect("an answer"), []);
        clients.push(client);
    }
    fake.members.send(news(1, MemberChange::Left)).expect("somebody reads");
    for reader in &mut readers {
        assert_eq!(event(reader).expect("it has kept its place").0, "left");
    }
    readers.pop();
    // The listener notices at once, or with the next comment.
    while ask(address).0 != "HTTP/1.1 200 OK" {}
}

#[test]
fn a_stream_outlives_the_times_of_other_connections() {
    let short = Duration::from_millis(200);
    let times = Times { wait: short, turn: short, body: short, serve: short, answer: short, leave: short };
    let fake = FakeNode::with_places(4, times);
    let mut reader = reader(fake.address);
    // Two that wait until their time is over, one after the other.
    for _ in 0..2 {
        let mut idle = TcpStream::connect(fake.address).expect("it listens");
        assert!(matches!(idle.read(&mut [0; 1]), Ok(0) | Err(_)));
    }
    fake.members.send(news(1, MemberChange::Returned)).expect("somebody reads");
    assert_eq!(event(&mut reader).expect("an event").0, "returned");
}

#[test]
fn a_stream_ends_with_the_listener_and_other_sites_get_none() {
    let fake = FakeNode::start();
    let head = format!("GET {MEMBER_EVENTS} HTTP/1.1\r\nHost: localhost\r\nOrigin: http://example.org");
    assert!(exchange(fake.address, &head, "").starts_with("HTTP/1.1 403"));
    let mut reader = reader(fake.address);
    drop(fake);
    assert_eq!(event(&mut reader), None);
}
