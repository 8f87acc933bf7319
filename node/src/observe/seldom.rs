//! What is worth a line in the log, but not each time that it happens.

use protocol::time::{Duration, Time};

/// While nothing changes, between two warnings of one kind.
pub const REPEAT_INTERVAL: Duration = Duration::from_secs(600);

/// One thing that is said at most once in [`REPEAT_INTERVAL`].
#[derive(Debug, Default)]
pub struct Seldom {
    said: Option<Time>,
}

impl Seldom {
    /// Whether it may be said again. If so, it counts as said.
    pub fn may_say(&mut self, now: Time) -> bool {
        let may = self.said.is_none_or(|at| now.since(at) >= REPEAT_INTERVAL);
        if may {
            self.said = Some(now);
        }
        may
    }
}
