//! Completions, manual pages and versions.

use clap::CommandFactory as _;
use node::cli::Cli;
use tempfile::tempdir;

use crate::support::program::{node, said};

#[test]
fn every_shell_gets_completions_with_commands_and_flags() {
    for shell in ["bash", "zsh", "fish", "elvish", "powershell"] {
        let script = said(&["completions", shell]);
        for word in ["completions", "max-peers-in", "members-preset"] {
            assert!(script.contains(word), "{shell} lacks {word}");
        }
    }
}

#[test]
fn every_command_gets_a_manual_page() {
    let home = tempdir().expect("a directory");
    let output = node(home.path()).current_dir(home.path()).args(["man", "--out", "pages/man1"]).output();
    let output = output.expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let page = |name: &str| std::fs::read_to_string(home.path().join("pages/man1").join(name)).expect("a page");
    for command in Cli::command().get_subcommands() {
        let name = command.get_name();
        assert!(page(&format!("node-{name}.1")).contains(".TH"), "{name}");
    }
    assert!(page("node.1").contains("max\\-peers\\-in"));
    assert!(page("node-tx-send.1").contains("payload"));
    assert!(page("node-config-check.1").contains("FILE"));
}

#[test]
fn the_short_version_is_one_line_and_the_long_one_says_how_it_was_built() {
    let version = env!("CARGO_PKG_VERSION");
    assert_eq!(said(&["-V"]), format!("node {version}\n"));
    let long = said(&["--version"]);
    assert!(long.starts_with(&format!("node {version}\n")), "{long}");
    for fact in ["commit ", "rustc     rustc 1.", "target ", "profile ", "features "] {
        assert!(long.lines().any(|line| line.starts_with(fact)), "{long}");
    }
}
