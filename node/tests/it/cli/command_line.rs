//! The command line: what it refuses, with which code, and what its help says.

use std::os::unix::fs::PermissionsExt as _;

use clap::CommandFactory as _;
use node::cli::Cli;
use tempfile::tempdir;

use crate::support::program::node;

fn refusal(args: &[&str]) -> (Option<i32>, String) {
    let home = tempdir().expect("a directory");
    let output = node(home.path()).args(args).output().expect("it starts");
    assert!(output.stdout.is_empty(), "data on stdout for {args:?}");
    assert_eq!(std::fs::read_dir(home.path()).expect("a directory").count(), 0, "{args:?} left something behind");
    (output.status.code(), String::from_utf8(output.stderr).expect("text"))
}

#[test]
fn nonsense_is_a_usage_error_that_names_the_flag() {
    for args in [
        &["--bootstrap", "nonsense"][..],
        &["--listen", "127.0.0.1:30400"],
        &["--network", "Dev"],
        &["--relay", "carrier-pigeon"],
        &["--max-peers-in", "1025"],
        &["--rpc-addr", "0.0.0.0:30401"],
        &["--rpc-addr", "30401"],
        &["--producers", "12"],
        &["--produce-every", "0s"],
        &["--produce-every", "5"],
        &["--produce-every", "300000000000y"],
        &["--produce-every", "366d"],
        &["--produce-every", "1us"],
        &["--reconcile-interval", "300000000000y"],
        &["--reconcile-interval", "1us"],
        &["--prune-age", "300000000000y"],
        &["--prune-age", "999ms"],
        &["--bootstrap", "/ip4/192.0.2.1/tcp/1,"],
        &["--bootstrap", "/ip4/192.0.2.1/udp/1"],
        &["--reserved-peer", "/ip4/192.0.2.1/udp/1/quic"],
        &["--reserved-peer", ""],
        &["--listen", "/dns/localhost/tcp/1"],
        &["--log", "node=loud"],
        &["--log-format", "xml"],
        &["--unheard-of"],
    ] {
        let (code, text) = refusal(args);
        assert_eq!(code, Some(2), "{args:?}: {text}");
        assert!(text.contains(args[0]), "{args:?}: {text}");
    }
}

#[test]
fn an_address_of_the_rpc_that_nobody_could_ask_is_a_usage_error() {
    for good in
        ["127.0.0.1:1", "http://127.0.0.1:65535", "http://localhost:30401/", "[::1]:30401", "a-b.example:1"]
    {
        let words = ["node", "status", "--rpc", good].map(Into::into);
        assert!(Cli::read_from(words).is_ok(), "{good}");
    }
    for bad in [
        "",
        "30401",
        ":30401",
        "http://:30401",
        "127.0.0.1",
        "127.0.0.1:",
        "127.0.0.1:0",
        "127.0.0.1:+1",
        "127.0.0.1:65536",
        "127.0.0.1:rpc",
        "::1:30401",
        "[127.0.0.1]:1",
        "https://127.0.0.1:30401",
        "ws://127.0.0.1:30401",
        "http://127.0.0.1:30401/rpc",
        "a b:1",
    ] {
        let (code, text) = refusal(&["status", "--rpc", bad]);
        assert_eq!(code, Some(2), "{bad:?}: {text}");
        assert!(text.contains("write HOST:PORT or http://HOST:PORT"), "{bad:?}: {text}");
    }
}

#[test]
fn a_payload_may_begin_with_a_hyphen() {
    for text in ["-5", "--json", "-"] {
        let cli = Cli::read_from(["node", "tx", "send", "--payload", text].map(Into::into)).expect("good");
        assert!(format!("{:?}", cli.command).contains(&format!("payload: Some({text:?})")), "{cli:?}");
    }
}

#[test]
fn contradictions_are_usage_errors() {
    let key = "00".repeat(32);
    for args in [
        &["--producers", &key, "--open-producers"][..],
        &["tx", "send"],
        &["tx", "send", "--payload", "a", "--random", "1"],
        &["tx", "send", "--random", "65537"],
        &["tx", "send", "--payload", "a", "--valid-for", "0"],
        &["tx", "send", "--payload", "a", "--valid-for", "10001"],
        &["tx", "get", "12"],
        &["--bootstrap", "/ip4/192.0.2.1/tcp/1", "--max-peers-out", "0"],
        &["--bootstrap", "/ip4/192.0.2.1/tcp/1", "--reserved-only"],
        &["run", "--bootstrap", "/ip4/192.0.2.1/tcp/1", "--max-peers-out", "0"],
        &["--bootstrap", "/ip4/192.0.2.1/tcp/1", "status"],
        &["--json"],
    ] {
        let (code, text) = refusal(args);
        assert_eq!(code, Some(2), "{args:?}: {text}");
    }
}

