//! Whether the node lives, and whether it is of use: what `/healthz` and `/readyz` answer.
//!
//! The service's loop beats a pulse and says what stands in the way; the listener's thread reads both. So a loop that is stuck
//! is told as stuck, and no answer waits for it. Deliberately absent: anything that restarts the node.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub(super) const HEALTHZ: &str = "/healthz";
pub(super) const READYZ: &str = "/readyz";

/// What is answered even where all places are taken.
pub(super) const HEALTH_PATHS: [&str; 2] = [HEALTHZ, READYZ];

/// A loop that has not beaten for longer is not live. It beats five times in this time.
pub const BEAT_MAX: Duration = Duration::from_secs(1);

/// What can make a node unready.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// The loop answers within [`BEAT_MAX`].
    Live,
    /// At least one gossip peer has said Hello, where the node knows of any to reach.
    Peers,
    /// The node is not *behind*.
    Sync,
    /// The store keeps up.
    Store,
}

/// One reason for not being ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// What isn't met.
    pub criterion: Criterion,
    /// The same for a person.
    pub text: String,
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether the node is of use to its users.
    pub ready: bool,
    /// Why not; empty if it is.
    pub reasons: Vec<Reason>,
}

/// The pulse of a node, shared by its loop and its listener.
#[derive(Debug)]
pub struct Health {
    started: Instant,
    /// Milliseconds from the start to the last beat, and 1; 0 before the first.
    beat: AtomicU64,
    reasons: Mutex<Vec<Reason>>,
}

impl Health {
    /// A pulse that has not beaten yet.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now(), beat: AtomicU64::new(0), reasons: Mutex::default() }
    }

    /// The loop lives, and this stands in the way of its use.
    pub fn beat(&self, reasons: Vec<Reason>) {
        // Held for the copying of a few words, by either side.
        *self.reasons.lock().unwrap_or_else(PoisonError::into_inner) = reasons;
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.store(now.saturating_add(1), Ordering::Relaxed);
    }

    /// How long ago the loop last beat. Reads an atomic and the clock.
    #[must_use]
    pub fn since_beat(&self) -> Duration {
        let beat = Duration::from_millis(self.beat.load(Ordering::Relaxed).saturating_sub(1));
        self.started.elapsed().saturating_sub(beat)
    }

    /// Whether the loop lives.
    #[must_use]
    pub fn is_live(&self) -> bool {
        self.since_beat() <= BEAT_MAX
    }

    /// Whether the node is ready, and why not.
    #[must_use]
    pub fn readiness(&self) -> Readiness {
        let mut reasons = self.reasons.lock().unwrap_or_else(PoisonError::into_inner).clone();
        let since = self.since_beat();
        if since > BEAT_MAX {
            let text = format!("the node's loop has not answered for {:.1} s", since.as_secs_f64());
            reasons.insert(0, Reason { criterion: Criterion::Live, text });
        }
        Readiness { ready: reasons.is_empty(), reasons }
    }
}

impl Default for Health {
    fn default() -> Self {
        Self::new()
    }
}
