//! The load: what is submitted, when and where. It has a fixed rate on an absolute schedule, bursts, authors with
//! home nodes, blocks and kills. Everything follows from the seed. Nothing here sends.

mod check;
mod entries;
pub mod items;
mod schedule;
mod table;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

pub use check::{AUTHORS_MAX, BURST_SIZE_MAX, TX_RATE_MAX, WorkloadError};
pub use entries::{COLD_ITEMS, Entry, Workload};

use crate::random::Seed;
use crate::text::serde_as_text;

/// The size of the load. In a file it is a table with the flags' names as keys. A missing key has the flag's
/// default.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(try_from = "table::LoadTable", into = "table::LoadTable")]
pub struct Load {
    /// Transactions a second, without bursts.
    pub tx_rate: f64,
    /// Encoded bytes of each.
    pub tx_bytes: usize,
    /// The end of the load.
    pub length: Length,
    /// Authors with a home.
    pub authors: usize,
    /// How unequally they write.
    pub skew: Skew,
    /// The share of transactions whose author writes only this one. Bursts have none.
    pub one_time_authors: f64,
    /// The share of the other transactions that enter at another node than their author's home. Bursts have none.
    pub stray: f64,
    /// Each author moves to a new home once in this time. The moves of the authors are spread evenly over it.
    pub roaming: Option<Duration>,
    /// Many transactions at once, from time to time.
    pub burst: Option<Burst>,
    /// The time between blocks; `None` for no blocks.
    pub block_interval: Option<Duration>,
    /// Encoded bytes of each block; `None` if blocks hold the mempool.
    pub block_bytes: Option<usize>,
    /// The number of nodes that make the blocks. One of them is drawn for each block.
    pub producers: usize,
    /// The number of nodes to kill.
    pub kill: usize,
    /// When all of them are killed at once; `None` for random moments of the load.
    pub kill_at: Option<Duration>,
}

/// When the load ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// After this time.
    Duration(Duration),
    /// After this number of transactions, including those of bursts.
    Transactions(u64),
}

/// One author submits many transactions at once at its home. It is drawn for each burst as for any other
/// transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Burst {
    /// The time between bursts, and before the first.
    #[serde(with = "crate::text::time")]
    pub every: Duration,
    /// The number of transactions of each.
    pub size: u32,
}

/// How often each author writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Skew {
    /// All equally often.
    None,
    /// By Zipf's law: the author of rank r writes in proportion to r to the power of minus this number.
    Zipf(f64),
}

impl Default for Load {
    fn default() -> Self {
        Self {
            tx_rate: 20.0,
            tx_bytes: 256,
            length: Length::Duration(Duration::from_secs(30)),
            authors: 10,
            skew: Skew::None,
            one_time_authors: 0.0,
            stray: 0.0,
            roaming: None,
            burst: None,
            block_interval: None,
            block_bytes: None,
            producers: 1,
            kill: 0,
            kill_at: None,
        }
    }
}

impl Load {
    /// The producers' nodes, all different and drawn from the seed. Empty if there are no blocks. If there are
    /// fewer nodes than producers, all nodes are producers.
    #[must_use]
    pub fn producer_nodes(&self, nodes: usize, seed: Seed) -> Vec<usize> {
        if self.block_interval.is_none() {
            return Vec::new();
        }
        let mut draws = seed.draws("producer");
        let mut producers: Vec<usize> = (0..nodes).collect();
        let count = self.producers.min(nodes);
        for place in 0..count {
            producers.swap(place, place + draws.below(nodes - place));
        }
        producers.truncate(count);
        producers
    }

    /// When a block is due, and which producer makes it, counted from 0. The last is due at the load's end.
    #[must_use]
    pub fn block_at(&self, index: u32, seed: Seed) -> Option<(Duration, usize)> {
        let due = self.block_due(index)?;
        Some((due, seed.draws(&format!("block producer {index}")).below(self.producers)))
    }

    /// Which nodes are killed, and when, in the order of time: nodes other than `spared`, all at `kill_at`, or at
    /// uniformly random moments of the load.
    ///
    /// Producers are spared, because without them there are no blocks to measure, whatever the network does.
    #[must_use]
    pub fn kills(&self, nodes: usize, spared: &[usize], seed: Seed) -> Vec<(Duration, usize)> {
        let mut draws = seed.draws("kills");
        let mut victims: Vec<usize> = (0..nodes).filter(|node| !spared.contains(node)).collect();
        draws.shuffle(&mut victims);
        victims.truncate(self.kill);
        let mut kills: Vec<(Duration, usize)> =
            victims.into_iter().map(|node| (self.kill_due(draws.unit()), node)).collect();
        kills.sort_unstable();
        kills
    }

    /// When a node is killed whose draw is this share of the load.
    fn kill_due(&self, share: f64) -> Duration {
        self.kill_at.map_or_else(|| self.duration().mul_f64(share), |at| at.min(self.duration()))
    }
}

impl Skew {
    /// The cumulative shares of `authors`, the most active first. The last is 1.
    #[must_use]
    pub fn shares(self, authors: usize) -> Vec<f64> {
        let weight = |rank: usize| match self {
            Self::None => 1.0,
            Self::Zipf(power) => (rank as f64).powf(-power),
        };
        let total: f64 = (1..=authors).map(weight).sum();
        let mut sum = 0.0;
        (1..=authors)
            .map(|rank| {
                sum += weight(rank) / total;
                if rank == authors { 1.0 } else { sum }
            })
            .collect()
    }
}

impl FromStr for Skew {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("{text:?} is no skew: none or zipf:S is wanted, as zipf:1.0");
        match text.split_once(':') {
            None if text == "none" => Ok(Self::None),
            Some(("zipf", power)) => match power.parse::<f64>() {
                Ok(power) if (0.0..=10.0).contains(&power) => Ok(Self::Zipf(power)),
                _ => Err(wanted()),
            },
            _ => Err(wanted()),
        }
    }
}

impl fmt::Display for Skew {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Zipf(power) => write!(f, "zipf:{power}"),
        }
    }
}

serde_as_text!(Skew);
