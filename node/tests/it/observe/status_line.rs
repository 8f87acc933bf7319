//! The status line says rates, and does not repeat itself.

use node::observe::status_line::{Figures, QUIET_INTERVAL, StatusLine};
use protocol::time::{Duration, Time};

fn at(seconds: u64) -> Time {
    Time::ZERO + Duration::from_secs(seconds)
}

fn rates(status: &mut StatusLine, seconds: u64, figures: Figures) -> Option<String> {
    status.line(at(seconds), figures).map(|line| line.rates)
}

#[test]
fn a_line_says_what_went_through_since_the_line_before() {
    let mut status = StatusLine::default();
    let first = Figures { transactions: 100, blocks: 7, wire_in: 10_240, wire_out: 0, ..Figures::default() };
    let said = rates(&mut status, 10, first).expect("the first");
    assert_eq!(said, "10 tx/s, 7 blocks in 10 s, 1.0 KiB/s in, 0 B/s out");
    let second =
        Figures { transactions: 132, blocks: 8, wire_in: 10_240, wire_out: 20 << 20, ..Figures::default() };
    let said = rates(&mut status, 20, second).expect("something changed");
    assert_eq!(said, "3.2 tx/s, 1 block in 10 s, 0 B/s in, 2.0 MiB/s out");
}

#[test]
fn rates_are_over_the_time_that_went_by_also_if_that_was_a_pause() {
    let mut status = StatusLine::default();
    rates(&mut status, 10, Figures::default());
    let said = rates(&mut status, 110, Figures { transactions: 50, ..Figures::default() });
    assert_eq!(said.as_deref(), Some("0.5 tx/s, 0 blocks in 100 s, 0 B/s in, 0 B/s out"));
}

#[test]
fn where_nothing_changes_a_line_comes_seldom_and_where_something_does_at_once() {
    let mut status = StatusLine::default();
    let mut said = Vec::new();
    let mut figures = Figures { peers_out: 3, tip: 9, ..Figures::default() };
    for tick in 1..=130 {
        // The network's small talk never ends.
        figures.wire_in += 100;
        figures.known += 1;
        if tick == 125 {
            figures.peers_out += 1;
        }
        said.extend(status.line(at(10 * tick), figures).map(|_| 10 * tick));
    }
    let quiet = QUIET_INTERVAL.as_millis() / 1_000;
    assert_eq!(said, [10, 10 + quiet, 10 + 2 * quiet, 1_250]);
}

#[test]
fn each_thing_that_is_news_makes_a_line() {
    let news: [fn(&mut Figures); 6] = [
        |figures| figures.peers_in = 1,
        |figures| figures.peers_out = 1,
        |figures| figures.tip = 1,
        |figures| figures.mempool = 1,
        |figures| figures.transactions = 1,
        |figures| figures.blocks = 1,
    ];
    for (n, change) in news.iter().enumerate() {
        let mut status = StatusLine::default();
        let mut figures = Figures::default();
        assert!(rates(&mut status, 10, figures).is_some());
        assert!(rates(&mut status, 20, figures).is_none());
        change(&mut figures);
        assert!(rates(&mut status, 30, figures).is_some(), "{n}");
    }
}
