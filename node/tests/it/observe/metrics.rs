//! What a node's metrics look like, and that they count what happens.

use std::collections::{BTreeMap, BTreeSet};
use std::time::Duration;

use bytes::Bytes;
use node::observe::metrics::{DRIVER_KINDS, Metrics, State, Traffic, Way};
use protocol::items::refusal::Refusal;
use protocol::wire::codec::Decode as _;
use protocol::wire::frame::Frame;
use protocol::wire::message::MemberState;
use serde_json::Value;

use crate::support::harness::{Node, PATIENCE, config, transaction};

/// All samples: names with labels, and values.
pub(super) fn samples(text: &str) -> BTreeMap<String, f64> {
    let lines = text.lines().filter(|line| !line.starts_with('#'));
    let pair = |line: &str| {
        line.rsplit_once(' ').map(|(name, value)| (name.to_owned(), value.parse().expect("a number")))
    };
    lines.map(|line| pair(line).expect("a name and a value")).collect()
}

/// Waits until the metrics of a node satisfy `enough`.
async fn metrics_until(
    node: &Node,
    what: &str,
    enough: impl Fn(&BTreeMap<String, f64>) -> bool,
) -> BTreeMap<String, f64> {
    let waited = async {
        loop {
            let found = samples(&node.ready.metrics.encode());
            if enough(&found) {
                return found;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

fn at(found: &BTreeMap<String, f64>, name: &str) -> f64 {
    *found.get(name).unwrap_or_else(|| panic!("{name} is missing"))
}

#[test]
fn each_metric_has_a_help_text_a_type_and_a_name_by_convention() {
    let text = Metrics::default().encode();
    assert!(text.ends_with("# EOF\n"));
    let mut types = BTreeMap::new();
    let mut helps = BTreeSet::new();
    for line in text.lines() {
        if let Some(rest) = line.strip_prefix("# TYPE ") {
            let (name, kind) = rest.split_once(' ').expect("a name and a type");
            assert_eq!(types.insert(name, kind), None, "{name} is there twice");
            assert!(helps.contains(name), "{name} has no help text before its type");
        } else if let Some(rest) = line.strip_prefix("# HELP ") {
            let (name, help) = rest.split_once(' ').expect("a name and a help text");
            // libp2p's own texts are what they are.
            let ends = help.ends_with('.') || name.starts_with("hearsay_libp2p_");
            assert!(help.len() > 5 && ends, "{name}: {help}");
            helps.insert(name);
        } else if let Some(rest) = line.strip_prefix("# UNIT ") {
            let (name, unit) = rest.split_once(' ').expect("a name and a unit");
            assert!(["seconds", "bytes"].contains(&unit) && name.ends_with(unit), "{rest}");
        }
    }
    for name in samples(&text).keys() {
        assert!(name.starts_with("hearsay_"), "{name}");
        let bare = name.split('{').next().expect("a name");
        let family = types.iter().find(|(family, kind)| match **kind {
            "counter" => bare == format!("{family}_total"),
            "histogram" => ["_bucket", "_sum", "_count"].iter().any(|end| bare == format!("{family}{end}")),
            "info" => bare == format!("{family}_info"),
            _ => bare == **family,
        });
        assert!(family.is_some(), "{name} belongs to no metric");
    }
}

#[test]
fn each_kind_of_message_has_its_own_counter() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/vectors/");
    let mut kinds: BTreeSet<String> = DRIVER_KINDS.iter().map(|kind| (*kind).to_owned()).collect();
    for file in ["wire.json", "members.json", "reconcile.json", "session.json"] {
        let vectors = std::fs::read_to_string(format!("{path}{file}")).expect("readable");
        texts(&serde_json::from_str(&vectors).expect("JSON"), &mut |text| {
            if let Ok(bytes) = hex::decode(text)
                && let Ok(Frame::Message(message)) = Frame::from_bytes(&Bytes::from(bytes))
            {
                kinds.insert(message.name().to_owned());
            }
        });
    }
    assert!(kinds.len() > 20, "the vectors have many kinds of messages: {kinds:?}");
    let traffic = Traffic::default();
    for kind in &kinds {
        traffic.count(Way::In, kind, 7);
        assert_eq!(traffic.of(Way::In, kind), Some((1, 7)), "{kind}");
        assert_eq!(traffic.of(Way::Out, kind), Some((0, 0)), "{kind}");
    }
}

/// Calls `each` with all texts of a document.
fn texts(value: &Value, each: &mut impl FnMut(&str)) {
    match value {
        Value::String(text) => each(text),
        Value::Array(list) => list.iter().for_each(|value| texts(value, each)),
        Value::Object(fields) => fields.values().for_each(|value| texts(value, each)),
        _ => {}
    }
}

#[test]
fn every_refusal_has_a_label_in_the_list() {
    for refusal in [Refusal::Busy, Refusal::Rule("a rule"), Refusal::Expired { valid_until: 1, tip: 2 }] {
        assert!(Refusal::LABELS.contains(&refusal.label()), "{refusal}");
    }
    let distinct: BTreeSet<_> = Refusal::LABELS.into_iter().collect();
    assert_eq!(distinct.len(), Refusal::LABELS.len());
}

#[test]
fn the_state_is_told_as_it_was_left() {
    let metrics = Metrics::default();
    let disconnects = BTreeMap::from([("withheld", 3)]);
    metrics.set_state(State { peers_in: 4, tip: 9, members: [5, 1, 0, 2], disconnects, ..State::default() });
    let found = samples(&metrics.encode());
    assert_eq!(at(&found, "hearsay_peers{direction=\"in\"}"), 4.0);
    assert_eq!(at(&found, "hearsay_chain_height{of=\"tip\"}"), 9.0);
    let alive = format!("hearsay_members{{state=\"{}\"}}", MemberState::Alive.name());
    assert_eq!(at(&found, &alive), 5.0);
    assert_eq!(at(&found, "hearsay_disconnects_total{reason=\"withheld\"}"), 3.0);
}

#[tokio::test]
async fn what_two_nodes_exchange_is_counted_on_both_sides() {
    let one = Node::start(config(201)).await;
    let mut settings = config(202);
    settings.bootstrap = vec![one.address()];
    let two = Node::start(settings).await;
    two.status_until("its peer", |status| status.peers_out == 1).await;
    let sent = transaction(201, 1, 500);
    let bytes = sent.encoded().len() as f64;
    one.send(sent.clone()).await.expect("accepted");
    two.transaction(sent.id()).await;
    let accepted = "hearsay_gossip_transactions_accepted_total";
    let found = metrics_until(&two, "the state", |found| found.get(accepted) == Some(&1.0)).await;
    assert_eq!(at(&found, "hearsay_peers{direction=\"out\"}"), 1.0);
    assert_eq!(at(&found, "hearsay_accepted_items_bytes_total{kind=\"transaction\"}"), bytes);
    assert_eq!(at(&found, "hearsay_received_bodies_bytes_total{kind=\"transaction\",use=\"new\"}"), bytes);
    // It was announced, fetched, checked and accepted: each step took a time.
    for step in ["announcement_to_body", "body_to_acceptance"] {
        assert_eq!(at(&found, &format!("hearsay_{step}_seconds_count{{kind=\"transaction\"}}")), 1.0, "{step}");
    }
    assert!(at(&found, "hearsay_verify_jobs_total{verdict=\"valid\"}") >= 1.0);
    let read = at(&found, "hearsay_message_bytes_total{direction=\"in\",cause=\"relay\",kind=\"transactions\"}");
    assert!(read > bytes && read < 2.0 * bytes, "{read}");
    assert!(at(&found, "hearsay_messages_total{direction=\"out\",cause=\"fetch\",kind=\"getdata\"}") >= 1.0);
    assert!(at(&found, "hearsay_wire_bytes_total{direction=\"in\"}") > read);
    assert!(at(&found, "hearsay_process_resident_memory_bytes") > 0.0);
    let other = samples(&one.ready.metrics.encode());
    let written =
        at(&other, "hearsay_message_bytes_total{direction=\"out\",cause=\"relay\",kind=\"transactions\"}");
    assert_eq!(written, read);
    for way in ["in", "out"] {
        let unlisted =
            format!("hearsay_messages_total{{direction=\"{way}\",cause=\"unlisted\",kind=\"unlisted\"}}");
        assert_eq!((at(&found, &unlisted), at(&other, &unlisted)), (0.0, 0.0));
    }
    two.stop().await;
    one.stop().await;
}
