//! Places that come with answers to pings: what they move, and how many are remembered.

use protocol::gossip::PeerHandle;
use protocol::gossip::members::{Coordinates, Identity, MemberInput, Members, MembersConfig, Reach};
use protocol::items::member::Instance;
use protocol::limits::PLACES_MAX;
use protocol::time::{Duration, Time};
use protocol::wire::frame::PLACE_BYTES;

use crate::members::mesh::{EPOCH_MS, secret};

/// One machine, and peers that a test plays. The peers have the numbers of their links as keys.
struct Lone {
    members: Members,
    now: Time,
}

impl Lone {
    fn new(number: u32) -> Self {
        let identity = Identity {
            key: secret(number).public(),
            instance: Instance([1; 8]),
            version: 2,
            agent: String::new(),
            reach: Reach::Addresses(vec![]),
            kept: vec![],
        };
        let mut seed = [1; 32];
        seed[0] = number as u8;
        Self { members: Members::new(MembersConfig::wan(), identity, seed), now: Time::from_micros(1) }
    }

    fn input(&mut self, input: MemberInput) {
        self.members.handle(self.now, EPOCH_MS, input);
        while self.members.poll_output().is_some() {}
    }

    fn link(&mut self, peer: u32) {
        let (link, key) = (PeerHandle(peer), secret(peer).public());
        self.input(MemberInput::LinkUp { link, key, group: None });
    }

    fn measured(&mut self, peer: u32, millis: u64, place: [u8; PLACE_BYTES]) {
        self.now = self.now + Duration::from_secs(1);
        let round_trip = Duration::from_millis(millis);
        self.input(MemberInput::Measured { link: PeerHandle(peer), round_trip, place });
    }

    fn estimate(&self, peer: u32) -> Option<u64> {
        self.members.estimated_round_trip(&secret(peer).public()).map(|span| span.as_micros())
    }
}

#[test]
fn two_nodes_that_measure_each_other_come_to_estimate_their_round_trip() {
    let (mut one, mut two) = (Lone::new(1), Lone::new(2));
    one.link(2);
    two.link(1);
    assert_eq!(one.estimate(2), None);
    for _ in 0..200 {
        let places = [&one, &two].map(|lone| lone.members.place().to_place());
        one.measured(2, 80, places[1]);
        two.measured(1, 80, places[0]);
    }
    for estimate in [one.estimate(2), two.estimate(1)] {
        let estimate = estimate.expect("it is known");
        assert!((72_000..88_000).contains(&estimate), "{estimate} us");
    }
}

#[test]
fn a_place_is_remembered_when_its_member_is_no_peer_any_more() {
    let mut lone = Lone::new(1);
    lone.link(2);
    lone.measured(2, 20, Coordinates::ORIGIN.to_place());
    lone.input(MemberInput::LinkDown { link: PeerHandle(2) });
    assert!(lone.estimate(2).is_some());
    // Nobody is behind this link any more.
    lone.measured(2, 20, [0; PLACE_BYTES]);
    assert_eq!(lone.members.occupancy().places, 1);
}

#[test]
fn a_place_where_no_honest_node_is_counts_as_none() {
    let mut lone = Lone::new(1);
    lone.link(2);
    let before = *lone.members.place();
    lone.measured(2, 20, [0xff; PLACE_BYTES]);
    assert_eq!((lone.estimate(2), *lone.members.place()), (None, before));
}

#[test]
fn the_place_that_was_told_longest_ago_gives_way() {
    let mut lone = Lone::new(1);
    let last = 2 + PLACES_MAX as u32;
    for peer in 2..=last {
        if peer == last {
            // The first one is heard again just before the bound is passed.
            lone.measured(2, 20, Coordinates::ORIGIN.to_place());
        }
        lone.link(peer);
        lone.measured(peer, 20, Coordinates::ORIGIN.to_place());
    }
    assert_eq!(lone.members.occupancy().places, PLACES_MAX);
    assert_eq!(lone.estimate(3), None, "it was told longest ago");
    assert!([2, 4, last].iter().all(|peer| lone.estimate(*peer).is_some()));
}
