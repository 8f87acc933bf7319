//! How much memory a node is given. One amount sets everything that fills up with time and stays full: the mempool,
//! blocks in memory, memories of ids, the pages of the store, the passages of items, the members, and how many peers may
//! dial in.
//!
//! The amount is a target under a steady load, for the whole process. It is no limit: everything together comes to more if
//! all is full at once (`node bounds`).
//!
//! Deliberately absent: what one peer may make a node hold at a time, and the number of headers (see [`Room`]).

use std::fmt;

use clap::ValueEnum;
use protocol::gossip::Room;
use protocol::gossip::inventory;
use protocol::gossip::room::{MEMPOOL_BYTES_LEAST, ORPHAN_BYTES_LEAST};
use protocol::ledger::chain;
use protocol::limits::{
    ACKNOWLEDGED_MAX, CHAIN_BODY_BYTES_MAX, CHAIN_CONTENTS_MAX, CONFIRMED_MAX, FILTER_BYTES_MAX,
    MEMPOOL_BYTES_MAX, ORPHAN_BYTES_MAX, SEEN_ACCEPTED_MAX,
};

use crate::observe::passages::PASSAGES_MAX;
use crate::store::CACHE_BYTES;

/// An amount of memory.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Memory {
    /// For the smallest machines
    #[value(name = "64MiB")]
    Mib64,
    /// Half of the usual memories
    #[value(name = "128MiB")]
    Mib128,
    /// The usual memories
    #[default]
    #[value(name = "256MiB")]
    Mib256,
    /// For nodes that serve many others
    #[value(name = "1GiB")]
    Gib1,
}

/// What an amount of memory stands for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes of transactions in the mempool.
    pub mempool_bytes: usize,
    /// Bytes of blocks in memory.
    pub body_bytes: usize,
    /// Confirmed transactions that are remembered; twice as many ids are remembered by block.
    pub confirmed: usize,
    /// Handled items that are remembered; a quarter of them if they were refused.
    pub accepted: usize,
    /// Bytes of blocks without a parent.
    pub orphan_bytes: usize,
    /// Bytes of the filter of confirmed transactions.
    pub filter_bytes: usize,
    /// Acknowledged transactions that are watched.
    pub acknowledged: usize,
    /// Bytes of the store's pages.
    pub cache_bytes: usize,
    /// Items whose passages are recorded.
    pub passages: usize,
    /// Members that are known, unless `--members-max` says another number.
    pub members: u32,
    /// Gossip peers that may dial in, unless `--max-peers-in` says another number.
    pub peers_in: u16,
}

impl Memory {
    /// What it stands for: the one table. Each step is about half or twice the one beside it. What must not shrink
    /// further stays: a mempool holds a full block, and the ids by block are those of a full block of the smallest
    /// transactions (39,568).
    #[must_use]
    pub const fn sizes(self) -> Sizes {
        match self {
            Self::Mib64 => Sizes {
                mempool_bytes: MEMPOOL_BYTES_LEAST,
                body_bytes: CHAIN_BODY_BYTES_MAX / 4,
                confirmed: CONFIRMED_MAX / 2,
                accepted: SEEN_ACCEPTED_MAX / 4,
                orphan_bytes: ORPHAN_BYTES_LEAST,
                filter_bytes: FILTER_BYTES_MAX / 4,
                acknowledged: ACKNOWLEDGED_MAX / 8,
                cache_bytes: CACHE_BYTES / 4,
                passages: PASSAGES_MAX / 4,
                members: 4_096,
                peers_in: 24,
            },
            Self::Mib128 => Sizes {
                mempool_bytes: MEMPOOL_BYTES_MAX / 2,
                body_bytes: CHAIN_BODY_BYTES_MAX / 2,
                confirmed: CONFIRMED_MAX / 2,
                accepted: SEEN_ACCEPTED_MAX,
                orphan_bytes: ORPHAN_BYTES_MAX / 2,
                filter_bytes: FILTER_BYTES_MAX / 2,
                acknowledged: ACKNOWLEDGED_MAX / 2,
                cache_bytes: CACHE_BYTES / 2,
                passages: PASSAGES_MAX / 2,
                members: 8_192,
                peers_in: 40,
            },
            Self::Mib256 => Sizes {
                mempool_bytes: MEMPOOL_BYTES_MAX,
                body_bytes: CHAIN_BODY_BYTES_MAX,
                confirmed: CONFIRMED_MAX,
                accepted: SEEN_ACCEPTED_MAX,
                orphan_bytes: ORPHAN_BYTES_MAX,
                filter_bytes: FILTER_BYTES_MAX,
                acknowledged: ACKNOWLEDGED_MAX,
                cache_bytes: CACHE_BYTES,
                passages: PASSAGES_MAX,
                members: 16_384,
                peers_in: 64,
            },
            // A reconciliation compares a mempool of the protocol's size, so this one is no larger.
            Self::Gib1 => Sizes {
                mempool_bytes: MEMPOOL_BYTES_MAX,
                body_bytes: 8 * CHAIN_BODY_BYTES_MAX,
                confirmed: 4 * CONFIRMED_MAX,
                accepted: 4 * SEEN_ACCEPTED_MAX,
                orphan_bytes: 2 * ORPHAN_BYTES_MAX,
                filter_bytes: 4 * FILTER_BYTES_MAX,
                acknowledged: ACKNOWLEDGED_MAX,
                cache_bytes: 16 * CACHE_BYTES,
                passages: 4 * PASSAGES_MAX,
                members: 16_384,
                peers_in: 128,
            },
        }
    }

    /// The same for the engine.
    #[must_use]
    pub fn room(self) -> Room {
        let sizes = self.sizes();
        let (chain, ids) = (chain::Limits::default(), inventory::Limits::default());
        let part = |limit: usize| limit.min(sizes.accepted / 4);
        Room {
            mempool_bytes: sizes.mempool_bytes,
            chain: chain::Limits {
                body_bytes: sizes.body_bytes,
                contents: sizes.confirmed.saturating_mul(CHAIN_CONTENTS_MAX / CONFIRMED_MAX),
                confirmed: sizes.confirmed,
                ..chain
            },
            ids: inventory::Limits {
                accepted: sizes.accepted,
                rejected: part(ids.rejected),
                declined: part(ids.declined),
                ..ids
            },
            orphan_bytes: sizes.orphan_bytes,
            filter_bytes: sizes.filter_bytes,
            acknowledged: sizes.acknowledged,
        }
    }
}

impl fmt::Display for Memory {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        let name = self.to_possible_value();
        formatter.write_str(name.as_ref().map_or("", |name| name.get_name()))
    }
}
