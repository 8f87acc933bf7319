//! `testnet sim` from outside: its files, its messages and its exit statuses.

use std::io::{BufRead as _, BufReader};
use std::path::Path;
use std::process::{Command as StdCommand, Output, Stdio};

use assert_cmd::Command;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use testnet::report::schema::{Report, Runs};

fn testnet(arguments: &[&str]) -> Output {
    Command::cargo_bin("testnet").unwrap().args(arguments).output().unwrap()
}

fn said(output: &Output) -> String {
    String::from_utf8_lossy(&output.stderr).into_owned()
}

fn sim(out: &Path, arguments: &[&str]) -> Output {
    let output = testnet(&[&["sim", "--out", out.to_str().unwrap()], arguments].concat());
    assert_eq!(output.status.code(), Some(0), "{}", said(&output));
    output
}

fn report(out: &Path) -> Report {
    serde_json::from_str(&std::fs::read_to_string(out.join("report.json")).unwrap()).unwrap()
}

const SMALL: [&str; 6] = ["--nodes", "30", "--txs", "20", "--checks", "none"];

#[test]
fn a_simulation_is_reported_in_full() {
    let dir = tempfile::tempdir().unwrap();
    let json = dir.path().join("again.json");
    let out = dir.path().join("out");
    let output = sim(&out, &[&SMALL[..], &["--seed", "7", "--json", json.to_str().unwrap()]].concat());
    let report = report(&out);
    assert_eq!(serde_json::from_str::<Report>(&std::fs::read_to_string(json).unwrap()).unwrap(), report);
    assert_eq!((report.kind.as_str(), report.nodes, report.seed), ("sim", 30, 7));
    assert_eq!((report.topology.as_str(), report.wan.as_str()), ("regular:8", "regions"));
    assert_eq!((report.tx.originated, report.tx.delivered, report.tx.coverage), (20, 20 * 29, Some(1.0)));
    assert!(report.tx.stretch.p50.unwrap() > 1.0, "{:?}", report.tx.stretch);
    assert!(report.cost.wire_ratio.unwrap() > 1.0, "{:?}", report.cost);
    assert_eq!(report.trace_hash.as_ref().unwrap().len(), 64);
    let simulated = report.sim.as_ref().unwrap();
    assert_eq!(simulated.options["workload"]["txs"], 20);
    assert_eq!(simulated.repeat, "testnet sim --nodes 30 --txs 20 --checks none --seed 7");
    assert!(report.rumor.is_none());
    let rows = std::fs::read_to_string(out.join("deliveries.csv")).unwrap();
    assert_eq!(rows.lines().count(), 1 + 20 * 29);
    let picture = std::fs::read_to_string(out.join("cdf.svg")).unwrap();
    assert!(picture.contains("the earliest possible for the same"), "{picture}");
    // The settings of the run come first, and can be read again.
    assert!(
        said(&output).starts_with("seed 7, 1 simulations\n  name = \"unnamed\"\n  nodes = 30\n"),
        "{}",
        said(&output)
    );
    // The same tables again, and the curve of its deliveries below them.
    let shown = testnet(&["report", out.to_str().unwrap()]);
    let curve = shown.stdout.strip_prefix(output.stdout.as_slice());
    assert!(curve.is_some_and(|curve| curve.starts_with(b"share of the deliveries of transactions")), "{shown:?}");
}

#[test]
fn the_same_seed_gives_the_same_report_and_another_another() {
    let dir = tempfile::tempdir().unwrap();
    let run = |name: &str, seed: &str| {
        let out = dir.path().join(name);
        sim(&out, &[&SMALL[..], &["--relay", "rumor:fanout=3,round=100ms", "--seed", seed]].concat());
        let mut report = report(&out);
        report.command.clear();
        // Only the speed of this machine may differ.
        let simulated = report.sim.as_mut().unwrap();
        simulated.wall_s = 0.0;
        (simulated.events_per_s, simulated.inputs_per_s, simulated.memory_bytes_per_node) = (None, None, None);
        let rows = std::fs::read_to_string(out.join("deliveries.csv")).unwrap();
        (serde_json::to_string(&report).unwrap(), rows)
    };
    let first = run("first", "3");
    assert_eq!(first, run("second", "3"));
    assert_ne!(first.1, run("third", "4").1);
}

