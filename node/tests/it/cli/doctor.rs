//! What the doctor makes of the facts that were gathered.

use std::path::PathBuf;
use std::time::Duration;

use node::cli::client::doctor::checks::{
    Clock, Dial, Facts, Files, Finding, Level, Node, Outcome, Place, Port, PortState, Secret, Speed, Up, examine,
    worst,
};
use node::cli::client::doctor::shown;
use node::rpc::command::{ReachStatus, ReachTest, RelayStatus};
use serde_json::Value;
use tempfile::tempdir;

use crate::support::program::node;

/// A machine and a node in good order.
fn well() -> Facts {
    let secret = |what, name: &str, mode| Secret { what, path: PathBuf::from(name), mode, own: true };
    Facts {
        node: Node::Up(Box::new(up())),
        files: Some(Files { soft: 1_024, hard: 65_536, needed: 536 }),
        clock: Clock { synchronised: Some(true), source: "systemd-timesyncd" },
        ports: vec![Port {
            address: "/ip4/0.0.0.0/tcp/30400".to_owned(),
            flag: "--listen",
            state: PortState::Ours,
        }],
        place: Place {
            path: Some("/d".into()),
            exists: true,
            space: Some((10 << 30, 20 << 30)),
            speed: Speed::Written { rate: 200 << 20, sync: Duration::from_millis(2) },
            files: vec![secret("data dir", "/d", 0o700), secret("key", "/d/key", 0o600)],
        },
        slow_start_after_idle: Some(false),
        receive_buffer: Some(2 << 20),
        uses_quic: true,
        dials: vec![Dial {
            address: "/dns4/boot.example.org/tcp/30400".to_owned(),
            outcome: Outcome::Open("192.0.2.1".to_owned(), Duration::from_millis(12)),
        }],
    }
}

fn up() -> Up {
    Up {
        listen: vec!["/ip4/192.168.1.7/tcp/30400".to_owned()],
        uptime: Duration::from_secs(3_600),
        peers: (3, 8),
        callers: vec!["/ip4/198.51.100.4/tcp/40000".to_owned()],
        ..Up::default()
    }
}

/// The only finding that is not ok.
fn fault(change: impl FnOnce(&mut Facts)) -> Finding {
    let mut facts = well();
    change(&mut facts);
    let mut bad: Vec<_> = examine(&facts).into_iter().filter(|finding| finding.level != Level::Ok).collect();
    assert_eq!(bad.len(), 1, "{bad:?}");
    bad.remove(0)
}

fn with(change: impl FnOnce(&mut Up)) -> Node {
    let mut node = up();
    change(&mut node);
    Node::Up(Box::new(node))
}

#[test]
fn nothing_is_wrong_with_a_machine_and_a_node_in_good_order() {
    let findings = examine(&well());
    assert_eq!(
        (worst(&findings), findings.iter().filter(|finding| finding.advice.is_some()).count()),
        (Level::Ok, 0)
    );
}

#[test]
fn each_fault_of_the_machine_is_one_finding_with_advice() {
    type Change = fn(&mut Facts);
    let cases: [(Level, &str, &str, Change); 13] = [
        (Level::Fail, "open files", "LimitNOFILE=5000", |facts| {
            facts.files = Some(Files { soft: 1_024, hard: 4_096, needed: 5_000 });
        }),
        (Level::Warn, "open files", "ulimit", |facts| facts.files = None),
        (Level::Warn, "clock", "chrony", |facts| facts.clock.synchronised = Some(false)),
        (Level::Warn, "clock", "chrony", |facts| facts.clock.synchronised = None),
        (Level::Warn, "clock of the tip", "date -u", |facts| {
            facts.node = with(|node| node.tip_age_ms = Some(-60_000));
        }),
        (Level::Fail, "port", "--listen", |facts| facts.ports[0].state = PortState::Taken),
        (Level::Fail, "port", "above 1023", |facts| {
            facts.ports[0].state = PortState::Refused("permission denied".to_owned());
        }),
        (Level::Fail, "disk space", "--prune-bytes", |facts| facts.place.space = Some((100 << 20, 20 << 30))),
        (Level::Warn, "disk space", "--prune-age", |facts| facts.place.space = Some((1 << 30, 20 << 30))),
        (Level::Warn, "disk speed", "faster disk", |facts| {
            facts.place.speed = Speed::Written { rate: 200 << 20, sync: Duration::from_millis(150) };
        }),
        (Level::Fail, "disk speed", "rights", |facts| facts.place.speed = Speed::Failed("read-only".to_owned())),
        (Level::Warn, "tcp slow start", "tcp_slow_start_after_idle=0", |facts| {
            facts.slow_start_after_idle = Some(true);
        }),
        (Level::Warn, "quic buffer", "rmem_default", |facts| facts.receive_buffer = Some(212_992)),
    ];
    for (level, check, advice, change) in cases {
        let found = fault(change);
        let told = found.advice.clone().unwrap_or_default();
        assert!((found.level, found.check) == (level, check) && told.contains(advice), "{found:?}");
    }
}

