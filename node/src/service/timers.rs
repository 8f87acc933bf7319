//! The service's timers. All are made in one place, which decides what becomes of missed ticks. So no timer
//! makes up for a pause of the process (a stopped process, a suspended machine) by a burst. `clippy.toml`
//! forbids making one elsewhere.
//!
//! Deliberately absent: what is done at a tick.

use std::time::Duration;

use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::config::{Config, Prune};
use crate::observe::trace::LATENESS_MAX;

/// The time between two checks whether peers are missing.
pub const DISCOVERY_INTERVAL: Duration = Duration::from_millis(200);
/// The time between two checks whether there is something to report about the node's state.
pub const STATUS_INTERVAL: Duration = Duration::from_secs(10);
/// The time between two writes of the known peers to the store.
pub const PEERS_INTERVAL: Duration = Duration::from_secs(60);
/// The time between two deletions of a few old bodies, if that is wanted: 64 bodies a second at most.
pub const PRUNE_INTERVAL: Duration = Duration::from_secs(1);
/// The time between two samples of a trace.
pub const SAMPLE_INTERVAL: Duration = Duration::from_secs(1);
/// The period of the timer whose lateness a trace records.
pub const LATENESS_INTERVAL: Duration = Duration::from_millis(50);

/// A timer whose first tick is one period from now. After a pause it ticks once, at once, and
/// then a whole period later.
///
/// Everything that is done at ticks looks at the present state. To do it twice in a row for missed ticks would
/// report and do nothing new. The old rhythm is not kept either, because then the second tick could follow the
/// first within a moment: two status lines, or two blocks, for one pause.
#[must_use]
pub fn every(period: Duration) -> Interval {
    timer(period, period)
}

/// The same with the first tick at once.
#[must_use]
pub fn at_once_and_every(period: Duration) -> Interval {
    timer(Duration::ZERO, period)
}

#[expect(clippy::disallowed_methods, reason = "the one place where intervals are made")]
fn timer(first: Duration, period: Duration) -> Interval {
    let mut timer = interval_at(Instant::now() + first, period);
    timer.set_missed_tick_behavior(MissedTickBehavior::Delay);
    timer
}

/// The next tick. Waits forever if there is no timer.
pub async fn next(timer: &mut Option<Interval>) -> Instant {
    match timer {
        Some(timer) => timer.tick().await,
        None => std::future::pending().await,
    }
}

/// How late each tick was that became due while the process did not look, in microseconds, the earliest first. The
/// timer ticks once for all that were missed. If only this one counted, a pause would look like one late tick, and
/// a trace's percentiles would look better than the run was. At most as many as a trace keeps.
pub fn latenesses(late: Duration, period: Duration) -> impl Iterator<Item = u64> {
    let missed = (0..LATENESS_MAX).map_while(move |tick| {
        let later = period.checked_mul(u32::try_from(tick).ok()?)?;
        late.checked_sub(later)
    });
    missed.map(crate::observe::sample::micros)
}

/// All timers. Those that the settings don't want are `None`.
#[derive(Debug)]
pub struct Timers {
    /// Looks for missing peers.
    pub discovery: Interval,
    /// Reports the state of the node.
    pub status: Interval,
    /// Keeps the known peers.
    pub peers: Interval,
    /// Deletes a few old bodies.
    pub prune: Option<Interval>,
    /// Makes a block.
    pub produce: Option<Interval>,
    /// Samples for the trace.
    pub sample: Option<Interval>,
    /// Reports how late it is.
    pub lateness: Option<Interval>,
}

impl Timers {
    /// Starts the timers that the settings want.
    #[must_use]
    pub fn start(config: &Config) -> Self {
        let traced = config.trace.is_some();
        Self {
            discovery: at_once_and_every(DISCOVERY_INTERVAL),
            status: every(STATUS_INTERVAL),
            peers: every(PEERS_INTERVAL),
            prune: (config.prune != Prune::default()).then(|| every(PRUNE_INTERVAL)),
            produce: config.produce_every.filter(|period| !period.is_zero()).map(every),
            sample: traced.then(|| every(SAMPLE_INTERVAL)),
            lateness: traced.then(|| every(LATENESS_INTERVAL)),
        }
    }
}
