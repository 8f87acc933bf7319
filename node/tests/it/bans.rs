//! Bans end, are bounded, and cover what a host can hop within.

use libp2p::PeerId;
use node::bans::{BAN_TIME, BANS_LISTED_MAX, BANS_MAX, Banned, Bans};
use protocol::time::{Duration, Time};

#[test]
fn a_ban_ends() {
    let (peer, mut bans) = (PeerId::random(), Bans::default());
    let ip = "198.51.100.7".parse().expect("an address");
    bans.add(peer, Some(ip), "bad_ack", Time::ZERO);
    let last = Time::ZERO + (BAN_TIME - Duration::from_micros(1));
    assert!(bans.has_peer(&peer, last) && bans.has_address(ip, last));
    assert!(!bans.has_peer(&peer, Time::ZERO + BAN_TIME) && !bans.has_address(ip, Time::ZERO + BAN_TIME));
}

#[test]
fn bans_are_bounded_and_the_oldest_makes_room() {
    let mut bans = Bans::default();
    let peers: Vec<_> = (0..=BANS_MAX).map(|_| PeerId::random()).collect();
    for (at, peer) in peers.iter().enumerate() {
        bans.add(*peer, None, "bad_ack", Time::from_micros(at as u64));
    }
    let now = Time::from_micros(BANS_MAX as u64);
    assert_eq!(peers.iter().filter(|peer| bans.has_peer(peer, now)).count(), BANS_MAX);
    assert!(!bans.has_peer(&peers[0], now));
}

#[test]
fn the_latest_bans_are_listed_addresses_first_and_no_more_than_stated() {
    let mut bans = Bans::default();
    let peers: Vec<_> = (0..=BANS_LISTED_MAX).map(|_| PeerId::random()).collect();
    for (at, peer) in peers.iter().enumerate() {
        let ip = format!("2001:db8:1:{at:x}::1").parse().expect("an address");
        bans.add(*peer, Some(ip), "bad_ack", Time::from_micros(at as u64));
    }
    let listed = bans.list(Time::ZERO);
    assert_eq!(listed.len(), 2 * BANS_LISTED_MAX);
    let last = Duration::from_micros(BANS_LISTED_MAX as u64) + BAN_TIME;
    let told = |who: String| Banned { who, reason: "bad_ack".into(), left: last };
    assert_eq!(listed[0], told(format!("2001:db8:1:{BANS_LISTED_MAX:x}::/64")));
    assert_eq!(listed[BANS_LISTED_MAX], told(peers[BANS_LISTED_MAX].to_string()));
    assert!(listed.iter().all(|ban| ban.who != peers[0].to_string() && ban.who != "2001:db8:1::/64"));
    assert_eq!(bans.list(Time::ZERO + last), []);
}

#[test]
fn an_ipv6_ban_covers_the_64() {
    let mut bans = Bans::default();
    bans.add(PeerId::random(), Some("2001:db8:1:2::1".parse().expect("an address")), "bad_ack", Time::ZERO);
    assert!(bans.has_address("2001:db8:1:2:9::5".parse().expect("an address"), Time::ZERO));
    assert!(!bans.has_address("2001:db8:1:3::1".parse().expect("an address"), Time::ZERO));
}
