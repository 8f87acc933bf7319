//! A run of the program: how it introduces itself, how it refuses to share, and how it ends.

use std::io::{BufRead as _, BufReader, Read as _};
use std::net::TcpListener;
use std::path::Path;
use std::process::{Child, Command, Stdio};

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use node::config::data_dir::{DataDir, RpcInfo, read_rpc};
use tempfile::tempdir;

use crate::support::program::node;

/// A node of this test. It is killed at the latest when this is dropped.
pub(crate) struct Running {
    child: Child,
    stderr: BufReader<Box<dyn std::io::Read>>,
    /// Its output until it was ready.
    pub(crate) said: String,
}

const LOCAL: [&str; 4] = ["--listen", "/ip4/127.0.0.1/tcp/0", "--rpc-addr", "127.0.0.1:0"];

impl Running {
    pub(crate) fn start(home: &Path, args: &[&str]) -> Self {
        Self::start_by(Command::new(env!("CARGO_BIN_EXE_node")), home, args)
    }

    fn start_by(mut program: Command, home: &Path, args: &[&str]) -> Self {
        let mut child = program
            .env_clear()
            .env("HOME", home)
            .args(LOCAL)
            .args(args)
            .stderr(Stdio::piped())
            .stdout(Stdio::piped())
            .spawn()
            .expect("it starts");
        let mut stderr = BufReader::new(Box::new(child.stderr.take().expect("piped")) as Box<dyn std::io::Read>);
        let mut said = String::new();
        while !said.contains("ready ") && !said.contains("\"ready\"") {
            assert!(stderr.read_line(&mut said).expect("text") > 0, "it ended before it was ready: {said}");
        }
        Self { child, stderr, said }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id() as i32), signal).expect("it runs");
    }

    /// Waits for the end. Returns the exit code, and the output after it was ready.
    pub(crate) fn end(mut self) -> (Option<i32>, String) {
        let code = self.child.wait().expect("it ends").code();
        let mut text = String::new();
        self.stderr.read_to_string(&mut text).expect("text");
        (code, text)
    }
}

impl Drop for Running {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn info(dir: &Path) -> RpcInfo {
    read_rpc(dir).expect("readable").expect("there is one")
}

#[test]
fn says_where_it_can_be_reached_and_stops_cleanly_on_each_signal() {
    let home = tempdir().expect("a directory");
    let dir = home.path().join(".local/share/hearsay/dev");
    for (signal, first) in [(Signal::SIGINT, true), (Signal::SIGTERM, false), (Signal::SIGHUP, false)] {
        let node = Running::start(home.path(), &[]);
        let info = info(&dir);
        assert_eq!(info.pid, node.child.id());
        assert_eq!(node.said.contains("new ed25519 key written to"), first, "{}", node.said);
        for needed in [&info.peer_id, &info.public_key, info.rpc.as_ref().expect("an address"), "network dev"] {
            assert!(node.said.contains(needed), "{needed} is missing: {}", node.said);
        }
        let none = "blocks   none from the network is taken: name producers with --producers, or";
        assert!(node.said.contains(none), "{}", node.said);
        let join = format!("join me with: node --bootstrap {}\n", info.listen[0]);
        assert!(node.said.contains(&join), "{join} is missing: {}", node.said);
        assert!(info.listen[0].ends_with(&info.peer_id));

        node.signal(signal);
        let (code, text) = node.end();
        assert_eq!(code, Some(0), "{text}");
        assert!(text.contains("a second signal forces it"), "{text}");
        assert_eq!(read_rpc(&dir).expect("readable"), None);
        drop(DataDir::lock(&dir).expect("nobody holds it"));
    }
}

#[test]
fn a_hangup_that_was_ignored_at_the_start_stays_ignored() {
    let home = tempdir().expect("a directory");
    let mut shell = Command::new("/bin/sh");
    shell.args(["-c", "trap '' HUP; exec \"$0\" \"$@\"", env!("CARGO_BIN_EXE_node")]);
    let node = Running::start_by(shell, home.path(), &["--ephemeral"]);
    node.signal(Signal::SIGHUP);
    node.signal(Signal::SIGTERM);
    let (code, text) = node.end();
    assert_eq!(code, Some(0), "{text}");
    assert!(text.contains("terminated"), "{text}");
}

#[test]
fn a_second_node_in_the_same_data_dir_is_told_who_has_it() {
    let home = tempdir().expect("a directory");
    let first = Running::start(home.path(), &[]);
    let output = node(home.path()).args(LOCAL).output().expect("it starts");
    assert_eq!(output.status.code(), Some(3));
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains(&format!("(pid {})", first.child.id())), "{text}");
    assert!(read_rpc(&home.path().join(".local/share/hearsay/dev")).expect("readable").is_some());
}