#[test]
fn help_mentions_every_flag_and_every_setting_has_a_variable() {
    let home = tempdir().expect("a directory");
    // What one call is about, as against how things are set up.
    let without_variable = [
        "out", "payload", "file", "random", "nonce", "watch", "member", "remove", "help", "version", "follow",
        "from", "after", "count", "time", "dot", "forget",
    ];
    let mut waiting = vec![(Vec::<String>::new(), Cli::command())];
    let mut flags = 0;
    while let Some((path, mut command)) = waiting.pop() {
        command.build();
        let output = node(home.path()).args(&path).arg("--help").output().expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{path:?}");
        let help = String::from_utf8(output.stdout).expect("text");
        for arg in command.get_arguments() {
            let Some(long) = arg.get_long() else { continue };
            flags += 1;
            assert!(help.contains(&format!("--{long}")), "{path:?} hides --{long}");
            // Node.js programs have a variable NODE_CONFIG.
            let name = if long == "config" { "config-file" } else { long };
            let variable = format!("NODE_{}", name.to_uppercase().replace('-', "_"));
            if !without_variable.contains(&long) {
                assert_eq!(arg.get_env(), Some(variable.as_ref()), "{path:?} --{long}");
                assert!(help.contains(&variable), "{path:?} hides {variable}");
            }
        }
        for below in command.get_subcommands().filter(|below| below.get_name() != "help") {
            let path = path.iter().cloned().chain([below.get_name().to_owned()]).collect();
            waiting.push((path, below.clone()));
        }
    }
    assert!(flags > 50, "only {flags} flags were looked at");
}

#[test]
fn the_commands_definition_is_sound() {
    Cli::command().debug_assert();
}

#[test]
fn asking_where_no_node_runs_says_how_to_start_one() {
    for args in [&["status"][..], &["peers"], &["tx", "get", &"00".repeat(32)]] {
        let (code, text) = refusal(args);
        assert_eq!(code, Some(1), "{args:?}: {text}");
        assert!(text.contains("no node is running in") && text.contains("the flags that it had"), "{text}");
    }
    let (_, text) = refusal(&["status", "--network", "test"]);
    assert!(text.contains("hearsay/test: ") && text.contains("--network"), "{text}");
}

#[test]
fn a_key_is_generated_shown_and_never_replaced() {
    let home = tempdir().expect("a directory");
    let run = |args: &[&str]| node(home.path()).current_dir(home.path()).args(args).output().expect("it starts");
    let made = run(&["key", "generate", "--out", "k"]);
    assert_eq!(made.status.code(), Some(0));
    let shown = run(&["key", "show", "--key-file", "k"]);
    assert_eq!(shown.stdout, made.stdout);
    let json: serde_json::Value =
        serde_json::from_slice(&run(&["key", "show", "--key-file", "k", "--json"]).stdout).expect("json");
    assert!(String::from_utf8(made.stdout).expect("text").contains(json["peer_id"].as_str().expect("a peer id")));

    let before = std::fs::read(home.path().join("k")).expect("a file");
    assert_eq!(run(&["key", "generate", "--out", "k"]).status.code(), Some(5));
    assert_eq!(std::fs::read(home.path().join("k")).expect("a file"), before);
}

#[test]
fn key_problems_have_a_code_of_their_own() {
    let home = tempdir().expect("a directory");
    let missing = home.path().join("missing");
    let base = ["--ephemeral", "--rpc-addr", "127.0.0.1:0", "--listen", "/ip4/127.0.0.1/tcp/0", "--key-file"];
    let output = node(home.path()).args(base).arg(&missing).output().expect("it starts");
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8(output.stderr).expect("text").contains("node key generate --out"));
    assert!(!missing.exists());

    let open = home.path().join("open");
    std::fs::write(&open, format!("{}\n", "07".repeat(32))).expect("written");
    std::fs::set_permissions(&open, std::fs::Permissions::from_mode(0o644)).expect("changed");
    let output = node(home.path()).args(base).arg(&open).output().expect("it starts");
    assert_eq!(output.status.code(), Some(5));
    assert!(String::from_utf8(output.stderr).expect("text").contains("chmod 600"));
}

