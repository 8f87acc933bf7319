//! The progress of a node that catches up, as text: how far it has come, how fast it is, and how long it will
//! take. Computes text from heights and times. Deliberately absent: a clock and the log itself.

use std::collections::VecDeque;

use protocol::gossip::SyncInfo;
use protocol::time::{Duration, Time};

use crate::observe::units::{grouped, tenths};

/// A node that is no more than this number of blocks behind is not reported as catching up: the newest
/// blocks are on their way.
pub const BEHIND_MIN: u64 = 16;

/// The time between two lines.
pub const LINE_INTERVAL: Duration = Duration::from_secs(2);

/// The rate is taken over this number of lines: 10 s, so that one slow block does not turn minutes into hours.
const RATE_LINES: usize = 5;

/// Blocks a second, and the remaining time at that rate.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Pace {
    /// Blocks in ten seconds, rounded down.
    pub per_10_s: u64,
    /// The time until no block remains, rounded up to whole seconds.
    pub left: Duration,
}

impl Pace {
    /// The rate from `done` blocks in `elapsed`, and the time for the `left` ones; `None` if no block
    /// was done, or in no time.
    #[must_use]
    pub fn of(done: u64, elapsed: Duration, left: u64) -> Option<Self> {
        let elapsed = u128::from(elapsed.as_micros());
        let per_10_s = (u128::from(done) * 10_000_000).checked_div(elapsed)?;
        let micros = (u128::from(left) * elapsed).checked_div(u128::from(done))?;
        let secs = u64::try_from(micros.div_ceil(1_000_000)).unwrap_or(u64::MAX);
        Some(Self { per_10_s: u64::try_from(per_10_s).unwrap_or(u64::MAX), left: Duration::from_secs(secs) })
    }
}

/// The heights that the node had, and when, while it catches up.
#[derive(Debug, Default)]
pub struct Progress {
    /// The oldest comes first. The last one is that of the last line.
    marks: VecDeque<(Time, u64)>,
}

impl Progress {
    /// The line that is due, if any. There is none while no block comes: the node may be told of
    /// blocks that don't exist.
    pub fn line(&mut self, now: Time, sync: SyncInfo) -> Option<String> {
        // Measured by the headers, which are checked, and not by the tips that peers tell.
        if sync.best_header.saturating_sub(sync.tip) <= BEHIND_MIN {
            self.marks.clear();
            return None;
        }
        let Some(&(last, height)) = self.marks.back() else {
            self.marks.push_back((now, sync.tip));
            return None;
        };
        if now.since(last) < LINE_INTERVAL || sync.tip <= height {
            return None;
        }
        let &(start, from) = self.marks.front()?;
        let all = sync.best_header.max(sync.best_peer);
        let pace = Pace::of(sync.tip.saturating_sub(from), now.since(start), all.saturating_sub(sync.tip))?;
        self.marks.push_back((now, sync.tip));
        if self.marks.len() > RATE_LINES {
            self.marks.pop_front();
        }
        let rate = tenths(pace.per_10_s);
        Some(format!(
            "syncing: {} of {} blocks, {rate}/s, {} left",
            grouped(sync.tip),
            grouped(all),
            span(pace.left)
        ))
    }
}

/// Seconds up to two minutes, minutes up to two hours, then hours, rounded up.
fn span(span: Duration) -> String {
    match span.as_millis() / 1_000 {
        secs @ ..=120 => format!("{secs} s"),
        secs @ ..=7_200 => format!("{} min", secs.div_ceil(60)),
        secs => format!("{} h", grouped(secs.div_ceil(3_600))),
    }
}
