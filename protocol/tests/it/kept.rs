//! Durable storage as a driver would have it, in memory, and the data from which an engine starts with it.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use protocol::items::block::Block;
use protocol::items::hash::{BlockId, TxId};
use protocol::items::transaction::SignedTransaction;
use protocol::ledger::durable::{Load, Loaded, Looked, Record, Restored, RestoredBlock};
use protocol::limits::{CHAIN_BEST_HEADERS_MIN, HEADERS_ENTRIES_MAX};
use protocol::wire::message::Tip;

use crate::harness::genesis;

#[derive(Clone, Default)]
pub struct Kept {
    pub blocks: BTreeMap<BlockId, (Arc<Block>, Arc<[TxId]>)>,
    /// From height 1 up.
    pub best: Vec<BlockId>,
    pub pending: Vec<Arc<SignedTransaction>>,
    pub returning: BTreeSet<BlockId>,
    /// The lowest height from which on bodies are kept.
    pub kept_from: u64,
    /// Whether a start gets no transactions of blocks, as if they were too old for memory.
    pub forgetful: bool,
    /// Whether it can't look up where a transaction occurs first.
    pub blind: bool,
    /// Whether it can't look up which transactions a block has.
    pub mute: bool,
    /// The look-ups that were asked for.
    pub loads: Vec<Load>,
}

impl Kept {
    pub fn keep(&mut self, record: Record) {
        match record {
            Record::Pending(transaction) => self.pending.push(transaction),
            Record::Gone(ids) => self.pending.retain(|transaction| !ids.contains(&transaction.id())),
            Record::Block { block, transactions } => {
                self.blocks.insert(block.header.id(), (block, transactions));
            }
            Record::Best { fork, blocks, returning } => {
                assert!(blocks.iter().all(|id| self.blocks.contains_key(id)), "a block is kept before it is best");
                self.best.truncate(usize::try_from(fork).expect("small"));
                self.best.extend(blocks);
                self.returning.extend(returning);
            }
            Record::Returned(id) => assert!(self.returning.remove(&id), "it was to be returned"),
            Record::Dropped(ids) => {
                for id in ids {
                    assert!(!self.best.contains(&id), "the best chain is not dropped");
                    self.blocks.remove(&id).expect("it was kept");
                }
            }
        }
    }

    pub fn load(&mut self, load: &Load) -> Loaded {
        self.loads.push(load.clone());
        match load {
            Load::Block(id) => {
                Loaded::Block { id: *id, block: self.blocks.get(id).map(|(block, _)| block.clone()) }
            }
            Load::HeadersAfter(locator) => {
                let place = |id: &BlockId| match *id == genesis().id {
                    true => Some(0),
                    false => self.best.iter().position(|best| best == id).map(|place| place + 1),
                };
                let start = locator.iter().find_map(place);
                let after = start.and_then(|start| self.best.get(start..)).unwrap_or_default();
                let headers = after.iter().take(HEADERS_ENTRIES_MAX).map(|id| self.blocks[id].0.header).collect();
                Loaded::HeadersAfter { locator: locator.clone(), headers }
            }
            Load::First(id) => {
                let place = |at: usize| Tip { height: at as u64 + 1, id: self.best[at] };
                let first = self.best.iter().position(|block| self.blocks[block].1.contains(id)).map(place);
                let tip = self.best.len().checked_sub(1).map_or(genesis(), place);
                Loaded::First { id: *id, looked: (!self.blind).then_some(Looked { first, tip }) }
            }
            Load::Contents(id) => {
                let kept = self.blocks.get(id).filter(|_| !self.mute);
                Loaded::Contents { id: *id, transactions: kept.map(|(_, ids)| ids.clone()) }
            }
        }
    }

    pub fn restored(&self) -> Restored {
        let newest = self.best.len().saturating_sub(CHAIN_BEST_HEADERS_MIN);
        let block = |id: &BlockId| {
            let (block, transactions) = &self.blocks[id];
            RestoredBlock { header: block.header, transactions: (!self.forgetful).then(|| transactions.clone()) }
        };
        Restored {
            best: self.best[newest..].iter().map(block).collect(),
            pending: self.pending.clone(),
            returning: self.returning.iter().copied().collect(),
            kept_from: self.kept_from,
        }
    }
}
