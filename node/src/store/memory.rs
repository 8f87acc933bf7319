//! The store of a node that keeps nothing (`--ephemeral`): it gives the same answers, as
//! long as the process lives.
//!
//! Its only bound is its prune target: it holds everything that the engine records, bodies included. Nothing is
//! checked against hashes, because nothing left the process. Deliberately absent: durability.

use std::collections::{BTreeMap, BTreeSet, HashMap};
use std::sync::Arc;

use protocol::items::block::Block;
use protocol::items::hash::{BlockId, TxId};
use protocol::items::network::NetworkId;
use protocol::items::transaction::{Height, SignedTransaction};
use protocol::ledger::durable::{Load, Loaded, Looked, Record, Restored, RestoredBlock};
use protocol::limits::{CHAIN_BEST_HEADERS_MIN, CONFIRMED_MAX, HEADERS_ENTRIES_MAX, LOCATOR_ENTRIES_MAX};
use protocol::wire::codec::Encode as _;
use protocol::wire::message::Tip;

use super::error::StoreError;
use super::peers::KnownPeer;
use super::{
    FoundTransaction, Note, PRUNE_BLOCKS_MAX, PRUNE_BYTES_MAX, PRUNE_KEEP_BLOCKS, PRUNE_LOOKED_AT_MAX, Place,
    PruneTarget, Pruned, Store, Totals, past,
};

/// A store in memory.
#[derive(Clone, Debug)]
pub struct MemoryStore {
    genesis: BlockId,
    now_s: fn() -> u64,
    blocks: HashMap<BlockId, Held>,
    /// The blocks whose bodies are kept, in the order in which they were recorded.
    bodies: BTreeMap<u64, BlockId>,
    body_bytes: u64,
    best: BTreeMap<Height, BlockId>,
    pending: BTreeMap<u64, Arc<SignedTransaction>>,
    places: HashMap<TxId, u64>,
    next_pending: u64,
    /// Where a transaction is in bodies: block and position. For the newest heights also where it was.
    spots: HashMap<TxId, Vec<(BlockId, usize)>>,
    /// Blocks for which the former places of their transactions are known.
    past: BTreeSet<(Height, BlockId)>,
    returning: BTreeSet<BlockId>,
    peers: Vec<KnownPeer>,
    notes: BTreeMap<Note, Vec<u8>>,
    poisoned: bool,
}

#[derive(Clone, Debug)]
struct Held {
    number: u64,
    stored_at: u64,
    /// Without transactions once its body is pruned.
    block: Arc<Block>,
    ids: Arc<[TxId]>,
}

impl MemoryStore {
    /// An empty store for `network`. `now_s` tells the seconds of a clock that is never set.
    #[must_use]
    pub fn new(network: &NetworkId, now_s: fn() -> u64) -> Self {
        Self {
            genesis: network.genesis(),
            now_s,
            blocks: HashMap::new(),
            bodies: BTreeMap::new(),
            body_bytes: 0,
            best: BTreeMap::new(),
            pending: BTreeMap::new(),
            places: HashMap::new(),
            next_pending: 0,
            spots: HashMap::new(),
            past: BTreeSet::new(),
            returning: BTreeSet::new(),
            peers: Vec::new(),
            notes: BTreeMap::new(),
            poisoned: false,
        }
    }

    fn tip(&self) -> Height {
        self.best.last_key_value().map_or(0, |(height, _)| *height)
    }

    /// The lowest height from which on all bodies of the best chain are kept.
    fn kept_from(&self) -> Height {
        let has_body =
            |id: &BlockId| self.blocks.get(id).is_some_and(|held| self.bodies.contains_key(&held.number));
        let lacks = self.best.iter().rev().find(|(_, id)| !has_body(id));
        lacks.map_or(0, |(height, _)| *height).saturating_add(1)
    }

    fn best_height(&self, id: &BlockId) -> Option<Height> {
        if *id == self.genesis {
            return Some(0);
        }
        let height = self.blocks.get(id)?.block.header.header().height;
        (self.best.get(&height) == Some(id)).then_some(height)
    }

    fn join(&mut self, transaction: &Arc<SignedTransaction>) {
        let place = self.next_pending;
        let entry = self.places.entry(transaction.id());
        if let std::collections::hash_map::Entry::Vacant(entry) = entry {
            entry.insert(place);
            self.pending.insert(place, Arc::clone(transaction));
            self.next_pending = place.saturating_add(1);
        }
    }

    fn leave(&mut self, ids: &[TxId]) {
        for id in ids {
            if let Some(place) = self.places.remove(id) {
                self.pending.remove(&place);
            }
        }
    }

