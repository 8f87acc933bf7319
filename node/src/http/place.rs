//! One connection's place at the listener: what it is doing, since when, and whether it has to go.
//!
//! A connection *waits* for a request or for the rest of its headers, *reads* a body, or is *served*. Each has its own time limit.
//! One that waits or reads can be made to go when another connection needs the place.

use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::Notify;
use tokio::time::{Duration, Instant, sleep_until};

/// How long a connection may be at what it does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Waiting for its next request, headers included. A client that keeps connections opens a new one after that.
    pub wait: Duration,
    /// From the headers of a request to the last byte of its body.
    pub body: Duration,
    /// From there to the answer. One call takes 10 s at most; a batch of more slow ones is cut off.
    pub serve: Duration,
}

impl Default for Times {
    /// 30 s, 10 s (8 MiB at less than 1 MiB/s, and on loopback they take milliseconds) and 60 s.
    fn default() -> Self {
        Self { wait: Duration::from_secs(30), body: Duration::from_secs(10), serve: Duration::from_secs(60) }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Reading,
    Serving,
}

/// A place.
#[derive(Debug)]
pub(super) struct Place {
    times: Times,
    state: Mutex<State>,
    changed: Notify,
}

#[derive(Clone, Copy, Debug)]
struct State {
    stage: Stage,
    since: Instant,
    vacated: bool,
}

impl Place {
    pub(super) fn new(times: Times) -> Self {
        let state = State { stage: Stage::Waiting, since: Instant::now(), vacated: false };
        Self { times, state: Mutex::new(state), changed: Notify::new() }
    }

    /// The headers of a request are here.
    pub(super) fn reading(&self) {
        self.enter(Stage::Reading);
    }

    /// Its body is here as well.
    pub(super) fn serving(&self) {
        self.enter(Stage::Serving);
    }

    /// The answer is out of our hands. A client that doesn't read it is one that waits.
    pub(super) fn waiting(&self) {
        self.enter(Stage::Waiting);
    }

    /// Since when it could have been made to go; `None` while it is served.
    pub(super) fn since(&self) -> Option<Instant> {
        let State { stage, since, .. } = *self.lock();
        (stage != Stage::Serving).then_some(since)
    }

    /// Tells the connection to go.
    pub(super) fn vacate(&self) {
        self.lock().vacated = true;
        self.changed.notify_one();
    }

    /// Ends when the connection has to go.
    pub(super) async fn over(&self) {
        loop {
            let state = *self.lock();
            let deadline = state.since + self.limit(state.stage);
            if state.vacated || deadline <= Instant::now() {
                return;
            }
            tokio::select! {
                () = sleep_until(deadline) => {}
                () = self.changed.notified() => {}
            }
        }
    }

    const fn limit(&self, stage: Stage) -> Duration {
        match stage {
            Stage::Waiting => self.times.wait,
            Stage::Reading => self.times.body,
            Stage::Serving => self.times.serve,
        }
    }

    fn enter(&self, stage: Stage) {
        let mut state = self.lock();
        (state.stage, state.since) = (stage, Instant::now());
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