#[test]
fn files_that_others_may_read_are_faults_and_those_of_another_user_are_not_judged() {
    for (place, mode, wanted) in [(0, 0o722, "chmod 700 /d"), (1, 0o640, "chmod 600 /d/key")] {
        let found = fault(|facts| facts.place.files[place].mode = mode);
        assert!(
            found.level == Level::Fail && found.advice.unwrap_or_default().contains(wanted),
            "{}",
            found.found
        );
    }
    let found = fault(|facts| (facts.place.files[1].own, facts.place.files[1].mode) = (false, 0o644));
    assert_eq!((found.level, found.check), (Level::Warn, "key"));
}

#[test]
fn a_bootstrap_address_that_fails_is_a_fault_only_if_no_other_works() {
    let closed = || Dial {
        address: "/ip4/192.0.2.9/tcp/1".to_owned(),
        outcome: Outcome::Closed("Connection refused".to_owned()),
    };
    let one = fault(|facts| facts.dials.push(closed()));
    assert_eq!((one.level, one.check), (Level::Warn, "bootstrap"));
    let all = fault(|facts| facts.dials = vec![closed()]);
    assert!(all.level == Level::Fail && all.found.contains("No given address works"), "{all:?}");
    let name = Outcome::Unresolved("no such name".to_owned());
    let name = fault(|facts| facts.dials = vec![Dial { outcome: name, ..closed() }]);
    assert!(name.level == Level::Fail && name.advice.unwrap_or_default().contains("resolv.conf"));
    let slow =
        fault(|facts| facts.dials[0].outcome = Outcome::Open("192.0.2.1".to_owned(), Duration::from_secs(1)));
    assert!(slow.level == Level::Warn && slow.found.contains("slow"), "{slow:?}");
}

#[test]
fn only_a_peer_from_outside_that_dialled_the_node_proves_that_others_can() {
    let private = |node: &mut Up| node.callers = vec!["/ip4/192.168.1.9/tcp/40000".to_owned()];
    let found = fault(|facts| facts.node = with(private));
    assert!(found.level == Level::Warn && found.found.contains("peers of its own network"), "{found:?}");
    let seen_as = |ip: &str| vec![(ip.to_owned(), 4)];
    for (observed, said) in [
        (Vec::new(), "no peer said"),
        (seen_as("192.168.1.7"), "unless a firewall"),
        (seen_as("203.0.113.5"), "most likely a router"),
    ] {
        let found = fault(|facts| {
            facts.node = with(|node| (node.callers, node.observed) = (Vec::new(), observed));
        });
        assert!(found.check == "reachable" && found.found.contains("This is a guess"), "{found:?}");
        assert!(found.found.contains(said), "{found:?}");
    }
}

#[test]
fn a_test_of_reachability_is_told_with_who_made_it_and_the_relay_that_helps() {
    let test = |failure: Option<&str>| ReachTest {
        address: "/ip4/203.0.113.5/tcp/30400".to_owned(),
        by: "TESTER".to_owned(),
        ago_s: 1.0,
        failure: failure.map(str::to_owned),
    };
    let relay = |held| RelayStatus { peer_id: "RELAY".to_owned(), held, ..RelayStatus::default() };
    let told = |verdict: &str, is_told, tests, relays| {
        let reach = ReachStatus { verdict: verdict.to_owned(), is_told, tests, relays, ..ReachStatus::default() };
        let mut facts = well();
        facts.node = with(|node| (node.callers, node.reach) = (Vec::new(), reach));
        examine(&facts).into_iter().find(|finding| finding.check == "reachable").expect("it is looked at")
    };
    let yes = told("reachable", false, vec![test(None)], Vec::new());
    assert!(yes.level == Level::Ok && yes.found.contains("TESTER dialled it at /ip4/203.0.113.5"), "{yes:?}");
    let no = told("unreachable", false, vec![test(Some("no connection"))], vec![relay(true)]);
    for said in ["TESTER tried /ip4/203.0.113.5/tcp/30400: no connection", "through 1 relay(s): RELAY"] {
        assert!(no.level == Level::Warn && no.found.contains(said), "{no:?}");
    }
    assert!(no.advice.is_some_and(|advice| advice.contains("--upnp")));
    let alone = told("unreachable", false, vec![test(Some("no connection"))], vec![relay(false)]);
    assert!(alone.found.contains("cannot reach it at all"), "{alone:?}");
    assert_eq!(told("unreachable", true, Vec::new(), vec![relay(true)]).level, Level::Ok);
    assert!(told("unknown", false, Vec::new(), Vec::new()).found.contains("This is a guess"));
}

