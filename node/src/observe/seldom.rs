//! Events that are worth a line in the log, but not each time that they happen.

use protocol::time::{Duration, Time};

/// The time between two warnings of one kind, while nothing changes.
pub const REPEAT_INTERVAL: Duration = Duration::from_secs(600);

/// A message that is logged at most once in [`REPEAT_INTERVAL`].
#[derive(Debug, Default)]
pub struct Seldom {
    said: Option<Time>,
}

impl Seldom {
    /// Whether it may be logged again. If so, it counts as logged.
    pub fn may_say(&mut self, now: Time) -> bool {
        let may = self.said.is_none_or(|at| now.since(at) >= REPEAT_INTERVAL);
        if may {
            self.said = Some(now);
        }
        may
    }
}
