//! When each transaction and block is due. The transactions of the rate and of the bursts are merged by their
//! times. At equal times, the rate's transaction is first.

use std::time::Duration;

use super::{Burst, Length, Load};

/// The transactions' times in order, and which of them belong to bursts.
#[derive(Clone, Debug)]
pub(super) struct Schedule {
    load: Load,
    /// The transactions of the rate so far.
    steady: u64,
    /// Bursts that are over.
    bursts: u64,
    /// Transactions of the next burst so far.
    of_burst: u32,
}

/// One place in the schedule.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Slot {
    /// Counted from the start of the load.
    pub(super) due: Duration,
    /// The owner of the place.
    pub(super) kind: SlotKind,
}

/// The owner of a transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum SlotKind {
    /// The rate.
    Steady,
    /// A burst that begins with it.
    BurstBegins,
    /// The same burst as the previous burst transaction.
    BurstGoesOn,
}

impl Load {
    /// How long the load lasts. If it ends after a number of transactions, it lasts until one more would be due.
    #[must_use]
    pub fn duration(&self) -> Duration {
        match self.length {
            Length::Duration(duration) => duration,
            Length::Transactions(count) => self.due(count),
        }
    }

    /// The number of transactions.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        match self.length {
            Length::Transactions(count) => count,
            Length::Duration(duration) => {
                let size = self.burst.map_or(0, |burst| u64::from(burst.size));
                self.steady_before(duration).saturating_add(self.bursts_before(duration).saturating_mul(size))
            }
        }
    }

    /// When each block of the workload is due: one interval after the start, and so on until the end.
    #[must_use]
    pub fn block_due(&self, index: u32) -> Option<Duration> {
        let due = self.block_interval?.checked_mul(index.checked_add(1)?)?;
        (due <= self.duration()).then_some(due)
    }

    /// The number of blocks for which the load has room.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        let interval = self.block_interval.map_or(0, |interval| interval.as_micros());
        self.duration().as_micros().checked_div(interval).map_or(0, |count| count as u64)
    }

    /// When the transaction at this place of the merged schedule is due.
    fn due(&self, place: u64) -> Duration {
        let Some(burst) = self.burst.filter(|burst| burst.size > 0) else { return self.steady_due(place) };
        let size = u128::from(burst.size);
        // The place of a burst's first transaction rises from burst to burst, by at least `size`.
        let first = |number: u64| u128::from(self.steady_until(burst.due(number))) + u128::from(number) * size;
        let (mut begun, mut not_begun) = (0, (place / u64::from(burst.size)).saturating_add(1));
        while begun < not_begun {
            let middle = begun + (not_begun - begun) / 2;
            match first(middle) <= u128::from(place) {
                true => begun = middle + 1,
                false => not_begun = middle,
            }
        }
        match begun.checked_sub(1) {
            Some(last) if u128::from(place) < first(last) + size => burst.due(last),
            _ => self.steady_due(place.saturating_sub(begun.saturating_mul(u64::from(burst.size)))),
        }
    }

    /// When one of the rate's transactions is due.
    fn steady_due(&self, index: u64) -> Duration {
        Duration::try_from_secs_f64(index as f64 / self.tx_rate).unwrap_or(Duration::MAX)
    }

    /// The number of the rate's transactions that are due before `end`. The first is due at once. One that is due
    /// exactly at the end is left out.
    fn steady_before(&self, end: Duration) -> u64 {
        (self.tx_rate * end.as_secs_f64() - 1e-9).ceil().max(0.0) as u64
    }

    /// The number of the rate's transactions that are due at `time` or before.
    fn steady_until(&self, time: Duration) -> u64 {
        if time == Duration::MAX {
            return u64::MAX;
        }
        let mut count = (self.tx_rate * time.as_secs_f64()) as u64;
        // The product may be off by rounding, and times are rounded to nanoseconds, so the times decide.
        while self.steady_due(count) <= time {
            count += 1;
        }
        count
    }

    /// The number of bursts that are due before `end`.
    fn bursts_before(&self, end: Duration) -> u64 {
        let every = self.burst.map_or(0, |burst| burst.every.as_nanos());
        let count = end.as_nanos().saturating_sub(1).checked_div(every);
        count.map_or(0, |count| u64::try_from(count).unwrap_or(u64::MAX))
    }
}

impl Burst {
    /// When a burst is due, counted from 0. A burst beyond 584 years never comes.
    fn due(&self, number: u64) -> Duration {
        let nanos = self.every.as_nanos().checked_mul(u128::from(number) + 1);
        nanos.and_then(|nanos| u64::try_from(nanos).ok()).map_or(Duration::MAX, Duration::from_nanos)
    }
}

impl Schedule {
    pub(super) fn new(load: &Load) -> Self {
        Self { load: load.clone(), steady: 0, bursts: 0, of_burst: 0 }
    }

    /// The next place; `None` at the end of the load.
    pub(super) fn next_slot(&mut self) -> Option<Slot> {
        let (steady_left, burst_left) = match self.load.length {
            Length::Duration(end) => {
                (self.steady < self.load.steady_before(end), self.bursts < self.load.bursts_before(end))
            }
            Length::Transactions(count) => {
                let left = self.made() < count;
                (left && self.load.tx_rate > 0.0, left)
            }
        };
        let steady = steady_left.then(|| self.load.steady_due(self.steady));
        let burst = self.load.burst.filter(|burst| burst_left && burst.size > 0);
        match (steady, burst.map(|burst| (burst.due(self.bursts), burst.size))) {
            (Some(due), other) if other.is_none_or(|(burst, _)| due <= burst) => {
                self.steady = self.steady.saturating_add(1);
                Some(Slot { due, kind: SlotKind::Steady })
            }
            (_, Some((due, size))) => {
                let kind = if self.of_burst == 0 { SlotKind::BurstBegins } else { SlotKind::BurstGoesOn };
                self.of_burst += 1;
                if self.of_burst >= size {
                    (self.of_burst, self.bursts) = (0, self.bursts.saturating_add(1));
                }
                Some(Slot { due, kind })
            }
            _ => None,
        }
    }

    fn made(&self) -> u64 {
        let size = self.load.burst.map_or(0, |burst| u64::from(burst.size));
        self.steady.saturating_add(self.bursts.saturating_mul(size)).saturating_add(u64::from(self.of_burst))
    }
}
