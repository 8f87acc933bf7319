//! The messages of a node that catches up, against numbers worked out by hand.

use node::observe::progress::{LINE_INTERVAL, Pace, Progress};
use protocol::gossip::SyncInfo;
use protocol::time::{Duration, Time};

const fn at(millis: u64) -> Time {
    Time::from_micros(millis * 1_000)
}

const fn sync(tip: u64, best_header: u64) -> SyncInfo {
    SyncInfo { tip, best_header, best_peer: 5_000 }
}

#[test]
fn rate_and_time_left_are_those_worked_out_by_hand() {
    let of = |done, millis, left| Pace::of(done, Duration::from_millis(millis), left);
    let pace = |per_10_s, secs| Some(Pace { per_10_s, left: Duration::from_secs(secs) });
    // 620 in 2 s are 310 a second; 3,760 more take 12.13 s.
    assert_eq!(of(620, 2_000, 3_760), pace(3_100, 13));
    // 3,720 would take exactly 12.
    assert_eq!(of(620, 2_000, 3_720), pace(3_100, 12));
    // 1 in 3 s is a third a second.
    assert_eq!(of(1, 3_000, 10), pace(3, 30));
    assert_eq!(of(5, 2_000, 0), pace(25, 0));
    assert_eq!((of(0, 2_000, 10), of(10, 0, 10)), (None, None));
    assert_eq!(of(1, 10_000, u64::MAX), pace(1, u64::MAX));
}

#[test]
fn a_line_comes_every_two_seconds_while_blocks_do() {
    let mut progress = Progress::default();
    let mut line = |millis, sync| progress.line(at(millis), sync);
    assert_eq!(line(1_000, sync(620, 4_700)), None, "nothing is known of the rate");
    assert_eq!(line(2_999, sync(1_200, 4_700)), None);
    let first = "syncing: 1,240 of 5,000 blocks, 310/s, 13 s left";
    assert_eq!(line(3_000, sync(1_240, 5_000)).as_deref(), Some(first));
    assert_eq!(line(4_999, sync(1_300, 5_000)), None);
    // 1,240 - 620 + 60 in 4 s.
    let second = "syncing: 1,300 of 5,000 blocks, 170/s, 22 s left";
    assert_eq!(line(5_000, sync(1_300, 5_000)).as_deref(), Some(second));
    assert_eq!(line(7_000, sync(1_300, 5_000)), None, "no block came");
    assert_eq!(line(9_000, sync(4_984, 5_000)), None, "nearly there");
    assert_eq!(line(20_000, sync(4_980, 5_000)), None, "anew");
    let last = "syncing: 4,983 of 5,000 blocks, 1.5/s, 12 s left";
    assert_eq!(line(22_000, sync(4_983, 5_000)).as_deref(), Some(last));
}

#[test]
fn the_rate_is_that_of_the_last_ten_seconds() {
    let mut progress = Progress::default();
    let interval = LINE_INTERVAL.as_millis();
    assert_eq!(progress.line(at(0), sync(0, 5_000)), None);
    // Two lines at 1,000 a second, then five at 10. The mean of all would be 292.
    let fast = (1..=2).map(|step| (step, step * 2_000));
    let slow = (3..=7).map(|step| (step, 4_000 + (step - 2) * 20));
    let lines: Vec<_> =
        fast.chain(slow).filter_map(|(step, tip)| progress.line(at(step * interval), sync(tip, 5_000))).collect();
    assert_eq!(lines.len(), 7);
    assert_eq!(lines[1], "syncing: 4,000 of 5,000 blocks, 1,000/s, 1 s left");
    assert_eq!(lines[6], "syncing: 4,100 of 5,000 blocks, 10/s, 90 s left");
}

#[test]
fn long_times_are_told_in_minutes_and_hours() {
    let told = |left: u64| {
        let mut progress = Progress::default();
        progress.line(at(0), SyncInfo { tip: 0, best_header: 2 + left, best_peer: 0 });
        progress.line(at(2_000), SyncInfo { tip: 2, best_header: 2 + left, best_peer: 0 }).unwrap_or_default()
    };
    assert_eq!(told(120), "syncing: 2 of 122 blocks, 1.0/s, 120 s left");
    assert_eq!(told(121), "syncing: 2 of 123 blocks, 1.0/s, 3 min left");
    assert_eq!(told(7_200), "syncing: 2 of 7,202 blocks, 1.0/s, 120 min left");
    assert_eq!(told(7_201), "syncing: 2 of 7,203 blocks, 1.0/s, 3 h left");
}

#[test]
fn a_peer_that_boasts_does_not_make_a_node_catch_up() {
    let mut progress = Progress::default();
    for second in 0..20 {
        let sync = SyncInfo { tip: second, best_header: second + 16, best_peer: u64::MAX };
        assert_eq!(progress.line(at(second * 1_000), sync), None);
    }
}
