//! What is in memory of connected blocks: the bodies of the newest ones, and for many more the ids of their
//! transactions. Both give up the lowest block first. Durable storage has them all.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::codec::Encode;
use crate::items::block::{Block, SignedHeader};
use crate::items::hash::{BlockId, TxId};
use crate::items::transaction::{Height, SignedTransaction};

/// Bodies by block.
#[derive(Debug, Default)]
pub(super) struct Bodies {
    bodies: BTreeMap<BlockId, Body>,
    by_height: BTreeSet<(Height, BlockId)>,
    bytes: usize,
}

/// A block's transactions, decoded, and the block in the form in which peers get it. Both share the encoded bytes.
#[derive(Debug)]
pub(super) struct Body {
    pub(super) block: Arc<Block>,
    pub(super) transactions: Vec<Arc<SignedTransaction>>,
    /// The transactions' places, in the order of their ids: a peer may ask for any of 39,568 by its id, and for
    /// 256 at a time.
    by_id: Vec<u32>,
    /// Encoded bytes of the block.
    pub(super) bytes: usize,
}

impl Body {
    pub(super) fn new(header: SignedHeader, transactions: Vec<Arc<SignedTransaction>>) -> Self {
        let encoded = transactions.iter().map(|transaction| transaction.encoded().clone()).collect();
        let block = Arc::new(Block { header, transactions: encoded });
        let bytes = block.encoded_len();
        let mut by_id: Vec<(TxId, u32)> =
            transactions.iter().map(|transaction| transaction.id()).zip(0..).collect();
        by_id.sort_unstable();
        let by_id = by_id.into_iter().map(|(_, place)| place).collect();
        Self { block, transactions, by_id, bytes }
    }

    /// A transaction by its id.
    pub(super) fn transaction(&self, id: &TxId) -> Option<&Arc<SignedTransaction>> {
        let at = |place: &u32| self.transactions.get(usize::try_from(*place).ok()?);
        let found = self.by_id.binary_search_by_key(&Some(*id), |place| at(place).map(|found| found.id()));
        at(self.by_id.get(found.ok()?)?)
    }

    fn height(&self) -> Height {
        self.block.header.header().height
    }
}

impl Bodies {
    pub(super) fn get(&self, id: &BlockId) -> Option<&Body> {
        self.bodies.get(id)
    }

    /// Bytes of all bodies.
    pub(super) const fn bytes(&self) -> usize {
        self.bytes
    }

    pub(super) fn insert(&mut self, id: BlockId, body: Body) {
        self.bytes = self.bytes.saturating_add(body.bytes);
        self.by_height.insert((body.height(), id));
        self.bodies.insert(id, body);
    }

    pub(super) fn remove(&mut self, id: &BlockId) {
        if let Some(body) = self.bodies.remove(id) {
            self.by_height.remove(&(body.height(), *id));
            self.bytes = self.bytes.saturating_sub(body.bytes);
        }
    }

    /// Gives up the lowest bodies, except `spared`, until `bytes_max` are left.
    pub(super) fn shed(&mut self, bytes_max: usize, spared: &BlockId) {
        while self.bytes > bytes_max
            && let Some(id) = self.by_height.iter().map(|(_, id)| *id).find(|id| id != spared)
        {
            self.remove(&id);
        }
    }
}

/// The ids of blocks' transactions, up to a total number of ids.
#[derive(Debug)]
pub(super) struct Contents {
    max: usize,
    ids: BTreeMap<BlockId, (Height, Arc<[TxId]>)>,
    by_height: BTreeSet<(Height, BlockId)>,
    len: usize,
}

impl Contents {
    pub(super) const fn new(max: usize) -> Self {
        Self { max, ids: BTreeMap::new(), by_height: BTreeSet::new(), len: 0 }
    }

    pub(super) fn get(&self, id: &BlockId) -> Option<&Arc<[TxId]>> {
        self.ids.get(id).map(|(_, ids)| ids)
    }

    /// The total number of ids.
    pub(super) const fn len(&self) -> usize {
        self.len
    }

    /// Remembers a block's ids, and forgets those of the lowest blocks above the bound.
    pub(super) fn insert(&mut self, id: BlockId, height: Height, ids: Arc<[TxId]>) {
        self.len = self.len.saturating_add(ids.len());
        self.by_height.insert((height, id));
        self.ids.insert(id, (height, ids));
        while self.len > self.max
            && let Some((_, lowest)) = self.by_height.first().copied()
        {
            self.remove(&lowest);
        }
    }

    pub(super) fn remove(&mut self, id: &BlockId) {
        if let Some((height, ids)) = self.ids.remove(id) {
            self.by_height.remove(&(height, *id));
            self.len = self.len.saturating_sub(ids.len());
        }
    }
}
