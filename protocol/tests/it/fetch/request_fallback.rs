//! Cases of announcers that withhold, and how the next request handles them.

use protocol::gossip::fetch::request::{Announced, RequestKey, RequestTracker};
use protocol::gossip::{AddressGroup, Direction, PeerHandle};
use protocol::limits::{
    GROUP_STRIKES_MAX, REQUEST_EXPIRY_MAX, REQUEST_EXPIRY_MIN, STRIKE_DECAY_INTERVAL, STRIKE_DECAY_SERVED,
};
use protocol::time::{Duration, Time};

use super::request_support::{SMALL, at_ms, block, peer, tracker, transaction, withhold};

const NOW: Time = Time::ZERO;

/// Announces `key` for both peers. Returns which peer was asked and which waits.
fn ask_one_of_two(tracker: &mut RequestTracker, key: RequestKey) -> (PeerHandle, PeerHandle) {
    for number in [1, 2] {
        assert_eq!(tracker.announced(NOW, peer(number), key, SMALL), Announced::Tracked);
    }
    let requests = tracker.next_requests(NOW, |_| true);
    assert_eq!(requests.len(), 1, "one request a key: {requests:?}");
    let asked = requests[0].0;
    assert_eq!(tracker.asked(key), Some(asked));
    (asked, if asked == peer(1) { peer(2) } else { peer(1) })
}

fn two_inbound() -> RequestTracker {
    tracker(&[(1, Direction::Inbound), (2, Direction::Inbound)])
}

/// `number` announces an item, is asked at `at`, and delivers it `after` later.
fn serve(
    tracker: &mut RequestTracker,
    at: Time,
    number: u32,
    item: u64,
    after: Duration,
    bytes: usize,
) -> Duration {
    let key = transaction(item);
    assert_eq!(tracker.announced(at, peer(number), key, bytes), Announced::Tracked);
    assert_eq!(tracker.next_requests(at, |asked| asked == peer(number)), [(peer(number), key)]);
    let expiry = tracker.next_deadline().map(|deadline| deadline.since(at));
    assert!(tracker.received(at + after, peer(number), key, bytes));
    expiry.unwrap_or(Duration::ZERO)
}

#[test]
fn expiry_asks_the_next_announcer_at_once() {
    let mut tracker = two_inbound();
    let key = transaction(1);
    let (first, second) = ask_one_of_two(&mut tracker, key);
    let deadline = tracker.next_deadline().unwrap_or(Time::ZERO);
    let before = Time::from_micros(deadline.as_micros() - 1);
    assert!(tracker.expire(before).is_empty());
    assert!(tracker.next_requests(before, |_| true).is_empty());
    assert_eq!(tracker.expire(deadline), [(first, key)]);
    assert_eq!(tracker.next_requests(deadline, |_| true), [(second, key)]);
    assert_eq!((tracker.strikes(first), tracker.strikes(second)), (1, 0));
}

#[test]
fn disconnect_asks_the_next_announcer_at_once() {
    let mut tracker = two_inbound();
    let (first, second) = ask_one_of_two(&mut tracker, transaction(1));
    tracker.peer_disconnected(NOW, first);
    assert_eq!(tracker.next_deadline(), None);
    assert_eq!(tracker.next_requests(NOW, |_| true), [(second, transaction(1))]);
}

#[test]
fn notfound_asks_the_next_announcer_at_once_and_is_no_strike() {
    let mut tracker = two_inbound();
    tracker.proved(peer(1));
    let (first, second) = ask_one_of_two(&mut tracker, transaction(1));
    assert_eq!(first, peer(1));
    assert!(!tracker.not_found(NOW, second, transaction(1)), "it was not asked");
    assert!(!tracker.not_found(NOW, first, transaction(2)), "for that it was not asked");
    assert!(tracker.not_found(NOW, first, transaction(1)));
    assert!(!tracker.not_found(NOW, first, transaction(1)), "an answer counts once");
    assert_eq!(tracker.strikes(first), 0);
    assert!(!tracker.is_proven(first));
    assert_eq!(tracker.next_requests(NOW, |_| true), [(second, transaction(1))]);
    // The last announcer lacks it too: no peer is left to ask, and the key is forgotten.
    assert!(tracker.not_found(NOW, second, transaction(1)));
    assert!(tracker.is_empty());
}