#[test]
fn the_textbook_rumor_takes_the_rounds_that_theory_says() {
    let dir = tempfile::tempdir().unwrap();
    let scenario = Path::new(env!("CARGO_MANIFEST_DIR")).join("scenarios/classic.toml");
    sim(dir.path(), &["--scenario", scenario.to_str().unwrap(), "--txs", "20", "--checks", "none"]);
    let report = report(dir.path());
    let rumored = report.rumor.unwrap();
    assert_eq!((rumored.fanout, rumored.round_ms), (3, 1_000.0));
    // One node knows the rumor at first and tells 3 other nodes. None of them has it before.
    let shares: Vec<f64> = rumored.rounds.iter().map(|round| round.informed * 16.0).take(2).collect();
    assert_eq!(shares, [1.0, 4.0]);
    assert!((3.0..=5.0).contains(&rumored.rounds_to_all.p50.unwrap()), "{rumored:?}");
    assert_eq!(rumored.residue, Some(0.0));
    assert!(dir.path().join("rumor.svg").exists());
}

#[test]
fn a_sweep_is_a_table_and_a_picture_and_is_shown_again() {
    let dir = tempfile::tempdir().unwrap();
    let output = sim(dir.path(), &[&SMALL[..], &["--sweep", "degree=4,8", "--seeds", "2"]].concat());
    let read = || std::fs::read_to_string(dir.path().join("report.json")).unwrap();
    let runs: Runs = serde_json::from_str(&read()).unwrap();
    let swept = runs.sweep.as_ref().unwrap();
    assert_eq!((runs.kind.as_str(), swept.parameter.as_str()), ("sweep", "degree"));
    assert_eq!(swept.values, ["4", "4", "8", "8"]);
    let found: Vec<(&str, u64)> = runs.runs.iter().map(|run| (run.topology.as_str(), run.seed)).collect();
    assert_eq!(found, [("regular:4", 1), ("regular:4", 2), ("regular:8", 1), ("regular:8", 2)]);
    assert!(runs.runs.iter().all(|run| run.tx.coverage == Some(1.0)));
    let table = String::from_utf8_lossy(&output.stdout).into_owned();
    for column in ["degree", "p95", "to all", "stretch", "bytes a", "wire", "redundancy"] {
        assert!(table.contains(column), "{column} in {table}");
    }
    let picture = dir.path().join("sweep.svg");
    let drawn = std::fs::read_to_string(&picture).unwrap();
    std::fs::remove_file(&picture).unwrap();
    let shown = testnet(&["report", dir.path().to_str().unwrap()]);
    assert_eq!(shown.stdout, output.stdout);
    assert_eq!(std::fs::read_to_string(&picture).unwrap(), drawn);
}

#[test]
fn the_command_that_repeats_a_run_of_members_is_accepted_and_repeats_it() {
    let dir = tempfile::tempdir().unwrap();
    let flags =
        ["--members", "--nodes", "12", "--degree", "4", "--duration", "2s", "--one-way", "2%", "--loss", "5%"];
    sim(dir.path(), &flags);
    let first = report(dir.path());
    let repeat = first.sim.as_ref().unwrap().repeat.clone();
    assert!(repeat.contains("--one-way 2%") && repeat.contains("--loss 5%"), "{repeat}");
    let again = tempfile::tempdir().unwrap();
    let words: Vec<&str> = repeat.split(' ').skip(2).collect();
    sim(again.path(), &words);
    assert_eq!(report(again.path()).trace_hash, first.trace_hash);
}

#[test]
fn a_swarm_is_drawn_from_its_seeds_and_reported_in_their_order() {
    let dir = tempfile::tempdir().unwrap();
    sim(dir.path(), &["--swarm", "--seeds", "3..5"]);
    let text = std::fs::read_to_string(dir.path().join("report.json")).unwrap();
    let runs: Runs = serde_json::from_str(&text).unwrap();
    assert_eq!(runs.runs.iter().map(|run| run.seed).collect::<Vec<u64>>(), [3, 4, 5]);
    let last = runs.runs[2].sim.as_ref().unwrap();
    assert_eq!((last.repeat.as_str(), last.checks.as_str()), ("testnet sim --swarm --seed 5", "all"));
    assert_eq!(last.violations_found, 0, "{:?}", last.violations);
    let again = tempfile::tempdir().unwrap();
    sim(again.path(), &["--swarm", "--seed", "5"]);
    assert_eq!(report(again.path()).trace_hash, runs.runs[2].trace_hash);
}

