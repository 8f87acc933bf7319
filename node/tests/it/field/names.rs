//! In the field: names that lead elsewhere the next time, and resolver settings that change while a node runs.

use std::net::{Ipv4Addr, UdpSocket};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex};
use std::thread::{sleep, spawn};
use std::time::Duration;

use crate::support::namespaces::{Field, Process, Space, until};

const LISTEN: &str = "/ip4/0.0.0.0/tcp/4001";
const BY_NAME: &str = "/dns4/join.test/tcp/4001";
const A: Ipv4Addr = Ipv4Addr::new(10, 83, 0, 1);
const B: Ipv4Addr = Ipv4Addr::new(10, 83, 0, 2);

/// A name server that gives one answer to every question for an IPv4 address. Its thread ends with the process.
struct NameServer {
    answer: Arc<Mutex<Vec<Ipv4Addr>>>,
    asked: Arc<AtomicUsize>,
}

impl NameServer {
    fn start(space: &Space, ip: Ipv4Addr, answer: &[Ipv4Addr]) -> Self {
        let socket = space.inside(move || UdpSocket::bind((ip, 53))).expect("a free port");
        let answer = Arc::new(Mutex::new(answer.to_vec()));
        let asked = Arc::new(AtomicUsize::new(0));
        let (answers, count) = (Arc::clone(&answer), Arc::clone(&asked));
        spawn(move || {
            let mut query = [0; 512];
            while let Ok((length, from)) = socket.recv_from(&mut query) {
                if let Some(reply) = reply(&query[..length], &answers.lock().expect("no panic")) {
                    count.fetch_add(1, Ordering::Relaxed);
                    // Whoever asked may be gone.
                    let _ = socket.send_to(&reply, from);
                }
            }
        });
        Self { answer, asked }
    }

    fn answer(&self, with: &[Ipv4Addr]) {
        *self.answer.lock().expect("no panic") = with.to_vec();
    }

    fn asked(&self) -> usize {
        self.asked.load(Ordering::Relaxed)
    }
}

/// The question with its answers. Any client may keep each answer for an hour.
fn reply(query: &[u8], answers: &[Ipv4Addr]) -> Option<Vec<u8>> {
    let name = query.get(12..)?.iter().position(|byte| *byte == 0)?;
    let question = query.get(12..12 + name + 5)?;
    let answers = if question.ends_with(&[0, 1, 0, 1]) { answers } else { &[] };
    let mut reply = query.get(..2)?.to_vec();
    reply.extend([0x85, 0x80, 0, 1, 0, u8::try_from(answers.len()).ok()?, 0, 0, 0, 0]);
    reply.extend(question);
    for ip in answers {
        reply.extend([0xc0, 12, 0, 1, 0, 1, 0, 0, 0x0e, 0x10, 0, 4]);
        reply.extend(ip.octets());
    }
    Some(reply)
}

