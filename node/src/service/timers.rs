//! The service's timers. All are made in one place, which decides what becomes of missed ticks. So no timer
//! makes up for a pause of the process (a stopped process, a suspended machine) by a burst. `clippy.toml`
//! forbids making one elsewhere.
//!
//! Deliberately absent: what is done at a tick.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::task::JoinHandle;
use tokio::time::{Instant, Interval, MissedTickBehavior, interval_at};

use crate::config::{Config, Prune};
use crate::observe::recorder::Recorder;
use crate::observe::trace::LATENESS_MAX;

/// The time between two checks whether peers are missing.
pub const DISCOVERY_INTERVAL: Duration = Duration::from_millis(200);
/// The time between two checks whether there is something to report about the node's state.
pub const STATUS_INTERVAL: Duration = Duration::from_secs(10);
/// The time between two writes of the known peers to the store.
pub const PEERS_INTERVAL: Duration = Duration::from_secs(60);
/// The time between two looks at the wall clock for the engine. A suspended machine makes the two come apart.
pub const WALL_INTERVAL: Duration = Duration::from_secs(60);
/// The time between two tellings of this node's numbers to the members: a second more than the machine wants, so that
/// none comes too early.
pub const NUMBERS_INTERVAL: Duration = Duration::from_secs(61);
/// When they are told first. By then a node has found its first peers.
pub const NUMBERS_FIRST: Duration = Duration::from_secs(5);
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

/// Measures how late a timer of [`LATENESS_INTERVAL`] ticks. Between the samples, its ticks also hand the trace to the
/// system, if that is wanted more often than there are samples.
///
/// This is a task of its own. A tick that woke the loop would make the loop look at everything that it waits for,
/// twenty times a second, which is most of what an idle node does. The runtime has one thread, so the task waits
/// for the loop's turns like everything else.
#[derive(Debug)]
pub struct Lateness {
    late: Arc<Mutex<Vec<u64>>>,
    task: JoinHandle<()>,
}

impl Lateness {
    /// Starts to measure, and hands the trace to the system this often. With [`SAMPLE_INTERVAL`] or more it leaves that
    /// to the samples.
    #[must_use]
    pub fn start(recorder: Recorder, flush: Duration) -> Self {
        let late = Arc::new(Mutex::new(Vec::new()));
        let noted = Arc::clone(&late);
        let task = tokio::spawn(async move {
            let mut timer = every(LATENESS_INTERVAL);
            let mut flushed = Instant::now();
            loop {
                let due = timer.tick().await;
                lock(&noted).extend(latenesses(due.elapsed(), LATENESS_INTERVAL));
                // Half a tick, so that a tick that is a bit early does not wait for the next one.
                if flush < SAMPLE_INTERVAL && flushed.elapsed() + LATENESS_INTERVAL / 2 >= flush {
                    recorder.flush();
                    flushed = Instant::now();
                }
            }
        });
        Self { late, task }
    }

    /// How late each tick since the last call was, in microseconds.
    #[must_use]
    pub fn take(&self) -> Vec<u64> {
        std::mem::take(&mut *lock(&self.late))
    }
}

impl Drop for Lateness {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// No half-done change can spoil these plain data, so a poisoned lock can still be used.
fn lock(late: &Mutex<Vec<u64>>) -> MutexGuard<'_, Vec<u64>> {
    late.lock().unwrap_or_else(PoisonError::into_inner)
}

/// All timers of the loop. Those that the settings don't want are `None`.
#[derive(Debug)]
pub struct Timers {
    /// Looks for missing peers.
    pub discovery: Interval,
    /// Reports the state of the node.
    pub status: Interval,
    /// Keeps the known peers.
    pub peers: Interval,
    /// Tells the engine what the wall clock says.
    pub wall: Interval,
    /// Tells the members this node's numbers.
    pub numbers: Interval,
    /// Deletes a few old bodies.
    pub prune: Option<Interval>,
    /// Makes a block.
    pub produce: Option<Interval>,
    /// Samples for the trace.
    pub sample: Option<Interval>,
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
            wall: every(WALL_INTERVAL),
            numbers: timer(NUMBERS_FIRST, NUMBERS_INTERVAL),
            prune: (config.prune != Prune::default()).then(|| every(PRUNE_INTERVAL)),
            produce: config.produce_every.filter(|period| !period.is_zero()).map(every),
            sample: traced.then(|| every(SAMPLE_INTERVAL)),
        }
    }
}
