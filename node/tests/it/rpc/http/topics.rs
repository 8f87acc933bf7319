//! The stream of topics, `/events`: which events come, their numbers, what a slow reader loses, and how many readers there
//! may be.

use std::io::{BufRead as _, BufReader, Write as _};
use std::net::{SocketAddr, TcpStream};

use node::rpc::feeds::{FEED_EVENTS_MAX, Topic};
use node::rpc::http::{EVENTS, WATCHERS_MAX};
use node::rpc::members::MemberNews;
use protocol::gossip::ItemId;
use protocol::gossip::members::{MemberChange, MemberEvent};
use protocol::items::hash::{BlockId, TxId};
use protocol::items::keys::SecretKey;
use protocol::wire::message::Tip;
use serde_json::Value;

use crate::support::rpc::{FakeNode, exchange};

/// A message of a stream.
#[derive(Debug)]
struct Message {
    id: u64,
    event: String,
    data: Value,
}

/// An open stream; its first lines have been read.
struct Reader(BufReader<TcpStream>);

impl Reader {
    /// Opens a stream, or returns the status of the refusal.
    fn open(address: SocketAddr, query: &str) -> Result<Self, String> {
        let mut stream = TcpStream::connect(address).expect("it listens");
        write!(stream, "GET {EVENTS}{query} HTTP/1.1\r\nHost: localhost\r\n\r\n").expect("sent");
        let mut reader = Self(BufReader::new(stream));
        let status = reader.line().expect("an answer");
        if !status.ends_with("200 OK") {
            return Err(status);
        }
        let mut head = String::new();
        loop {
            let line = reader.line().expect("a beginning");
            if line == ":" {
                break;
            }
            head += &line;
        }
        assert!(
            head.contains("content-type: text/event-stream") && head.contains("cache-control: no-store"),
            "{head}"
        );
        Ok(reader)
    }

    fn line(&mut self) -> Option<String> {
        let mut line = String::new();
        self.0.read_line(&mut line).ok().filter(|bytes| *bytes > 0)?;
        Some(line.trim_end().to_owned())
    }

    /// The next message; `None` at the end.
    fn next(&mut self) -> Option<Message> {
        let (mut id, mut event) = (0, String::new());
        loop {
            let line = self.line()?;
            if let Some(number) = line.strip_prefix("id: ") {
                id = number.parse().expect("a number");
            } else if let Some(name) = line.strip_prefix("event: ") {
                event = name.to_owned();
            } else if let Some(data) = line.strip_prefix("data: ") {
                return Some(Message { id, event, data: serde_json::from_str(data).expect("JSON") });
            }
        }
    }
}

fn open(fake: &FakeNode, query: &str) -> Reader {
    Reader::open(fake.address, query).expect("a stream")
}

fn accept(fake: &FakeNode, number: usize) {
    fake.feeds.accepted(ItemId::Transaction(TxId([number as u8; 32])), number, None, |_| None);
}

fn tip(fake: &FakeNode, height: u64) {
    fake.feeds.tip(Tip { height, id: BlockId([7; 32]) }, 0);
}

#[test]
fn without_a_choice_each_topic_comes_with_its_name_and_the_next_number() {
    let fake = FakeNode::start();
    let mut reader = open(&fake, "");
    let join = || {
        let member = SecretKey::from_seed(&[7; 32]).public();
        let event = MemberEvent { member, change: MemberChange::Joined };
        fake.members.send(MemberNews { at_ms: 1, event }).expect("somebody reads");
    };
    let happens: [(&str, &dyn Fn(), &str, Value); 4] = [
        ("transactions", &|| accept(&fake, 300), "bytes", 300.into()),
        ("tip", &|| tip(&fake, 45), "height", 45.into()),
        ("peers", &|| fake.feeds.peer(&"12D3", true, None), "event", "connected".into()),
        ("members", &join, "event", "joined".into()),
    ];
    for (number, (topic, happen, field, value)) in (1..).zip(happens) {
        happen();
        let message = reader.next().expect("an event");
        assert_eq!((message.id, message.event.as_str()), (number, topic));
        assert_eq!(message.data[field], value, "{message:?}");
    }
}

#[test]
fn only_the_topics_that_were_chosen_come() {
    let fake = FakeNode::start();
    for query in ["?topics=tip,peers", "?topics=tip%2Cpeers", "?topics=tip&topics=peers,tip"] {
        let mut reader = open(&fake, query);
        accept(&fake, 1);
        tip(&fake, 2);
        fake.feeds.peer(&"12D3", false, Some("withheld"));
        let seen = [reader.next(), reader.next()].map(|message| message.expect("an event").event);
        assert_eq!(seen.clone().map(|name| name != "transactions"), [true, true], "{query}: {seen:?}");
        tip(&fake, 3);
        assert_eq!(reader.next().expect("an event").data["height"], 3, "{query}: each event comes once");
    }
}

#[test]
fn a_topic_that_is_none_opens_no_stream_and_the_answer_names_those_that_are() {
    let fake = FakeNode::start();
    for query in ["?topics=weather", "?topics=", "?topics=tip,", "?since=4"] {
        let answer = exchange(fake.address, &format!("GET {EVENTS}{query} HTTP/1.1\r\nHost: localhost"), "");
        assert!(
            answer.starts_with("HTTP/1.1 400") && answer.contains("no stream was opened"),
            "{query}: {answer}"
        );
    }
    let answer = exchange(fake.address, &format!("GET {EVENTS}?topics=weather HTTP/1.1\r\nHost: localhost"), "");
    assert!(Topic::ALL.iter().all(|(name, _)| answer.contains(name)), "{answer}");
}

#[test]
fn a_slow_reader_loses_the_oldest_events_and_is_told_how_many() {
    let fake = FakeNode::start();
    let mut reader = open(&fake, "?topics=transactions");
    // More than the system's buffers of a connection hold, and many more than wait for a reader.
    let flood = 60 * FEED_EVENTS_MAX;
    (0..flood).for_each(|number| accept(&fake, number));
    let (mut read, mut lost, mut last) = (0, 0, None);
    while last != Some(flood as u64 - 1) {
        let message = reader.next().expect("an event");
        match message.event.as_str() {
            "lost" => {
                assert_eq!(message.data["topic"], "transactions");
                lost += message.data["events"].as_u64().expect("a number");
            }
            _ => {
                read += 1;
                let number = message.data["bytes"].as_u64();
                assert!(last < number, "in order");
                last = number;
            }
        }
        assert_eq!(message.id, read + lost, "the number counts lost events as well");
    }
    assert!(lost > 0, "it read everything");
    assert_eq!(read + lost, flood as u64, "none is missing without a word");
    assert_eq!(fake.metrics.rpc.lost.get(), lost);
}

#[test]
fn there_are_as_many_readers_as_the_bound_says_and_no_more() {
    let fake = FakeNode::start();
    let mut readers: Vec<Reader> = (0..WATCHERS_MAX).map(|_| open(&fake, "?topics=tip")).collect();
    let refused = Reader::open(fake.address, "?topics=tip").err();
    assert_eq!(refused.as_deref(), Some("HTTP/1.1 503 Service Unavailable"));
    tip(&fake, 9);
    for reader in &mut readers {
        assert_eq!(reader.next().expect("it has kept its place").data["height"], 9);
    }
    readers.pop();
    // The listener notices at once, or with the next comment.
    while Reader::open(fake.address, "?topics=tip").is_err() {}
}

#[test]
fn a_stream_ends_with_the_node() {
    let fake = FakeNode::start();
    let mut reader = open(&fake, "");
    drop(fake);
    assert!(reader.next().is_none());
}