/// Two namespaces with a link, and a node in the first.
fn target(field: &Field) -> (Process, Space) {
    let (a, b) = (field.space("a"), field.space("b"));
    field.link((&a, "eth0", "10.83.0.1/24"), (&b, "eth0", "10.83.0.2/24"));
    b.etc("hosts", "127.0.0.1 localhost\n");
    (a.node("target", &["--listen", LISTEN]), b)
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_name_that_led_to_the_node_itself_is_resolved_again_and_followed() {
    let field = Field::new();
    let (target, b) = target(&field);
    b.etc("resolv.conf", "nameserver 127.0.0.1\n");
    let server = NameServer::start(&b, Ipv4Addr::LOCALHOST, &[B]);
    let node = b.node("node", &["--listen", LISTEN, "--bootstrap", BY_NAME]);
    until(|| (server.asked() >= 3).then_some(())).expect("it asks again");
    server.answer(&[A]);
    node.joins(&target.peer_id());
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn of_several_records_those_that_are_not_this_node_are_dialled_in_whatever_order_they_come() {
    let field = Field::new();
    let (target, b) = target(&field);
    b.etc("resolv.conf", "nameserver 127.0.0.1\n");
    for (n, answer) in [[A, B], [B, A]].iter().enumerate() {
        let ip = Ipv4Addr::new(127, 0, 0, u8::try_from(n).expect("two") + 1);
        b.etc("resolv.conf", &format!("nameserver {ip}\n"));
        let _server = NameServer::start(&b, ip, answer);
        let node = b.node(&format!("node-{n}"), &["--listen", LISTEN, "--bootstrap", BY_NAME]);
        node.joins(&target.peer_id());
    }
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_changed_name_server_is_asked_without_a_restart() {
    let field = Field::new();
    let (target, b) = target(&field);
    b.etc("resolv.conf", "nameserver 127.0.0.1\n");
    let old = NameServer::start(&b, Ipv4Addr::LOCALHOST, &[]);
    let _new = NameServer::start(&b, Ipv4Addr::new(127, 0, 0, 53), &[A]);
    let node = b.node("node", &["--listen", LISTEN, "--bootstrap", BY_NAME]);
    let line = node.says("no peer is connected");
    assert!(line.contains("the name has no address: check the name") && old.asked() > 0, "{line}");
    b.etc("resolv.conf", "nameserver 127.0.0.53\n");
    node.joins(&target.peer_id());
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn without_a_name_server_a_node_runs_and_follows_the_hosts_file() {
    let field = Field::new();
    let (target, b) = target(&field);
    b.etc("resolv.conf", "# nothing here\n");
    let node = b.node("node", &["--listen", LISTEN, "--bootstrap", BY_NAME]);
    let line = node.says("no peer is connected");
    assert!(line.contains("no name server to ask") && line.contains("/etc/resolv.conf"), "{line}");
    b.etc("hosts", "127.0.0.1 localhost\n10.83.0.1 join.test\n");
    node.joins(&target.peer_id());
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_name_that_leads_to_the_node_itself_and_elsewhere_blames_no_other_machine() {
    let field = Field::new();
    let (_target, b) = target(&field);
    // It listens behind this address and does not know it; nobody has the other one.
    let (itself, nobody) = (Ipv4Addr::new(127, 0, 1, 1), Ipv4Addr::new(10, 83, 0, 77));
    let answers = [[A, itself], [itself, A], [nobody, itself], [itself, nobody]];
    let mut running = Vec::new();
    for (n, answer) in (1..).zip(answers) {
        let ip = Ipv4Addr::new(127, 0, 0, n);
        b.etc("resolv.conf", &format!("nameserver {ip}\n"));
        let server = NameServer::start(&b, ip, &answer);
        let (listen, name) = (format!("/ip4/0.0.0.0/tcp/{}", 4001 + u16::from(n)), format!("node-{n}"));
        let bootstrap = format!("/dns4/join.test/tcp/{}", 4001 + u16::from(n));
        let node = b.node(&name, &["--listen", &listen, "--bootstrap", &bootstrap]);
        until(|| (server.asked() > 0).then_some(())).expect("it asks");
        running.push((server, node));
    }
    sleep(Duration::from_secs(30));
    for (_, node) in &running {
        assert_eq!(node.lines_with("another machine"), 0, "{}", node.said());
    }
}

/// A node runs with these resolver settings. Its namespace has them instead of the whole of `/etc`. The node joins
/// the node whose address needs no name, and says why the name leads nowhere.
fn runs_with(resolv_conf: impl FnOnce(&Space), says: &str) {
    let field = Field::new();
    let (target, b) = target(&field);
    b.only_etc();
    b.etc("hosts", "127.0.0.1 localhost\n");
    resolv_conf(&b);
    let lonely = b.node("lonely", &["--listen", "/ip4/0.0.0.0/tcp/4002", "--bootstrap", BY_NAME]);
    let line = lonely.says("no peer is connected");
    assert!(line.contains(BY_NAME) && line.contains(says), "{line}");
    let by_address = format!("/ip4/{A}/tcp/4001");
    let node = b.node("node", &["--listen", LISTEN, "--bootstrap", BY_NAME, "--bootstrap", &by_address]);
    node.joins(&target.peer_id());
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_node_runs_without_resolver_settings() {
    runs_with(|_| {}, "no name server to ask: /etc/resolv.conf: ");
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_node_runs_with_empty_resolver_settings() {
    runs_with(|b| b.etc("resolv.conf", ""), "no name server to ask: /etc/resolv.conf: ");
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_node_runs_with_resolver_settings_of_comments_only() {
    runs_with(|b| b.etc("resolv.conf", "# nameserver 127.0.0.1\n; nothing\n"), "no name server to ask");
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_node_runs_with_resolver_settings_that_cannot_be_read() {
    // Root may read whatever has a mode; a directory it can't.
    runs_with(|b| b.etc_dir("resolv.conf"), "no name server to ask: /etc/resolv.conf: ");
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn one_bad_search_domain_keeps_no_name_from_being_asked_for() {
    let field = Field::new();
    let (target, b) = target(&field);
    b.etc("resolv.conf", "search good.test bad..test\nnameserver 127.0.0.1\n");
    let server = NameServer::start(&b, Ipv4Addr::LOCALHOST, &[A]);
    let node = b.node("node", &["--listen", LISTEN, "--bootstrap", BY_NAME]);
    node.joins(&target.peer_id());
    assert!(server.asked() > 0);
}
