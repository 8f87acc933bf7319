//! No timer makes up for a pause by a burst, and a trace still records every tick that a pause swallowed.

use std::time::Duration;

use node::config::Prune;
use node::observe::recorder::Recorder;
use node::observe::trace::{self, LATENESS_MAX, TraceWriter, What};
use node::service::timers::{
    LATENESS_INTERVAL, Lateness, SAMPLE_INTERVAL, Timers, at_once_and_every, every, latenesses,
};
use tokio::time::MissedTickBehavior;

use crate::support::harness::config;

#[tokio::test]
async fn every_timer_ticks_once_after_a_pause_and_then_a_whole_period_later() {
    let mut settings = config(1);
    settings.prune = Prune { bytes: Some(1), seconds: None };
    settings.produce_every = Some(Duration::from_secs(5));
    settings.trace = Some("unused".into());
    let timers = Timers::start(&settings);
    let wanted = [timers.prune, timers.produce, timers.sample].map(|timer| timer.expect("wanted"));
    let others = [timers.discovery, timers.status, timers.peers];
    let made = [every(Duration::from_secs(1)), at_once_and_every(Duration::from_secs(1))];
    for timer in wanted.into_iter().chain(others).chain(made) {
        assert_eq!(timer.missed_tick_behavior(), MissedTickBehavior::Delay, "{timer:?}");
    }
}

#[test]
fn a_late_tick_tells_of_all_that_it_stands_for() {
    let period = Duration::from_millis(50);
    let of = |late| latenesses(Duration::from_millis(late), period).collect::<Vec<_>>();
    assert_eq!(of(0), [0]);
    assert_eq!(of(49), [49_000]);
    assert_eq!(of(120), [120_000, 70_000, 20_000]);
    assert_eq!(of(100_000).len(), 2_001, "a pause of 100 s");
    assert_eq!(of(10_000_000).len(), LATENESS_MAX, "no more than a trace keeps");
}

#[tokio::test]
async fn lateness_is_measured_while_nothing_else_happens_and_a_pause_counts_for_all_its_ticks() {
    let lateness = Lateness::start(Recorder::default(), SAMPLE_INTERVAL);
    tokio::time::sleep(2 * LATENESS_INTERVAL).await;
    assert!(!lateness.take().is_empty(), "it ticks by itself");
    std::thread::sleep(6 * LATENESS_INTERVAL);
    tokio::time::sleep(LATENESS_INTERVAL / 2).await;
    let late = lateness.take();
    assert!(late.len() >= 5, "{late:?}");
    assert!(late[0] >= 4 * LATENESS_INTERVAL.as_micros() as u64, "{late:?}");
}

#[tokio::test]
async fn a_trace_is_handed_to_the_system_between_the_samples_if_that_is_wanted() {
    let home = tempfile::tempdir().expect("a directory");
    for (flush, records) in [(LATENESS_INTERVAL, 1), (SAMPLE_INTERVAL, 0)] {
        let path = home.path().join(format!("{records}.trace"));
        let recorder = Recorder::new(Some(TraceWriter::create(&path, "peer", "test").expect("a trace")));
        let _lateness = Lateness::start(recorder.clone(), flush);
        recorder.record(What::PeerDown { peer: 1, reason: "a reason".to_owned() });
        // Less than the time between two samples.
        tokio::time::sleep(4 * LATENESS_INTERVAL).await;
        let read = trace::read(&path).map_or(0, |(_, records)| records.len());
        assert_eq!(read, records, "{flush:?}");
    }
}
