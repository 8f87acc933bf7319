//! Checks of the node's place in its network: whether it runs, whether it reaches others, whether others reach it.

use std::net::IpAddr;

use libp2p::Multiaddr;

use super::{Dial, Finding, Node, Outcome, Up};
use crate::net::addresses::{Scope, ip_of, scope_of};
use crate::rpc::command::ReachStatus;

/// A node that has run for less than this may not have been dialled yet.
const YOUNG_S: u64 = 600;

/// A connection that takes longer than this to open makes a poor first peer.
const SLOW_MS: u128 = 500;

pub(super) fn node(node: &Node) -> Finding {
    const CHECK: &str = "node";
    match node {
        Node::Absent => {
            Finding::ok(CHECK, "none runs here, so only the machine and the given addresses are checked")
        }
        Node::Silent(error) => Finding::fail(
            CHECK,
            format!("a node runs here and does not answer: {error}"),
            "look at its log; if it hangs, stop it with SIGTERM, and report what it logged",
        ),
        Node::Up(up) => running(up),
    }
}

fn running(up: &Up) -> Finding {
    const CHECK: &str = "node";
    let (inbound, outbound) = up.peers;
    let minutes = up.uptime.as_secs() / 60;
    let text = format!("it runs for {minutes} min. Peers that dialled it: {inbound}; that it dialled: {outbound}");
    if let Some(behind) = &up.behind {
        let advice = "docs/OPERATING.md says what each cause means, under `Behind`";
        return Finding::warn(CHECK, format!("{text}. It is behind: {behind}"), advice);
    }
    if inbound + outbound == 0 {
        let advice = "give it the address of another node with --bootstrap, or have another node join it";
        return Finding::warn(CHECK, format!("{text}: it hears of nothing"), advice);
    }
    Finding::ok(CHECK, text)
}

pub(super) fn dials(dials: &[Dial], node: &Node) -> Vec<Finding> {
    const CHECK: &str = "bootstrap";
    if dials.is_empty() {
        let connected = matches!(node, Node::Up(up) if up.peers.0 + up.peers.1 > 0);
        return vec![match connected {
            true => Finding::ok(CHECK, "no address was given to the doctor, and the node has peers"),
            false => Finding::warn(
                CHECK,
                "no address was given, so it is unknown whether other nodes can be reached",
                "give the doctor the same --bootstrap addresses as the node",
            ),
        }];
    }
    let reached = dials.iter().filter(|dial| matches!(dial.outcome, Outcome::Open(..) | Outcome::NotTried(_)));
    let none = reached.count() == 0;
    dials.iter().map(|dial| of_dial(dial, none)).collect()
}

/// One address that fails does no harm as long as another one works.
fn of_dial(dial: &Dial, none_works: bool) -> Finding {
    const CHECK: &str = "bootstrap";
    let address = &dial.address;
    let bad = |found: String, advice: &str| {
        let found = if none_works { format!("{found}. No given address works") } else { found };
        let finding = Finding::warn(CHECK, found, advice);
        if none_works { Finding { level: super::Level::Fail, ..finding } } else { finding }
    };
    match &dial.outcome {
        Outcome::Open(ip, took) if took.as_millis() > SLOW_MS => Finding::warn(
            CHECK,
            format!("{address} answers at {ip}, after {} ms, which is slow", took.as_millis()),
            "give an address nearer to this machine as well",
        ),
        Outcome::Open(ip, took) => {
            Finding::ok(CHECK, format!("{address} answers at {ip}, after {:.1} ms", took.as_secs_f64() * 1e3))
        }
        Outcome::NotTried(ips) => Finding::ok(
            CHECK,
            format!("{address} leads to {}. It is QUIC's, and only a node can try it", ips.join(", ")),
        ),
        Outcome::Unresolved(error) => bad(
            format!("the name in {address} leads to no address: {error}"),
            "check the name, and the name servers in /etc/resolv.conf",
        ),
        Outcome::Closed(error) => bad(
            format!("nobody answers at {address}: {error}"),
            "check that the node there runs, and that no firewall is in between",
        ),
    }
}

