//! `node trace`, as people and programs see its answers. The test plays the node.

use std::process::Output;

use node::observe::passages::Passages;
use node::rpc::command::Command;
use node::rpc::trace::{self, Moment, TraceError, TraceView};
use protocol::gossip::{ArrivalCause, Event, ItemId, PeerHandle};
use protocol::items::hash::TxId;
use protocol::items::verify::{JobId, SentBy, VerifyJob};
use protocol::time::{Duration, Time};
use protocol::wire::message::{InvEntry, Message, TxRef};
use serde_json::Value;
use tempfile::tempdir;

use crate::rpc::methods::run;
use crate::support::harness::transaction;
use crate::support::rpc::FakeNode;

const ID: &str = "12D3KooWGzBJkXfvPAQbKHx5WzZkkvXc5M3uUYjvkTzYVhwEwdGo";

const fn ms(ms: u64) -> Time {
    Time::from_micros(ms * 1_000)
}

/// What is recorded of a transaction: announced by one peer, pushed by another 12 ms later, verified in 0.1 ms, and
/// announced to two.
fn passages() -> (Passages, TxId) {
    let item = transaction(7, 1, 50);
    let (id, parent) = (item.id(), PeerHandle(2));
    let mut passages = Passages::default();
    passages.met(parent, ID.parse().expect("a peer id"));
    let inv = Message::Inv(vec![InvEntry { transaction: TxRef::Full(id), age_ms: 0 }]);
    passages.received(ms(1_000), PeerHandle(1), &inv);
    let (tx, cause) = (ItemId::Transaction(id), ArrivalCause::AuthorRoute);
    let body = Event::BodyReceived { item: tx, from: parent, bytes: 180, duplicate: false, cause };
    passages.event(ms(1_012), &body);
    let job = VerifyJob {
        id: JobId(1),
        sent_by: SentBy::Link(2),
        network: "test".parse().expect("a name"),
        headers: vec![],
        transactions: vec![item],
        statements: vec![],
    };
    passages.checking(&job);
    passages.checked(ms(1_013), JobId(1), Duration::from_micros(100));
    passages.event(ms(1_013), &Event::Accepted { item: tx, from: Some(parent), within: None, bytes: 180 });
    for peer in [3, 4] {
        passages.sent(ms(1_014), PeerHandle(peer), &inv);
    }
    (passages, id)
}

fn moment() -> Moment {
    Moment { now: ms(5_000), wall_ms: 1_800_000_004_000 }
}

fn view() -> TraceView {
    let (passages, id) = passages();
    let sought = id.to_string().parse().expect("an id");
    trace::find(&passages, &sought, moment()).expect("one item").expect("recorded")
}

/// Runs `node trace` with these arguments against a node that answers so.
async fn asked(args: &[&str], answer: Result<Option<TraceView>, TraceError>, holds: bool) -> Output {
    let home = tempdir().expect("a directory");
    let mut fake = FakeNode::start();
    let args = [&["trace"], args].concat();
    let confirmed = protocol::gossip::TransactionStatus::Pending(transaction(7, 1, 50));
    run(&mut fake, home.path(), &args, |command| match command {
        Command::Trace { reply, .. } => reply.send(answer.clone()).expect("somebody waits"),
        Command::Traces { reply, count } => {
            let shown = passages().0;
            let shown = if answer == Err(TraceError::Off) { Passages::new(0) } else { shown };
            reply.send(trace::latest(&shown, count, moment())).expect("somebody waits");
        }
        Command::Transaction { reply, .. } => drop(reply.send(holds.then(|| confirmed.clone()))),
        Command::Block { reply, .. } => drop(reply.send(None)),
        other => panic!("{other:?}"),
    })
    .await
}

fn text(bytes: &[u8]) -> String {
    String::from_utf8(bytes.to_vec()).expect("text")
}

