//! When an address, or a peer, is tried again.

use protocol::time::{Duration, Time};

/// Delays between tries of one address. They double from the first to the second, and each is shortened or
/// lengthened by up to a quarter.
pub const BACKOFF_MIN: Duration = Duration::from_secs(1);
/// See [`BACKOFF_MIN`].
pub const BACKOFF_MAX: Duration = Duration::from_secs(60);

/// Failures in a row, and the earliest next try.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Retry {
    pub(crate) failures: u32,
    pub(crate) not_before: Time,
}

impl Retry {
    /// Counts one more failure. `spread` is the percentage of the delay that is waited.
    pub(crate) fn put_off(&mut self, now: Time, spread: u64) {
        let delay = BACKOFF_MIN.times(1 << self.failures.min(6)).min(BACKOFF_MAX);
        self.failures = self.failures.saturating_add(1);
        self.not_before = now + delay.times(spread).divided_by(100);
    }

    /// Not before `delay` has passed.
    pub(crate) fn wait(&mut self, now: Time, delay: Duration) {
        self.not_before = self.not_before.max(now + delay);
    }
}
