//! `node init`: the file that it writes, and what it leaves as it is.

use std::os::unix::fs::PermissionsExt as _;
use std::path::Path;

use clap::CommandFactory as _;
use node::cli::setup::effective::Effective;
use node::cli::setup::init::text;
use node::cli::setup::table::settings;
use node::cli::{Cli, Command};
use node::config::file::parse;
use node::config::identity::Identity;
use tempfile::tempdir;

use crate::support::program::node;

/// The lines of settings in a file, without the # before them, and whether each has an example for a value.
fn lines(text: &str) -> Vec<(String, bool)> {
    let mut before = "";
    let mut found = Vec::new();
    for line in text.lines() {
        if let Some(line) = line.strip_prefix('#').filter(|line| !line.starts_with(' ')) {
            found.push((line.to_owned(), before.ends_with("an example")));
        }
        before = line;
    }
    found
}

fn config_of(file: Option<&Path>) -> String {
    let mut words = vec!["node".into(), "config".into(), "--ephemeral".into()];
    words.extend(file.into_iter().flat_map(|file| ["--config".into(), file.into()]));
    match Cli::read_from(words).expect("good").command {
        Some(Command::Config(args)) => {
            let config = args.run.builder().config(&Identity::from_seed([1; 32]), None).expect("good settings");
            format!("{config:?}")
        }
        other => panic!("{other:?}"),
    }
}

#[test]
fn the_file_lists_every_flag_of_a_run_once() {
    let text = text(&Effective::default());
    let (entries, problems) = parse(&text);
    assert!(entries.is_empty() && problems.is_empty(), "all is commented out: {entries:?} {problems:?}");
    let mut listed: Vec<String> =
        lines(&text).iter().filter_map(|(line, _)| Some(line.split_once(" = ")?.0.to_owned())).collect();
    let command = Cli::command();
    let run = command.find_subcommand("run").expect("a command");
    let mut flags: Vec<String> = run.get_arguments().filter_map(|arg| arg.get_long().map(str::to_owned)).collect();
    flags.retain(|flag| flag != "config" && flag != "help");
    assert!(flags.len() > 40, "{flags:?}");
    listed.sort();
    flags.sort();
    assert_eq!(listed, flags);
}

#[test]
fn each_setting_has_its_explanation_and_its_unit_before_it() {
    let text = text(&Effective::default());
    for setting in settings() {
        let (before, _) = text.split_once(&format!("\n#{} = ", setting.key)).expect("it is listed");
        let about: Vec<&str> = before.rsplit("\n\n").next().expect("lines").lines().collect();
        assert!(about.len() >= 2 && about.iter().all(|line| line.starts_with("# ")), "{}: {about:?}", setting.key);
        assert!(about.last().is_some_and(|line| line.contains(&setting.unit)), "{}: {about:?}", setting.key);
        assert!(about.iter().all(|line| line.chars().count() <= 120), "{about:?}");
    }
}

#[test]
fn without_its_hash_marks_the_file_sets_what_is_set_without_it() {
    let dir = tempdir().expect("a directory");
    let file = dir.path().join("settings.toml");
    let text = text(&Effective::default());
    let (examples, defaults): (Vec<_>, Vec<_>) = lines(&text).into_iter().partition(|(_, is_example)| *is_example);
    assert!(!examples.is_empty() && defaults.len() > 35, "{examples:?} {defaults:?}");
    let lines: Vec<String> = defaults.into_iter().map(|(line, _)| line).collect();
    std::fs::write(&file, lines.join("\n")).expect("written");
    assert_eq!(config_of(Some(&file)), config_of(None));
    // Examples have the right form as well.
    for (line, _) in examples {
        std::fs::write(&file, line).expect("written");
        config_of(Some(&file));
    }
}

#[test]
fn it_makes_all_and_tells_how_to_join_and_the_node_reads_it() {
    let home = tempdir().expect("a directory");
    let run = |args: &[&str]| {
        let output = node(home.path()).current_dir(home.path()).args(args).output().expect("it starts");
        (
            output.status.code(),
            String::from_utf8(output.stdout).expect("text"),
            String::from_utf8(output.stderr).expect("text"),
        )
    };
    let given = ["--listen", "/ip4/192.0.2.9/tcp/4000", "--max-peers-out", "7", "--open-producers"];
    let (code, said, warned) = run(&[&["init", "--data-dir", "d"], &given[..]].concat());
    assert_eq!(code, Some(0), "{warned}");
    let (_, shown, _) = run(&["key", "show", "--data-dir", "d"]);
    let peer = shown.split_whitespace().last().expect("a peer id");
    assert!(said.contains(&format!("--bootstrap /ip4/192.0.2.9/tcp/4000/p2p/{peer}")), "{said}");
    assert!(said.contains("node --data-dir d"), "{said}");
    for (name, mode) in [("d", 0o700), ("d/key", 0o600), ("d/node.toml", 0o600)] {
        let about = std::fs::metadata(home.path().join(name)).expect("it is there");
        assert_eq!(about.permissions().mode() & 0o777, mode, "{name}");
    }
    // What was given stands in the file, and nothing else does.
    let text = std::fs::read_to_string(home.path().join("d/node.toml")).expect("text");
    let keys: Vec<String> = parse(&text).0.into_iter().map(|entry| entry.key).collect();
    assert_eq!(keys, ["listen", "max-peers-out", "open-producers"]);
    let (code, json, _) = run(&["config", "--json", "--data-dir", "d"]);
    assert_eq!(code, Some(0));
    let json: serde_json::Value = serde_json::from_str(&json).expect("JSON");
    let out = json["settings"].as_array().expect("a list").iter().find(|one| one["key"] == "max-peers-out");
    assert_eq!(out.expect("it is told")["value"], 7);
    assert!(json["file"].as_str().is_some_and(|file| file.ends_with("d/node.toml")), "{json}");
}

#[test]
fn it_replaces_neither_a_file_nor_a_key() {
    let home = tempdir().expect("a directory");
    let run = |args: &[&str]| {
        let output = node(home.path()).current_dir(home.path()).args(args).output().expect("it starts");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    assert_eq!(run(&["key", "generate", "--data-dir", "d"]).0, Some(0));
    let key = std::fs::read(home.path().join("d/key")).expect("a key");
    assert_eq!(run(&["init", "--data-dir", "d"]).0, Some(0));
    let path = home.path().join("d/node.toml");
    std::fs::write(&path, "# mine\n").expect("written");
    let (code, text) = run(&["init", "--data-dir", "d"]);
    assert_eq!(code, Some(1), "{text}");
    assert!(text.contains("exists already and was left as it is"), "{text}");
    assert_eq!(std::fs::read_to_string(&path).expect("text"), "# mine\n");
    assert_eq!(std::fs::read(home.path().join("d/key")).expect("a key"), key);
    let (code, text) = run(&["init", "--ephemeral"]);
    assert_eq!(code, Some(2), "{text}");
}
