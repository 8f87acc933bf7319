//! The messages to an operator about a node that is behind: once, again when something changes, and when it is
//! over.

use node::observe::seldom::{REPEAT_INTERVAL, Seldom};
use node::service::notices::{
    BehindNotices, CHANGE_INTERVAL, GATHER_INTERVAL, Notice, TurnedAway, TurnedAwayNotices,
};
use protocol::gossip::{Behind, Cause, Refusal};
use protocol::items::keys::SecretKey;
use protocol::time::{Duration, Time};

fn behind(cause: Cause) -> Behind {
    Behind { tip: 7, best_header: 7, told: 120, quiet: Duration::from_secs(34), cause }
}

fn refused(count: u64) -> Behind {
    let producer = SecretKey::from_seed(&[9; 32]).public();
    behind(Cause::Refused { count, producer, height: 8, refusal: Refusal::ProducerNotAllowed })
}

fn warned(notice: Option<Notice>) -> Option<String> {
    match notice? {
        Notice::Warn(text) => Some(text),
        Notice::Info(text) => panic!("not a warning: {text}"),
    }
}

#[test]
fn the_warning_names_heights_cause_and_producer_and_what_to_do() {
    let text = warned(BehindNotices::default().line(Time::ZERO, 7, Some(&refused(42)))).expect("a line");
    let producer = SecretKey::from_seed(&[9; 32]).public().to_string();
    for part in ["height 120", "at 7", "34 s", "42 headers refused", &producer, "--producers"] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
}

#[test]
fn it_comes_once_and_again_only_after_long_or_for_another_cause() {
    let mut notices = BehindNotices::default();
    let mut now = Time::ZERO;
    assert!(notices.line(now, 7, Some(&refused(1))).is_some());
    let other = behind(Cause::NoHeaders);
    now = now + CHANGE_INTERVAL.times(9).divided_by(10);
    assert_eq!(notices.line(now, 7, Some(&refused(2))), None);
    assert_eq!(notices.line(now, 7, Some(&other)), None, "too soon");
    now = now + CHANGE_INTERVAL.divided_by(10);
    assert_eq!(notices.line(now, 7, Some(&refused(3))), None, "the same");
    assert!(warned(notices.line(now, 7, Some(&other))).is_some());
    now = now + REPEAT_INTERVAL.times(99).divided_by(100);
    assert_eq!(notices.line(now, 7, Some(&other)), None);
    now = now + REPEAT_INTERVAL.divided_by(100);
    assert!(warned(notices.line(now, 7, Some(&other))).is_some());
}

#[test]
fn catching_up_is_no_warning_and_the_end_is_told_once_if_there_was_one() {
    let mut notices = BehindNotices::default();
    assert_eq!(notices.line(Time::ZERO, 7, Some(&behind(Cause::CatchingUp))), None);
    assert_eq!(notices.line(Time::ZERO, 7, None), None);
    assert!(notices.line(Time::ZERO, 7, Some(&refused(1))).is_some());
    assert_eq!(notices.line(Time::ZERO, 8, Some(&behind(Cause::CatchingUp))), None);
    let over = Notice::Info("in step with the network again, at height 120".to_owned());
    assert_eq!(notices.line(Time::ZERO, 120, None), Some(over));
    assert_eq!(notices.line(Time::ZERO, 120, None), None);
}

#[test]
fn what_is_said_seldom_is_said_once_in_its_interval() {
    let mut seldom = Seldom::default();
    let later = Time::ZERO + REPEAT_INTERVAL;
    let before = Time::ZERO + REPEAT_INTERVAL.times(99).divided_by(100);
    let said = [Time::ZERO, Time::ZERO, before, later, later].map(|now| seldom.may_say(now));
    assert_eq!(said, [true, false, false, true, false]);
}

#[test]
fn causes_that_alternate_are_each_told_once_in_the_interval() {
    let mut notices = BehindNotices::default();
    let pruned = behind(Cause::Pruned { kept_from: 50 });
    let mut lines = 0;
    for minute in 0..9 {
        let now = Time::ZERO + Duration::from_secs(64 * minute);
        let now_behind = if minute % 2 == 0 { &pruned } else { &behind(Cause::NoBodies) };
        lines += usize::from(notices.line(now, 7, Some(now_behind)).is_some());
        // A peer that tells of more leaves for a moment.
        lines += usize::from(matches!(notices.line(now, 7, None), Some(Notice::Warn(_))));
    }
    assert_eq!(lines, 2);
}

#[test]
fn what_was_turned_away_for_want_of_room_is_told_from_other_ends() {
    let counters =
        [("no_slot", 3), ("address_limit", 2), ("connection_limit", 1), ("banned", 9), ("ping_timeout", 9)];
    let turned_away = TurnedAway::of(&counters.into());
    assert_eq!(turned_away, TurnedAway { slots: 3, address: 2, connections: 1 });
}

#[test]
fn a_full_node_says_once_in_a_while_how_many_it_turned_away_and_why() {
    let mut notices = TurnedAwayNotices::default();
    let mut line = |now, turned_away| match notices.line(now, turned_away, 64) {
        Some(Notice::Info(text)) => Some(text),
        None => None,
        Some(Notice::Warn(text)) => panic!("nothing that a person has to look at: {text}"),
    };
    assert_eq!(line(Time::ZERO, TurnedAway::default()), None);
    let first = TurnedAway { slots: 1, ..TurnedAway::default() };
    assert_eq!(line(Time::ZERO, first), None, "others of the same rush may follow");
    let rush = TurnedAway { slots: 9, address: 3, ..TurnedAway::default() };
    let text = line(Time::ZERO + GATHER_INTERVAL, rush).expect("a line");
    for part in [
        "12 inbound connections",
        "9 found no gossip slot (--max-peers-in 64",
        "3 came from an address that has 8",
    ] {
        assert!(text.contains(part), "{part} is missing: {text}");
    }
    assert!(!text.contains("beyond"), "{text}");
    // It goes on, and the next line is of what came since.
    let mut turned_away = rush;
    let mut said = Vec::new();
    for second in 11..=611 {
        turned_away.connections += 1;
        said.extend(line(Time::ZERO + Duration::from_secs(second), turned_away).map(|text| (second, text)));
    }
    assert_eq!(said.len(), 1, "{said:?}");
    let (second, text) = &said[0];
    assert!(
        *second == 610 && text.starts_with("600 inbound connections") && text.contains("600 were beyond"),
        "{said:?}"
    );
    let long_after = Time::ZERO + REPEAT_INTERVAL.times(9);
    let text = line(long_after, turned_away).expect("one is not told of yet");
    assert!(text.starts_with("1 inbound connection was turned away"), "{text}");
    assert_eq!(line(long_after + REPEAT_INTERVAL.times(9), turned_away), None);
}
