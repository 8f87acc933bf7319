//! The messages of the command, and its exit statuses.

use std::process::Output;
use std::time::Duration;

use assert_cmd::Command;
use testnet::random::Seed;
use testnet::wan::{Bandwidth, Delays, Jitter, LinkPlan, Wan};

fn testnet(arguments: &[&str]) -> Output {
    // This measures nothing. If a command isn't refused as it should be, it must not outlive the test.
    let limit = Duration::from_secs(60);
    Command::cargo_bin("testnet").unwrap().args(arguments).timeout(limit).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

#[test]
fn wrong_usage_exits_with_2_and_says_why() {
    for (arguments, reason) in [
        (vec!["run", "--nodes", "0"], "1..=1000"),
        (vec!["run", "--nodes", "1001"], "1..=1000"),
        (vec!["run", "--tx-rate=-1"], "a number from 0 to 100000"),
        (vec!["run", "--stray", "1.5"], "a share from 0 to 1"),
        (vec!["run", "--tx-bytes", "109"], "--tx-bytes: no transaction is 109 bytes long: use 110 to 65651"),
        (vec!["run", "--duration", "30"], "30s"),
        (vec!["run", "--duration", "30s", "--txs", "5"], "cannot be used with"),
        (vec!["run", "--degree", "4", "--topology", "kademlia"], "cannot be used with"),
        (vec!["run", "--nodes", "5", "--degree", "3"], "nodes times degree must be even"),
        (vec!["run", "--topology", "/no/such/file"], "cannot read the topology /no/such/file"),
        (vec!["run", "--relay", "carrier-pigeon"], "announce, flood, rumor and none"),
        (vec!["run", "--relay", "rumor:fanout=0"], "the fanout must be a number from 1 to 64"),
        (vec!["run", "--block-bytes", "1000"], "--block-interval"),
        (vec!["run", "--partition", "5s,5s"], "--partition is of emulated links: give a --wan as well"),
        (
            vec!["run", "--wan", "regions", "--partition", "5s,60s"],
            "--partition 5s,1m heals 1m 5s after the load begins, which ends after 30s",
        ),
        (vec!["sim", "--partition", "5s,60s"], "--partition 5s,1m heals"),
        (vec!["sim", "--partition", "5s"], "when it begins and how long it lasts are wanted, as 5s,20s"),
        (vec!["sim", "--loss", "130%"], "0% to 100% is wanted, as 30%"),
        (vec!["sim", "--swarm", "--loss", "30%"], "cannot be used with"),
        (
            vec!["run", "--block-bytes", "10", "--block-interval", "5s"],
            "--block-bytes: no block is exactly 10 bytes",
        ),
        (vec!["run", "--nodes", "3", "--kill", "3"], "--kill 3 leaves nobody to measure"),
        (vec!["run", "--tx-rate", "0"], "nothing would be submitted"),
        (vec!["run", "--tx-rate", "0", "--txs", "3"], "--txs needs a --tx-rate above 0"),
        (vec!["run", "--author-skew", "steep"], "zipf:S"),
        (vec!["run", "--jitter", "5%"], "--jitter is of emulated links: give a --wan as well"),
        (vec!["run", "--wan", "none", "--bandwidth", "50mbit"], "--bandwidth is of emulated links"),
        (vec!["run", "--wan", "/no/such/file"], "--wan: cannot read the delays /no/such/file"),
        (vec!["run", "--wan", "regions", "--node", "node"], "--node names a program that emulates no links"),
        (vec!["run", "--slow-node", "50"], "--slow-node: there is no node 50: the nodes are 0 to 49"),
        (vec!["run", "--slow-by", "5ms"], "--slow-node"),
        (vec!["run", "--slow-link", "3"], "the numbers of two nodes are wanted, as 2,5"),
        (vec!["run", "--slow-link", "3,4"], "--slow-link is of emulated links: give a --wan as well"),
        (
            vec!["run", "--nodes", "5", "--degree", "2", "--wan", "uniform:5ms", "--slow-link", "0,0"],
            "the numbers of two nodes are wanted",
        ),
        (
            vec!["run", "--nodes", "4", "--degree", "2", "--engine", "gossipsub", "--withhold-node", "1"],
            "--slow-node and --withhold-node are for Hearsay's nodes",
        ),
        (vec!["run", "--nodes", "1", "--withhold-node", "0"], "no node is left at which a transaction may enter"),
        (vec!["worker", "carrier-pigeon"], "no engine: hearsay, gossipsub or gossipsub-signed is wanted"),
        (vec!["worker", "hearsay", "--links", "links.json"], "--number"),
        (vec!["run", "--engine", "telepathy"], "hearsay, gossipsub or gossipsub-signed"),
        (vec!["run", "--engine", "gossipsub", "--topology", "kademlia"], "give a fixed graph, such as --degree 8"),
        (vec!["run", "--engine", "gossipsub", "--node", "/bin/true"], "--node names a program"),
        (vec!["run", "--find-capacity", "--txs", "5"], "cannot be used with"),
        (vec!["run", "--find-capacity", "--within", "200%"], "a percentage from 1% to 100%"),
        (vec!["run", "--within", "5%"], "--find-capacity"),
        (vec!["run", "--plateau", "96MiB", "--find-capacity"], "cannot be used with"),
        (vec!["run", "--plateau", "much"], "write 10GiB"),
        (vec!["walk"], "unrecognized subcommand"),
    ] {
        let output = testnet(&arguments);
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(reason), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn of_a_flag_that_is_given_twice_the_later_one_wins() {
    let dir = tempfile::tempdir().unwrap();
    let (first, second) = (dir.path().join("first"), dir.path().join("second"));
    for (flag, earlier) in [
        ("--nodes", "9"),
        ("--tx-rate", "1"),
        ("--tx-bytes", "300"),
        ("--authors", "3"),
        ("--seed", "5"),
        ("--relay", "flood"),
        ("--degree", "4"),
        ("--wan", "none"),
        ("--drain", "1s"),
    ] {
        let later = match flag {
            "--nodes" => "12",
            "--tx-bytes" => "200",
            "--relay" => "announce",
            "--wan" => "uniform:5ms",
            "--drain" => "20s",
            _ => "6",
        };
        let out = [first.to_str().unwrap(), second.to_str().unwrap()];
        let small = ["sim", "--nodes", "10", "--txs", "2", "--out", out[0], "--out", out[1]];
        let output = testnet(&[&small[..], &[flag, earlier, flag, later]].concat());
        assert_eq!(output.status.code(), Some(0), "{flag}: {}", said(&output));
        assert!(said(&output).contains(later) && !first.exists(), "{flag}: {}", said(&output));
    }
}

#[test]
fn a_missing_node_program_exits_with_1_and_leaves_nothing() {
    let dir = tempfile::tempdir().unwrap();
    let out = dir.path().join("out");
    let output = testnet(&["run", "--node", "/no/such/node", "--out", out.to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("no node program at /no/such/node"), "{}", said(&output));
    assert!(!out.exists());
}

#[test]
fn a_directory_with_other_things_is_not_touched_whatever_their_names() {
    let node = std::env::current_exe().unwrap();
    for name in ["thesis.tex", "report.json", "logs/precious", "nodes/precious"] {
        let dir = tempfile::tempdir().unwrap();
        let precious = dir.path().join(name);
        std::fs::create_dir_all(precious.parent().unwrap()).unwrap();
        std::fs::write(&precious, "precious").unwrap();
        let output = testnet(&["run", "--node", node.to_str().unwrap(), "--out", dir.path().to_str().unwrap()]);
        assert_eq!(output.status.code(), Some(1));
        assert!(said(&output).contains("not empty, and holds no earlier run"), "{name}: {}", said(&output));
        assert_eq!(std::fs::read_to_string(&precious).unwrap(), "precious");
        assert_eq!(std::fs::read_dir(dir.path()).unwrap().count(), 1, "{name}");
    }
}

#[test]
fn an_earlier_run_is_replaced() {
    let dir = tempfile::tempdir().unwrap();
    let node = std::env::current_exe().unwrap();
    let run = || {
        let (node, out) = (node.to_str().unwrap(), dir.path().to_str().unwrap());
        testnet(&["run", "--nodes", "2", "--node", node, "--out", out])
    };
    assert!(said(&run()).contains("node 0 ended by itself"));
    let stale = dir.path().join("logs/stale");
    std::fs::write(&stale, "of the first run").unwrap();
    let second = run();
    assert!(said(&second).contains("node 0 ended by itself"), "{}", said(&second));
    assert!(!stale.exists());
}

#[test]
fn a_node_that_ends_at_once_is_reported_with_its_log() {
    let dir = tempfile::tempdir().unwrap();
    // This test's own program knows none of a node's flags: it says so and ends.
    let node = std::env::current_exe().unwrap();
    let output =
        testnet(&["run", "--nodes", "2", "--node", node.to_str().unwrap(), "--out", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("node 0 ended by itself (exit status: 101)"), "{}", said(&output));
    assert!(said(&output).contains("nothing is left running"), "{}", said(&output));
    assert!(!dir.path().join("pids").exists());
}

#[test]
fn a_worker_without_its_links_exits_with_1_and_says_why() {
    let dir = tempfile::tempdir().unwrap();
    let path = dir.path().join("links.json");
    let worker =
        || testnet(&["worker", "hearsay", "--links", path.to_str().unwrap(), "--number", "2", "--ephemeral"]);
    let missing = worker();
    assert_eq!(missing.status.code(), Some(1));
    assert!(said(&missing).contains("cannot use the links' description"), "{}", said(&missing));
    std::fs::write(&path, "{}").unwrap();
    assert!(said(&worker()).contains("describes no links"), "{}", said(&worker()));
    let delays = Delays::new(&Wan::Regions, 2, Seed(1)).unwrap();
    LinkPlan {
        seed: 1,
        jitter: Jitter::NONE,
        bandwidth: Bandwidth::UNLIMITED,
        delays,
        halves: None,
        slow: vec![],
    }
    .write(&path)
    .unwrap();
    assert!(said(&worker()).contains("has no node 2"), "{}", said(&worker()));
}

#[test]
fn a_report_that_is_not_there_exits_with_1() {
    let output = testnet(&["report", "/no/such/run"]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("cannot read /no/such/run/report.json"), "{}", said(&output));
}

#[test]
fn help_shows_the_defaults() {
    let output = testnet(&["run", "--help"]);
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    for flag in [
        "--nodes",
        "--topology",
        "--degree",
        "--relay",
        "--tx-rate",
        "--tx-bytes",
        "--duration",
        "--txs",
        "--drain",
        "--authors",
        "--author-skew",
        "--one-time-authors",
        "--stray",
        "--block-interval",
        "--block-bytes",
        "--kill",
        "--wan",
        "--jitter",
        "--bandwidth",
        "--engine",
        "--find-capacity",
        "--within",
        "--plateau",
        "--seed",
        "--out",
        "--json",
        "--node",
        "--log",
    ] {
        assert!(help.contains(flag), "{flag}");
    }
    assert!(help.contains("[default: 256]") && help.contains("Exit status"), "{help}");
}
