//! Bans end, are bounded, cover the addresses among which a host can change, and are kept for another run.

use libp2p::PeerId;
use node::net::bans::{self, BAN_TIME, BANS_LISTED_MAX, BANS_MAX, Banned, Bans, KeptBan, Who};
use node::store::{NOTE_BYTES_MAX, Note, Store as _, StoreError};
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

#[test]
fn a_ban_goes_on_in_the_next_run_for_as_long_as_was_left_and_no_longer_than_a_new_one() {
    let (peer, mut bans) = (PeerId::random(), Bans::default());
    let ips = ["198.51.100.7", "2001:db8:1:2::1"].map(|ip| ip.parse().expect("an address"));
    bans.add(peer, Some(ips[0]), "bad_ack", Time::ZERO);
    bans.add(PeerId::random(), Some(ips[1]), "undecodable", Time::ZERO);
    let passed = Duration::from_secs(500);
    let mut kept = bans::decode(bans::encode(&bans.kept(Time::ZERO + passed))).expect("as it was made");
    assert_eq!(kept.len(), 4);
    kept.push(KeptBan { who: Who::Peer(PeerId::random()), reason: "odd".into(), left: BAN_TIME.times(9) });
    // The clock of the next run begins anew.
    let mut next = Bans::default();
    kept.into_iter().for_each(|ban| next.restore(ban, Time::ZERO));
    let end = Time::ZERO + (BAN_TIME - passed);
    let before = Time::from_micros(end.as_micros() - 1);
    assert!(next.has_peer(&peer, before) && ips.iter().all(|ip| next.has_address(*ip, before)));
    assert!(!next.has_peer(&peer, end) && !ips.iter().any(|ip| next.has_address(*ip, end)));
    assert_eq!((next.list(end).len(), next.list(Time::ZERO + BAN_TIME).len()), (1, 0));
    assert_eq!(bans.kept(Time::ZERO + BAN_TIME), [], "what has ended is not kept");
}

#[test]
fn as_many_bans_as_there_may_be_fit_into_what_the_store_keeps() {
    let mut bans = Bans::default();
    for at in 0..BANS_MAX {
        let ip = format!("2001:db8:1:{at:x}::1").parse().expect("an address");
        bans.add(PeerId::random(), Some(ip), "invalid_signature", Time::ZERO);
    }
    let bytes = bans::encode(&bans.kept(Time::ZERO));
    assert!(bytes.len() <= NOTE_BYTES_MAX, "{}", bytes.len());
    assert_eq!(bans::decode(bytes.clone()).expect("as it was made").len(), 2 * BANS_MAX);
    assert!(bans::decode(bytes[..bytes.len() - 1].to_vec()).is_err(), "cut short");
    assert!(bans::decode(vec![0xff; 9]).is_err(), "something else");
}

#[test]
fn notes_are_kept_by_name_and_bounded() {
    let disk = crate::store::disk::Disk::default();
    let stores: [Box<dyn node::store::Store>; 2] = [
        Box::new(crate::store::support::open(disk.clone()).expect("a store")),
        Box::new(crate::store::support::memory()),
    ];
    for mut store in stores {
        assert_eq!(store.note(Note::Bans).expect("readable"), None);
        store.save_note(Note::Bans, &[1]).expect("kept");
        store.save_note(Note::Bans, &[2; NOTE_BYTES_MAX]).expect("on the bound");
        let refused = store.save_note(Note::Bans, &[3; NOTE_BYTES_MAX + 1]);
        assert!(matches!(refused, Err(StoreError::TooMany { .. })), "{refused:?}");
        assert_eq!(store.note(Note::Standings).expect("readable"), None);
    }
    let again = crate::store::support::open(disk).expect("the same");
    assert_eq!(again.note(Note::Bans).expect("readable"), Some(vec![2; NOTE_BYTES_MAX]));
}

#[test]
fn a_run_with_an_exempt_loopback_takes_over_no_ban_of_a_loopback_address() {
    let ips = ["127.0.0.1", "::1", "198.51.100.7"].map(|ip| ip.parse().expect("an address"));
    let (peer, mut before) = (PeerId::random(), Bans::default());
    ips.iter().for_each(|ip| before.add(peer, Some(*ip), "bad_ack", Time::ZERO));
    let kept = before.kept(Time::ZERO);
    for exempt in [false, true] {
        let mut next = Bans::new(exempt);
        kept.iter().cloned().for_each(|ban| next.restore(ban, Time::ZERO));
        assert_eq!(ips.map(|ip| next.has_address(ip, Time::ZERO)), [!exempt, !exempt, true]);
        assert!(next.has_peer(&peer, Time::ZERO));
    }
}