#[test]
fn flags_before_a_command_mean_the_same_as_behind_it() {
    let place = ["--data-dir", "there", "--network", "other"];
    for (before, behind) in [
        (vec!["--data-dir", "there", "--network=other", "status"], vec!["status"]),
        (vec!["--data-dir", "there", "--json", "peers", "--network", "other"], vec!["peers", "--json"]),
        (
            vec!["--network", "other", "tx", "--data-dir=there", "--rpc", "1:1", "get", &ID],
            vec!["tx", "get", &ID, "--rpc", "1:1"],
        ),
        (vec!["--data-dir", "there", "key", "--network", "other", "show"], vec!["key", "show"]),
    ] {
        let parsed = |words: Vec<&str>| {
            let words = std::iter::once("node").chain(words).map(Into::into);
            format!("{:?}", Cli::read_from(words).expect("good").command)
        };
        assert_eq!(parsed(before.clone()), parsed([behind, place.to_vec()].concat()), "{before:?}");
    }
    // A run takes what comes before it as well, and a value that looks like a command is a value.
    let run = |words: &[&str]| {
        let cli = Cli::read_from(std::iter::once("node").chain(words.iter().copied()).map(Into::into));
        cli.expect("good")
    };
    let before = run(&["--bootstrap", "/ip4/192.0.2.1/tcp/1", "run", "--network", "status"]);
    assert_eq!(
        format!("{before:?}"),
        format!("{:?}", run(&["run", "--bootstrap", "/ip4/192.0.2.1/tcp/1", "--network", "status"]))
    );
    assert_eq!(run(&["--network", "status"]).run.place.network.as_str(), "status");
}

const ID: &str = "0000000000000000000000000000000000000000000000000000000000000000";

#[test]
fn a_setting_of_a_run_before_another_command_is_told_where_it_goes() {
    for args in [
        &["--bootstrap", "/ip4/192.0.2.1/tcp/1", "status"][..],
        &["--data-dir", "d", "--bootstrap", "/ip4/192.0.2.1/tcp/1", "peers"],
        &["--bootstrap=/ip4/192.0.2.1/tcp/1", "tx", "get", ID],
    ] {
        let (code, text) = refusal(args);
        assert_eq!(code, Some(2), "{args:?}: {text}");
        assert!(text.contains("--bootstrap is a setting of a run") && text.contains("--rpc"), "{args:?}: {text}");
    }
}

#[test]
fn a_command_finds_the_node_by_flags_before_it() {
    let home = tempdir().expect("a directory");
    let (code, text) = refusal(&["--data-dir", "/nowhere/at-all", "status"]);
    assert!(code == Some(1) && text.contains("no node is running in /nowhere/at-all"), "{text}");
    let made = node(home.path()).current_dir(home.path()).args(["--data-dir", "d", "key", "generate"]).output();
    assert_eq!(made.expect("it starts").status.code(), Some(0));
    assert!(home.path().join("d/key").exists());
}

#[test]
fn an_address_of_another_machine_is_no_place_to_listen_and_the_system_s_reason_is_told() {
    for address in ["/ip4/203.0.113.5/tcp/0", "/ip4/203.0.113.5/tcp/4001", "/ip4/203.0.113.5/udp/0/quic-v1"] {
        let (code, text) = refusal(&["--ephemeral", "--rpc-addr", "127.0.0.1:0", "--listen", address]);
        assert_eq!(code, Some(1), "{text}");
        assert!(text.contains(&format!("cannot listen on {address}: ")) && !text.contains(": ;"), "{text}");
        assert!(!text.contains(": : "), "{text}");
        assert!(text.contains("os error"), "{text}");
    }
}

#[test]
fn sending_without_a_key_names_the_flag_for_one() {
    for args in [&["tx", "send", "--payload", "x", "--rpc", "127.0.0.1:1"][..], &["tx", "send", "--payload", "x"]]
    {
        let (code, text) = refusal(args);
        assert_eq!(code, Some(5), "{text}");
        assert!(text.contains("--key-file") && text.contains("node key generate"), "{text}");
    }
}