#[test]
fn an_rpc_address_in_use_has_a_code_of_its_own_and_names_the_flag() {
    let home = tempdir().expect("a directory");
    let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
    let address = taken.local_addr().expect("an address").to_string();
    let args = ["--ephemeral", "--listen", "/ip4/127.0.0.1/tcp/0", "--rpc-addr", &address];
    let output = node(home.path()).args(args).output().expect("it starts");
    assert_eq!(output.status.code(), Some(4));
    assert!(String::from_utf8(output.stderr).expect("text").contains("--rpc-addr"));
}

#[test]
fn an_ephemeral_node_writes_nothing_unless_told_where() {
    let home = tempdir().expect("a directory");
    let node = Running::start(home.path(), &["--ephemeral"]);
    assert!(node.said.contains("in memory only"), "{}", node.said);
    assert_eq!(std::fs::read_dir(home.path()).expect("a directory").count(), 0);
    drop(node);

    let dir = home.path().join("d");
    let node = Running::start(home.path(), &["--ephemeral", "--data-dir", dir.to_str().expect("text")]);
    assert_eq!(info(&dir).pid, node.child.id());
    assert!(!dir.join("key").exists());
}

#[test]
fn without_rpc_the_file_tells_so() {
    let home = tempdir().expect("a directory");
    let dir = home.path().join("d");
    let _running = Running::start(home.path(), &["--no-rpc", "--data-dir", dir.to_str().expect("text")]);
    assert_eq!(info(&dir).rpc, None);
    let output = node(home.path()).args(["status", "--data-dir"]).arg(&dir).output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    assert!(String::from_utf8(output.stderr).expect("text").contains("--no-rpc"));
}

#[test]
fn a_killed_node_is_recognised_as_gone() {
    let home = tempdir().expect("a directory");
    let running = Running::start(home.path(), &[]);
    running.signal(Signal::SIGKILL);
    assert_eq!(running.end().0, None);
    let output = node(home.path()).arg("status").output().expect("it starts");
    assert_eq!(output.status.code(), Some(1));
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains("was killed") && text.contains("Start one with"), "{text}");
}

#[test]
fn in_json_every_line_of_the_log_is_an_object() {
    let home = tempdir().expect("a directory");
    let node = Running::start(home.path(), &["--ephemeral", "--log-format", "json"]);
    node.signal(Signal::SIGTERM);
    let said = node.said.clone();
    let (code, after) = node.end();
    assert_eq!(code, Some(0));
    for line in said.lines().chain(after.lines()) {
        let value: serde_json::Value = serde_json::from_str(line).expect("json");
        assert!(value.is_object());
    }
}

#[test]
fn a_closed_stderr_is_no_reason_to_stop() {
    let home = tempdir().expect("a directory");
    let mut node = Running::start(home.path(), &["--ephemeral", "--log", "trace"]);
    // The last reader leaves; whatever the node says from now on can't be written.
    let (reader, _writer) = std::io::pipe().expect("a pipe");
    drop(std::mem::replace(&mut node.stderr, BufReader::new(Box::new(reader))));
    node.signal(Signal::SIGTERM);
    assert_eq!(node.child.wait().expect("it ends").code(), Some(0));
}

#[test]
fn status_of_a_running_node_is_shown_and_is_json_on_request() {
    let home = tempdir().expect("a directory");
    let running = Running::start(home.path(), &["--network", "other"]);
    let ask =
        |args: &[&str]| node(home.path()).args(args).args(["--network", "other"]).output().expect("it starts");
    let info = info(&home.path().join(".local/share/hearsay/other"));
    let text = String::from_utf8(ask(&["status"]).stdout).expect("text");
    assert!(text.contains(&info.peer_id) && text.contains("other"), "{text}");
    let json: serde_json::Value = serde_json::from_slice(&ask(&["status", "--json"]).stdout).expect("json");
    assert_eq!(json["peer_id"], info.peer_id.as_str());
    let json: serde_json::Value = serde_json::from_slice(&ask(&["peers", "--json"]).stdout).expect("json");
    assert_eq!(json, serde_json::json!([]));
    drop(running);
}

/// The other half of the next test. It runs in its own process.
#[test]
fn panics_if_asked_to() {
    if std::env::var_os("HEARSAY_TEST_PANIC").is_some() {
        node::run::exit_on_panic();
        let ended = std::thread::spawn(|| panic!("on purpose")).join();
        assert!(ended.is_err(), "not reached: the process has ended");
    }
}

#[test]
fn a_panic_in_any_thread_ends_the_process_with_70() {
    let output = Command::new(std::env::current_exe().expect("this program"))
        .args(["--exact", "run::lifecycle::panics_if_asked_to", "--nocapture"])
        .env("HEARSAY_TEST_PANIC", "1")
        .output()
        .expect("it starts");
    assert_eq!(output.status.code(), Some(70));
    let text = String::from_utf8(output.stderr).expect("text");
    assert!(text.contains("on purpose") && text.contains("this is a bug"), "{text}");
}