#[test]
fn an_announcer_that_is_always_first_loses_after_one_strike() {
    let mut tracker = tracker(&[(1, Direction::Outbound), (2, Direction::Inbound)]);
    let mut now = NOW;
    let mut withheld = 0;
    for item in 0..100 {
        // The withholder is preferred, announces first, and announces whatever it likes.
        tracker.announced(now, peer(1), transaction(item), SMALL);
        tracker.announced(now, peer(2), transaction(item), SMALL);
        while let Some(asked) = tracker.next_requests(now, |_| true).first().map(|request| request.0) {
            if asked == peer(2) {
                assert!(tracker.received(now, peer(2), transaction(item), SMALL));
                tracker.proved(peer(2));
                break;
            }
            withheld += 1;
            now = tracker.next_deadline().unwrap_or(now);
            tracker.expire(now);
        }
        assert!(!tracker.is_tracked(transaction(item)));
        now = now + STRIKE_DECAY_INTERVAL;
    }
    // The withholder was asked once, when both peers were new. When its strike has decayed, it counts as new, and
    // the other peer is proven.
    assert_eq!(withheld, 1);
}

#[test]
fn announcing_again_after_each_expiry_does_not_hide_an_item() {
    // The steps of CVE-2024-52913: be asked, withhold, crowd out the memory of it, announce again, forever.
    let attackers: Vec<_> = (1..=8).map(|number| (number, Direction::Outbound)).collect();
    let mut tracker = tracker(&attackers);
    tracker.peer_connected(NOW, peer(100), Direction::Inbound, None);
    let key = transaction(u64::MAX);
    for number in (1..=8).chain([100]) {
        assert_eq!(tracker.announced(NOW, peer(number), key, SMALL), Announced::Tracked);
    }
    let mut now = NOW;
    let mut asked = Vec::new();
    loop {
        let mut requests = tracker.next_requests(now, |_| true);
        requests.retain(|request| request.1 == key);
        assert_eq!(requests.len(), 1);
        asked.push(requests[0].0);
        if requests[0].0 == peer(100) {
            break;
        }
        for number in 1..=8_u32 {
            for junk in 0..5_000 {
                tracker.announced(now, peer(number), transaction((u64::from(number) << 32) + junk), SMALL);
            }
            assert_eq!(tracker.announced(now, peer(number), key, SMALL), Announced::Repeated);
        }
        while tracker.asked(key).is_some() {
            now = tracker.next_deadline().unwrap_or(now);
            tracker.expire(now);
        }
    }
    let times_asked = asked.len();
    asked.sort();
    asked.dedup();
    assert_eq!(asked.len(), times_asked, "nobody is asked twice");
    assert!(now <= NOW + REQUEST_EXPIRY_MAX.times(8), "one expiry an attacker at most");
}

#[test]
fn strikes_fall_away_with_time() {
    let mut tracker = RequestTracker::new([1; 32]);
    withhold(&mut tracker, NOW, 1, None, 3);
    let struck = at_ms(10_000);
    for (after, strikes) in [(0, 3), (59_999, 3), (60_000, 2), (119_999, 2), (120_000, 1), (180_000, 0)] {
        tracker.expire(struck + Duration::from_millis(after));
        assert_eq!(tracker.strikes(peer(1)), strikes, "after {after} ms");
    }
    // If the clock goes back, the strikes are as they were. At the end of time nothing breaks.
    tracker.expire(NOW);
    assert_eq!(tracker.strikes(peer(1)), 3);
    tracker.expire(Time::from_micros(u64::MAX));
    assert_eq!(tracker.strikes(peer(1)), 0);
}

#[test]
fn strikes_fall_away_with_service_after_them_only() {
    let mut tracker = tracker(&[(1, Direction::Inbound)]);
    let ms = Duration::from_millis(1);
    for item in 0..100 {
        serve(&mut tracker, NOW, 1, item, ms, SMALL);
    }
    withhold(&mut tracker, NOW, 1, None, 2);
    let now = at_ms(10_000);
    for item in 1..=STRIKE_DECAY_SERVED * 2 {
        assert_eq!(tracker.strikes(peer(1)), 2 - (item - 1) / STRIKE_DECAY_SERVED);
        serve(&mut tracker, now, 1, 1_000 + u64::from(item), Duration::ZERO, SMALL);
    }
    assert_eq!(tracker.strikes(peer(1)), 0);
}