    fn block(&mut self, block: &Arc<Block>, ids: &Arc<[TxId]>) {
        let id = block.header.id();
        let number = self.blocks.get(&id).map_or(self.blocks.len() as u64, |kept| kept.number);
        if self.bodies.contains_key(&number) {
            return;
        }
        let stored_at = self.blocks.get(&id).map_or_else(self.now_s, |kept| kept.stored_at);
        self.blocks.insert(id, Held { number, stored_at, block: Arc::clone(block), ids: Arc::clone(ids) });
        self.bodies.insert(number, id);
        self.body_bytes = self.body_bytes.saturating_add(body_bytes(block));
        // If the body was deleted before, these former places may still be known.
        self.forget_spots(&id, ids);
        for (position, transaction) in ids.iter().enumerate() {
            self.spots.entry(*transaction).or_default().push((id, position));
        }
    }

    fn best(&mut self, fork: Height, blocks: &[BlockId]) -> Result<(), StoreError> {
        let tip = self.tip();
        if fork > tip {
            return Err(StoreError::OutOfOrder { what: format!("forks at height {fork} above the tip at {tip}") });
        }
        self.best.split_off(&fork.saturating_add(1));
        for (height, id) in (fork.saturating_add(1)..).zip(blocks) {
            if !self.blocks.contains_key(id) {
                return Err(StoreError::OutOfOrder {
                    what: format!("puts block {id}, never recorded, on the best chain"),
                });
            }
            self.best.insert(height, *id);
        }
        Ok(())
    }

    fn apply(&mut self, records: &[Record]) -> Result<(), StoreError> {
        for record in records {
            match record {
                Record::Pending(transaction) => self.join(transaction),
                Record::Gone(ids) => self.leave(ids),
                Record::Block { block, transactions } => self.block(block, transactions),
                Record::Best { fork, blocks, returning } => {
                    self.best(*fork, blocks)?;
                    self.returning.extend(returning);
                }
                Record::Returned(id) => drop(self.returning.remove(id)),
                Record::Dropped(ids) => {
                    for id in ids {
                        let kept = self.blocks.get(id).map(|kept| (kept.number, Arc::clone(&kept.ids)));
                        if let Some((number, ids)) = kept
                            && self.forget(number).is_some()
                        {
                            self.forget_spots(id, &ids);
                        }
                    }
                }
            }
        }
        Ok(())
    }

    fn headers_after(&self, locator: &[BlockId]) -> Vec<protocol::items::block::SignedHeader> {
        let Some(height) = locator.iter().take(LOCATOR_ENTRIES_MAX).find_map(|id| self.best_height(id)) else {
            return Vec::new();
        };
        let above = self.best.range(height.saturating_add(1)..).take(HEADERS_ENTRIES_MAX);
        above.filter_map(|(_, id)| Some(self.blocks.get(id)?.block.header)).collect()
    }

    /// Forgets the body of the block with this number.
    fn forget(&mut self, number: u64) -> Option<u64> {
        let id = self.bodies.remove(&number)?;
        let kept = self.blocks.get_mut(&id)?;
        let bytes = body_bytes(&kept.block);
        kept.block = Arc::new(Block { header: kept.block.header, transactions: Vec::new() });
        self.body_bytes = self.body_bytes.saturating_sub(bytes);
        Some(bytes)
    }

    /// Forgets where a block's transactions are or were.
    fn forget_spots(&mut self, id: &BlockId, ids: &[TxId]) {
        for transaction in ids {
            if let Some(spots) = self.spots.get_mut(transaction) {
                spots.retain(|(block, _)| block != id);
                if spots.is_empty() {
                    self.spots.remove(transaction);
                }
            }
        }
    }

    /// Forgets the former places of transactions that no later block may repeat.
    fn forget_past(&mut self) {
        let tip = self.tip();
        while let Some((height, id)) = self.past.first().copied()
            && !past::matters(height, tip)
        {
            self.past.pop_first();
            let bodiless = self.blocks.get(&id).filter(|kept| !self.bodies.contains_key(&kept.number));
            if let Some(ids) = bodiless.map(|kept| Arc::clone(&kept.ids)) {
                self.forget_spots(&id, &ids);
            }
        }
    }

    /// Where the best chain has a transaction, the lowest first.
    fn places(&self, id: &TxId) -> Vec<(Tip, usize)> {
        let spots = self.spots.get(id).map(Vec::as_slice).unwrap_or_default();
        let best = spots.iter().filter_map(|(block, position)| {
            Some((Tip { height: self.best_height(block)?, id: *block }, *position))
        });
        let mut places: Vec<_> = best.collect();
        places.sort_by_key(|(place, _)| place.height);
        places
    }
}

impl Store for MemoryStore {
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError> {
        if self.poisoned {
            return Err(StoreError::Poisoned);
        }
        let done = self.apply(records);
        self.poisoned = done.is_err();
        done
    }

