//! The age of a block in the store: the time for which the store was open since it recorded the block.
//!
//! **Deletion by age trusts no wall clock.** If a clock is set a year ahead, or was a year behind when a block was
//! recorded, every body looks old, and deleted bodies are gone. So the store has its own clock. The machine's
//! monotonic clock drives it while the store is open, and it is kept with the data that it stamps. The rules:
//!
//! 1. Only differences on this clock are ages. It is set from the wall clock once, when the store is made, so that
//!    its stamps look like dates. Nothing else depends on that.
//! 2. Time for which the node did not run does not count, because the node cannot know whether time has passed or
//!    the clock was set. If a node was off for forty days, it deletes each body forty days later than by the
//!    calendar.
//! 3. Some blocks were stamped with the wall clock, by a program without this rule. They count as recorded when a
//!    program with this rule first opened the store.
//! 4. The clock is kept with each group that has a block, and with the known peers, so every minute while a node
//!    runs. After a crash it goes on from there: ages are up to a minute too low, never too high.
//!
//! Deliberately absent: when to delete, and how much at a time (`write.rs`).

use super::error::StoreError;

/// The store's clock.
#[derive(Clone, Copy, Debug)]
pub(super) struct StoreClock {
    now_s: fn() -> u64,
    /// What it had counted when the store was opened, and the value of `now_s` then.
    kept: u64,
    opened_at: u64,
    /// The number of the first block that it stamped, and the time at which it began.
    first: u64,
    began: u64,
}

impl StoreClock {
    /// Begins to count. Blocks with numbers below `first` have other stamps.
    pub(super) fn begin(now_s: fn() -> u64, first: u64) -> Self {
        let now = now_s();
        Self { now_s, kept: now, opened_at: now, first, began: now }
    }

    /// Goes on counting from the kept clock.
    pub(super) fn decode(now_s: fn() -> u64, bytes: &[u8]) -> Result<Self, StoreError> {
        let bytes: &[u8; 24] =
            bytes.try_into().map_err(|_| StoreError::damaged("the clock has another length"))?;
        let at =
            |place: usize| bytes.iter().skip(place).take(8).fold(0, |sum: u64, byte| sum << 8 | u64::from(*byte));
        Ok(Self { now_s, kept: at(0), opened_at: now_s(), first: at(8), began: at(16) })
    }

    /// The clock in the form in which it is to be kept now.
    pub(super) fn encode(&self) -> [u8; 24] {
        let mut bytes = [0; 24];
        for (place, number) in bytes.chunks_mut(8).zip([self.now(), self.first, self.began]) {
            place.copy_from_slice(&number.to_be_bytes());
        }
        bytes
    }

    /// The stamp of a block that is recorded now.
    pub(super) fn now(&self) -> u64 {
        self.kept.saturating_add((self.now_s)().saturating_sub(self.opened_at))
    }

    /// How many seconds ago a block was recorded.
    pub(super) fn age(&self, number: u64, stored_at: u64) -> u64 {
        let stamp = if number < self.first { self.began } else { stored_at };
        self.now().saturating_sub(stamp)
    }
}
