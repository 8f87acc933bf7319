//! The log line about the state of a node: its peers, its chain, and how much traffic it has. It shows
//! rates over the time since the line before, because totals tell nothing without the earlier totals.
//! `node status` shows totals.
//!
//! A line comes every ten seconds while something happens. While there is only the network's own small traffic,
//! one line in [`QUIET_INTERVAL`] shows that the node is live. Computes text from figures and times. Deliberately
//! absent: a clock and the log itself.

use protocol::time::{Duration, Time};

use crate::observe::units::{bytes_text, grouped, tenths};

/// The time between two lines of a node on which nothing changes.
pub const QUIET_INTERVAL: Duration = Duration::from_secs(600);

/// The figures of a line. The last five only ever grow.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Figures {
    /// Gossip peers that dialled this node.
    pub peers_in: usize,
    /// Gossip peers that this node dialled.
    pub peers_out: usize,
    /// Peers in the address book.
    pub known: usize,
    /// Height of the best chain.
    pub tip: u64,
    /// Transactions in the mempool.
    pub mempool: usize,
    /// Transactions accepted so far.
    pub transactions: u64,
    /// Blocks accepted so far.
    pub blocks: u64,
    /// Bytes read so far.
    pub wire_in: u64,
    /// Bytes written so far.
    pub wire_out: u64,
}

/// A line.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Line {
    /// Its figures.
    pub figures: Figures,
    /// The traffic since the line before, as text.
    pub rates: String,
}

/// The last line.
#[derive(Debug, Default)]
pub struct StatusLine {
    said: Option<(Time, Figures)>,
}

impl StatusLine {
    /// The line that is due, if any. The first one counts from the start.
    pub fn line(&mut self, now: Time, figures: Figures) -> Option<Line> {
        let (at, before) = self.said.unwrap_or_default();
        let span = now.since(at);
        let quiet = self.said.is_some() && news(&figures) == news(&before);
        if quiet && span < QUIET_INTERVAL {
            return None;
        }
        self.said = Some((now, figures));
        Some(Line { figures, rates: rates(&before, &figures, span) })
    }
}

/// The figures whose change is worth a line. Bytes are not, because pings and comparisons go on forever. The
/// address book is not either.
const fn news(figures: &Figures) -> (usize, usize, u64, usize, u64, u64) {
    let Figures { peers_in, peers_out, tip, mempool, transactions, blocks, .. } = *figures;
    (peers_in, peers_out, tip, mempool, transactions, blocks)
}

fn rates(before: &Figures, now: &Figures, span: Duration) -> String {
    let transactions = now.transactions.saturating_sub(before.transactions);
    let blocks = now.blocks.saturating_sub(before.blocks);
    let a_second = |from: u64, to: u64| bytes_text(per_s(to.saturating_sub(from), span));
    format!(
        "{} tx/s, {} {} in {} s, {}/s in, {}/s out",
        tenths(per_s(transactions.saturating_mul(10), span)),
        grouped(blocks),
        if blocks == 1 { "block" } else { "blocks" },
        span.as_millis().saturating_add(500) / 1_000,
        a_second(before.wire_in, now.wire_in),
        a_second(before.wire_out, now.wire_out),
    )
}

/// The rate for each second, rounded to the nearest; 0 in no time.
fn per_s(count: u64, span: Duration) -> u64 {
    let micros = u128::from(span.as_micros());
    let rounded = u128::from(count).saturating_mul(1_000_000).saturating_add(micros / 2);
    rounded.checked_div(micros).map_or(0, |rate| u64::try_from(rate).unwrap_or(u64::MAX))
}