    fn load(&self, load: &Load) -> Result<Loaded, StoreError> {
        Ok(match load {
            Load::Block(id) => {
                let kept = self.blocks.get(id).filter(|kept| self.bodies.contains_key(&kept.number));
                Loaded::Block { id: *id, block: kept.map(|kept| Arc::clone(&kept.block)) }
            }
            Load::HeadersAfter(locator) => {
                Loaded::HeadersAfter { locator: locator.clone(), headers: self.headers_after(locator) }
            }
            Load::First(id) => {
                let last = self.best.last_key_value().map(|(height, id)| Tip { height: *height, id: *id });
                let tip = last.unwrap_or(Tip { height: 0, id: self.genesis });
                let first = self.places(id).first().map(|(place, _)| *place);
                Loaded::First { id: *id, looked: Some(Looked { first, tip }) }
            }
            Load::Contents(id) => {
                let transactions = self.blocks.get(id).map(|kept| Arc::clone(&kept.ids));
                Loaded::Contents { id: *id, transactions }
            }
        })
    }

    fn restore(&self) -> Result<Restored, StoreError> {
        let mut best = Vec::new();
        let mut left = Some(CONFIRMED_MAX);
        for id in self.best.values().rev().take(CHAIN_BEST_HEADERS_MIN) {
            let Some(kept) = self.blocks.get(id) else { continue };
            left = left.and_then(|left| left.checked_sub(kept.ids.len()));
            let transactions = left.is_some().then(|| Arc::clone(&kept.ids));
            best.push(RestoredBlock { header: kept.block.header, transactions });
        }
        best.reverse();
        Ok(Restored {
            best,
            pending: self.pending.values().cloned().collect(),
            returning: self.returning.iter().copied().collect(),
            kept_from: self.kept_from(),
        })
    }

    fn transaction(&self, id: &TxId) -> Result<Option<FoundTransaction>, StoreError> {
        if let Some(transaction) = self.places.get(id).and_then(|place| self.pending.get(place)) {
            let transaction = Some(Arc::clone(transaction));
            return Ok(Some(FoundTransaction { transaction, place: Place::Pending }));
        }
        let places = self.places(id);
        let Some((Tip { height, id: block }, _)) = places.first() else { return Ok(None) };
        let mut encoded = places.iter().filter_map(|(place, position)| {
            self.blocks.get(&place.id)?.block.transactions.get(*position).cloned()
        });
        let transaction = encoded.next().map(|encoded| super::read::transaction(id, encoded)).transpose()?;
        let place = Place::Confirmed { block: *block, height: *height };
        Ok(Some(FoundTransaction { transaction, place }))
    }

    fn save_peers(&mut self, peers: &[KnownPeer]) -> Result<(), StoreError> {
        KnownPeer::check(peers)?;
        self.peers = peers.to_vec();
        Ok(())
    }

    fn peers(&self) -> Result<Vec<KnownPeer>, StoreError> {
        Ok(self.peers.clone())
    }

    fn save_note(&mut self, note: Note, bytes: &[u8]) -> Result<(), StoreError> {
        Note::check(bytes)?;
        self.notes.insert(note, bytes.to_vec());
        Ok(())
    }

    fn note(&self, note: Note) -> Result<Option<Vec<u8>>, StoreError> {
        Ok(self.notes.get(&note).cloned())
    }

    fn prune(&mut self, target: PruneTarget) -> Result<Pruned, StoreError> {
        self.forget_past();
        let tip = self.tip();
        let mut pruned = Pruned::default();
        let looked_at: Vec<_> =
            self.bodies.iter().take(PRUNE_LOOKED_AT_MAX).map(|(number, id)| (*number, *id)).collect();
        for (number, id) in looked_at {
            let Some(kept) = self.blocks.get(&id) else { continue };
            if matches!(target, PruneTarget::BodyBytes(max) if self.body_bytes <= max) {
                break;
            }
            let height = kept.block.header.header().height;
            if height.saturating_add(PRUNE_KEEP_BLOCKS) > tip {
                continue;
            }
            let age_s = (self.now_s)().saturating_sub(kept.stored_at);
            if matches!(target, PruneTarget::OlderThan(limit_s) if age_s <= limit_s) {
                break;
            }
            if pruned.blocks >= PRUNE_BLOCKS_MAX || pruned.bytes >= PRUNE_BYTES_MAX {
                pruned.more = true;
                break;
            }
            let ids = Arc::clone(&kept.ids);
            pruned.bytes = pruned.bytes.saturating_add(self.forget(number).unwrap_or_default());
            if past::matters(height, tip) {
                self.past.insert((height, id));
            } else {
                self.forget_spots(&id, &ids);
            }
            pruned.blocks = pruned.blocks.saturating_add(1);
            // `kept_from` is about the best chain, so a stale block does not change it.
            if self.best.get(&height) == Some(&id) {
                pruned.kept_from = pruned.kept_from.max(height.saturating_add(1));
            }
        }
        Ok(pruned)
    }

    fn totals(&self) -> Totals {
        Totals {
            blocks: self.blocks.len() as u64,
            body_bytes: self.body_bytes,
            pending: self.pending.len() as u64,
        }
    }
}

/// Bytes of a block's encoded list of transactions.
fn body_bytes(block: &Block) -> u64 {
    // A block is an array of two: 1 byte, its header, and the list.
    block.encoded_len().saturating_sub(block.header.encoded_len()).saturating_sub(1) as u64
}
