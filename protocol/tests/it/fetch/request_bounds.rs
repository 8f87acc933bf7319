//! Each bound of the request tracker: reached, and passed by one.

use protocol::gossip::fetch::request::{Announced, RequestTracker};
use protocol::gossip::{AddressGroup, Direction};
use protocol::limits::{
    BLOCK_BYTES_MAX, GROUP_STRIKES_MAX, REQUEST_ANNOUNCEMENTS_MAX, REQUEST_BLOCK_ANNOUNCEMENTS_MAX,
    REQUEST_BLOCKS_IN_FLIGHT_MAX, REQUESTS_IN_FLIGHT_MAX, STRIKE_GROUPS_MAX, STRIKES_MAX,
};
use protocol::time::Time;

use super::request_support::{SMALL, at_ms, block, peer, tracker, transaction, withhold};

const NOW: Time = Time::ZERO;

#[test]
fn a_peer_announces_up_to_its_bound_and_the_excess_is_dropped() {
    let mut tracker = tracker(&[(1, Direction::Inbound), (2, Direction::Inbound)]);
    let last = REQUEST_ANNOUNCEMENTS_MAX as u64;
    for number in 0..last {
        assert_eq!(tracker.announced(NOW, peer(1), transaction(number), SMALL), Announced::Tracked);
    }
    assert_eq!(tracker.announcements(peer(1)), REQUEST_ANNOUNCEMENTS_MAX);
    assert_eq!(tracker.announced(NOW, peer(1), transaction(last), SMALL), Announced::Dropped);
    assert_eq!(tracker.announced(NOW, peer(1), transaction(0), SMALL), Announced::Repeated);
    assert!(!tracker.is_tracked(transaction(last)));
    assert_eq!(tracker.len(), REQUEST_ANNOUNCEMENTS_MAX);
    // No other peer is affected.
    assert_eq!(tracker.announced(NOW, peer(2), transaction(last), SMALL), Announced::Tracked);
    // One key is settled, so there is room for one.
    tracker.forget(transaction(0));
    assert_eq!(tracker.announced(NOW, peer(1), transaction(last), SMALL), Announced::Tracked);
    assert_eq!(tracker.announced(NOW, peer(1), transaction(last + 1), SMALL), Announced::Dropped);
}

#[test]
fn what_a_peer_withheld_still_counts_while_others_are_candidates() {
    let mut tracker = tracker(&[(1, Direction::Inbound), (2, Direction::Inbound)]);
    let last = REQUEST_ANNOUNCEMENTS_MAX as u64;
    for number in 0..last {
        tracker.announced(NOW, peer(1), transaction(number), SMALL);
    }
    tracker.announced(NOW, peer(2), transaction(0), SMALL);
    let asked = tracker.next_requests(NOW, |asked| asked == peer(1));
    assert!(asked.contains(&(peer(1), transaction(0))));
    // The expiry makes the tracker forget the items that only this peer announced. The shared one stays.
    tracker.expire(at_ms(10_000));
    let kept = REQUEST_ANNOUNCEMENTS_MAX - asked.len() + 1;
    assert_eq!(tracker.announcements(peer(1)), kept);
    assert_eq!(tracker.announced(at_ms(10_000), peer(1), transaction(0), SMALL), Announced::Repeated);
}

#[test]
fn blocks_have_a_bound_of_their_own() {
    let mut tracker = tracker(&[(1, Direction::Inbound)]);
    for number in 0..REQUEST_ANNOUNCEMENTS_MAX as u64 {
        tracker.announced(NOW, peer(1), transaction(number), SMALL);
    }
    for number in 0..=u8::MAX {
        assert_eq!(tracker.announced(NOW, peer(1), block(number), SMALL), Announced::Tracked);
    }
    assert_eq!(REQUEST_BLOCK_ANNOUNCEMENTS_MAX, usize::from(u8::MAX) + 1);
    let mut id = [0; 32];
    id[31] = 1;
    let excess = protocol::gossip::fetch::request::RequestKey::Block(protocol::items::hash::BlockId(id));
    assert_eq!(tracker.announced(NOW, peer(1), excess, SMALL), Announced::Dropped);
}

#[test]
fn a_peer_has_a_bounded_number_of_requests_in_flight() {
    let mut tracker = tracker(&[(1, Direction::Outbound)]);
    for number in 0..=REQUESTS_IN_FLIGHT_MAX as u64 {
        tracker.announced(NOW, peer(1), transaction(number), SMALL);
    }
    assert_eq!(tracker.next_requests(NOW, |_| true).len(), REQUESTS_IN_FLIGHT_MAX);
    assert!(tracker.next_requests(NOW, |_| true).is_empty());
    assert!(tracker.received(NOW, peer(1), transaction(0), SMALL));
    let last = transaction(REQUESTS_IN_FLIGHT_MAX as u64);
    assert_eq!(tracker.next_requests(NOW, |_| true), [(peer(1), last)]);
    assert_eq!(tracker.in_flight(peer(1)), REQUESTS_IN_FLIGHT_MAX);
}