#[tokio::test]
async fn people_get_a_sentence_and_everything_in_order() {
    let id = view().id.expect("known");
    let output = asked(&[&id], Ok(Some(view())), true).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let page = text(&output.stdout);
    let flat = page.split_whitespace().collect::<Vec<_>>().join(" ");
    let sentence = "came 12.0 ms after its first announcement, pushed by …VhwEwdGo on its author's route; verified in \
                    100 µs; announced to 2 peers";
    assert!(flat.contains(sentence), "{page}");
    assert!(flat.contains("queued 900 µs"), "{page}");
    let (_, table) = page.split_once("AFTER").expect("a table");
    let place = |what: &str| table.find(what).unwrap_or_else(|| panic!("no {what}: {page}"));
    let order = ["announced by", "pushed by", "checked", "accepted", "announced to"].map(place);
    assert!(order.is_sorted(), "{page}");
    assert!(page.contains("peer 1, which left long ago"), "{page}");
}

#[tokio::test]
async fn programs_get_every_field_with_its_unit() {
    let id = view().id.expect("known");
    let output = asked(&[&id[..8], "--json"], Ok(Some(view())), true).await;
    let json: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    assert_eq!(json["cause"], "author-route");
    assert_eq!(json["from"]["peer_id"], ID);
    assert_eq!(json["first_heard_unix_ms"], 1_800_000_000_000_u64);
    assert_eq!(json["steps_us"]["received"], 12_000);
    assert_eq!(json["steps_us"]["relayed"], 14_000);
    assert_eq!((&json["queued_us"], &json["verified_us"]), (&Value::from(900), &Value::from(100)));
    assert_eq!(json["arrivals"].as_array().map(Vec::len), Some(2));
    assert_eq!(json["departures"][1]["peer"]["handle"], 4);
}

#[tokio::test]
async fn graphviz_gets_a_graph_of_peers_with_the_first_body_in_bold() {
    let id = view().id.expect("known");
    let output = asked(&[&id, "--dot"], Ok(Some(view())), true).await;
    let dot = text(&output.stdout);
    assert!(dot.starts_with("digraph trace {\n") && dot.trim_end().ends_with('}'), "{dot}");
    assert!(dot.contains("peer2 -> here [label=\"pushed\\nauthor-route\\n12.0 ms\", style=bold];"), "{dot}");
    assert!(dot.contains("peer1 -> here [label=\"announced\\n0 µs\", style=dashed];"), "{dot}");
    assert!(dot.contains("here -> peer4 [label=\"announced\\n14.0 ms\", style=dashed];"), "{dot}");
}

#[tokio::test]
async fn without_an_id_the_last_items_are_listed() {
    let output = asked(&[], Ok(None), true).await;
    let table = text(&output.stdout);
    let row = table.lines().nth(1).unwrap_or_default().split_whitespace().collect::<Vec<_>>().join(" ");
    let short = view().short_id;
    assert_eq!(row, format!("{short} tx 180 B 12.0 ms author-route …VhwEwdGo 0 2"), "{table}");
    assert!(table.lines().all(|line| line.chars().count() <= 80), "{table}");
}

#[tokio::test]
async fn it_says_why_nothing_is_told_of_an_item() {
    let id = view().id.expect("known");
    let too_old = asked(&[&id], Ok(None), true).await;
    assert_eq!(too_old.status.code(), Some(1));
    assert!(text(&too_old.stderr).contains("is too old: the node holds it"), "{too_old:?}");
    let unknown = asked(&[&id], Ok(None), false).await;
    assert_eq!(unknown.status.code(), Some(1));
    assert!(text(&unknown.stderr).contains("has recorded nothing of"), "{unknown:?}");
    let several = asked(&[&id[..8]], Err(TraceError::Ambiguous), false).await;
    assert_eq!(several.status.code(), Some(1));
    assert!(text(&several.stderr).contains("several items begin with these digits"), "{several:?}");
    for words in [&[id.as_str()][..], &[]] {
        let off = asked(words, Err(TraceError::Off), true).await;
        assert_eq!(off.status.code(), Some(1));
        assert!(text(&off.stderr).contains("start it without --no-item-traces"), "{off:?}");
    }
    let nonsense = asked(&["12345"], Ok(None), false).await;
    assert_eq!(nonsense.status.code(), Some(2));
    assert!(text(&nonsense.stderr).contains("its first 8 to 16"), "{nonsense:?}");
}
