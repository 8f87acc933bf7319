//! A real node with a listener, or a limit of open files, that strangers on its machine have used up.

use std::io::Write as _;
use std::net::{SocketAddr, TcpStream};
use std::time::{Duration, Instant};

use nix::sys::resource::{Resource, getrlimit, setrlimit};
use tempfile::tempdir;

use crate::support::namespaces::{Process, Space, until};

const LOCAL: [&str; 3] = ["--exempt-loopback", "--listen", "/ip4/127.0.0.1/tcp/0"];

/// Processor time that a process has used. `/proc/PID/stat` counts it in hundredths of a second, after the name in
/// parentheses.
fn cpu(pid: u32) -> Duration {
    let stat = std::fs::read_to_string(format!("/proc/{pid}/stat")).expect("it runs");
    let (_, fields) = stat.rsplit_once(") ").expect("a name");
    let ticks = |nth| fields.split(' ').nth(nth).and_then(|ticks| ticks.parse::<u64>().ok()).expect("a number");
    Duration::from_millis(10 * (ticks(11) + ticks(12)))
}

/// This process holds the other ends.
fn allow_files(count: u64) {
    let (_, hard) = getrlimit(Resource::RLIMIT_NOFILE).expect("a limit");
    assert!(
        hard >= count,
        "this test holds over a thousand sockets: raise the hard limit of open files to {count}"
    );
    setrlimit(Resource::RLIMIT_NOFILE, count, hard).expect("it may be raised");
}

fn tcp_address(node: &Process) -> SocketAddr {
    let listen = node.status().listen.first().cloned().expect("it listens");
    let port = listen.split('/').nth(4).expect("a port");
    format!("127.0.0.1:{port}").parse().expect("an address")
}

fn join(node: &Process) -> [String; 2] {
    ["--bootstrap".to_owned(), node.status().listen.first().cloned().expect("it listens")]
}

/// A transaction that is submitted at one node is found at the other.
fn carries(from: &Process, to: &Process, text: &str) {
    let (id, error) = from.run(&["tx", "send", "--payload", text]);
    assert_eq!(id.trim().len(), 64, "{error}");
    let found = until(|| to.ask::<serde_json::Value>(&["tx", "get", id.trim()]));
    assert!(found.is_some(), "it did not arrive:\n{}", to.said());
}

/// The share of a core that the node uses while it gets no requests.
fn idle_share(node: &Process) -> f64 {
    let (before, start) = (cpu(node.pid()), Instant::now());
    // A measurement over a time, and no wait for anything.
    std::thread::sleep(Duration::from_secs(5));
    (cpu(node.pid()) - before).as_secs_f64() / start.elapsed().as_secs_f64()
}

#[test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
fn idle_connections_and_half_sent_requests_cost_the_node_nothing() {
    allow_files(2_048);
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    let node = space.node_with_files(1_024, "flooded", &LOCAL);
    let rpc = node.rpc_address();
    let idle: Vec<_> = (0..1_010).map(|_| TcpStream::connect(rpc).expect("the system takes it")).collect();
    let half: Vec<_> = (0..100)
        .map(|_| {
            let mut stream = TcpStream::connect(rpc).expect("the system takes it");
            let head = "POST / HTTP/1.1\r\nHost: localhost\r\nContent-Type: application/json\r\nContent-Length: 1000\r\n\r\n{";
            // It may be closed already.
            let _ = stream.write_all(head.as_bytes());
            stream
        })
        .collect();
    let flags = join(&node);
    let joiner = space.node("joiner", &[&LOCAL[..], &[&flags[0], &flags[1]]].concat());
    joiner.joins(&node.peer_id());
    carries(&node, &joiner, "there");
    carries(&joiner, &node, "and back");
    let share = idle_share(&node);
    assert!(share < 0.10, "it uses {share:.3} of a core");
    assert!(node.lines_with("WARN") <= 1, "{}", node.said());
    drop((idle, half));
}

#[test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
fn a_node_without_descriptors_rests_says_so_once_and_recovers() {
    allow_files(2_048);
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    // So few that strangers who connect to the peers' port use up the rest.
    let node = space.node_with_files(64, "starved", &LOCAL);
    let (peers, rpc) = (tcp_address(&node), node.rpc_address());
    let strangers: Vec<_> = (0..200).map(|_| TcpStream::connect(peers).expect("the system takes it")).collect();
    let askers: Vec<_> = (0..50).map(|_| TcpStream::connect(rpc).expect("the system takes it")).collect();
    let share = idle_share(&node);
    assert!(share < 0.10, "it uses {share:.3} of a core");
    // Of the limit at the start, and one a listener.
    assert!((1..=3).contains(&node.lines_with("WARN")), "{}", node.said());
    drop((strangers, askers));
    let flags = join(&node);
    let joiner = space.node("joiner", &[&LOCAL[..], &[&flags[0], &flags[1]]].concat());
    joiner.joins(&node.peer_id());
    carries(&joiner, &node, "here again");
}
