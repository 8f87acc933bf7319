//! The records that the engine lets the driver keep, what it asks back, and how it starts from that. The code that
//! makes a change decides when its record leaves. The order on which a start relies is in
//! [`crate::ledger::durable`].
//!
//! Memory holds the newest bodies and headers. If a peer wants older ones, durable storage is asked for them, a
//! few at a time: for each peer at most [`LOADS_PER_PEER_MAX`], and only while the peer has credit for what comes.
//! A loaded block is sent at once or asked for again later. It is not kept.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::codec::Encode as _;
use crate::footprint::tree;
use crate::gossip::Gossip;
use crate::gossip::api::{Output, PeerHandle, Refusal};
use crate::gossip::fetch::debts::Owed;
use crate::items::block::Block;
use crate::items::hash::{BlockId, TxId};
use crate::items::transaction::{Height, SignedTransaction};
use crate::ledger::chain::RestoreError;
use crate::ledger::durable::{Load, Loaded, Record, Restored};
use crate::limits::{
    ANNOUNCE_ROOM_BYTES, BLOCK_BYTES_MAX, CONTROL_ITEM_BYTES_MAX, LOADS_MAX, LOADS_PER_PEER_MAX,
    REQUEST_ROOM_BYTES, RETURNING_MAX,
};
use crate::time::Time;
use crate::wire::message::{Lane, Message};

/// The link for which restored transactions are counted. It is closed at once. No peer has it, because handles
/// count from 0.
const RESTORED: PeerHandle = PeerHandle(u32::MAX);

/// What durable storage has, and which questions it has not answered.
#[derive(Debug)]
pub(crate) struct Loads {
    /// The lowest height from which on it has every body of the best chain.
    kept_from: Height,
    blocks: BTreeMap<BlockId, Waiting>,
    /// The peers that wait for headers, by locator.
    headers: BTreeMap<Vec<BlockId>, Vec<PeerHandle>>,
    /// Blocks whose transactions are to go back to the mempool and are not in memory.
    returning: BTreeSet<(Height, BlockId)>,
    /// The bytes that a loaded block is expected to take. It rises at once to the length of the last block, and
    /// falls slowly.
    usual_bytes: usize,
}

/// What waits for a block.
#[derive(Debug, Default)]
struct Waiting {
    peers: Vec<PeerHandle>,
    /// Whether its transactions are to go back to the mempool.
    returning: bool,
}

impl Default for Loads {
    fn default() -> Self {
        Self {
            kept_from: 1,
            blocks: BTreeMap::new(),
            headers: BTreeMap::new(),
            returning: BTreeSet::new(),
            usual_bytes: BLOCK_BYTES_MAX,
        }
    }
}

impl Loads {
    /// The memory of a block that waits for its transactions' return.
    pub(crate) const RETURNING_BYTES: usize = tree(size_of::<(Height, BlockId)>());

    /// Durable storage has deleted bodies of old blocks.
    pub(crate) fn pruned(&mut self, kept_from: Height) {
        self.kept_from = self.kept_from.max(kept_from);
    }

    /// The lowest height from which on it has every body of the best chain.
    pub(crate) const fn kept_from(&self) -> Height {
        self.kept_from
    }

    /// Blocks asked for, and blocks that wait for their transactions' return.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.blocks.len(), self.returning.len())
    }
}

