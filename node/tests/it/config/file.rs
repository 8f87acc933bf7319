//! The file of settings: what it refuses, and with which words.

use std::os::unix::fs::PermissionsExt as _;
use std::path::PathBuf;

use node::cli::Cli;
use node::config::file::{CONFIG_FILE, parse};
use tempfile::{TempDir, tempdir};

use crate::support::program::node;

fn written(text: &str) -> (TempDir, PathBuf) {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join("settings.toml");
    std::fs::write(&path, text).expect("written");
    (dir, path)
}

/// What is said about a file of this text; empty if nothing is.
fn said(text: &str) -> String {
    let (_dir, path) = written(text);
    let words = ["node", "config", "--config", path.to_str().expect("text")].map(Into::into);
    let text = Cli::read_from(words).err().map(|error| error.to_string()).unwrap_or_default();
    text.replace(&format!("{}:", path.display()), "FILE:")
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_nearest_setting() {
    for (text, line, wanted) in [
        ("max-peer-in = 3\n", 1, "max-peer-in is no setting: the nearest is max-peers-in"),
        ("# a\n\nbootstraps = []\n", 3, "bootstraps is no setting: the nearest is bootstrap"),
        ("max_peers_in = 3\n", 1, "the nearest is max-peers-in"),
        ("log = \"info\"\nrpc_adr = \"\"\n", 2, "the nearest is rpc-addr"),
        ("carrier-pigeons = 3\n", 1, "carrier-pigeons is no setting: `node config` lists them all"),
        ("config = \"other.toml\"\n", 1, "a file names no other file"),
        ("[net]\nlisten = []\n", 1, "net is a table, and there are none"),
    ] {
        let said = said(text);
        assert!(said.contains(&format!("FILE:{line}: ")) && said.contains(wanted), "{text:?}: {said}");
    }
}

#[test]
fn a_value_of_a_key_that_is_no_setting_is_never_shown() {
    let said = said("private-key = \"0102030405\"\npassword = \"hunter2\"\n");
    assert!(said.contains("private-key is no setting") && said.contains("password is no setting"), "{said}");
    assert!(!said.contains("0102030405") && !said.contains("hunter2"), "{said}");
}

#[test]
fn a_wrong_type_is_told_with_its_line_and_what_to_write() {
    for (text, wanted) in [
        (
            "max-peers-in = \"3\"",
            "max-peers-in is a text in quotes, and takes a whole number, without quotes: max-peers-in = 64",
        ),
        ("max-peers-in = 3.5", "max-peers-in is a number with a point"),
        ("no-rpc = \"true\"", "no-rpc is a text in quotes, and takes true or false"),
        ("network = 7", "network is a whole number, and takes a text in quotes: network = \"dev\""),
        ("reconcile-interval = 5", "reconcile-interval = \"1s\"  (a time with its unit"),
        ("bootstrap = 1", "bootstrap is a whole number, and takes texts in quotes, in brackets"),
        ("listen = [1]", "listen is a whole number"),
        ("relay = [\"flood\"]", "relay is a list, and takes a text in quotes"),
        ("redundancy = true", "redundancy is true or false, and takes a number"),
    ] {
        let said = said(text);
        assert!(said.contains("FILE:1: ") && said.contains(wanted), "{text}: {said}");
    }
    for good in
        ["redundancy = 1", "redundancy = 0.5", "prune-bytes = 1000000", "bootstrap = \"/ip4/192.0.2.1/tcp/1\""]
    {
        assert_eq!(said(good), "", "{good}");
    }
}

#[test]
fn a_value_is_refused_for_the_reason_that_its_flag_has() {
    for (text, wanted) in [
        ("bootstrap = [\"192.0.2.1:30400\"]", "write /ip4/192.0.2.1/tcp/30400"),
        ("rpc-addr = \"0.0.0.0:1\"", "it listens on loopback only"),
        ("max-peers-in = 1025", "1025 is not in 0..=1024"),
        ("log-format = \"xml\"", "it is one of auto"),
        ("relay = \"pigeon\"", "relay = \"pigeon\": "),
        ("gossip-nodes = 0", "gossip-nodes is 0, and must be from 1 to 64"),
        ("memory = \"1TiB\"", "it is one of 64MiB, 128MiB, 256MiB, 1GiB"),
    ] {
        let said = said(text);
        assert!(said.contains("FILE:") && said.contains(wanted), "{text}: {said}");
    }
}

#[test]
fn settings_that_contradict_each_other_are_told() {
    let key = "00".repeat(32);
    let said = said(&format!("producers = [\"{key}\"]\nopen-producers = true\n"));
    assert!(said.contains("FILE:2: producers and open-producers contradict each other"), "{said}");
    let said = self::said("bootstrap = [\"/ip4/192.0.2.1/tcp/1\"]\nmax-peers-out = 0\n");
    assert!(said.contains("no address of --bootstrap is ever dialled"), "{said}");
}

#[test]
fn all_mistakes_are_told_at_once_in_the_order_of_their_lines() {
    let text = "max-peers-in = \"a\"\nnetwork = \"Dev\"\nnonsense-of-mine = 1\nlisten = [\"x\"\nlog = \"warn\"\n";
    let said = said(text);
    let lines: Vec<usize> =
        said.lines().filter_map(|line| line.split_once("FILE:")?.1.split_once(':')?.0.parse().ok()).collect();
    assert!(lines.len() >= 3 && lines.is_sorted() && lines.first() == Some(&1), "{said}");
}

#[test]
fn what_is_no_toml_is_told_with_its_line() {
    let (_, problems) = parse("log = \"warn\"\nlisten = [\n\nmax-peers-in = = 3\n");
    assert!(!problems.is_empty() && problems.iter().all(|problem| problem.line > Some(1)), "{problems:?}");
    let (entries, problems) = parse("\n# a\nlog = \"warn\"\n\nmax-peers-in = 3\n");
    assert_eq!(
        entries.iter().map(|entry| (entry.key.as_str(), entry.line)).collect::<Vec<_>>(),
        [("log", 3), ("max-peers-in", 5)]
    );
    assert_eq!(problems, []);
}

#[test]
fn a_named_file_that_is_missing_or_writable_by_all_stops_the_run() {
    let home = tempdir().expect("a directory");
    let run = |path: &str| {
        let output = node(home.path()).args(["--ephemeral", "--config", path]).output().expect("it starts");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    let (code, text) = run("/nowhere/node.toml");
    assert_eq!(code, Some(2), "{text}");
    assert!(
        text.contains("there is no configuration file /nowhere/node.toml") && text.contains("node init"),
        "{text}"
    );
    let path = home.path().join("open.toml");
    std::fs::write(&path, "").expect("written");
    std::fs::set_permissions(&path, std::fs::Permissions::from_mode(0o646)).expect("changed");
    let (code, text) = run(path.to_str().expect("text"));
    assert_eq!(code, Some(2), "{text}");
    assert!(text.contains("chmod o-w"), "{text}");
}

#[test]
fn the_file_in_the_data_dir_is_read_by_itself_and_says_nothing_about_its_place() {
    let dir = tempdir().expect("a directory");
    let path = dir.path().join(CONFIG_FILE);
    let read = || {
        let place = dir.path().to_str().expect("text");
        Cli::read_from(["node", "config", "--data-dir", place].map(Into::into))
    };
    std::fs::write(&path, "max-peers-out = 3\n").expect("written");
    let cli = read().expect("good");
    assert_eq!(cli.effective.file.as_deref(), Some(path.as_path()));
    assert_eq!(cli.effective.get("max-peers-out").expect("a setting").values, ["3"]);
    std::fs::write(&path, "data-dir = \"/elsewhere\"\n").expect("written");
    let said = read().expect_err("it says where it is").to_string();
    assert!(said.contains("can't say where the data dir is"), "{said}");
}

#[test]
fn a_node_that_keeps_nothing_reads_no_file_of_the_usual_place() {
    let home = tempdir().expect("a directory");
    let place = home.path().join(".local/share/hearsay/dev");
    std::fs::create_dir_all(&place).expect("made");
    std::fs::write(place.join(CONFIG_FILE), "nonsense = 1\n").expect("written");
    let code = |args: &[&str]| node(home.path()).args(args).output().expect("it starts").status.code();
    assert_eq!(code(&["config", "--ephemeral"]), Some(0));
    assert_eq!(code(&["config"]), Some(2));
}
