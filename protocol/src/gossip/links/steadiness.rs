//! How far the times that a link tells may be off: by how much its announcements come earlier, against the
//! parent's pushes, than they usually do. Only deviations to that side count. A parent that is late makes
//! announcements seem early, but it must not make them seem unsteady, because it could hide behind that.

use crate::limits::{GRACE_MAX, GRACE_MIN, LATE_MIN};
use crate::time::Duration;

/// A moving average, and the mean deviation below it, in microseconds.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Steadiness {
    behind: Option<i64>,
    below: i64,
}

/// No announcement counts for more than this, in either direction.
const BEHIND_MAX_US: i64 = 10_000_000;

/// A deviation of this number of times the mean is no accident.
const DEVIATIONS: u64 = 3;

impl Steadiness {
    /// Notes an announcement whose announcer's push would have been behind the parent's by this number of
    /// microseconds.
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
