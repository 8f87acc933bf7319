//! What a node tells the service manager that started it, over a real socket.

use std::io::{BufRead as _, BufReader};
use std::os::unix::net::UnixDatagram;
use std::path::Path;
use std::process::{Child, Command, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::tempdir;

/// A node that is killed at the latest when this is dropped.
struct Started(Child);

impl Drop for Started {
    fn drop(&mut self) {
        // An error means that it has ended.
        let _ = self.0.kill();
        let _ = self.0.wait();
    }
}

fn start(home: &Path, variables: &[(&str, &str)]) -> Started {
    let child = Command::new(env!("CARGO_BIN_EXE_node"))
        .env_clear()
        .env("HOME", home)
        .envs(variables.iter().copied())
        .args(["--ephemeral", "--listen", "/ip4/127.0.0.1/tcp/0", "--rpc-addr", "127.0.0.1:0"])
        .stderr(Stdio::piped())
        .stdout(Stdio::null())
        .spawn();
    Started(child.expect("it starts"))
}

fn said(socket: &UnixDatagram) -> String {
    let mut bytes = [0; 4096];
    let length = socket.recv(&mut bytes).expect("the node says something");
    String::from_utf8_lossy(&bytes[..length]).into_owned()
}

#[test]
fn the_manager_hears_that_the_node_is_ready_lives_and_stops() {
    let home = tempdir().expect("a directory");
    let path = home.path().join("notify");
    let socket = UnixDatagram::bind(&path).expect("a socket");
    socket.set_read_timeout(Some(Duration::from_secs(60))).expect("a time");
    let path = path.to_string_lossy();
    let mut node = start(home.path(), &[("NOTIFY_SOCKET", &path), ("WATCHDOG_USEC", "300000")]);
    let ready = said(&socket);
    assert!(ready.contains("READY=1\n") && ready.contains("STATUS=ready at /ip4/127.0.0.1/tcp/"), "{ready}");
    for _ in 0..3 {
        assert_eq!(said(&socket), "WATCHDOG=1\n");
    }
    kill(Pid::from_raw(node.0.id() as i32), Signal::SIGTERM).expect("it runs");
    let mut last = said(&socket);
    while last == "WATCHDOG=1\n" {
        last = said(&socket);
    }
    assert_eq!(last, "STOPPING=1\n");
    assert!(node.0.wait().expect("it ends").success());
}

#[test]
fn a_manager_that_is_not_there_stops_no_node() {
    let home = tempdir().expect("a directory");
    let gone = home.path().join("gone");
    let mut node = start(home.path(), &[("NOTIFY_SOCKET", &gone.to_string_lossy())]);
    let mut lines = BufReader::new(node.0.stderr.take().expect("piped")).lines();
    assert!(lines.any(|line| line.is_ok_and(|line| line.starts_with("ready "))));
    kill(Pid::from_raw(node.0.id() as i32), Signal::SIGTERM).expect("it runs");
    assert!(node.0.wait().expect("it ends").success());
}
