//! In the field: a fixed address at which the node changes, and one key on two machines.

use std::thread::sleep;
use std::time::Duration;

use crate::support::namespaces::{Field, Process, Space, until};

const A: &str = "/ip4/10.83.0.1/tcp/4001";
const LISTEN: &str = "/ip4/0.0.0.0/tcp/4001";

/// Two namespaces with a link: 10.83.0.1 and 10.83.0.2.
fn two(field: &Field) -> (Space, Space) {
    let (a, b) = (field.space("a"), field.space("b"));
    field.link((&a, "eth0", "10.83.0.1/24"), (&b, "eth0", "10.83.0.2/24"));
    (a, b)
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_node_that_comes_back_with_a_new_key_is_joined_again() {
    let field = Field::new();
    let (a, b) = two(&field);
    let first = a.node("first", &["--listen", A]);
    let watcher = b.node("watcher", &["--listen", LISTEN, "--bootstrap", A]);
    let old = first.peer_id();
    watcher.joins(&old);
    first.stop();
    let second = a.node("second", &["--listen", A]);
    assert_ne!(second.peer_id(), old, "another data dir, another key");
    watcher.joins(&second.peer_id());
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_reserved_peer_that_is_another_node_is_named_and_loneliness_is_told() {
    let field = Field::new();
    let (a, b) = two(&field);
    let found = a.node("found", &["--listen", A]).peer_id();
    let _other = a.node("other", &["--listen", A]);
    let wanted = found.clone();
    let watcher = b.node("watcher", &["--listen", LISTEN, "--reserved-peer", &format!("{A}/p2p/{wanted}")]);
    let line = watcher.says("another node answers at this address");
    assert!(line.contains("10.83.0.1") && line.contains(&wanted), "{line}");
    let line = watcher.says("no peer is connected");
    assert!(line.contains("10.83.0.1") && line.contains("the id behind /p2p/"), "{line}");
    sleep(Duration::from_secs(10));
    assert_eq!(watcher.lines_with("another node answers at this address"), 1);
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_node_of_another_network_is_told_once_and_whoever_takes_its_place_is_joined() {
    let field = Field::new();
    let (a, b) = two(&field);
    let stranger = a.node("stranger", &["--listen", A, "--network", "other"]);
    let watcher = b.node("watcher", &["--listen", LISTEN, "--reserved-peer", A, "--reserved-only"]);
    let line = watcher.says("does not speak this network's protocol");
    assert!(line.contains("10.83.0.1") && line.contains(&stranger.peer_id()), "{line}");
    stranger.stop();
    let right = a.node("right", &["--listen", A]);
    watcher.joins(&right.peer_id());
    assert_eq!(watcher.lines_with("does not speak this network's protocol"), 1);
}

/// Two nodes with one key, each on its own link to a third, `c`.
fn one_key(field: &Field) -> (Process, Process, Process) {
    let (a, b, c) = (field.space("a"), field.space("b"), field.space("c"));
    field.link((&a, "eth0", "10.83.1.2/24"), (&c, "eth1", "10.83.1.1/24"));
    field.link((&b, "eth0", "10.83.2.2/24"), (&c, "eth2", "10.83.2.1/24"));
    let third = c.node("third", &["--listen", LISTEN]);
    let key = a.data_dir("key");
    let key = key.to_str().expect("text");
    let made = a.command(env!("CARGO_BIN_EXE_node")).args(["key", "generate", "--out", key]).status();
    assert!(made.expect("it runs").success());
    let copies = [(&a, "/ip4/10.83.1.1/tcp/4001"), (&b, "/ip4/10.83.2.1/tcp/4001")];
    let [a, b] = copies.map(|(space, bootstrap)| {
        space.node("copy", &["--key-file", key, "--listen", LISTEN, "--bootstrap", bootstrap])
    });
    (a, b, third)
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn two_machines_with_one_key_are_told_so_and_a_third_party_stops_swapping_and_tells() {
    let field = Field::new();
    let (a, b, third) = one_key(&field);
    // The one that was declined knows at once. The other keeps its connection, and need not notice.
    let warned = |node: &Process| node.lines_with("most likely another machine uses this node's key") == 1;
    until(|| (warned(&a) || warned(&b)).then_some(())).unwrap_or_else(|| panic!("{}{}", a.said(), b.said()));
    let line = third.says("one peer id connects from two addresses in turn");
    assert!(line.contains("10.83.1.2") && line.contains("10.83.2.2") && line.contains(&a.peer_id()), "{line}");
    let swaps = || third.status().disconnects.get("duplicate_connection").copied().unwrap_or_default();
    let before = swaps();
    sleep(Duration::from_secs(20));
    assert_eq!(swaps(), before, "the older connection stays");
    for node in [&a, &b, &third] {
        let told = node.lines_with("most likely another machine") + node.lines_with("from two addresses in turn");
        assert!(told <= 1, "{}", node.said());
    }
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_machine_with_our_key_that_is_dialled_is_named_by_both() {
    let field = Field::new();
    let (a, b) = two(&field);
    let key = a.data_dir("key");
    let key = key.to_str().expect("text");
    let made = a.command(env!("CARGO_BIN_EXE_node")).args(["key", "generate", "--out", key]).status();
    assert!(made.expect("it runs").success());
    let first = a.node("copy", &["--key-file", key, "--listen", LISTEN]);
    let second = b.node("copy", &["--key-file", key, "--listen", LISTEN, "--bootstrap", A]);
    for (node, address) in [(&first, "10.83.0.2"), (&second, "10.83.0.1")] {
        let line = node.says("another machine uses this node's key");
        assert!(line.contains(address), "{line}");
    }
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_node_whose_bootstrap_address_leads_to_itself_blames_no_other_machine() {
    let field = Field::new();
    let space = field.space("a");
    // All of 127.0.0.0/8 leads to it, and it knows of 127.0.0.1 only.
    let node = space.node("node", &["--listen", LISTEN, "--bootstrap", "/ip4/127.0.0.2/tcp/4001"]);
    let line = node.says("no peer is connected");
    assert!(line.contains("leads to this node itself"), "{line}");
    sleep(Duration::from_secs(15));
    assert_eq!(node.lines_with("another machine"), 0, "{}", node.said());
    assert!(until(|| Some(node.status().peers_out)) == Some(0));
}
