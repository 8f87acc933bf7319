//! In the field: the messages of a node without peers about a machine that is not there, and about a name that
//! leads nowhere.

use crate::support::namespaces::{Field, Space};

/// Two namespaces with a link. Returns the second.
fn space(field: &Field) -> Space {
    let (a, b) = (field.space("a"), field.space("b"));
    field.link((&a, "eth0", "10.83.0.1/24"), (&b, "eth0", "10.83.0.2/24"));
    b.etc("hosts", "127.0.0.1 localhost\n");
    b
}

/// The final message of a node about this bootstrap address.
fn told(space: &Space, bootstrap: &str, hint: &str) {
    let node = space.node("node", &["--listen", "/ip4/0.0.0.0/tcp/4001", "--bootstrap", bootstrap]);
    let line = node.says(hint);
    assert!(line.contains("no peer is connected") && line.contains(bootstrap), "{line}");
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn of_a_machine_that_is_not_there_it_says_so() {
    let field = Field::new();
    told(&space(&field), "/ip4/10.83.0.77/tcp/4001", "the machine is down, or a firewall is in between");
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn of_a_machine_that_says_nothing_it_says_that_nothing_came_back() {
    let field = Field::new();
    let b = space(&field);
    // The machine is there, as far as the network knows, and whatever is sent to it is lost.
    b.ip(&["neighbour", "add", "10.83.0.78", "lladdr", "02:00:00:00:00:78", "dev", "eth0"]);
    told(&b, "/ip4/10.83.0.78/tcp/4001", "the machine is down, or a firewall is in between");
}

#[test]
#[ignore = "needs root and network namespaces: scripts/prove.sh field"]
fn of_a_name_that_nobody_can_tell_it_says_to_check_the_name() {
    let field = Field::new();
    let b = space(&field);
    // Nobody listens there.
    b.etc("resolv.conf", "nameserver 127.0.0.1\noptions timeout:1 attempts:1\n");
    told(&b, "/dns4/nowhere.test/tcp/4001", "check the name, and the name servers here");
}
