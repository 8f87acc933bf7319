//! How much an engine remembers while its load is an ordinary one: the memories that fill up with time, and stay full.
//! A driver may give it less than the protocol's own limits, or more.
//!
//! Deliberately absent: whatever one peer may make an engine hold at a time (queues, verification, requests). Honest
//! peers count on it, so it is the same for every engine. So is the number of headers, because it says how deep a
//! branch may be to which a node can change. And what is valid never depends on room.

use super::bounds::{self, Bound};
use crate::gossip::inventory;
use crate::items::limits::BLOCK_BYTES_MAX;
use crate::ledger::chain;
use crate::limits::{
    ACKNOWLEDGED_MAX, FILTER_BYTES_MAX, MEMPOOL_BYTES_MAX, MEMPOOL_CHARGE_MIN, ORPHAN_BYTES_MAX,
    ORPHAN_PEER_BYTES_MAX,
};

/// The smallest mempool: one full block.
pub const MEMPOOL_BYTES_LEAST: usize = BLOCK_BYTES_MAX;

/// The least room for orphans: the shares of two peers, so that one alone can't keep out what another sends.
pub const ORPHAN_BYTES_LEAST: usize = 2 * ORPHAN_PEER_BYTES_MAX;

/// The memories of an engine. By default they are those of [`limits`](crate::limits).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Room {
    /// Bytes of transactions in the mempool. It holds one for each [`MEMPOOL_CHARGE_MIN`] of them.
    pub mempool_bytes: usize,
    /// Headers, bodies and ids of the chain.
    pub chain: chain::Limits,
    /// Ids of items that were handled.
    pub ids: inventory::Limits,
    /// Bytes of blocks without a parent.
    pub orphan_bytes: usize,
    /// Bytes of the filter of confirmed transactions. If it is full, more transactions are looked up in storage.
    pub filter_bytes: usize,
    /// Acknowledged submissions that are watched.
    pub acknowledged: usize,
}

impl Default for Room {
    fn default() -> Self {
        Self {
            mempool_bytes: MEMPOOL_BYTES_MAX,
            chain: chain::Limits::default(),
            ids: inventory::Limits::default(),
            orphan_bytes: ORPHAN_BYTES_MAX,
            filter_bytes: FILTER_BYTES_MAX,
            acknowledged: ACKNOWLEDGED_MAX,
        }
    }
}

impl Room {
    /// The limit of a bound in this room; `None` if room doesn't change it.
    #[must_use]
    pub fn limit_of(&self, bound: &Bound) -> Option<usize> {
        self.limits().into_iter().find(|(other, _)| other.what == bound.what).map(|(_, limit)| limit)
    }

    fn limits(&self) -> [(Bound, usize); 14] {
        let Self { mempool_bytes, chain, ids, orphan_bytes, filter_bytes, acknowledged } = *self;
        [
            (bounds::MEMPOOL_ENTRIES, mempool_bytes / MEMPOOL_CHARGE_MIN),
            (bounds::MEMPOOL_BYTES, mempool_bytes),
            (bounds::CHAIN_BODY_BYTES, chain.body_bytes),
            (bounds::BODY_TRANSACTIONS, chain.body_bytes / bounds::TRANSACTION_BYTES_LEAST),
            (bounds::CONTENTS, chain.contents),
            (bounds::CONFIRMED, chain.confirmed),
            (bounds::ACCEPTED_IDS, ids.accepted),
            (bounds::REJECTED_IDS, ids.rejected),
            (bounds::DECLINED_IDS, ids.declined),
            (bounds::ORPHAN_BYTES, orphan_bytes),
            (bounds::ORPHAN_TRANSACTIONS, orphan_bytes / bounds::TRANSACTION_BYTES_LEAST),
            (bounds::RELEASED_BYTES, orphan_bytes),
            (bounds::FILTER_BYTES, filter_bytes),
            (bounds::ACKNOWLEDGED, acknowledged),
        ]
    }
}