/// Whether others can dial this node. A peer that did dial it is proof, and so is a test that worked (AutoNAT). A test
/// that failed is one peer's word. Without a test everything else is a guess, which says so.
pub(super) fn reachable(node: &Node) -> Finding {
    const CHECK: &str = "reachable";
    let Node::Up(up) = node else {
        return Finding::warn(
            CHECK,
            "only a running node has heard from others whether they reach it",
            "start the node, and ask again after ten minutes",
        );
    };
    let public = |text: &&String| ip(text).is_some_and(|ip| scope_of(ip) == Scope::Public);
    if let Some(caller) = up.callers.iter().find(public) {
        return Finding::ok(CHECK, format!("yes: a peer dialled it from {caller}"));
    }
    if let Some(found) = told(&up.reach) {
        return found;
    }
    let seen = observed(up);
    if let Some(caller) = up.callers.first() {
        return Finding::warn(
            CHECK,
            format!("peers of its own network dialled it, such as {caller}; nothing shows that others can.{seen}"),
            "this is no fault in a private network. For others, forward the port, and name it with --external-addr",
        );
    }
    if up.listen.is_empty() {
        let advice = "give an address to listen on with --listen";
        return Finding::fail(CHECK, "no: the node listens nowhere", advice);
    }
    let own: Vec<IpAddr> = up.listen.iter().filter_map(|text| ip(text)).collect();
    if own.iter().all(IpAddr::is_loopback) {
        let advice = "listen on an address of this machine with --listen, if others should join through this node";
        return Finding::warn(
            CHECK,
            format!("no: it listens on loopback only, and no peer dialled it.{seen}"),
            advice,
        );
    }
    let wait = if up.uptime.as_secs() < YOUNG_S { "; it started a short while ago" } else { "" };
    let matches = up.observed.iter().any(|(seen, _)| seen.parse().is_ok_and(|seen: IpAddr| own.contains(&seen)));
    let (guess, advice) = if matches {
        (
            "peers see it under an address on which it listens, so most likely they can, unless a firewall drops their dials",
            "open the port in the firewall, and ask again after ten minutes",
        )
    } else if up.observed.is_empty() {
        ("no peer said under which address it sees this node", "wait until the node has peers, and ask again")
    } else {
        (
            "peers see it under another address than those on which it listens, so most likely a router is in between, and \
          they cannot",
            "forward the port in the router, and name the outer address with --external-addr",
        )
    };
    Finding::warn(CHECK, format!("no peer has dialled it yet{wait}. This is a guess: {guess}.{seen}"), advice)
}

/// What tests, or the operator, say; `None` if neither says anything.
fn told(reach: &ReachStatus) -> Option<Finding> {
    const CHECK: &str = "reachable";
    let relays: Vec<&str> =
        reach.relays.iter().filter(|relay| relay.held).map(|relay| relay.peer_id.as_str()).collect();
    let through = match relays.as_slice() {
        [] => "no relay has a reservation for it, so others cannot reach it at all".to_owned(),
        relays => format!("others reach it through {} relay(s): {}", relays.len(), relays.join(", ")),
    };
    let advice = "forward the port in the router and name the outer address with --external-addr, or try --upnp; \
                  without that, name relays with --relay-addr";
    let worked = reach.tests.iter().find(|test| test.failure.is_none());
    let failed: Vec<String> = (reach.tests.iter())
        .filter_map(|test| Some(format!("{} tried {}: {}", test.by, test.address, test.failure.as_ref()?)))
        .collect();
    match (reach.verdict.as_str(), worked) {
        ("reachable", Some(test)) => {
            Some(Finding::ok(CHECK, format!("yes: {} dialled it at {}", test.by, test.address)))
        }
        ("unreachable", _) if reach.is_told => {
            let found = format!("no, says --reachability private; {through}");
            Some(if relays.is_empty() { Finding::warn(CHECK, found, advice) } else { Finding::ok(CHECK, found) })
        }
        ("unreachable", _) => Some(Finding::warn(CHECK, format!("no: {}; {through}", failed.join("; ")), advice)),
        _ => None,
    }
}

fn observed(up: &Up) -> String {
    let told: Vec<String> = up.observed.iter().map(|(ip, count)| format!("{ip} ({count})")).collect();
    if told.is_empty() { String::new() } else { format!(" Peers see it as {}", told.join(", ")) }
}

fn ip(text: &str) -> Option<IpAddr> {
    text.parse::<Multiaddr>().ok().as_ref().and_then(ip_of)
}
