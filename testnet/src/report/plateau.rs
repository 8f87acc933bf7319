//! Whether nodes under a steady load come to a plateau: the samples of a run, and the rules that they must meet. The
//! rules are checked for each node.
//!
//! 1. **Height.** At the end of the load its resident memory is within the given bound.
//! 2. **Flat.** The line of least squares through its memory in the *last part* of the load rises by at most
//!    [`RISE_MAX_MIB`] there. The last part is [`LAST_PART_S`], or a third of a shorter load.
//! 3. **Descriptors and threads.** The median of each in the last part is at most [`MORE_MAX`] above the median in
//!    the part before, which is as long.
//!
//! *Rationale for 2:* a plateau is not exactly flat. Some bounds are reached after hours: acknowledged submissions
//! (150 bytes each, 0.9 MiB in 20 minutes at 5/s to a node), headers (0.3 MiB at a block in 5 s) and the filter of
//! confirmed transactions (0.1 MiB at 60/s). Allocators add some noise. Memory that grew with each of 60
//! transactions a second by their bytes alone would rise by 18 MiB.
//! *Rationale for 3:* connections come and go, so the counts of one moment may differ.
//!
//! Deliberately absent: taking the samples.

use serde::{Deserialize, Serialize};

use super::figures::models::Line;
use super::statistics::Sorted;

/// The value of [`Plateau::kind`].
pub const PLATEAU_KIND: &str = "plateau";

/// The last part of a load: 20 minutes, in seconds.
pub const LAST_PART_S: f64 = 1_200.0;

/// The part of a load that is its last part if the load is short.
const LAST_SHARE: f64 = 1.0 / 3.0;

/// By how much a node's memory may rise in the last part, in MiB: 0.15 MiB a minute.
pub const RISE_MAX_MIB: f64 = 3.0;

/// How many descriptors or threads more a node may have in the last part.
pub const MORE_MAX: f64 = 2.0;

/// A run, and what its nodes took.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Plateau {
    /// The version of the schema.
    pub schema: u32,
    /// [`PLATEAU_KIND`].
    pub kind: String,
    /// The engine that was measured.
    pub engine: String,
    /// The relay policy, as `--relay` spells it.
    pub relay: String,
    /// Nodes launched.
    pub nodes: usize,
    /// The topology, as `--topology` spells it.
    pub topology: String,
    /// The emulated links, as `--wan` spells it.
    pub wan: String,
    /// The seed from which everything random follows.
    pub seed: u64,
    /// The command that made the report.
    pub command: String,
    /// False only if a node was lost, the run was cut short, or the load was not carried.
    pub valid: bool,
    /// The reason if it is not valid; empty if it is.
    pub invalid_because: Vec<String>,
    /// Transactions a second.
    pub tx_rate: f64,
    /// Encoded bytes of each transaction.
    pub tx_bytes: usize,
    /// The time between two blocks, in seconds; null if there were none.
    pub block_interval_s: Option<f64>,
    /// How long the load was to last, in seconds.
    pub load_s: f64,
    /// The bound of rule 1, in MiB.
    pub rss_max_mib: f64,
    /// Whether all rules are met and the run is valid.
    pub reached: bool,
    /// The rules that are not met, one for each node; empty if all are.
    pub broken: Vec<String>,
    /// The samples, in the order of time.
    pub samples: Vec<Sample>,
}

/// What the nodes took at one time, in the order of their numbers.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize)]
pub struct Sample {
    /// Seconds since the load began.
    pub at_s: f64,
    /// Resident memory, in MiB.
    pub rss_mib: Vec<f64>,
    /// Open file descriptors.
    pub descriptors: Vec<f64>,
    /// Threads.
    pub threads: Vec<f64>,
}

/// A figure of a sample, by node.
pub type Figure = fn(&Sample) -> &[f64];

impl Plateau {
    /// Judges the samples.
    #[must_use]
    pub fn judged(self) -> Self {
        let broken: Vec<String> = (0..self.nodes).flat_map(|node| self.broken_by(node)).collect();
        Self { reached: self.valid && broken.is_empty(), broken, ..self }
    }

    /// The length of the last part, in seconds.
    #[must_use]
    pub fn last_part_s(&self) -> f64 {
        LAST_PART_S.min(self.load_s * LAST_SHARE)
    }

    /// By how much a node's memory rises in the last part, in MiB; `None` if there are too few samples.
    #[must_use]
    pub fn rise_mib(&self, node: usize) -> Option<f64> {
        let points: Vec<(f64, f64)> =
            self.part(0).filter_map(|one| Some((one.at_s, *one.rss_mib.get(node)?))).collect();
        Some(Line::through(&points)?.slope * self.last_part_s())
    }

    /// The medians of a figure of a node in the part before the last one, and in the last one; `None` if there are
    /// no samples.
    #[must_use]
    pub fn medians(&self, node: usize, figure: Figure) -> Option<(f64, f64)> {
        let median = |back| {
            let values = self.part(back).filter_map(|one| figure(one).get(node).copied());
            Sorted::new(values).percentile(50)
        };
        Some((median(1)?, median(0)?))
    }

    /// The samples of the last part, or of the `back`-th part before it.
    fn part(&self, back: u32) -> impl Iterator<Item = &Sample> {
        let (end, length) = (self.samples.last().map_or(0.0, |last| last.at_s), self.last_part_s());
        let to = end - f64::from(back) * length;
        self.samples.iter().filter(move |one| one.at_s > to - length && one.at_s <= to)
    }

    fn broken_by(&self, node: usize) -> Vec<String> {
        let minutes = self.last_part_s() / 60.0;
        let mut broken = Vec::new();
        let last = self.samples.last().and_then(|sample| sample.rss_mib.get(node)).copied();
        match last {
            Some(rss) if rss <= self.rss_max_mib => {}
            Some(rss) => {
                broken.push(format!("node {node} takes {rss:.1} MiB at the end, above {:.1}", self.rss_max_mib));
            }
            None => broken.push(format!("node {node} has no samples")),
        }
        if let Some(rise) = self.rise_mib(node).filter(|rise| *rise > RISE_MAX_MIB) {
            broken.push(format!(
                "the memory of node {node} rises by {rise:.1} MiB in the last {minutes:.1} minutes, above {RISE_MAX_MIB}"
            ));
        }
        let figures: [(&str, Figure); 2] =
            [("descriptors", |one| &one.descriptors), ("threads", |one| &one.threads)];
        for (name, figure) in figures {
            if let Some((before, after)) =
                self.medians(node, figure).filter(|(before, after)| after - before > MORE_MAX)
            {
                broken.push(format!(
                    "node {node} has {after:.0} {name} in the last {minutes:.1} minutes, and {before:.0} before"
                ));
            }
        }
        broken
    }
}

/// The median node's value of a figure and the highest one; `None` without nodes.
#[must_use]
pub fn over_nodes(values: &[f64]) -> Option<(f64, f64)> {
    let values = Sorted::new(values.iter().copied());
    Some((values.percentile(50)?, values.max()?))
}