#[test]
fn of_large_networks_a_sample_is_watched() {
    let dir = tempfile::tempdir().unwrap();
    sim(dir.path(), &["--nodes", "1000", "--degree", "4", "--txs", "1"]);
    let report = report(dir.path());
    let simulated = report.sim.unwrap();
    assert_eq!((simulated.checks.as_str(), simulated.violations_found), ("sampled", 0));
    // Only every second node is checked.
    assert!(!simulated.filled.is_empty() && simulated.filled.iter().all(|filled| filled.node % 2 == 0));
    assert!(simulated.counted_bytes_max > Some(0));
}

#[test]
fn growth_in_nodes_has_a_picture_of_its_own() {
    let dir = tempfile::tempdir().unwrap();
    sim(dir.path(), &["--txs", "5", "--checks", "none", "--sweep", "nodes=10..40*2", "--relay", "rumor"]);
    let picture = std::fs::read_to_string(dir.path().join("growth.svg")).unwrap();
    assert!(picture.contains("least squares") && picture.contains("theory: log4 nodes"), "{picture}");
}

#[test]
fn wrong_usage_exits_with_2_and_says_why() {
    for (arguments, reason) in [
        (vec!["--nodes", "0"], "1..=2147483647"),
        (vec!["--scenario", "/no/such.toml"], "cannot read the scenario /no/such.toml"),
        (vec!["--sweep", "degree=4", "--sweep", "nodes=9"], "one --sweep at a time"),
        (vec!["--sweep", "carrots=1,2"], "a scenario has no carrots"),
        (vec!["--sweep", "nodes=8..4"], "has no values"),
        (vec!["--sweep", "degree=3,60"], "60 neighbours each"),
        (vec!["--set", "nodes"], "KEY=VALUE is wanted"),
        (vec!["--seeds", "9..3"], "a range such as 1..100"),
        (vec!["--seeds", "0"], "1 to 1000000 seeds are wanted"),
        (vec!["--wan", "uniform:50"], "time unit needed"),
        (vec!["--bandwidth", "5"], "50mbit"),
        (vec!["--nodes", "5", "--degree", "3"], "nodes times degree must be even"),
        (vec!["--duration", "30s", "--txs", "5"], "cannot be used with"),
        (vec!["--block-bytes", "1000"], "--block-interval"),
        (vec!["--swarm", "--nodes", "5"], "cannot be used with"),
        (vec!["--swarm", "--txs", "5"], "--txs has no place beside --swarm"),
    ] {
        let output = testnet(&[&["sim"], arguments.as_slice()].concat());
        assert_eq!(output.status.code(), Some(2), "{arguments:?}: {}", said(&output));
        assert!(said(&output).contains(reason), "{arguments:?}: {}", said(&output));
    }
}

#[test]
fn a_directory_with_other_things_is_not_touched() {
    let dir = tempfile::tempdir().unwrap();
    std::fs::write(dir.path().join("report.json"), "precious").unwrap();
    let output = testnet(&["sim", "--out", dir.path().to_str().unwrap()]);
    assert_eq!(output.status.code(), Some(1));
    assert!(said(&output).contains("not empty, and holds no earlier run"), "{}", said(&output));
}

#[test]
fn an_interrupt_ends_it_at_once_with_130() {
    let dir = tempfile::tempdir().unwrap();
    // The run is so long that it doesn't end by itself before the signal comes.
    let mut child = StdCommand::new(assert_cmd::cargo::cargo_bin("testnet"))
        .args(["sim", "--nodes", "500", "--duration", "10m", "--out", dir.path().to_str().unwrap()])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn()
        .unwrap();
    let mut lines = BufReader::new(child.stderr.take().unwrap()).lines();
    assert!(lines.next().unwrap().unwrap().starts_with("seed 1"));
    kill(Pid::from_raw(child.id().try_into().unwrap()), Signal::SIGINT).unwrap();
    assert_eq!(child.wait().unwrap().code(), Some(130));
    assert!(lines.any(|line| line.unwrap().contains("interrupted")));
}

#[test]
fn help_shows_the_flags_and_the_defaults() {
    let output = testnet(&["sim", "--help"]);
    let help = String::from_utf8_lossy(&output.stdout).into_owned();
    for flag in [
        "--scenario",
        "--wan",
        "--jitter",
        "--bandwidth",
        "--set",
        "--sweep",
        "--seed",
        "--seeds",
        "--jobs",
        "--no-memory-check",
        "--checks",
        "--out",
        "--json",
        "--relay",
        "--tx-rate",
        "--topology",
    ] {
        assert!(help.contains(flag), "{flag}");
    }
    for word in
        ["regular:8", "simulated: regions]", "[default: 10%]", "Exit status", "no checker found a violation"]
    {
        assert!(help.contains(word), "{word} in {help}");
    }
}
