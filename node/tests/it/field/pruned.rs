//! In the field: all peers have deleted the blocks that a newcomer lacks.

use std::time::Duration;

use tempfile::tempdir;

use crate::support::namespaces::{Space, until, until_within};

#[test]
#[ignore = "a chain of hundreds of blocks: scripts/prove.sh field"]
fn a_newcomer_whose_peers_have_all_pruned_says_so_and_asks_for_nothing() {
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    let listen = ["--listen", "/ip4/127.0.0.1/tcp/0"];
    let produce = ["--open-producers", "--produce-every", "20ms", "--prune-bytes", "1"];
    let producer = space.node("producer", &[&listen[..], &produce].concat());
    let pruned = until(|| Some(producer.status()).filter(|status| status.kept_from_height > 50));
    assert!(pruned.is_some(), "{:#?}", producer.status());
    // It goes on from the same store without new blocks.
    producer.stop();
    let archive = space.node("producer", &[&listen[..], &["--open-producers"]].concat());
    let kept_from = archive.status().kept_from_height;
    assert!(kept_from > 50, "{kept_from}");
    let line = archive.says("join me with: node ");
    let address = line.split_whitespace().skip_while(|word| *word != "--bootstrap").nth(1).expect("an address");
    let newcomer = space.node("newcomer", &[&listen[..], &["--open-producers", "--bootstrap", address]].concat());
    let warned = until_within(Duration::from_secs(30), || {
        newcomer.said().lines().find(|line| line.contains("this node is behind")).map(str::to_owned)
    });
    let warned = warned.unwrap_or_else(|| panic!("no warning in time:\n{}", newcomer.said()));
    assert!(warned.contains(&format!("deleted the blocks below height {kept_from}")), "{warned}");
    let before = newcomer.status();
    assert_eq!(before.behind.as_ref().map(|behind| behind.cause.as_str()), Some("pruned"));
    assert_eq!(before.stats.requests, 0, "nothing is asked for in vain");
    std::thread::sleep(Duration::from_secs(20));
    let after = newcomer.status();
    assert!(after.wire_out - before.wire_out < 20_000, "{} bytes in 20 s", after.wire_out - before.wire_out);
    assert_eq!(newcomer.lines_with("this node is behind"), 1);
    let (_, warning) = newcomer.run(&["tx", "send", "--payload", "late"]);
    assert!(warning.contains("the node is behind"), "{warning}");
}
