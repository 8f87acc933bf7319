//! In the field: hosts with common addresses, and hosts with very many addresses.

use std::time::Duration;

use crate::support::namespaces::{Field, Space};

const TCP: &str = "/ip4/0.0.0.0/tcp/30400";
const QUIC: &str = "/ip4/0.0.0.0/udp/30400/quic-v1";

/// The addresses that two hosts with a container engine have in common.
const SHARED: &str = "172.17.0.1/16";

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn two_hosts_with_the_same_bridge_address_become_peers_over_a_slow_link() {
    let field = Field::new();
    let [hub, a, b] = ["hub", "a", "b"].map(|name| field.space(name));
    field.link((&hub, "eth1", "10.83.1.1/24"), (&a, "eth0", "10.83.1.2/24"));
    field.link((&hub, "eth2", "10.83.2.1/24"), (&b, "eth0", "10.83.2.2/24"));
    // Their own listeners on the bridge answer long before the other host can.
    field.slow_link((&a, "slow", "10.83.3.1/24"), (&b, "slow", "10.83.3.2/24"), Duration::from_millis(20));
    for host in [&a, &b] {
        host.bridge("docker0", SHARED);
    }
    let listen = ["--listen", TCP, "--listen", QUIC];
    let _hub = hub.node("hub", &listen);
    let join = |space: &Space, hub| space.node("node", &[&listen[..], &["--bootstrap", hub]].concat());
    let a = join(&a, "/ip4/10.83.1.1/tcp/30400");
    let b = join(&b, "/ip4/10.83.2.1/tcp/30400");
    a.joins(&b.peer_id());
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn a_host_with_250_addresses_is_found_by_those_that_others_can_use() {
    let field = Field::new();
    let [hub, a, b] = ["hub", "a", "b"].map(|name| field.space(name));
    field.network(&[(&hub, "10.83.0.1/24"), (&a, "10.83.0.2/24"), (&b, "10.83.0.3/24")]);
    a.bridge("docker0", SHARED);
    for n in 0..250 {
        a.ip(&["addr", "add", &format!("10.99.{n}.1/24"), "dev", "docker0"]);
    }
    let (listen, first) = (["--listen", TCP, "--listen", QUIC], "/ip4/10.83.0.1/tcp/30400");
    let _hub = hub.node("hub", &listen);
    // It looks for nobody but the hub itself, so it must be found.
    let a = a.node("node", &[&listen[..], &["--reserved-peer", first, "--max-peers-out", "0"]].concat());
    let b = b.node("node", &[&listen[..], &["--bootstrap", first]].concat());
    b.joins(&a.peer_id());
}
