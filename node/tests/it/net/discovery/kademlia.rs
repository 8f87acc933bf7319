//! Kademlia's table: how much of it one peer and one address group may fill, whatever they say.

use libp2p::{Multiaddr, PeerId, StreamProtocol};
use node::net::discovery::book::{Group, PEER_ADDRESSES_MAX, SOURCE_BURST, slot_group};
use node::net::discovery::kademlia::{GROUP_PEERS_MAX, Kademlia};
use protocol::time::{Duration, Time};

fn table() -> Kademlia {
    Kademlia::new(PeerId::random(), StreamProtocol::new("/test/kad/1"))
}

fn address(group: u16, host: u16) -> Multiaddr {
    let (a, b, [c, d]) = (20 + group / 200, group % 200, host.to_be_bytes());
    format!("/ip4/{a}.{b}.{c}.{d}/tcp/7").parse().expect("an address")
}

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

/// Whether the peer is in the table after it told this on a connection from this address.
fn tell(table: &mut Kademlia, peer: &PeerId, told: &[Multiaddr], from: &Multiaddr, second: u64) -> bool {
    table.on_told(peer, told, from, Group::of(from, false), at(second));
    table.addresses_of(peer).is_some()
}

#[test]
fn a_peer_that_tells_new_addresses_again_and_again_has_no_more_than_it_may() {
    let (mut table, peer, from) = (table(), PeerId::random(), address(1, 1));
    for time in 0..50 {
        let told: Vec<Multiaddr> = (0..PEER_ADDRESSES_MAX as u16).map(|n| address(time, n)).collect();
        assert!(tell(&mut table, &peer, &told, &from, 0));
        let held = table.addresses_of(&peer).expect("it is in the table");
        assert_eq!(held.len(), PEER_ADDRESSES_MAX);
        let new = |address: &Multiaddr| held.contains(&address.clone().with_p2p(peer).expect("no id yet"));
        assert!(told.iter().all(new), "what it tells now is what stands there");
    }
    let one = [address(9, 9)];
    assert!(tell(&mut table, &peer, &one, &from, 0));
    let held = table.addresses_of(&peer).expect("it is in the table");
    assert_eq!(held.len(), PEER_ADDRESSES_MAX, "what was told before stays, as far as there is room");
    assert!(held.contains(&one[0].clone().with_p2p(peer).expect("no id yet")));
}

#[test]
fn whoever_names_addresses_in_other_groups_counts_where_it_is_and_shuts_nobody_out() {
    let mut table = table();
    let entries = (0..1_000).filter(|n| {
        // It connects from one group, and names an address in another each time, and honest peers' in one of two.
        let told = [address(if n % 2 == 0 { 7 } else { 100 + n }, 1_000 + n)];
        tell(&mut table, &PeerId::random(), &told, &address(1, *n), u64::from(*n))
    });
    let entries = entries.count();
    assert!((1..=GROUP_PEERS_MAX).contains(&entries), "{entries} of one group");
    let honest =
        (0..20).filter(|n| tell(&mut table, &PeerId::random(), &[address(7, *n)], &address(7, *n), 1_000));
    assert!(honest.count() >= GROUP_PEERS_MAX / 2, "its group has its share");
}

#[test]
fn a_machines_newcomers_are_rationed_where_no_group_bounds_them() {
    let mut table = table();
    let from: Multiaddr = "/ip4/10.0.0.1/tcp/7".parse().expect("an address");
    assert_eq!(slot_group(&from), None);
    let entries =
        (0..1_000).filter(|_| tell(&mut table, &PeerId::random(), std::slice::from_ref(&from), &from, 0)).count();
    assert!((1..=SOURCE_BURST as usize).contains(&entries), "{entries} at once");
}
