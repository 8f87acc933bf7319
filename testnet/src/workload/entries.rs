//! The transactions: the author of each, and the node where it enters.

use std::time::Duration;

use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::{Height, SignedTransaction};

use super::Load;
use super::items::{ItemError, TxShape, VALID_FOR};
use super::schedule::{Schedule, Slot, SlotKind};
use crate::random::{Draws, Seed};

/// One transaction and where it enters.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its time, counted from the start of the load.
    pub due: Duration,
    /// The transaction.
    pub transaction: SignedTransaction,
    /// The node, if it is alive then.
    pub node: usize,
    /// Whether it counts among the warm figures: its author wrote 3 others before, or 3 at its new home if it has
    /// moved, and it enters at home.
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
    /// The author of a burst and its content: a separate stream, so that bursts move no other draw.
    burst_draws: Draws,
    /// The author of the present burst.
    bursting: usize,
    schedule: Schedule,
    one_time: u64,
}

#[derive(Debug)]
struct Author {
    key: SecretKey,
    home: usize,
    written: u64,
    /// How often it has moved.
    moves: u64,
    /// The transactions that entered here since it moved here. At its first home, all of its transactions count.
    settled: u64,
}

/// The first items of each author that the warm figures leave out, also after it has moved to a new home.
pub const COLD_ITEMS: u64 = 3;

/// The most transactions of one author in one of several loads. With more, a nonce would be repeated.
const PART_ITEMS_MAX: u64 = 1_000_000;

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
            moves: 0,
            settled: 0,
        };
        Ok(Self {
            shape: TxShape::new(load.tx_bytes)?,
            authors: (0..load.authors).map(author).collect(),
            shares: load.skew.shares(load.authors),
            schedule: Schedule::new(load),
            load: load.clone(),
            nodes,
            network: network.clone(),
            seed,
            draws: seed.draws("workload"),
            burst_draws: seed.draws("bursts"),
            bursting: 0,
            one_time: 0,
        })
    }

    /// One of several loads on the same nodes, by number. The same authors at the same homes write other
    /// transactions.
    #[must_use]
    pub fn part(mut self, number: u32) -> Self {
        if number > 0 {
            let first = u64::from(number).saturating_mul(PART_ITEMS_MAX);
            self.authors.iter_mut().for_each(|author| author.written = first);
            self.one_time = first;
            self.draws = self.seed.draws(&format!("workload {number}"));
            self.burst_draws = self.seed.draws(&format!("bursts {number}"));
        }
        self
    }

    /// The next transaction; `None` at the end of the load.
    ///
    /// # Errors
    /// If it can't be made.
    pub fn next_entry(&mut self) -> Result<Option<Entry>, ItemError> {
        let Some(Slot { due, kind }) = self.schedule.next_slot() else { return Ok(None) };
        let entry = match kind {
            _ if self.authors.is_empty() => self.one_time(due),
            SlotKind::Steady if self.draws.chance(self.load.one_time_authors) => self.one_time(due),
            SlotKind::Steady => {
                let point = self.draws.unit();
                self.written_by(self.author_at(point), false, due)
            }
            SlotKind::BurstBegins => {
                let point = self.burst_draws.unit();
                self.bursting = self.author_at(point);
                self.written_by(self.bursting, true, due)
            }
            SlotKind::BurstGoesOn => self.written_by(self.bursting, true, due),
        };
        entry.map(Some)
    }

    /// The author whose share covers this point from 0 to below 1.
    fn author_at(&self, point: f64) -> usize {
        self.shares.partition_point(|share| *share <= point).min(self.authors.len().saturating_sub(1))
    }

    fn one_time(&mut self, due: Duration) -> Result<Entry, ItemError> {
        let key = SecretKey::from_seed(&self.seed.bytes(&format!("one-time author {}", self.one_time)));
        self.one_time = self.one_time.saturating_add(1);
        let node = self.draws.below(self.nodes);
        let valid_until = self.valid_until(due);
        let transaction = self.shape.make(&key, &self.network, 0, valid_until, &mut self.draws)?;
        Ok(Entry { due, transaction, node, warm: false })
    }

    fn written_by(&mut self, index: usize, burst: bool, due: Duration) -> Result<Entry, ItemError> {
        let stray = !burst && self.nodes > 1 && self.draws.chance(self.load.stray);
        let away = if stray { 1 + self.draws.below(self.nodes - 1) } else { 0 };
        let valid_until = self.valid_until(due);
        let moves = self.moves_until(index, due);
        // The caller chose one of the authors, so there is at least one.
        let Some(author) = self.authors.get_mut(index) else { return self.one_time(due) };
        if moves > author.moves {
            // It moves to any other node. Homes in between, where it wrote nothing, don't matter.
            let mut draws = self.seed.draws(&format!("home {index} {moves}"));
            author.home = (author.home + 1 + draws.below(self.nodes.saturating_sub(1))) % self.nodes;
            (author.moves, author.settled) = (moves, 0);
        }
        let sequence = author.written;
        let warm = !stray && author.settled >= COLD_ITEMS;
        author.written = sequence.saturating_add(1);
        author.settled = author.settled.saturating_add(u64::from(author.moves == 0 || !stray));
        let node = (author.home + away) % self.nodes;
        let draws = if burst { &mut self.burst_draws } else { &mut self.draws };
        let transaction = self.shape.make(&author.key, &self.network, sequence, valid_until, draws)?;
        Ok(Entry { due, transaction, node, warm })
    }

    /// How often an author has moved by then. It first moves after its part of the period, and the last author
    /// after the whole period.
    fn moves_until(&self, index: usize, due: Duration) -> u64 {
        let period = self.load.roaming.map_or(0, |period| period.as_nanos());
        let first = period * (index as u128 + 1) / (self.authors.len() as u128).max(1);
        let since_first = due.as_nanos().checked_sub(first);
        let moves = since_first.and_then(|since| since.checked_div(period)).map_or(0, |whole| whole + 1);
        u64::try_from(moves).unwrap_or(u64::MAX)
    }

    fn valid_until(&self, due: Duration) -> Height {
        let blocks = self.load.block_interval.map_or(0, |interval| due.as_micros() / interval.as_micros().max(1));
        VALID_FOR.saturating_add(blocks as u64)
    }
}
