//! How far the times that a peer tells may be off. An announcement tells how long after the parent's push the
//! announcer's own push would have come. This file learns the usual value, and how far single values lie below it.
//! Only deviations to this side count. If a parent turns late, announcements seem early from then on. They must
//! not seem unsteady because of it, because a late parent could hide behind that.

use crate::limits::{GRACE_MAX, GRACE_MIN, LATE_MIN};
use crate::time::Duration;

/// A moving average, and the mean deviation below it, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steadiness {
    behind: Option<i64>,
    below: i64,
}

/// No announcement counts for more than this number of microseconds, in either direction.
const BEHIND_MAX_US: i64 = 10_000_000;

/// A deviation of more than this number of mean deviations is no accident.
const DEVIATIONS: u64 = 3;

impl Steadiness {
    /// Notes an announcement. By it, the announcer's push would have come this number of microseconds after the
    /// parent's.
    pub(crate) fn note(&mut self, behind_us: i64) {
        let sample = behind_us.clamp(-BEHIND_MAX_US, BEHIND_MAX_US);
        let usual = self.behind.unwrap_or(sample);
        if sample < usual {
            self.below += (usual - sample - self.below) / 8;
        }
        self.behind = Some(usual + (sample - usual) / 8);
    }

    /// By how much an announcer must have been earlier for its word to be believed.
    pub(crate) fn slack(&self) -> Duration {
        Duration::from_micros(self.below.unsigned_abs()).times(DEVIATIONS).max(LATE_MIN).min(GRACE_MAX)
    }

    /// How long the parent's push is waited for after the announcer's push would have been here.
    pub(crate) fn grace(&self) -> Duration {
        self.slack().times(2).max(GRACE_MIN).min(GRACE_MAX)
    }
}