#[test]
fn a_new_peer_of_a_struck_group_is_asked_after_other_new_ones_until_that_has_faded() {
    let mut tracker = RequestTracker::new([1; 32]);
    let (struck, other) = (Some(AddressGroup(1)), Some(AddressGroup(2)));
    withhold(&mut tracker, NOW, 1, struck, 60);
    let mut asked_of_newcomer = |at: Time, number: u32| {
        tracker.peer_connected(at, peer(number), Direction::Inbound, struck);
        tracker.peer_connected(at, peer(number + 1), Direction::Inbound, other);
        for item in 0..32 {
            let key = transaction(u64::from(number) * 100 + item);
            tracker.announced(at, peer(number), key, SMALL);
            tracker.announced(at, peer(number + 1), key, SMALL);
        }
        tracker.next_requests(at, |_| true).into_iter().filter(|(asked, _)| *asked == peer(number)).count()
    };
    assert_eq!(asked_of_newcomer(at_ms(10_000), 10), 0);
    let faded = at_ms(10_000) + STRIKE_DECAY_INTERVAL.times(u64::from(GROUP_STRIKES_MAX));
    assert!(asked_of_newcomer(faded, 20) > 8, "about half of them");
}

#[test]
fn a_new_peer_carries_the_strikes_of_its_group_beside_its_own_which_are_none() {
    let mut tracker = RequestTracker::new([1; 32]);
    let (near, far) = (Some(AddressGroup(1)), Some(AddressGroup(2)));
    withhold(&mut tracker, NOW, 1, near, 2);
    withhold(&mut tracker, NOW, 2, None, 2);
    tracker.peer_disconnected(at_ms(10_000), peer(1));
    for (number, group, strikes) in [(11, near, 2), (12, far, 0), (13, None, 0)] {
        tracker.peer_connected(at_ms(10_000), peer(number), Direction::Inbound, group);
        assert_eq!(tracker.inherited(peer(number)), strikes, "peer {number}");
        assert_eq!(tracker.strikes(peer(number)), 0, "peer {number}");
    }
    // A connected peer of the group keeps its own count when a neighbour is struck.
    withhold(&mut tracker, at_ms(10_000), 14, near, 1);
    assert_eq!((tracker.inherited(peer(11)), tracker.strikes(peer(11))), (2, 0));
    assert_eq!((tracker.inherited(peer(14)), tracker.strikes(peer(14))), (2, 1));
    // Strikes that have decayed are not remembered either.
    let later = at_ms(20_000) + STRIKE_DECAY_INTERVAL.times(3);
    tracker.peer_connected(later, peer(15), Direction::Inbound, near);
    assert_eq!((tracker.inherited(peer(15)), tracker.groups()), (0, 0));
}

#[test]
fn expiry_adapts_to_a_near_and_to_a_distant_peer() {
    let mut tracker = tracker(&[(1, Direction::Inbound), (2, Direction::Inbound)]);
    // Nothing is known of the peer: one second is assumed, and 300 bytes at 1 MiB/s.
    let first = serve(&mut tracker, NOW, 1, 0, Duration::from_millis(4), SMALL);
    assert_eq!(first, Duration::from_micros(1_000_286));
    assert_eq!(tracker.response(peer(1)), Some(Duration::from_micros(4_000 - 286)));
    assert_eq!(tracker.response(peer(2)), None);
    let near = serve(&mut tracker, NOW, 1, 1, Duration::from_millis(4), SMALL);
    assert_eq!(near, REQUEST_EXPIRY_MIN);
    // For a distant peer, the expiry becomes one and a half responses. It never comes near the bound of 250 ms.
    let mut distant = Duration::ZERO;
    for item in 0..50 {
        distant = serve(&mut tracker, NOW, 2, 100 + item, Duration::from_millis(600), SMALL);
        assert!(distant > Duration::from_millis(600), "an honest answer is in time: {distant}");
    }
    assert!(distant < Duration::from_millis(910), "settled: {distant}");
    // If a peer is so slow that the expiry would be too long, the expiry is the longest one.
    let mut slow = Duration::ZERO;
    for item in 0..20 {
        slow = serve(&mut tracker, NOW, 2, 200 + item, Duration::from_secs(20), SMALL);
    }
    assert_eq!(slow, REQUEST_EXPIRY_MAX);
}

