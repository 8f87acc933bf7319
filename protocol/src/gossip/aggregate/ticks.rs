//! When a machine does something of its own accord: at whole multiples of [`AGGREGATE_INTERVAL`] on the engine's
//! clock. If the clock jumps over some, they are left out. Deliberately absent: what is done then.

use crate::limits::AGGREGATE_INTERVAL;
use crate::time::Time;

/// The next tick of a machine, and how many there were since it started.
#[derive(Debug, Default)]
pub(super) struct Ticks {
    at: Option<Time>,
    done: u64,
}

impl Ticks {
    /// Counts from zero again. The first tick is the next multiple after `now`.
    pub(super) fn start(&mut self, now: Time) {
        *self = Self { at: Some(after(now)), done: 0 };
    }

    /// Whether a tick is due. If so, it counts, and the next one is after `now`.
    pub(super) fn is_due(&mut self, now: Time) -> bool {
        let due = self.at.is_some_and(|at| at <= now);
        if due {
            self.at = Some(after(now));
            self.done = self.done.saturating_add(1);
        }
        due
    }

    /// How many there were.
    pub(super) const fn done(&self) -> u64 {
        self.done
    }

    /// When the next is due; `None` before the start.
    pub(super) const fn next(&self) -> Option<Time> {
        self.at
    }
}

/// The first whole multiple of the interval after `now`.
const fn after(now: Time) -> Time {
    let interval = AGGREGATE_INTERVAL.as_micros();
    let Some(passed) = now.as_micros().checked_div(interval) else { return now };
    Time::from_micros(passed.saturating_add(1).saturating_mul(interval))
}
