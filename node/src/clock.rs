//! The node's only clock. Engine time is microseconds of `CLOCK_MONOTONIC` since the node's start. Traces hold
//! that clock's plain nanoseconds, which all processes of one machine share. `rates.rs` says when something may pass.

pub mod rates;

use std::sync::OnceLock;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use nix::time::{ClockId, clock_gettime};
use protocol::time::Time;

/// Turns the machine's clock into the engine's time.
#[derive(Clone, Copy, Debug)]
pub struct Clock {
    started: Instant,
}

impl Clock {
    /// A clock whose zero is now.
    #[must_use]
    pub fn start() -> Self {
        Self { started: Instant::now() }
    }

    /// Engine time now.
    #[must_use]
    pub fn now(&self) -> Time {
        Time::ZERO + protocol::time::Duration::from(self.started.elapsed())
    }

    /// How long the node has been running.
    #[must_use]
    pub fn uptime(&self) -> Duration {
        self.started.elapsed()
    }

    /// How long from now until `deadline`; zero if it has passed.
    #[must_use]
    pub fn until(&self, deadline: Time) -> Duration {
        Duration::from_micros(deadline.since(self.now()).as_micros())
    }
}

/// `CLOCK_MONOTONIC` in nanoseconds: the same for every process of this machine.
#[must_use]
pub fn monotonic_ns() -> u64 {
    clock_gettime(ClockId::CLOCK_MONOTONIC)
        .map(|at| (at.tv_sec() as u64).saturating_mul(1_000_000_000).saturating_add(at.tv_nsec() as u64))
        .unwrap_or(0)
}

/// Seconds since 1970 that no setting of the wall clock moves. The wall clock gives the first value in the
/// process, and the monotonic clock counts from then on.
#[must_use]
pub fn steady_s() -> u64 {
    static STARTED: OnceLock<(Instant, u64)> = OnceLock::new();
    let (started, wall_s) = STARTED.get_or_init(|| (Instant::now(), wall_ns() / 1_000_000_000));
    wall_s.saturating_add(started.elapsed().as_secs())
}

/// The wall clock, in milliseconds since 1970.
#[must_use]
pub fn wall_ms() -> u64 {
    wall_ns() / 1_000_000
}

/// The wall clock, in nanoseconds since 1970.
#[must_use]
pub fn wall_ns() -> u64 {
    SystemTime::now()
        .duration_since(UNIX_EPOCH)
        .map_or(0, |since| u64::try_from(since.as_nanos()).unwrap_or(u64::MAX))
}
