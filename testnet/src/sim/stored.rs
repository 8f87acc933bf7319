//! What a simulated node has in durable storage: its blocks and its best chain, in memory and without delay, for as long as
//! the node is up. Deliberately absent: the mempool's records, because a node that is started again in a simulation starts
//! with nothing.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::block::Block;
use protocol::durable::{Load, Loaded, Record};
use protocol::hash::BlockId;
use protocol::limits::HEADERS_ENTRIES_MAX;

/// Blocks by id, and the best chain's ids from height 1 up.
#[derive(Debug, Default)]
pub struct Stored {
    blocks: HashMap<BlockId, Arc<Block>>,
    best: Vec<BlockId>,
}

impl Stored {
    /// Keeps a record.
    pub fn keep(&mut self, record: Record) {
        match record {
            Record::Block { block, .. } => {
                self.blocks.insert(block.header.id(), block);
            }
            Record::Best { fork, blocks, .. } => {
                self.best.truncate(usize::try_from(fork).unwrap_or(usize::MAX));
                self.best.extend(blocks);
            }
            Record::Dropped(ids) => {
                for id in ids {
                    self.blocks.remove(&id);
                }
            }
            Record::Pending(_) | Record::Gone(_) | Record::Returned(_) => {}
        }
    }

    /// Answers a load; headers after `genesis`, too.
    #[must_use]
    pub fn load(&self, load: Load, genesis: &BlockId) -> Loaded {
        match load {
            Load::Block(id) => Loaded::Block { id, block: self.blocks.get(&id).cloned() },
            Load::HeadersAfter(locator) => {
                let place = |id: &BlockId| match id == genesis {
                    true => Some(0),
                    false => self.best.iter().position(|best| best == id).map(|place| place + 1),
                };
                let start = locator.iter().find_map(place).unwrap_or(self.best.len());
                let after = self.best.iter().skip(start).take(HEADERS_ENTRIES_MAX);
                let headers = after.filter_map(|id| Some(self.blocks.get(id)?.header)).collect();
                Loaded::HeadersAfter { locator, headers }
            }
        }
    }
}
