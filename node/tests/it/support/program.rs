//! The program with a clean environment, and its network.

use std::path::Path;
use std::time::Duration;

use assert_cmd::Command;
use protocol::items::network::NetworkId;
use tempfile::tempdir;

/// The program, with nothing in its environment but a home directory.
pub(crate) fn node(home: &Path) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_node"));
    // Not a measure of anything: a node that should have refused must not outlive the test.
    command.env_clear().env("HOME", home).timeout(Duration::from_secs(60));
    command
}

/// What the program prints with these arguments, in a home of its own. It must end well.
pub(crate) fn said(args: &[&str]) -> String {
    let home = tempdir().expect("a directory");
    let output = node(home.path()).args(args).output().expect("it starts");
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

/// The network of a program that is told none.
pub(crate) fn network() -> NetworkId {
    "dev".parse().expect("a name")
}