#[test]
fn expiry_allows_for_the_body_and_for_what_is_queued_before_it() {
    let mut tracker = tracker(&[(1, Direction::Inbound)]);
    // A block may have to wait until other peers have it: eight times its transfer.
    tracker.announced(NOW, peer(1), block(1), 128 * 1024);
    tracker.next_requests(NOW, |_| true);
    assert_eq!(tracker.next_deadline(), Some(at_ms(2_000)));
    tracker.announced(NOW, peer(1), transaction(1), 512 * 1024);
    tracker.next_requests(NOW, |_| true);
    tracker.forget(block(1));
    assert_eq!(tracker.next_deadline(), Some(at_ms(2_500)));
    tracker.forget(transaction(1));
    // A measured rate takes the place of the assumed one: 256 KiB/s, in bodies of one second each.
    for item in 10..60 {
        serve(&mut tracker, at_ms(item * 1_000), 1, item, Duration::from_secs(1), 256 * 1024);
    }
    tracker.announced(at_ms(60_000), peer(1), block(2), 64 * 1024);
    tracker.next_requests(at_ms(60_000), |_| true);
    let expiry = tracker.next_deadline().map_or(Duration::ZERO, |deadline| deadline.since(at_ms(60_000)));
    // The response was never measured and counts as one second. The transfer takes two.
    assert!(expiry.as_millis().abs_diff(3_000) < 10, "{expiry}");
}

#[test]
fn expiry_doubles_once_a_flight_until_a_body_comes() {
    let mut tracker = tracker(&[(1, Direction::Inbound)]);
    for item in 0..2 {
        serve(&mut tracker, NOW, 1, item, Duration::from_millis(4), SMALL);
    }
    let mut now = NOW;
    for (round, expected) in [250, 500, 1_000, 2_000, 4_000, 5_000, 5_000].into_iter().enumerate() {
        // Three requests are one flight: they expire together and count as one.
        for item in 0..3 {
            tracker.announced(now, peer(1), transaction(100 + round as u64 * 3 + item), 0);
        }
        assert_eq!(tracker.next_requests(now, |_| true).len(), 3);
        let expiry = tracker.next_deadline().map_or(Duration::ZERO, |deadline| deadline.since(now));
        // The doubling doesn't show at first, below the bound of 250 ms: response and deviation take about 10 ms.
        assert!(expiry <= Duration::from_millis(expected), "{expiry} in round {round}");
        now = now + expiry;
        assert_eq!(tracker.expire(now).len(), 3);
    }
    serve(&mut tracker, now, 1, 1_000, Duration::from_millis(4), SMALL);
    let after = serve(&mut tracker, now, 1, 1_001, Duration::from_millis(4), SMALL);
    assert_eq!(after, REQUEST_EXPIRY_MIN);
}

#[test]
fn unmeasured_peers_wait_one_two_four_and_five_seconds() {
    let mut tracker = tracker(&[(1, Direction::Inbound)]);
    let mut now = NOW;
    for (round, expected) in [1, 2, 4, 5, 5].into_iter().enumerate() {
        for item in 0..3 {
            tracker.announced(now, peer(1), transaction(round as u64 * 3 + item), 0);
        }
        assert_eq!(tracker.next_requests(now, |_| true).len(), 3);
        let expiry = Duration::from_secs(expected);
        assert_eq!(tracker.next_deadline(), Some(now + expiry), "round {round}");
        now = now + expiry;
        assert_eq!(tracker.expire(now).len(), 3);
    }
}

#[test]
fn a_late_body_is_taken_and_learned_from() {
    let mut tracker = two_inbound();
    let key = transaction(1);
    let (first, second) = ask_one_of_two(&mut tracker, key);
    tracker.expire(at_ms(1_500));
    assert_eq!(tracker.next_requests(at_ms(1_500), |_| true), [(second, key)]);
    assert!(tracker.received(at_ms(1_600), first, key, SMALL), "it had been asked");
    assert_eq!(tracker.response(first), Some(Duration::from_micros(1_600_000 - 286)));
    assert!(tracker.is_empty(), "the second's request ended with it");
    // The second's answer comes as well. It is no news, no sample and no strike.
    assert!(!tracker.received(at_ms(1_700), second, key, SMALL));
    assert!(!tracker.received(at_ms(1_700), first, key, SMALL));
    assert!(tracker.expire(at_ms(60_000)).is_empty());
    assert_eq!((tracker.strikes(first), tracker.strikes(second)), (1, 0));
    assert_eq!(tracker.response(second), None);
}

