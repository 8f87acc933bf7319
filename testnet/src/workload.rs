//! What is submitted when and where: a fixed rate on an absolute schedule, authors with home nodes, blocks and
//! kills. Everything follows from the seed; nothing here sends.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use protocol::keys::SecretKey;
use protocol::network::NetworkId;
use protocol::transaction::SignedTransaction;

use crate::items::{ItemError, TxShape, VALID_FOR};
use crate::random::{Draws, Seed};

/// How much is submitted.
#[derive(Clone, Debug, PartialEq)]
pub struct Load {
    /// Transactions a second.
    pub tx_rate: f64,
    /// Encoded bytes of each.
    pub tx_bytes: usize,
    /// How long, or how many.
    pub length: Length,
    /// Authors with a home.
    pub authors: usize,
    /// How unequally they write.
    pub skew: Skew,
    /// Share of transactions whose author writes no other.
    pub one_time_authors: f64,
    /// Share of the other transactions that enter at a node that isn't their author's home.
    pub stray: f64,
    /// Time between blocks; `None` for no blocks.
    pub block_interval: Option<Duration>,
    /// Encoded bytes of each block; `None` if blocks hold the mempool.
    pub block_bytes: Option<usize>,
    /// Nodes to kill.
    pub kill: usize,
}

/// When the load ends.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Length {
    /// After this time.
    Duration(Duration),
    /// After this many transactions.
    Transactions(u64),
}

/// How often each author writes.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Skew {
    /// All alike.
    None,
    /// By Zipf's law: the author of rank r in proportion to r to the minus this power.
    Zipf(f64),
}

/// One transaction and where it enters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// When, counted from the start of the load.
    pub due: Duration,
    /// What.
    pub transaction: SignedTransaction,
    /// At which node, if it is alive then.
    pub node: usize,
    /// Whether it counts among the warm figures: its author wrote 3 others before, and it enters at home.
    pub warm: bool,
}

/// The transactions in the order of their times.
#[derive(Debug)]
pub struct Workload {
    load: Load,
    nodes: usize,
    network: NetworkId,
    seed: Seed,
    shape: TxShape,
    authors: Vec<Author>,
    /// Cumulative shares of the authors.
    shares: Vec<f64>,
    draws: Draws,
    made: u64,
    one_time: u64,
}

#[derive(Debug)]
struct Author {
    key: SecretKey,
    home: usize,
    written: u64,
}

/// First items of each author that the warm figures leave out.
pub const COLD_ITEMS: u64 = 3;

impl Load {
    /// How long the load lasts.
    #[must_use]
    pub fn duration(&self) -> Duration {
        match self.length {
            Length::Duration(duration) => duration,
            Length::Transactions(count) => self.due(count),
        }
    }

    /// How many transactions there are.
    #[must_use]
    pub fn transactions(&self) -> u64 {
        match self.length {
            Length::Transactions(count) => count,
            // The first is due at once; one that is due at the very end is left out.
            Length::Duration(duration) => (self.tx_rate * duration.as_secs_f64() - 1e-9).ceil().max(0.0) as u64,
        }
    }

    /// When each block of the workload is due: one interval after the start, and so on to the end.
    #[must_use]
    pub fn block_due(&self, index: u32) -> Option<Duration> {
        let due = self.block_interval?.checked_mul(index.checked_add(1)?)?;
        (due <= self.duration()).then_some(due)
    }

    /// How many blocks the load has room for.
    #[must_use]
    pub fn blocks(&self) -> u64 {
        let interval = self.block_interval.map_or(0, |interval| interval.as_micros());
        self.duration().as_micros().checked_div(interval).map_or(0, |count| count as u64)
    }

    /// Who is killed when, in order of time: nodes other than `spared`, at uniformly random moments of the load.
    ///
    /// The producer is spared: without it there are no blocks to measure, whatever the network does.
    #[must_use]
    pub fn kills(&self, nodes: usize, spared: Option<usize>, seed: Seed) -> Vec<(Duration, usize)> {
        let mut draws = seed.draws("kills");
        let mut victims: Vec<usize> = (0..nodes).filter(|node| Some(*node) != spared).collect();
        draws.shuffle(&mut victims);
        victims.truncate(self.kill);
        let mut kills: Vec<(Duration, usize)> =
            victims.into_iter().map(|node| (self.duration().mul_f64(draws.unit()), node)).collect();
        kills.sort_unstable();
        kills
    }

    fn due(&self, index: u64) -> Duration {
        Duration::try_from_secs_f64(index as f64 / self.tx_rate).unwrap_or(Duration::MAX)
    }
}

impl Workload {
    /// The workload on `nodes` nodes.
    ///
    /// # Errors
    /// If no transaction has the wanted length.
    pub fn new(load: &Load, nodes: usize, network: &NetworkId, seed: Seed) -> Result<Self, ItemError> {
        let mut homes = seed.draws("homes");
        let author = |index| Author {
            key: SecretKey::from_seed(&seed.bytes(&format!("author {index}"))),
            home: homes.below(nodes),
            written: 0,
        };
        Ok(Self {
            shape: TxShape::new(load.tx_bytes)?,
            authors: (0..load.authors).map(author).collect(),
            shares: load.skew.shares(load.authors),
            load: load.clone(),
            nodes,
            network: network.clone(),
            seed,
            draws: seed.draws("workload"),
            made: 0,
            one_time: 0,
        })
    }

    /// The next transaction; `None` at the end of the load.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ItemError> {
        if self.made >= self.load.transactions() {
            return Ok(None);
        }
        let due = self.load.due(self.made);
        self.made = self.made.saturating_add(1);
        let blocks = self.load.block_interval.map_or(0, |interval| due.as_micros() / interval.as_micros().max(1));
        let valid_until = VALID_FOR.saturating_add(blocks as u64);
        if self.draws.chance(self.load.one_time_authors) || self.authors.is_empty() {
            let key = SecretKey::from_seed(&self.seed.bytes(&format!("one-time author {}", self.one_time)));
            self.one_time = self.one_time.saturating_add(1);
            let node = self.draws.below(self.nodes);
            let transaction = self.shape.make(&key, &self.network, 0, valid_until, &mut self.draws)?;
            return Ok(Some(Entry { due, transaction, node, warm: false }));
        }
        let point = self.draws.unit();
        let index = self.shares.partition_point(|share| *share <= point).min(self.authors.len() - 1);
        let stray = self.nodes > 1 && self.draws.chance(self.load.stray);
        let away = if stray { 1 + self.draws.below(self.nodes - 1) } else { 0 };
        let Some(author) = self.authors.get_mut(index) else { return Ok(None) };
        let sequence = author.written;
        author.written = sequence.saturating_add(1);
        let transaction = self.shape.make(&author.key, &self.network, sequence, valid_until, &mut self.draws)?;
        let node = (author.home + away) % self.nodes;
        Ok(Some(Entry { due, transaction, node, warm: !stray && sequence >= COLD_ITEMS }))
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
