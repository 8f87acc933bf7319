//! What a relayed address says: it is the relay's, for groups and for limits, and few of them are kept.

use libp2p::swarm::{ConnectionId, NetworkBehaviour as _};
use libp2p::{Multiaddr, PeerId};
use node::net::addresses::{
    self, RELAYED_ADDRESSES_MAX, address_group, caller, dialable, is_relayed, plain, relay_of, split_peer,
};
use node::net::limits::{AddressBlocks, PER_IPV4_MAX};

const RELAY: &str = "12D3KooWEyoppNCUx8Yx66oV9fJnriXwCcXwDDUA2kj6vnc6iDEp";

fn address(text: &str) -> Multiaddr {
    text.parse().expect("a good address")
}

fn circuit(at: &str) -> Multiaddr {
    address(&format!("{at}/p2p/{RELAY}/p2p-circuit"))
}

#[test]
fn a_relayed_address_is_dialled_without_its_peer_and_only_through_one_relay_with_an_id() {
    let bare = circuit("/ip4/198.51.100.1/tcp/1");
    let full = bare.clone().with_p2p(PeerId::random()).expect("it ends without one");
    assert_eq!(dialable(full.clone()), Some(bare.clone()));
    assert_eq!(relay_of(&bare), Some((address("/ip4/198.51.100.1/tcp/1"), RELAY.parse().expect("an id"))));
    for wrong in [
        "/ip4/198.51.100.1/tcp/1/p2p-circuit".to_owned(),
        format!("/ip4/198.51.100.1/tcp/0/p2p/{RELAY}/p2p-circuit"),
        format!("/dns4/relay.example.org/tcp/1/p2p/{RELAY}/p2p-circuit"),
        format!("/p2p/{RELAY}/p2p-circuit"),
        format!("/ip4/198.51.100.1/tcp/1/p2p/{RELAY}/p2p-circuit/p2p/{RELAY}/p2p-circuit"),
    ] {
        assert_eq!(dialable(address(&wrong)), None, "{wrong}");
    }
    assert_eq!(plain(&full), bare, "another node's address at the same relay differs by the relay's id only");
    assert_eq!(split_peer(&full).0, bare);
}

#[test]
fn a_peer_that_came_through_a_relay_counts_at_the_relays_address() {
    let local = circuit("/ip4/198.51.100.1/tcp/1");
    let remote = Multiaddr::empty().with_p2p(PeerId::random()).expect("empty");
    let from = caller(&local, &remote);
    assert!(is_relayed(&from));
    assert_eq!(address_group(&from, false), address_group(&address("/ip4/198.51.7.7/tcp/9"), false));
    let direct = address("/ip4/203.0.113.9/tcp/9");
    assert_eq!(caller(&address("/ip4/10.0.0.1/tcp/1"), &direct), direct);

    let mut blocks = AddressBlocks::new(true);
    let mut comes = |n| blocks.handle_pending_inbound_connection(ConnectionId::new_unchecked(n), &local, &remote);
    assert!((0..PER_IPV4_MAX).all(|n| comes(n).is_ok()));
    assert!(comes(PER_IPV4_MAX).is_err(), "as many as from any other address");
}

#[test]
fn few_relayed_addresses_of_a_node_are_kept_whatever_it_tells() {
    let told = (0..9).map(|n| circuit(&format!("/ip4/198.51.100.{n}/tcp/1")));
    let direct = address("/ip4/203.0.113.1/tcp/1");
    let kept = addresses::best(told.chain([direct.clone()]), &[], 10);
    assert_eq!(kept.iter().filter(|address| is_relayed(address)).count(), RELAYED_ADDRESSES_MAX);
    assert!(kept.contains(&direct));
}
