//! An announced item that will probably be pushed waits. A promised item counts as requested.

use protocol::gossip::Direction;
use protocol::gossip::fetch::request::{Announced, RequestTracker};
use protocol::limits::REQUEST_BLOCKS_IN_FLIGHT_MAX;
use protocol::time::Time;

use super::request_support::{SMALL, at_ms, block, peer, tracker, transaction};

const LARGE: usize = 1_000_000;

fn two() -> RequestTracker {
    tracker(&[(1, Direction::Inbound), (2, Direction::Inbound)])
}

#[test]
fn nothing_is_asked_before_the_hold_is_over() {
    let mut tracker = two();
    let key = transaction(1);
    assert_eq!(tracker.announced_early(Time::ZERO, peer(1), key, SMALL, at_ms(30)), Announced::Tracked);
    assert_eq!(tracker.next_deadline(), Some(at_ms(30)));
    tracker.release(at_ms(29));
    assert_eq!(tracker.next_requests(at_ms(29), |_| true), []);
    tracker.release(at_ms(30));
    assert_eq!(tracker.next_requests(at_ms(30), |_| true), [(peer(1), key)]);
}

#[test]
fn of_several_holds_the_earliest_counts() {
    let mut tracker = two();
    let key = transaction(1);
    tracker.announced_early(Time::ZERO, peer(1), key, SMALL, at_ms(30));
    tracker.announced_early(at_ms(1), peer(2), key, SMALL, at_ms(100));
    assert_eq!(tracker.next_deadline(), Some(at_ms(30)), "nobody can put it off");
    let other = transaction(2);
    tracker.announced_early(at_ms(1), peer(1), other, SMALL, at_ms(90));
    tracker.announced_early(at_ms(2), peer(2), other, SMALL, at_ms(2));
    assert_eq!(tracker.next_requests(at_ms(2), |_| true).len(), 1, "one of them needn't wait");
}

#[test]
fn a_body_or_the_last_announcers_leaving_ends_a_hold() {
    let mut tracker = two();
    tracker.announced_early(Time::ZERO, peer(1), transaction(1), SMALL, at_ms(30));
    tracker.announced_early(Time::ZERO, peer(2), transaction(2), SMALL, at_ms(30));
    assert!(!tracker.received(at_ms(1), peer(2), transaction(1), SMALL), "nobody was asked");
    tracker.peer_disconnected(at_ms(2), peer(2));
    assert!(tracker.is_empty());
    assert_eq!(tracker.next_deadline(), None);
}

#[test]
fn news_is_remembered_as_such_until_it_is_settled() {
    let mut tracker = two();
    let key = transaction(1);
    tracker.mark_live(key);
    assert!(!tracker.is_live(key), "nobody announced it");
    tracker.announced(Time::ZERO, peer(1), key, SMALL);
    assert!(!tracker.is_live(key));
    tracker.mark_live(key);
    assert!(tracker.is_live(key));
    tracker.forget(key);
    assert!(!tracker.is_live(key));
}

#[test]
fn a_promise_counts_as_a_request_and_a_second_one_does_not() {
    let mut tracker = two();
    let key = block(1);
    assert!(tracker.promised(Time::ZERO, peer(1), key, LARGE));
    assert!(!tracker.promised(at_ms(1), peer(2), key, LARGE));
    assert_eq!(tracker.asked(key), Some(peer(1)));
    assert_eq!(tracker.next_requests(at_ms(1), |_| true), []);
    assert!(tracker.received(at_ms(300), peer(1), key, LARGE), "as if it had been asked for");
    assert!(tracker.is_empty());
}

#[test]
fn a_promise_ends_a_hold_and_a_broken_one_is_a_strike() {
    let mut tracker = two();
    let key = block(1);
    tracker.announced_early(Time::ZERO, peer(2), key, LARGE, at_ms(40));
    assert!(tracker.promised(at_ms(1), peer(1), key, LARGE));
    tracker.release(at_ms(40));
    assert_eq!(tracker.next_requests(at_ms(40), |_| true), []);
    let deadline = tracker.next_deadline().expect("in flight");
    assert_eq!(tracker.expire(deadline), [(peer(1), key)]);
    assert_eq!(tracker.strikes(peer(1)), 1);
    assert_eq!(tracker.next_requests(deadline, |_| true), [(peer(2), key)]);
    // A peer that broke a promise may be asked. But its promises don't hold up other announcers.
    assert!(!tracker.promised(deadline, peer(1), block(2), LARGE));
    assert_eq!(tracker.next_requests(deadline, |_| true), [(peer(1), block(2))]);
}

#[test]
fn promises_in_flight_are_bounded() {
    let mut tracker = two();
    for number in 0..REQUEST_BLOCKS_IN_FLIGHT_MAX as u8 {
        assert!(tracker.promised(Time::ZERO, peer(1), block(number), LARGE));
    }
    assert!(!tracker.promised(Time::ZERO, peer(1), block(200), LARGE));
    assert_eq!(tracker.in_flight(peer(1)), REQUEST_BLOCKS_IN_FLIGHT_MAX);
}
