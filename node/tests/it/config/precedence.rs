//! Which of several values of a setting counts: a flag over the environment, that over the file, that over the default.

use serde_json::{Value, json};
use tempfile::tempdir;

use crate::support::program::node;

/// A setting with the values that each place gives it, and what is in effect then.
struct Case {
    key: &'static str,
    flag: &'static [&'static str],
    variable: (&'static str, &'static str),
    line: &'static str,
    /// By default, by the file, by the environment, by the flag.
    values: [Value; 4],
}

fn cases() -> Vec<Case> {
    let case = |key, flag, variable, line, values| Case { key, flag, variable, line, values };
    let address = |last: u8| json!([format!("/ip4/192.0.2.{last}/tcp/1")]);
    vec![
        case(
            "network",
            &["--network", "by-flag"],
            ("NODE_NETWORK", "by-env"),
            "network = \"by-file\"",
            [json!("dev"), json!("by-file"), json!("by-env"), json!("by-flag")],
        ),
        case(
            "max-peers-out",
            &["--max-peers-out", "1"],
            ("NODE_MAX_PEERS_OUT", "2"),
            "max-peers-out = 3",
            [json!(10), json!(3), json!(2), json!(1)],
        ),
        case(
            "reconcile-interval",
            &["--reconcile-interval=1m"],
            ("NODE_RECONCILE_INTERVAL", "2m"),
            "reconcile-interval = \"3m\"",
            [json!("1s"), json!("3m"), json!("2m"), json!("1m")],
        ),
        case(
            "bootstrap",
            &["--bootstrap", "/ip4/192.0.2.1/tcp/1"],
            ("NODE_BOOTSTRAP", "/ip4/192.0.2.2/tcp/1"),
            "bootstrap = [\"/ip4/192.0.2.3/tcp/1\"]",
            [json!([]), address(3), address(2), address(1)],
        ),
        case(
            "no-rpc",
            &["--no-rpc"],
            ("NODE_NO_RPC", "false"),
            "no-rpc = true",
            [json!(false), json!(true), json!(false), json!(true)],
        ),
        case(
            "rpc-calls",
            &["--rpc-calls=0"],
            ("NODE_RPC_CALLS", "100"),
            "rpc-calls = 200",
            [json!(2_000), json!(200), json!(100), json!(0)],
        ),
        case(
            "rpc-any-producer",
            &["--rpc-any-producer=false"],
            ("NODE_RPC_ANY_PRODUCER", "1"),
            "rpc-any-producer = true",
            [json!(false), json!(true), json!(true), json!(false)],
        ),
        case(
            "log-format",
            &["--log-format", "auto"],
            ("NODE_LOG_FORMAT", "json"),
            "log-format = \"pretty\"",
            [json!("auto"), json!("pretty"), json!("json"), json!("auto")],
        ),
        // A parameter whose default is another setting's.
        case(
            "gossip-nodes",
            &["--gossip-nodes", "7"],
            ("NODE_GOSSIP_NODES", "6"),
            "gossip-nodes = 5",
            [json!(3), json!(5), json!(6), json!(7)],
        ),
    ]
}

#[test]
fn a_flag_wins_over_the_environment_over_the_file_over_the_default() {
    let home = tempdir().expect("a directory");
    let file = home.path().join("settings.toml");
    let cases = cases();
    let lines: Vec<&str> = cases.iter().map(|case| case.line).collect();
    std::fs::write(&file, lines.join("\n")).expect("written");
    for (level, origins) in
        [&["default", "preset"][..], &["file"], &["environment"], &["flag"]].into_iter().enumerate()
    {
        let mut command = node(home.path());
        command.args(["config", "--json"]);
        if level >= 1 {
            command.arg("--config").arg(&file);
        }
        if level >= 2 {
            command.envs(cases.iter().map(|case| case.variable));
        }
        if level >= 3 {
            command.args(cases.iter().flat_map(|case| case.flag));
        }
        let output = command.output().expect("it starts");
        assert_eq!(output.status.code(), Some(0), "{output:?}");
        let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
        for (line, case) in cases.iter().enumerate() {
            let setting = told["settings"].as_array().expect("a list").iter().find(|one| one["key"] == case.key);
            let setting = setting.expect("it is told");
            assert_eq!(setting["value"], case.values[level], "{} at level {level}", case.key);
            assert!(origins.contains(&setting["origin"].as_str().expect("text")), "{setting}");
            let from = match level {
                1 => format!("{}:{}", file.display(), line + 1),
                2 => case.variable.0.to_owned(),
                3 => format!("--{}", case.key),
                _ => continue,
            };
            assert_eq!(setting["from"], from);
        }
    }
}

#[test]
fn a_flag_for_one_of_two_settings_takes_the_place_of_the_other_in_the_file() {
    let home = tempdir().expect("a directory");
    let file = home.path().join("settings.toml");
    std::fs::write(&file, "open-producers = true\n").expect("written");
    let key = "d7".repeat(32);
    let output = node(home.path())
        .args(["config", "--json", "--producers", &key, "--config"])
        .arg(&file)
        .output()
        .expect("it starts");
    let told: Value = serde_json::from_slice(&output.stdout).expect("JSON");
    let of = |key: &str| {
        let settings = told["settings"].as_array().expect("a list");
        settings.iter().find(|one| one["key"] == key).expect("it is told").clone()
    };
    assert_eq!((&of("open-producers")["value"], &of("producers")["value"]), (&json!(false), &json!([key])));
    assert_eq!(of("open-producers")["origin"], "default");
}

#[test]
fn an_amount_of_memory_brings_numbers_that_every_place_can_replace() {
    let home = tempdir().expect("a directory");
    let told = |args: &[&str]| {
        let output = node(home.path()).args(["config", "--json", "--memory", "64MiB"]).args(args).output();
        let told: Value = serde_json::from_slice(&output.expect("it starts").stdout).expect("JSON");
        let settings = told["settings"].as_array().expect("a list").clone();
        let of = |key: &str| settings.iter().find(|one| one["key"] == key).expect("it is told").clone();
        [of("max-peers-in"), of("members-max")].map(|one| (one["value"].clone(), one["from"].clone()))
    };
    assert_eq!(told(&[]), [(json!(24), json!("memory 64MiB")), (json!(4_096), json!("memory 64MiB"))]);
    assert_eq!(
        told(&["--max-peers-in", "64", "--members-max=100"]),
        [(json!(64), json!("--max-peers-in")), (json!(100), json!("--members-max"))]
    );
}
