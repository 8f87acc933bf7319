//! Whether the node is live, and whether it is ready: the answers of `/healthz` and `/readyz`.
//!
//! The service's loop reports regularly that it is live, and what prevents the node's use. The listener's thread
//! reads both. So a stuck loop is reported as stuck, and no answer waits for it. Deliberately absent: anything
//! that restarts the node.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use serde::{Deserialize, Serialize};

pub(super) const HEALTHZ: &str = "/healthz";
pub(super) const READYZ: &str = "/readyz";

/// Paths that are answered even if all places are taken.
pub(super) const HEALTH_PATHS: [&str; 2] = [HEALTHZ, READYZ];

/// A loop that has not reported for longer than this is not live. It reports five times in this time.
pub const BEAT_MAX: Duration = Duration::from_secs(1);

/// Conditions that make a node unready if they are not met.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash, Serialize, Deserialize)]
#[serde(rename_all = "snake_case")]
pub enum Criterion {
    /// The loop answers within [`BEAT_MAX`].
    Live,
    /// At least one gossip peer has said Hello, if the node knows of any to reach.
    Peers,
    /// The node is not *behind*.
    Sync,
    /// The store keeps up.
    Store,
}

impl Criterion {
    /// All conditions, with their names in JSON and in metrics.
    pub const ALL: [(&'static str, Self); 4] =
        [("live", Self::Live), ("peers", Self::Peers), ("sync", Self::Sync), ("store", Self::Store)];
}

/// One reason for not being ready.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Reason {
    /// The condition that isn't met.
    pub criterion: Criterion,
    /// The same as text for a person.
    pub text: String,
}

/// The answer of `/readyz`.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Readiness {
    /// Whether the node is ready.
    pub ready: bool,
    /// Why it is not ready; empty if it is.
    pub reasons: Vec<Reason>,
}

/// The health of a node, shared by its loop and its listener.
#[derive(Debug)]
pub struct Health {
    started: Instant,
    /// Milliseconds from the start to the loop's last report, plus 1; 0 before the first.
    beat: AtomicU64,
    reasons: Mutex<Vec<Reason>>,
}

impl Health {
    /// The health of a node whose loop has not reported yet.
    #[must_use]
    pub fn new() -> Self {
        Self { started: Instant::now(), beat: AtomicU64::new(0), reasons: Mutex::default() }
    }

    /// The loop is live, and these reasons prevent its use.
    pub fn beat(&self, reasons: Vec<Reason>) {
        // Either side holds the lock only while a few words are copied.
        *self.reasons.lock().unwrap_or_else(PoisonError::into_inner) = reasons;
        let now = u64::try_from(self.started.elapsed().as_millis()).unwrap_or(u64::MAX);
        self.beat.store(now.saturating_add(1), Ordering::Relaxed);
    }

    /// How long ago the loop last reported. Reads an atomic and the clock.
    #[must_use]
    pub fn since_beat(&self) -> Duration {
        let beat = Duration::from_millis(self.beat.load(Ordering::Relaxed).saturating_sub(1));
        self.started.elapsed().saturating_sub(beat)
    }

    /// Whether the loop is live.
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
