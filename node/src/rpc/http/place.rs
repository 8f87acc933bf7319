//! One connection's place at the listener: what it is doing, since when, and whether it has to go.
//!
//! A connection *waits* for a request or for the rest of its headers, is *queued* until its turn has come (`turns.rs`),
//! *reads* a body, is *served*, or *takes* its answer. Each state has its own time limit. If another connection needs
//! the place, a connection that is neither queued nor served goes at once. One that is goes with its answer. One that
//! *watches* a stream of events, or is a WebSocket, has no limit, and does not give way; there are only a few
//! (`events.rs`).

use std::future::pending;
use std::sync::{Mutex, MutexGuard, PoisonError};

use tokio::sync::{Notify, oneshot};
use tokio::time::{Duration, Instant, sleep_until};

use super::turns::Turn;
use crate::clock::Clock;

/// How long a connection may spend in each state.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Times {
    /// Waiting for its next request, headers included. A client that keeps connections open
    /// makes a new one after that.
    pub wait: Duration,
    /// From the headers of a request until its turn has come. It is refused after that.
    pub turn: Duration,
    /// From then to the last byte of its body.
    pub body: Duration,
    /// From the last byte of its body to the answer. One call takes 10 s at most; a batch with more slow calls is
    /// cut off.
    pub serve: Duration,
    /// From the answer until the client has taken all of it, except what the system buffers.
    pub answer: Duration,
    /// The time to be served to the end, if another connection waits for the place.
    pub leave: Duration,
}

impl Default for Times {
    /// In this order: 30 s; 2 s (with 2,000 calls a second, all 128 connections have their turn in 64 ms); 10 s (8 MiB
    /// at less than 1 MiB/s, and on loopback they take milliseconds); 60 s; 10 s; 1 s.
    fn default() -> Self {
        let [wait, turn, body, serve, answer, leave] = [30, 2, 10, 60, 10, 1].map(Duration::from_secs);
        Self { wait, turn, body, serve, answer, leave }
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Stage {
    Waiting,
    Queued,
    Reading,
    Serving,
    Answering,
    Watching,
}

/// A place.
#[derive(Debug)]
pub(super) struct Place {
    times: Times,
    turn: Turn<Clock>,
    opened: Instant,
    state: Mutex<State>,
    changed: Notify,
    leaves: Notify,
    /// Told when the WebSocket that the connection became has ended.
    switched: Mutex<Option<oneshot::Receiver<()>>>,
}

#[derive(Clone, Copy, Debug)]
struct State {
    stage: Stage,
    since: Instant,
    vacated: bool,
    leaving: Option<Instant>,
}

impl Place {
    pub(super) fn new(times: Times, turn: Turn<Clock>) -> Self {
        let opened = Instant::now();
        let state = State { stage: Stage::Waiting, since: opened, vacated: false, leaving: None };
        let (changed, leaves, switched) = (Notify::new(), Notify::new(), Mutex::default());
        Self { times, turn, opened, state: Mutex::new(state), changed, leaves, switched }
    }

    /// The connection's turns among all calls.
    pub(super) const fn turn(&self) -> &Turn<Clock> {
        &self.turn
    }

    /// The headers of a request have arrived.
    pub(super) fn queued(&self) {
        self.enter(Stage::Queued);
    }

    /// The turn of the request has come.
    pub(super) fn reading(&self) {
        self.enter(Stage::Reading);
    }

    /// Its body has arrived as well. If another connection wanted the place at this moment, the request
    /// is served all the same.
    pub(super) fn serving(&self) {
        self.enter(Stage::Serving);
        if std::mem::take(&mut self.lock().vacated) {
            self.leave();
        }
    }

    /// There is an answer.
    pub(super) fn answering(&self) {
        self.enter(Stage::Answering);
    }

    /// A stream of events has begun.
    pub(super) fn watching(&self) {
        self.enter(Stage::Watching);
    }

    /// The connection is to become a WebSocket. `end` tells when that has ended.
    pub(super) fn switching(&self, end: oneshot::Receiver<()>) {
        *self.switched.lock().unwrap_or_else(PoisonError::into_inner) = Some(end);
    }

    /// What tells the end of the WebSocket that the connection became, if it became one.
    pub(super) fn switched(&self) -> Option<oneshot::Receiver<()>> {
        self.switched.lock().unwrap_or_else(PoisonError::into_inner).take()
    }

    /// The answer has left, except what the system buffers.
    pub(super) fn waiting(&self) {
        self.enter(Stage::Waiting);
    }

    /// Since when it could have been closed; `None` while it is queued or served, or watches.
    pub(super) fn since(&self) -> Option<Instant> {
        let State { stage, since, .. } = *self.lock();
        (!matches!(stage, Stage::Queued | Stage::Serving | Stage::Watching)).then_some(since)
    }

    /// Whether nothing is lost if it ends now: it has at most part of a request's body, or an endless answer.
    pub(super) fn may_end(&self) -> bool {
        matches!(self.lock().stage, Stage::Queued | Stage::Reading | Stage::Watching)
    }

    /// How long the connection has existed.
    pub(super) fn age(&self) -> Duration {
        self.opened.elapsed()
    }

    /// When the connection was opened; `None` if it has been told to leave already, or watches.
    pub(super) fn opened(&self) -> Option<Instant> {
        let State { stage, leaving, .. } = *self.lock();
        (leaving.is_none() && stage != Stage::Watching).then_some(self.opened)
    }

    /// Tells the connection to go now.
    pub(super) fn vacate(&self) {
        self.lock().vacated = true;
        self.changed.notify_one();
    }

    /// Tells the connection to go with its answer, and soon.
    pub(super) fn leave(&self) {
        self.lock().leaving = Some(Instant::now());
        self.changed.notify_one();
        self.leaves.notify_one();
    }

    /// Ends when the connection is told to go with its answer.
    pub(super) async fn left(&self) {
        self.leaves.notified().await;
    }

    /// Ends when the connection has to go.
    pub(super) async fn over(&self) {
        loop {
            let state = *self.lock();
            let deadline = self.deadline(state);
            if state.vacated || deadline.is_some_and(|deadline| deadline <= Instant::now()) {
                return;
            }
            let over = async {
                match deadline {
                    Some(deadline) => sleep_until(deadline).await,
                    None => pending().await,
                }
            };
            tokio::select! {
                () = over => {}
                () = self.changed.notified() => {}
            }
        }
    }

    fn deadline(&self, state: State) -> Option<Instant> {
        let limit = match state.stage {
            Stage::Waiting => self.times.wait,
            // Its wait has an end of its own, with an answer.
            Stage::Queued => self.times.turn.saturating_add(self.times.serve),
            Stage::Reading => self.times.body,
            Stage::Serving => self.times.serve,
            Stage::Answering => self.times.answer,
            Stage::Watching => return state.leaving.map(|since| since + self.times.leave),
        };
        let whole = state.since + limit;
        Some(state.leaving.map_or(whole, |since| whole.min(since + self.times.leave)))
    }

    fn enter(&self, stage: Stage) {
        let mut state = self.lock();
        (state.stage, state.since) = (stage, Instant::now());
        drop(state);
        self.changed.notify_one();
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
