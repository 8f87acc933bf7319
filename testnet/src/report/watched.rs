//! What real nodes saw of each other as members while some were killed, stopped and started again.
//!
//! A run has *phases*. In each, something is done to some nodes, and then the instrument waits until all others have
//! seen it. A phase is a list of times, one for each pair of a node that looks and one that is looked at. Times are as
//! fine as the instrument asks: a few times a second.
//!
//! Deliberately absent: asking.

use serde::{Deserialize, Serialize};

use super::schema::members::{Learned, MembersFigures};
use super::statistics::{Sorted, rounded};

/// The value of [`Watched::kind`].
pub const WATCHED_KIND: &str = "members";

/// A run.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Watched {
    /// The version of the schema.
    pub schema: u32,
    /// [`WATCHED_KIND`].
    pub kind: String,
    /// Nodes launched.
    pub nodes: usize,
    /// The emulated links, as `--wan` spells it.
    pub wan: String,
    /// The seed from which everything random follows.
    pub seed: u64,
    /// The preset of the parameters: `lan` or `wan`.
    pub preset: String,
    /// The command that made the report.
    pub command: String,
    /// False only if a node was lost, the run was cut short, or a phase was not over in its time.
    pub valid: bool,
    /// The reason if it is not valid; empty if it is.
    pub invalid_because: Vec<String>,
    /// How the nodes learned of each other. Bytes are all that a node sends while it idles, discovery included.
    pub members: MembersFigures,
    /// The phases, in order.
    pub phases: Vec<Phase>,
}

/// Something that was done, and how soon the others saw it.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Phase {
    /// What was waited for.
    pub name: String,
    /// For each pair that saw it, the time in milliseconds.
    pub took_ms: Vec<f64>,
    /// Pairs that never did.
    pub never: usize,
}

impl Phase {
    /// How long half of the pairs took, 99 % of them, and all. Pairs that never saw it count as the slowest.
    #[must_use]
    pub fn learned(&self) -> Learned {
        let never = std::iter::repeat_n(f64::INFINITY, self.never);
        let sorted = Sorted::new(self.took_ms.iter().copied().chain(never));
        let at = |percent| sorted.percentile(percent).filter(|ms| ms.is_finite()).map(|ms| rounded(ms, 0));
        Learned { p50: at(50), p99: at(99), max: at(100) }
    }
}