impl Gossip {
    /// Starts from what an earlier run had kept, before the first input. Drain [`Gossip::poll_output`] afterwards,
    /// as after an input. Signatures are not checked again, because they were checked before they were kept. The
    /// chain begins at the tip that was kept. What the network has made since then is fetched by `catch_up`, as on
    /// any node that is behind.
    ///
    /// # Errors
    /// [`RestoreError`] if the blocks don't follow each other. Then the engine must not be used.
    pub fn restore(&mut self, now: Time, restored: Restored) -> Result<(), RestoreError> {
        let Restored { best, pending, returning, kept_from } = restored;
        self.loads.pruned(kept_from);
        self.chain.restore(&best)?;
        self.remember_confirmed(&best);
        let ids: Vec<&TxId> = best.iter().filter_map(|block| block.transactions.as_deref()).flatten().collect();
        for id in ids.iter().skip(ids.len().saturating_sub(self.inventory.accepted_max() / 2)) {
            self.inventory.accept(**id);
        }
        let mut gone = Vec::new();
        for transaction in &pending {
            let allowed = match self.validator.transaction(transaction, self.chain.tip().height) {
                // It was accepted when the network was known to be further than our tip is now. No acknowledged
                // transaction is lost for this reason.
                Ok(()) | Err(Refusal::TooFarAhead { .. }) => true,
                Err(_) => false,
            };
            let fits = allowed && self.chain.confirmed(&transaction.id()).is_none();
            match fits.then(|| self.mempool.insert(now, transaction, Some(RESTORED.0))) {
                Some(Ok(inserted)) => {
                    self.mempool.settle(&transaction.id());
                    self.inventory.accept(transaction.id());
                    gone.extend(inserted.evicted.iter().map(|evicted| evicted.id()));
                }
                _ => gone.push(transaction.id()),
            }
        }
        self.mempool.link_closed(RESTORED.0);
        self.keep_gone(gone);
        let heights = returning.into_iter().map(|id| (self.chain.height_of(&id).unwrap_or_default(), id));
        self.loads.returning = heights.collect();
        self.return_next();
        Ok(())
    }

    /// Hands a record to the driver to keep.
    pub(crate) fn keep(&mut self, record: Record) {
        self.outputs.push_back(Output::Store(record));
    }

    /// Records that transactions left the mempool, if any did.
    pub(crate) fn keep_gone(&mut self, ids: Vec<TxId>) {
        if !ids.is_empty() {
            self.keep(Record::Gone(ids));
        }
    }

    /// Asks for a block that a peer wants. False if this has to wait for credit or for other loads.
    pub(crate) fn load_block_for(&mut self, handle: PeerHandle, id: BlockId) -> bool {
        let full = self.loads.blocks.len() >= LOADS_MAX && !self.loads.blocks.contains_key(&id);
        let usual = self.loads.usual_bytes;
        let Some(peer) = self.peers.get_mut(&handle) else { return false };
        let expected = peer.debts.loading().saturating_add(1).saturating_mul(usual);
        let room = peer.credit.left(Lane::Bulk) >= expected
            && peer.credit.fits_body(Lane::Control, CONTROL_ITEM_BYTES_MAX);
        if full || peer.debts.loading() >= LOADS_PER_PEER_MAX || !room {
            return false;
        }
        let waiting = match self.loads.blocks.get_mut(&id) {
            Some(waiting) => waiting,
            None => {
                self.outputs.push_back(Output::Load(Load::Block(id)));
                self.loads.blocks.entry(id).or_default()
            }
        };
        if !waiting.peers.contains(&handle) {
            waiting.peers.push(handle);
            peer.debts.begin_load();
        }
        true
    }

    /// Asks for the headers that a peer wants, unless it waits for headers already.
    pub(crate) fn load_headers_for(&mut self, handle: PeerHandle, locator: Vec<BlockId>) {
        let Some(peer) = self.peers.get_mut(&handle).filter(|peer| !peer.loading_headers) else { return };
        peer.loading_headers = true;
        let asked = self.loads.headers.contains_key(&locator);
        self.loads.headers.entry(locator.clone()).or_default().push(handle);
        if !asked {
            self.outputs.push_back(Output::Load(Load::HeadersAfter(locator)));
        }
    }

    pub(crate) fn on_loaded(&mut self, now: Time, loaded: Loaded) {
        match loaded {
            Loaded::Block { id, block } => self.on_loaded_block(now, id, block.as_ref()),
            Loaded::First { id, looked } => self.on_looked_up(now, id, looked),
            Loaded::Contents { id, transactions } => self.on_recalled(id, transactions.as_ref()),
            Loaded::HeadersAfter { locator, headers } => {
                for handle in self.loads.headers.remove(&locator).unwrap_or_default() {
                    let Some(peer) = self.peers.get_mut(&handle) else { continue };
                    peer.loading_headers = false;
                    if peer.credit.fits_control(ANNOUNCE_ROOM_BYTES) {
                        self.send(handle, Message::Headers(headers.clone()));
                    }
                }
            }
        }
    }

