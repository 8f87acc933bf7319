//! What one peer may cost, in bytes a second.

use crate::time::{Duration, Time};

/// A token bucket of bytes. It may go below zero. Then nothing is allowed until it is back at zero.
#[derive(Debug)]
pub(crate) struct Budget<R = Given> {
    left: i64,
    at: Time,
    rate: R,
}

/// How fast a budget fills, and how much it holds.
pub(crate) trait Rate {
    fn per_second(&self) -> u64;
    fn full(&self) -> i64;
}

/// A rate that the configuration gives.
#[derive(Debug)]
pub(crate) struct Given {
    per_second: u64,
    full: i64,
}

/// A rate of constants. It takes no memory: each peer has four such budgets.
#[derive(Debug)]
pub(crate) struct Fixed<const PER_SECOND: u64, const BURST: u64>;

impl Rate for Given {
    fn per_second(&self) -> u64 {
        self.per_second
    }

    fn full(&self) -> i64 {
        self.full
    }
}

impl<const PER_SECOND: u64, const BURST: u64> Rate for Fixed<PER_SECOND, BURST> {
    fn per_second(&self) -> u64 {
        PER_SECOND
    }

    fn full(&self) -> i64 {
        i64::try_from(BURST).unwrap_or(i64::MAX)
    }
}

impl Budget {
    pub(crate) fn new(now: Time, per_second: u64, burst: u64) -> Self {
        let full = i64::try_from(burst).unwrap_or(i64::MAX);
        Self { left: full, at: now, rate: Given { per_second, full } }
    }
}

impl<const PER_SECOND: u64, const BURST: u64> Budget<Fixed<PER_SECOND, BURST>> {
    pub(crate) fn full(now: Time) -> Self {
        let rate = Fixed;
        Self { left: rate.full(), at: now, rate }
    }

    /// A budget that has nothing saved up when time begins.
    pub(crate) const fn saving() -> Self {
        Self { left: 0, at: Time::ZERO, rate: Fixed }
    }
}

impl<R: Rate> Budget<R> {
    pub(crate) fn spend(&mut self, now: Time, cost: u64) {
        self.refill(now);
        self.left = self.left.saturating_sub(i64::try_from(cost).unwrap_or(i64::MAX));
    }

    pub(crate) fn is_within(&mut self, now: Time) -> bool {
        self.refill(now);
        self.left >= 0
    }

    /// Whether this amount is left.
    pub(crate) fn has(&mut self, now: Time, amount: u64) -> bool {
        self.refill(now);
        u64::try_from(self.left).is_ok_and(|left| left >= amount)
    }

    /// Spends, unless the budget is below zero. True if it did.
    pub(crate) fn spend_within(&mut self, now: Time, cost: u64) -> bool {
        let within = self.is_within(now);
        if within {
            self.spend(now, cost);
        }
        within
    }

    /// When the budget is back at zero; `None` if it is not below.
    pub(crate) fn within_at(&self) -> Option<Time> {
        if self.left >= 0 {
            return None;
        }
        // One microsecond more than the division gives, so that the budget is no longer below zero at that time.
        let micros = self.left.unsigned_abs().saturating_mul(1_000_000) / self.rate.per_second().max(1) + 1;
        Some(self.at + Duration::from_micros(micros))
    }

    fn refill(&mut self, now: Time) {
        let gained = now.since(self.at).as_micros().saturating_mul(self.rate.per_second()) / 1_000_000;
        if gained > 0 {
            self.left =
                self.left.saturating_add(i64::try_from(gained).unwrap_or(self.rate.full())).min(self.rate.full());
            self.at = now;
        }
    }
}
