//! The durable storage of a simulated node: its blocks and its best chain, in memory and without delay, while the
//! node is up. Deliberately absent: the mempool's records, because a node that is started again in a simulation
//! starts with nothing.

use std::collections::HashMap;
use std::sync::Arc;

use protocol::items::block::Block;
use protocol::items::hash::{BlockId, TxId};
use protocol::ledger::durable::{Load, Loaded, Looked, Record};
use protocol::limits::HEADERS_ENTRIES_MAX;
use protocol::wire::message::Tip;

/// Blocks by id, and the best chain's ids from height 1 up.
#[derive(Debug, Default)]
pub struct Stored {
    blocks: HashMap<BlockId, (Arc<Block>, Arc<[TxId]>)>,
    best: Vec<BlockId>,
}

impl Stored {
    /// Keeps a record.
    pub fn keep(&mut self, record: Record) {
        match record {
            Record::Block { block, transactions } => {
                self.blocks.insert(block.header.id(), (block, transactions));
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

    /// Answers a load. It also answers headers after `genesis`.
    #[must_use]
    pub fn load(&self, load: Load, genesis: &BlockId) -> Loaded {
        match load {
            Load::Block(id) => {
                Loaded::Block { id, block: self.blocks.get(&id).map(|(block, _)| Arc::clone(block)) }
            }
            Load::First(id) => Loaded::First { id, looked: Some(self.first(&id, genesis)) },
            Load::Contents(id) => {
                Loaded::Contents { id, transactions: self.blocks.get(&id).map(|(_, ids)| Arc::clone(ids)) }
            }
            Load::HeadersAfter(locator) => {
                let place = |id: &BlockId| match id == genesis {
                    true => Some(0),
                    false => self.best.iter().position(|best| best == id).map(|place| place + 1),
                };
                let start = locator.iter().find_map(place).unwrap_or(self.best.len());
                let after = self.best.iter().skip(start).take(HEADERS_ENTRIES_MAX);
                let headers = after.filter_map(|id| Some(self.blocks.get(id)?.0.header)).collect();
                Loaded::HeadersAfter { locator, headers }
            }
        }
    }

    /// The first place of a transaction in the best chain. This looks at the whole chain. Nodes ask rarely,
    /// because their memory holds as many transactions as a simulation has.
    fn first(&self, id: &TxId, genesis: &BlockId) -> Looked {
        let place = |(at, block): (usize, &BlockId)| Tip { height: at as u64 + 1, id: *block };
        let has = |block: &BlockId| self.blocks.get(block).is_some_and(|(_, ids)| ids.contains(id));
        let first = self.best.iter().enumerate().find(|(_, block)| has(block)).map(place);
        let tip = self.best.iter().enumerate().next_back().map_or(Tip { height: 0, id: *genesis }, place);
        Looked { first, tip }
    }
}