#[test]
fn a_body_that_was_not_asked_for_settles_the_item_for_all() {
    let mut tracker = two_inbound();
    let (_, second) = ask_one_of_two(&mut tracker, transaction(1));
    assert!(!tracker.received(NOW, second, transaction(1), SMALL));
    assert!(tracker.is_empty());
    assert!(!tracker.received(NOW, peer(99), transaction(1), SMALL));
}

#[test]
fn standing_comes_first_then_outbound() {
    let peers =
        [(1, Direction::Inbound), (2, Direction::Outbound), (3, Direction::Inbound), (4, Direction::Outbound)];
    let mut tracker = tracker(&peers);
    tracker.proved(peer(1));
    withhold(&mut tracker, NOW, 4, None, 1);
    let now = at_ms(10_000);
    for item in 0..20 {
        let key = transaction(item);
        for number in [4, 3, 2, 1] {
            tracker.announced(now, peer(number), key, SMALL);
        }
        let mut order = Vec::new();
        while let Some((asked, _)) = tracker.next_requests(now, |_| true).pop() {
            order.push(asked.0);
            assert_eq!(tracker.asked(key), Some(asked));
            if order.len() < 4 {
                tracker.not_found(now, asked, key);
                tracker.proved(peer(1));
            }
        }
        assert_eq!(order, [1, 2, 3, 4]);
        tracker.forget(key);
    }
}

#[test]
fn announcing_first_gains_nothing_among_equals() {
    let peers: Vec<_> = (0..4).map(|number| (number, Direction::Inbound)).collect();
    let mut tracker = tracker(&peers);
    let mut asked = [0; 4];
    for item in 0..1_000 {
        for number in 0..4 {
            tracker.announced(NOW, peer(number), transaction(item), SMALL);
        }
        for (chosen, key) in tracker.next_requests(NOW, |_| true) {
            asked[chosen.0 as usize] += 1;
            tracker.forget(key);
        }
    }
    // 250 each are expected, with a standard deviation of 14.
    assert!(asked.iter().all(|&count| (190..310).contains(&count)), "{asked:?}");
}

#[test]
fn blocks_go_before_transactions_that_were_announced_earlier() {
    let mut tracker = tracker(&[(1, Direction::Inbound)]);
    for item in 0..3 {
        tracker.announced(NOW, peer(1), transaction(item), SMALL);
    }
    tracker.announced(NOW, peer(1), block(1), SMALL);
    let keys: Vec<_> = tracker.next_requests(NOW, |_| true).into_iter().map(|request| request.1).collect();
    assert_eq!(keys, [block(1), transaction(0), transaction(1), transaction(2)]);
}

#[test]
fn the_same_seed_makes_the_same_choices_and_another_seed_others() {
    let choices = |seed: u8| {
        let mut tracker = RequestTracker::new([seed; 32]);
        for number in 0..8 {
            tracker.peer_connected(NOW, peer(number), Direction::Inbound, None);
            for item in 0..64 {
                tracker.announced(NOW, peer(number), transaction(item), SMALL);
            }
        }
        tracker.next_requests(NOW, |_| true)
    };
    assert_eq!(choices(1), choices(1));
    assert_ne!(choices(1), choices(2));
}

#[test]
fn an_announcer_without_strikes_does_not_wait_for_a_struck_one() {
    let mut tracker = RequestTracker::new([7; 32]);
    for number in [1, 3] {
        withhold(&mut tracker, NOW, number, None, 1);
    }
    tracker.peer_connected(NOW, peer(2), Direction::Inbound, None);
    let (now, key) = (at_ms(20_000), transaction(9));
    tracker.announced(now, peer(1), key, SMALL);
    assert_eq!(tracker.next_requests(now, |_| true), [(peer(1), key)]);
    // An announcement by another struck peer changes nothing.
    tracker.announced(now, peer(3), key, SMALL);
    assert_eq!(tracker.next_requests(now, |_| true), []);
    tracker.announced(now, peer(2), key, SMALL);
    assert_eq!(tracker.next_requests(now, |_| true), [(peer(2), key)]);
    assert_eq!((tracker.strikes(peer(1)), tracker.in_flight(peer(1))), (1, 0));
    // No peer is asked twice. A peer that was asked in vain may still answer.
    assert!(tracker.received(at_ms(20_050), peer(1), key, SMALL));
    assert!(!tracker.is_tracked(key));
}
