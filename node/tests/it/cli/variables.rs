//! Environment variables: an empty one counts as unset, and one that looks like a setting but is none is reported.

use std::ffi::OsString;

use clap::CommandFactory as _;
use node::cli::Cli;
use tempfile::tempdir;

use crate::support::program::node;

fn settings(command: &clap::Command) -> Vec<String> {
    let own = command.get_arguments().filter_map(|arg| arg.get_env()?.to_str().map(str::to_owned));
    own.chain(command.get_subcommands().flat_map(settings)).collect()
}

fn told(names: &[&str]) -> Vec<String> {
    Cli::strange_variables(names.iter().map(OsString::from))
}

#[test]
fn an_empty_variable_counts_as_unset_for_every_setting() {
    let home = tempdir().expect("a directory");
    let variables = settings(&Cli::command());
    assert!(variables.len() > 30, "{variables:?}");
    let run = |variables: &[String], args: &[&str]| {
        let mut command = node(home.path());
        command.envs(variables.iter().map(|name| (name, "")));
        let output = command.args(args).output().expect("it starts");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    // Read as they should be, these say what they lack: a key file, and a running node.
    for (args, code) in [(&["--ephemeral", "--key-file", "/nowhere"][..], 5), (&["status"], 1)] {
        let (ended, text) = run(&variables, args);
        assert_eq!(ended, Some(code), "{args:?}: {text}");
        for variable in &variables {
            let (ended, text) = run(std::slice::from_ref(variable), args);
            assert_eq!(ended, Some(code), "{variable} {args:?}: {text}");
        }
    }
}

#[test]
fn a_misspelled_variable_is_told_with_the_nearest_setting() {
    for (typed, meant) in [
        ("NODE_BOOTSTRAPS", "NODE_BOOTSTRAP"),
        ("NODE_BOOSTRAP", "NODE_BOOTSTRAP"),
        ("NODE_KEY", "NODE_KEY_FILE"),
        ("NODE_KEYFILE", "NODE_KEY_FILE"),
        ("NODE_DATADIR", "NODE_DATA_DIR"),
        ("NODE_MAX_PEER_IN", "NODE_MAX_PEERS_IN"),
        ("NODE_LOGFORMAT", "NODE_LOG_FORMAT"),
        ("NODE_LOGS", "NODE_LOG"),
    ] {
        let lines = told(&[typed]);
        assert_eq!(lines.len(), 1, "{lines:?}");
        assert!(lines[0].contains(typed) && lines[0].ends_with(&format!("the nearest is {meant}")), "{lines:?}");
    }
}

#[test]
fn a_variable_that_is_like_no_setting_is_told_without_a_guess() {
    for name in ["NODE_FOOBARBAZ", "NODE_FOO", "NODE_X", "NODE_", "NODE_POOL"] {
        let lines = told(&[name]);
        assert!(lines.len() == 1 && lines[0].contains(name) && lines[0].contains("node --help"), "{lines:?}");
    }
}

#[test]
fn settings_and_the_variables_of_others_are_not_told() {
    let settings = settings(&Cli::command());
    let mut names: Vec<&str> = settings.iter().map(String::as_str).collect();
    names.extend([
        "NODE_ENV",
        "NODE_OPTIONS",
        "NODE_PATH",
        "NODE_VERSION",
        "NODE_NAME",
        "NODE_REPL_HISTORY",
        "NODE_TEST_CONTEXT",
        "PATH",
        "MY_NODE_BOOTSTRAPS",
        "NODE",
    ]);
    assert_eq!(told(&names), Vec::<String>::new());
}

#[test]
fn many_strange_variables_make_few_lines() {
    let names: Vec<String> = (0..100).map(|n| format!("NODE_BOOTSTRAP_{n:03}")).collect();
    let lines = told(&names.iter().map(String::as_str).collect::<Vec<_>>());
    assert_eq!(lines.len(), 6);
    assert!(lines[5].contains("95 more"), "{lines:?}");
}

#[test]
fn a_variable_of_a_run_that_makes_no_sense_stops_a_run_and_no_other_command() {
    let home = tempdir().expect("a directory");
    for (args, code) in [(&["status"][..], 1), (&["--data-dir", "d", "peers"], 1), (&["run"], 2), (&[], 2)] {
        let output = node(home.path()).env("NODE_BOOTSTRAP", "a,").args(args).output().expect("it starts");
        assert_eq!(output.status.code(), Some(code), "{args:?}: {output:?}");
    }
}

#[test]
fn it_is_a_warning_and_never_the_end() {
    let home = tempdir().expect("a directory");
    let run = |args: &[&str]| {
        let output = node(home.path()).env("NODE_NETWORKS", "secret").args(args).output().expect("it starts");
        (output.status.code(), String::from_utf8(output.stderr).expect("text"))
    };
    for (args, code) in [(&["status"][..], 1), (&["--ephemeral", "--key-file", "/nowhere"], 5)] {
        let (ended, text) = run(args);
        assert_eq!(ended, Some(code), "{text}");
        assert!(
            text.contains("NODE_NETWORKS") && text.contains("NODE_NETWORK") && !text.contains("secret"),
            "{text}"
        );
    }
}
