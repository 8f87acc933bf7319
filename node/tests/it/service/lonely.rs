//! A node without peers tells the result for each address. Each cause reads differently, and the message says what
//! to do.

use std::io::ErrorKind;
use std::net::{TcpListener, TcpStream};
use std::time::Duration;

use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use node::net::discovery::Trouble;
use node::net::limits::PER_IPV4_MAX;
use node::net::reason::CloseReason;
use node::service::say::trouble;
use tempfile::tempdir;

use crate::support::namespaces::{Process, Space, until};

const LISTEN: [&str; 2] = ["--listen", "/ip4/127.0.0.1/tcp/0"];

#[test]
fn each_cause_has_words_of_its_own_and_says_what_to_do() {
    let address: Multiaddr = "/ip4/192.0.2.1/tcp/1".parse().expect("an address");
    let unreachable = |text: &str| Some(Trouble::Unreachable(text.to_owned()));
    let closed = |reason| Some(Trouble::Closed(reason));
    let found = PeerId::random();
    let cases = [
        (None, "no answer yet"),
        (unreachable("Connection refused (os error 111)"), "no node listens there"),
        (unreachable("Timeout has been reached"), "the machine is down"),
        (unreachable("No route to host (os error 113)"), "the machine is down"),
        (unreachable("the name could not be resolved: no records"), "check the name"),
        (unreachable("the name has no address"), "check the name"),
        (unreachable("no name server to ask: /etc/resolv.conf: gone"), "name servers here"),
        (unreachable("Connection reset by peer (os error 104)"), "takes no more connections"),
        (unreachable("Handshake failed: unexpected end of file"), "takes no more connections"),
        (unreachable("Handshake failed: Broken pipe (os error 32)"), "takes no more connections"),
        (Some(Trouble::Another(found)), "the id behind /p2p/"),
        (closed(CloseReason::Unsupported), "compare --network"),
        (closed(CloseReason::OtherVersion), "update the older one"),
        (closed(CloseReason::Declined), "it is full"),
        (closed(CloseReason::PingTimeout), "answered no ping"),
        (Some(Trouble::Ourselves), "give another node's address"),
        (Some(Trouble::Denied("the peer misbehaved".to_owned())), "this node denies the connection"),
        (Some(Trouble::NoWordYet), "somebody answers there"),
    ];
    for (cause, hint) in cases {
        let text = trouble(&address, cause.as_ref());
        assert!(text.starts_with("/ip4/192.0.2.1/tcp/1: ") && text.contains(hint), "{text}");
        assert!(text.matches("/ip4/192.0.2.1").count() == 1, "{text}");
    }
}

/// A node that another one should join.
fn target(space: &Space, args: &[&str]) -> (Process, Multiaddr) {
    let target = space.node("target", &[&LISTEN[..], args].concat());
    let address = target.status().listen.first().expect("it listens").parse().expect("an address");
    (target, address)
}

fn without_id(mut address: Multiaddr) -> Multiaddr {
    address.pop();
    address
}

/// The last warning of a node with this bootstrap address. The first warning may come before a slow dial has
/// ended.
fn warning(space: &Space, bootstrap: &Multiaddr, args: &[&str], hint: &str) -> String {
    let bootstrap = bootstrap.to_string();
    let node = space.node("node", &[&LISTEN[..], &["--ephemeral", "--bootstrap", &bootstrap], args].concat());
    let line = node.says(hint);
    assert!(line.contains("no peer is connected"), "{line}");
    assert!(line.contains(without_id_text(&bootstrap)), "the address is missing: {line}");
    line
}

fn without_id_text(address: &str) -> &str {
    address.split("/p2p/").next().unwrap_or(address)
}

#[test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
fn nobody_there_another_id_another_network_and_no_slot_read_differently() {
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
    let nobody = format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("an address");
    let line = warning(&space, &nobody, &[], "no node listens there");
    assert!(line.contains("refused"), "{line}");

    let (target, address) = target(&space, &["--max-peers-in", "0", "--max-peers-out", "0"]);
    let other_id = without_id(address.clone()).with(Protocol::P2p(PeerId::random()));
    let line = warning(&space, &other_id, &[], "another node than was asked for");
    assert!(line.contains(&target.peer_id()), "{line}");
    warning(&space, &address, &["--network", "other"], "compare --network");
    warning(&space, &address, &[], "had no slot for us: it is full");
    let line = target.says("turned away");
    assert!(line.contains("found no gossip slot (--max-peers-in 0"), "{line}");
}

#[test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
fn an_address_that_is_the_nodes_own_is_named_as_such() {
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    let port = TcpListener::bind("127.0.0.1:0").expect("a free port").local_addr().expect("bound").port();
    let own: Multiaddr = format!("/ip4/127.0.0.1/tcp/{port}").parse().expect("an address");
    let listen = own.to_string();
    // Without its id.
    let first = space.node("own", &["--listen", &listen, "--bootstrap", &listen]);
    let itself = "leads to this node itself: give another node's address";
    let line = first.says(itself);
    assert!(line.contains("no peer is connected"), "{line}");
    let id = first.peer_id();
    drop(first);
    // With it: it is never dialled, and so nothing ever fails.
    let whole = format!("{listen}/p2p/{id}");
    let line = space.node("own", &["--listen", &listen, "--bootstrap", &whole]).says(itself);
    assert!(line.contains("no peer is connected") && line.contains(&listen), "{line}");
}

#[test]
#[ignore = "real nodes for some seconds: run by the gate, one by one"]
fn an_address_with_eight_connections_is_told_of_at_both_ends() {
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    let (target, address) = target(&space, &[]);
    let port = address.iter().find_map(|part| if let Protocol::Tcp(port) = part { Some(port) } else { None });
    let connect = || TcpStream::connect(("127.0.0.1", port.expect("TCP"))).expect("it listens");
    // They say nothing and are closed after ten seconds, so there are new ones all the time.
    let stop = std::sync::Arc::new(std::sync::atomic::AtomicBool::new(false));
    let stopped = std::sync::Arc::clone(&stop);
    let crowd: Vec<_> = (0..PER_IPV4_MAX).map(|_| connect()).collect();
    let keeper = std::thread::spawn(move || {
        let mut crowd = crowd;
        while !stopped.load(std::sync::atomic::Ordering::Relaxed) {
            for stream in &mut crowd {
                stream.set_nonblocking(true).expect("a socket");
                let open = |error: std::io::Error| error.kind() == ErrorKind::WouldBlock;
                let is_open = match stream.peek(&mut [0]) {
                    Ok(read) => read > 0,
                    Err(error) => open(error),
                };
                if !is_open {
                    *stream = TcpStream::connect(("127.0.0.1", port.expect("TCP"))).expect("it listens");
                }
            }
            std::thread::sleep(Duration::from_millis(20));
        }
    });
    warning(&space, &address, &[], "it takes no more connections from this address");
    let told = until(|| (target.lines_with("turned away") > 0).then(|| target.says("turned away")));
    stop.store(true, std::sync::atomic::Ordering::Relaxed);
    keeper.join().expect("no panic");
    let told = told.unwrap_or_else(|| panic!("it never said so: {}", target.said()));
    assert!(told.contains("came from an address that has 8 already"), "{told}");
}
