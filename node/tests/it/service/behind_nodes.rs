//! Real nodes that are behind: the quick start's joiner, a node that allows the wrong producers, a producer that
//! lost its store, one that produces while it catches up, and one whose peers have all deleted the blocks that it
//! lacks.

use std::path::Path;
use std::time::Duration;

use node::rpc::command::Status;
use tempfile::tempdir;

use crate::support::namespaces::{Process, Space, until, until_within};

const LISTEN: [&str; 2] = ["--listen", "/ip4/127.0.0.1/tcp/0"];

fn start(space: &Space, name: &str, args: &[&str]) -> Process {
    space.node(name, &[&LISTEN, args].concat())
}

/// The words that the banner tells others to add to `node`.
fn join_flags(node: &Process) -> Vec<String> {
    let line = node.says("join me with: node ");
    let (_, flags) = line.split_once("join me with: node ").expect("just looked for");
    flags.split_whitespace().map(str::to_owned).collect()
}

fn strs(flags: &[String]) -> Vec<&str> {
    flags.iter().map(String::as_str).collect()
}

fn status_until(node: &Process, what: &str, enough: impl Fn(&Status) -> bool) -> Status {
    let status = until(|| Some(node.status()).filter(&enough));
    status.unwrap_or_else(|| panic!("waited in vain for {what}: {:#?}\n{}", node.status(), node.said()))
}

/// Waits until both are at the same height, which is at least this.
fn meet(a: &Process, b: &Process, height: u64) {
    let met = until(|| {
        let (a, b) = (a.status(), b.status());
        (a.tip_height >= height && a.tip_id == b.tip_id).then_some(())
    });
    assert!(met.is_some(), "{:#?}\n{:#?}\n{}", a.status(), b.status(), b.said());
}

/// A producer's data dir without its store.
fn lose_store(dir: &Path) {
    std::fs::remove_file(dir.join("store.redb")).expect("a store");
}

#[test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
fn the_banners_join_command_takes_the_blocks_of_that_node() {
    for producers in [&["--open-producers"][..], &[]] {
        let dir = tempdir().expect("a directory");
        let space = Space::of_this_machine(dir.path());
        let first = start(&space, "first", &[producers, &["--produce-every", "500ms"]].concat());
        let flags = join_flags(&first);
        let second = start(&space, "second", &strs(&flags));
        meet(&first, &second, 3);
        assert_eq!(second.status().behind.filter(|behind| behind.stuck), None);
        assert_eq!(second.lines_with("WARN"), 0, "{}", second.said());
    }
}

#[test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
fn a_joiner_that_does_not_allow_the_producer_says_so_once_within_30_s_and_fetches_no_header_twice() {
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    let first = start(&space, "first", &["--open-producers", "--produce-every", "20ms"]);
    status_until(&first, "more headers than one answer has", |status| status.tip_height >= 300);
    // It goes on from the same store without new blocks.
    first.stop();
    let first = start(&space, "first", &["--open-producers"]);
    let flags = join_flags(&first);
    let other = "00".repeat(31) + "01";
    let second = start(&space, "second", &[&strs(&flags[..2])[..], &["--producers", &other]].concat());
    let line = until_within(Duration::from_secs(30), || {
        second.said().lines().find(|line| line.contains("this node is behind")).map(str::to_owned)
    });
    let line = line.unwrap_or_else(|| panic!("no warning in time:\n{}", second.said()));
    let producer = first.status().public_key;
    assert!(line.contains(&producer) && line.contains("--producers"), "{line}");
    let behind = second.status().behind.expect("it is behind");
    assert_eq!((behind.cause.as_str(), behind.stuck), ("refused", true), "{}", behind.text);
    // One answer came and was refused. The rest is asked for a minute later.
    assert_eq!(second.status().stats.refused, 1);
    std::thread::sleep(Duration::from_secs(10));
    assert_eq!(second.status().stats.refused, 1);
    assert_eq!(second.lines_with("this node is behind"), 1);
    // What is sent through it says so, and is signed as far as it may be.
    let (_, warning) = second.run(&["tx", "send", "--payload", "late"]);
    assert!(warning.contains("the node is behind") && warning.contains("valid until"), "{warning}");
    // The same words stand in its status.
    let (text, _) = second.run(&["status"]);
    assert!(text.contains("not allowed"), "{text}");
}

#[test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
fn a_producer_that_lost_its_store_signs_nothing_below_what_its_peers_have() {
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    // So often that blocks are due before the first peer is met.
    let produce = ["--produce-every", "3ms", "--open-producers"];
    let producer = start(&space, "producer", &produce);
    let flags = join_flags(&producer);
    let follower = start(&space, "follower", &strs(&flags));
    let address = join_flags(&follower)[1].clone();
    status_until(&follower, "some blocks", |status| status.tip_height >= 6);
    let mut producer = producer;
    for round in 0..3 {
        let before = follower.status().tip_height;
        let at = space.data_dir("producer");
        producer.stop();
        lose_store(&at);
        producer = start(&space, "producer", &[&produce[..], &["--bootstrap", &address]].concat());
        let status = status_until(&follower, "more blocks", |status| status.tip_height >= before + 3);
        let said = || format!("round {round}\nproducer: {}\nfollower: {}", producer.said(), follower.said());
        assert_eq!((status.stats.refused, status.stats.reorganisations), (0, 0), "{}", said());
        assert_eq!(producer.status().stats.reorganisations, 0, "{}", said());
        // What it said may still be on its way here.
        let told = until(|| {
            let held = producer.lines_with("no block is produced for now");
            (held >= 1 && producer.lines_with("blocks are produced again") == held).then_some(())
        });
        assert!(told.is_some(), "{}", producer.said());
    }
}

#[test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
fn a_node_makes_no_blocks_while_it_catches_up() {
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    let first = start(&space, "first", &["--open-producers", "--produce-every", "20ms"]);
    status_until(&first, "a long chain", |status| status.tip_height >= 300);
    let flags = join_flags(&first);
    // Blocks of the first go on coming, so that only their number tells who is where.
    let second = start(&space, "second", &[&strs(&flags)[..], &["--produce-every", "10ms"]].concat());
    let status = status_until(&second, "the chain", |status| status.tip_height >= 300);
    assert_eq!(second.lines_with("no block is produced for now"), 1, "{}", second.said());
    // Reorganisations tell nothing here: both produce at the tip, where forks are natural.
    meet(&first, &second, status.tip_height);
}