#[test]
fn blocks_in_flight_are_bounded_apart() {
    let mut tracker = tracker(&[(1, Direction::Outbound)]);
    for number in 0..=REQUESTS_IN_FLIGHT_MAX as u64 {
        tracker.announced(NOW, peer(1), transaction(number), SMALL);
    }
    assert_eq!(tracker.next_requests(NOW, |_| true).len(), REQUESTS_IN_FLIGHT_MAX);
    for number in 0..=REQUEST_BLOCKS_IN_FLIGHT_MAX {
        tracker.announced(NOW, peer(1), block(u8::try_from(number).unwrap_or(u8::MAX)), SMALL);
    }
    assert_eq!(tracker.next_requests(NOW, |_| true).len(), REQUEST_BLOCKS_IN_FLIGHT_MAX);
    assert!(tracker.next_requests(NOW, |_| true).is_empty());
    tracker.forget(block(0));
    assert_eq!(tracker.next_requests(NOW, |_| true).len(), 1);
}

#[test]
fn a_peer_is_asked_for_no_more_than_it_sends_in_two_seconds() {
    // 2 s of the assumed 1 MiB/s are 32 items of 64 KiB.
    let mut queue = tracker(&[(1, Direction::Outbound)]);
    for number in 0..33 {
        queue.announced(NOW, peer(1), transaction(number), 64 * 1024);
    }
    assert_eq!(queue.next_requests(NOW, |_| true).len(), 32);
    assert!(queue.next_requests(NOW, |_| true).is_empty());
    assert!(queue.received(at_ms(100), peer(1), transaction(0), SMALL));
    assert_eq!(queue.next_requests(at_ms(100), |_| true).len(), 1);

    // A single item may be larger than that. It takes no room from the other kind.
    let mut large = tracker(&[(1, Direction::Outbound)]);
    large.announced(NOW, peer(1), block(0), BLOCK_BYTES_MAX);
    large.announced(NOW, peer(1), block(1), BLOCK_BYTES_MAX);
    large.announced(NOW, peer(1), transaction(0), SMALL);
    assert_eq!(large.next_requests(NOW, |_| true), [(peer(1), block(0)), (peer(1), transaction(0))]);
    assert!(large.next_requests(NOW, |_| true).is_empty());
}

#[test]
fn strikes_stop_at_their_bound() {
    let mut tracker = RequestTracker::new([1; 32]);
    withhold(&mut tracker, NOW, 1, None, u64::from(STRIKES_MAX));
    assert_eq!(tracker.strikes(peer(1)), STRIKES_MAX);
    withhold(&mut tracker, at_ms(10_000), 1, None, 1);
    assert_eq!(tracker.strikes(peer(1)), STRIKES_MAX);
}

#[test]
fn the_strikes_of_a_group_stop_at_a_bound_of_their_own() {
    let mut tracker = RequestTracker::new([1; 32]);
    let group = Some(AddressGroup(7));
    for (number, strikes, carried) in
        [(1, GROUP_STRIKES_MAX - 1, GROUP_STRIKES_MAX - 1), (2, 1, GROUP_STRIKES_MAX), (3, 1, GROUP_STRIKES_MAX)]
    {
        withhold(&mut tracker, NOW, number, group, u64::from(strikes));
        tracker.peer_connected(at_ms(10_000), peer(10 + number), Direction::Inbound, group);
        assert_eq!(tracker.inherited(peer(10 + number)), carried);
    }
}

#[test]
fn the_longest_unstruck_group_is_forgotten_first() {
    let mut tracker = RequestTracker::new([1; 32]);
    let groups = u32::try_from(STRIKE_GROUPS_MAX).unwrap_or(u32::MAX);
    let group = |number: u32| Some(AddressGroup(u64::from(number)));
    for number in 0..groups {
        withhold(&mut tracker, NOW, number, group(number), 1);
    }
    assert_eq!(tracker.groups(), STRIKE_GROUPS_MAX);
    let inherited = |tracker: &mut RequestTracker, number: u32| {
        let probe = peer(1_000_000 + number);
        tracker.peer_connected(at_ms(10_000), probe, Direction::Inbound, group(number));
        let strikes = tracker.inherited(probe);
        tracker.peer_disconnected(at_ms(10_000), probe);
        strikes
    };
    assert_eq!(inherited(&mut tracker, 0), 1);
    withhold(&mut tracker, NOW, groups, group(groups), 1);
    assert_eq!(tracker.groups(), STRIKE_GROUPS_MAX);
    assert_eq!(inherited(&mut tracker, 0), 0);
    assert_eq!(inherited(&mut tracker, 1), 1);
    assert_eq!(inherited(&mut tracker, groups), 1);
}

#[test]
fn candidates_that_cannot_be_asked_are_neither_asked_nor_in_the_way() {
    let spammers: Vec<_> = (1..=64).map(|number| (number, Direction::Outbound)).collect();
    let mut tracker = tracker(&spammers);
    tracker.peer_connected(NOW, peer(100), Direction::Inbound, None);
    for number in 1..=64_u32 {
        for item in 0..REQUEST_ANNOUNCEMENTS_MAX as u64 {
            tracker.announced(NOW, peer(number), transaction((u64::from(number) << 32) + item), SMALL);
        }
    }
    tracker.announced(NOW, peer(100), transaction(0), SMALL);
    let mut consulted = Vec::new();
    let requests = tracker.next_requests(NOW, |asked| {
        consulted.push(asked);
        asked == peer(100)
    });
    assert_eq!(requests, [(peer(100), transaction(0))]);
    consulted.dedup();
    assert_eq!(consulted.len(), 65);
}