    fn on_loaded_block(&mut self, now: Time, id: BlockId, block: Option<&Arc<Block>>) {
        // An answer for which nothing waits changes nothing.
        let Some(Waiting { peers, returning }) = self.loads.blocks.remove(&id) else { return };
        if let Some(block) = block {
            self.loads.usual_bytes = block.encoded_len().max(self.loads.usual_bytes / 8 * 7).max(1);
        }
        for handle in peers {
            if let Some(peer) = self.peers.get_mut(&handle) {
                peer.debts.end_load();
                self.send_loaded(now, handle, id, block);
            }
        }
        if returning {
            self.return_transactions(now, id, block);
            self.return_next();
        }
        // These peers had to wait for room among the loads.
        let waiting = self.peers.iter().filter(|(_, peer)| peer.debts.waits_for_bulk()).map(|(handle, _)| *handle);
        for handle in waiting.collect::<Vec<_>>() {
            self.peers.get_mut(&handle);
        }
    }

    /// Sends a loaded block, or says that it isn't kept. Without credit or budget for it, it is owed again: several
    /// loads may have begun before the first of them used the budget up.
    fn send_loaded(&mut self, now: Time, handle: PeerHandle, id: BlockId, block: Option<&Arc<Block>>) {
        let message = match block {
            Some(block) => Message::Block(block.clone()),
            None => Message::NotFound { transactions: Vec::new(), blocks: [id].into() },
        };
        let (lane, bytes) = (message.lane(), message.encoded_len());
        let Some(peer) = self.peers.get_mut(&handle) else { return };
        let fits = match block {
            Some(_) => peer.debts.is_within(now) && peer.credit.fits_body(lane, bytes),
            None => peer.credit.fits_control(REQUEST_ROOM_BYTES),
        };
        if !fits {
            peer.debts.put_back(Owed::Block(id), if lane == Lane::Bulk { bytes } else { 0 });
            return;
        }
        if block.is_some() {
            self.note_sent(now, handle, id.short(), bytes, true);
        }
        self.send(handle, message);
    }

    /// Notes blocks whose transactions are to go back to the mempool once they are loaded.
    pub(crate) fn return_later(&mut self, ids: &[BlockId]) {
        for id in ids {
            self.loads.returning.insert((self.chain.height_of(id).unwrap_or_default(), *id));
        }
        while self.loads.returning.len() > RETURNING_MAX {
            self.loads.returning.pop_first();
        }
        self.return_next();
    }

    /// Asks for the next block whose transactions are to go back to the mempool, unless one is on its way.
    fn return_next(&mut self) {
        if self.loads.blocks.values().any(|waiting| waiting.returning) {
            return;
        }
        let Some((_, id)) = self.loads.returning.pop_first() else { return };
        match self.loads.blocks.get_mut(&id) {
            Some(waiting) => waiting.returning = true,
            None => {
                self.loads.blocks.insert(id, Waiting { peers: Vec::new(), returning: true });
                self.outputs.push_back(Output::Load(Load::Block(id)));
            }
        }
    }

    fn return_transactions(&mut self, now: Time, id: BlockId, block: Option<&Arc<Block>>) {
        // It may be back on the best chain.
        let block = block.filter(|_| !self.chain.is_best(&id));
        for encoded in block.iter().flat_map(|block| &block.transactions) {
            if let Ok(transaction) = SignedTransaction::from_identified(SignedTransaction::id_of(encoded), encoded)
            {
                self.return_transaction(now, &transaction);
            }
        }
        self.keep(Record::Returned(id));
    }

    /// Puts a transaction that lost its block back into the mempool.
    pub(crate) fn return_transaction(&mut self, now: Time, transaction: &SignedTransaction) {
        // Its bytes are a part of its block's.
        let own = Arc::new(SignedTransaction::clone(transaction).detached());
        match self.admit(now, &own, None) {
            Ok(()) if self.may_announce_returned(&own) => self.announce_again(now, own.id()),
            Ok(()) => {}
            // A transaction that no longer fits is gone from here. Others may still hold it.
            Err(_) => self.inventory.forget(&own.id()),
        }
    }
}