#[test]
fn the_doctor_looks_at_the_settings_of_a_run_wherever_they_stand() {
    let home = tempdir().expect("a directory");
    let file = home.path().join("mine.toml");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    std::fs::write(&file, format!("listen = \"/ip4/127.0.0.1/tcp/{port}\"\nrpc-addr = \"127.0.0.1:0\"\n"))
        .expect("a writable directory");
    let args = ["doctor", "--json", "--config"];
    let bad = node(home.path()).args(args).arg(&file).output().expect("it runs");
    let said: Value = serde_json::from_slice(&bad.stdout).expect("JSON");
    let port = said["findings"].as_array().and_then(|all| all.iter().find(|one| one["check"] == "port"));
    assert!(port.is_some_and(|port| port["level"] == "fail"), "{said}");
    // A flag wins, and a mistake in the file is told as by a run.
    let listen = ["--listen", "/ip4/127.0.0.1/tcp/0"];
    let good = node(home.path()).args(args).arg(&file).args(listen).output().expect("it runs");
    assert_eq!(good.status.code(), Some(0), "{}", String::from_utf8_lossy(&good.stdout));
    std::fs::write(&file, "max-peers = 1\n").expect("a writable directory");
    let wrong = node(home.path()).args(args).arg(&file).output().expect("it runs");
    assert_eq!(wrong.status.code(), Some(2));
}

#[test]
fn a_node_that_does_not_answer_is_a_fault_and_one_that_is_alone_a_warning() {
    let mut facts = well();
    facts.node = Node::Silent("it took longer than 15s".to_owned());
    let findings = examine(&facts);
    assert!(findings[0].level == Level::Fail && findings[0].found.contains("does not answer"), "{findings:?}");
    let alone = fault(|facts| facts.node = with(|node| node.peers = (0, 0)));
    assert!(alone.level == Level::Warn && alone.found.contains("hears of nothing"), "{alone:?}");
    let behind = fault(|facts| facts.node = with(|node| node.behind = Some("120 blocks".to_owned())));
    assert!(behind.found.contains("behind: 120 blocks"), "{behind:?}");
}

#[test]
fn findings_fit_into_the_width_and_have_colours_only_if_wanted() {
    let mut facts = well();
    facts.slow_start_after_idle = Some(true);
    let plain = shown(&examine(&facts), 80, false);
    assert!(plain.lines().all(|line| line.chars().count() <= 80), "{plain}");
    assert!(!plain.contains('\x1b') && plain.contains("warn  tcp slow start"), "{plain}");
    assert!(plain.ends_with(" ok, 1 warn, 0 fail"), "{plain}");
    assert!(shown(&examine(&facts), 80, true).contains("\x1b[33mwarn"));
}

#[test]
fn the_command_says_what_fails_and_with_its_exit_status_that_something_does() {
    let home = tempdir().expect("a directory");
    let taken = std::net::TcpListener::bind("127.0.0.1:0").expect("a port");
    let port = taken.local_addr().expect("an address").port();
    let listen = format!("/ip4/127.0.0.1/tcp/{port}");
    let args = ["doctor", "--json", "--rpc-addr", "127.0.0.1:0", "--listen"];
    let bad = node(home.path()).args(args).arg(&listen).output().expect("it runs");
    assert_eq!(bad.status.code(), Some(1));
    let said: Value = serde_json::from_slice(&bad.stdout).expect("JSON");
    assert_eq!(said["worst"], "fail");
    let port = said["findings"].as_array().and_then(|all| all.iter().find(|one| one["check"] == "port"));
    assert!(port.is_some_and(|port| port["found"].to_string().contains("another program has")), "{said}");
    drop(taken);
    let good = node(home.path()).args(args).arg(&listen).output().expect("it runs");
    assert_eq!(good.status.code(), Some(0), "{}", String::from_utf8_lossy(&good.stdout));
    // Nothing was made.
    assert!(std::fs::read_dir(home.path()).expect("readable").next().is_none());
}
