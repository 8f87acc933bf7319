//! A real node's health, cookie and producer rule, as an operator sees them.

use std::os::unix::fs::MetadataExt as _;

use node::config::data_dir::{COOKIE_FILE, RPC_FILE};
use node::rpc::http::{Criterion, Readiness};
use tempfile::tempdir;

use crate::support::namespaces::{Process, Space, until};
use crate::support::rpc::exchange;

const LOCAL: [&str; 2] = ["--listen", "/ip4/127.0.0.1/tcp/0"];

fn get(node: &Process, path: &str) -> String {
    exchange(node.rpc_address(), &format!("GET {path} HTTP/1.1\r\nHost: localhost"), "")
}

/// The reasons that `/readyz` names; empty if it says ready.
fn unmet(node: &Process) -> Vec<Criterion> {
    let answer = get(node, "/readyz");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let readiness: Readiness = serde_json::from_str(body).expect("a readiness");
    assert_eq!(readiness.ready, head.starts_with("HTTP/1.1 200"), "{answer}");
    readiness.reasons.into_iter().map(|reason| reason.criterion).collect()
}

fn until_unmet(node: &Process, criteria: &[Criterion]) {
    let met = until(|| (unmet(node) == criteria).then_some(()));
    assert!(met.is_some(), "waited in vain for {criteria:?}: {}", get(node, "/readyz"));
}

#[test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
fn readiness_tells_of_missing_peers_and_of_being_behind() {
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    // The first node of a network is of use by itself.
    let first = space.node("first", &[&LOCAL[..], &["--open-producers", "--produce-every", "100ms"]].concat());
    assert!(get(&first, "/healthz").starts_with("HTTP/1.1 200"));
    until_unmet(&first, &[]);
    let address = first.status().listen.first().cloned().expect("it listens");
    let flags = ["--bootstrap", address.as_str(), "--exempt-loopback"];
    let follower = space.node("follower", &[&LOCAL[..], &flags, &["--open-producers"]].concat());
    until_unmet(&follower, &[]);
    let other = "00".repeat(31) + "01";
    let stranger = space.node("stranger", &[&LOCAL[..], &flags, &["--producers", &other]].concat());
    until_unmet(&stranger, &[Criterion::Sync]);
    // The two have found each other meanwhile.
    stranger.stop();
    first.stop();
    until_unmet(&follower, &[Criterion::Peers]);
}

#[test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
fn the_cookie_lives_as_long_as_the_run_and_lets_a_block_in_that_the_producer_rule_allows() {
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    let maker = space.node("maker", &[&LOCAL[..], &["--produce-every", "50ms"]].concat());
    let tip = until(|| Some(maker.status()).filter(|status| status.tip_height >= 1)).expect("a block");
    // Any of its first blocks will do, and the first is on everybody's branch.
    let mut id = tip.tip_id;
    let mut encoded = String::new();
    for _ in 0..tip.tip_height {
        let block: serde_json::Value = maker.ask(&["block", "get", &id]).expect("it keeps it");
        encoded = block["encoded"].as_str().expect("hexadecimal").to_owned();
        id = block["parent"].as_str().expect("an id").to_owned();
    }
    let file = dir.path().join("block");
    std::fs::write(&file, &encoded).expect("written");
    let file = file.to_str().expect("text");

    let strict = space.node("strict", &LOCAL);
    let (path, rpc) = (space.data_dir("strict").join(COOKIE_FILE), space.data_dir("strict").join(RPC_FILE));
    assert_eq!(std::fs::metadata(&path).expect("it is there").mode() & 0o777, 0o600);
    let refusal = strict.refuses(&["block", "publish", file]);
    assert!(refusal.contains("refused"), "{refusal}");
    assert_eq!(strict.status().tip_height, 0);
    strict.stop();
    assert!(!path.exists() && !rpc.exists());

    let open = space.node("strict", &[&LOCAL[..], &["--rpc-any-producer"]].concat());
    let (out, error) = open.run(&["block", "publish", file]);
    assert_eq!(out.trim().len(), 64, "{error}");
    assert_eq!(open.status().tip_height, 1);
    std::fs::remove_file(&path).expect("it is there");
    let refusal = open.refuses(&["block", "publish", file]);
    assert!(refusal.contains("`cookie`"), "{refusal}");
}
