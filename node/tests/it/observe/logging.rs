//! Log lines for programs, and a filter that changes at run time: a real node, and its owner's commands.

use nix::sys::signal::Signal;
use tempfile::tempdir;

use crate::run::lifecycle::Running;
use crate::support::program::node;

/// Whether a line is `key=value` pairs, each value one word or in quotes.
fn is_logfmt(line: &str) -> bool {
    let mut rest = line;
    while !rest.is_empty() {
        let Some((key, behind)) = rest.split_once('=') else { return false };
        if key.is_empty() || key.contains([' ', '"']) {
            return false;
        }
        let end = if let Some(quoted) = behind.strip_prefix('"') {
            let mut escaped = false;
            let close = quoted.find(|c| {
                let closes = c == '"' && !escaped;
                escaped = c == '\\' && !escaped;
                closes
            });
            let Some(close) = close else { return false };
            close + 2
        } else {
            behind.find(' ').unwrap_or(behind.len())
        };
        rest = behind.split_at(end).1.trim_start_matches(' ');
    }
    true
}

#[test]
fn the_owner_changes_what_is_logged_and_every_line_is_logfmt() {
    let home = tempdir().expect("a directory");
    let running = Running::start(home.path(), &["--log-format", "logfmt"]);
    let before = node(home.path()).args(["log", "debug", "--json"]).assert().success();
    let before = String::from_utf8_lossy(&before.get_output().stdout).into_owned();
    assert!(before.contains("node=info"), "{before}");
    let wrong = node(home.path()).args(["log", "node=loud"]).assert().failure();
    assert!(String::from_utf8_lossy(&wrong.get_output().stderr).contains("node=debug"));
    // Its own commands work on a node that has nothing yet.
    for command in [vec!["bans"], vec!["tx", "pool"], vec!["block", "list"]] {
        node(home.path()).args(command).assert().success();
    }
    node(home.path()).args(["peers", "ban", "192.0.2.7", "--time", "1h"]).assert().success();
    let bans = node(home.path()).args(["bans"]).assert().success();
    let bans = String::from_utf8_lossy(&bans.get_output().stdout).into_owned();
    assert!(bans.contains("192.0.2.7") && bans.contains("ordered"), "{bans}");
    running.signal(Signal::SIGTERM);
    let said = running.said.clone();
    let (code, text) = running.end();
    assert_eq!(code, Some(0), "{text}");
    let lines: Vec<&str> = said.lines().chain(text.lines()).collect();
    for line in &lines {
        assert!(is_logfmt(line) && line.contains(" level=") && line.contains(" msg="), "{line}");
    }
    assert!(said.lines().all(|line| !line.contains("level=debug")));
    assert!(text.lines().any(|line| line.contains("level=debug")), "debug lines come after the change: {text}");
}
