//! Helpers that the store's tests share: items made from small numbers, a workload that uses every table, and a
//! summary that distinguishes two states.

use std::sync::Arc;

use node::store::{FoundTransaction, KnownPeer, MemoryStore, RedbStore, Store, StoreError, StoreOptions};
use protocol::items::block::{Block, Header, SignedHeader, transactions_root};
use protocol::items::hash::{BlockId, TxId};
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::network::NetworkId;
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::ledger::durable::{Load, Loaded, Record};
use redb::StorageBackend;

use crate::support::program::network;

pub(crate) fn options() -> StoreOptions {
    StoreOptions { network: network(), now_s: || 1_000 }
}

pub(crate) fn memory() -> MemoryStore {
    MemoryStore::new(&network(), || 1_000)
}

/// Opens the store in `backend`.
pub(crate) fn open(backend: impl StorageBackend) -> Result<RedbStore, StoreError> {
    RedbStore::with_backend(backend, options())
}

/// A transaction that `number` distinguishes from others, with this number of payload bytes.
pub(crate) fn transaction(number: u64, payload: usize) -> Arc<SignedTransaction> {
    let key = SecretKey::from_seed(&[7; 32]);
    let plain = Transaction {
        author: PublicKey::default(),
        nonce: number,
        valid_until: 1_000_000,
        payload: vec![number as u8; payload].into(),
    };
    Arc::new(plain.sign(&key, &network()).expect("within bounds"))
}

/// Blocks on blocks, with the records that an engine makes of them.
#[derive(Clone)]
pub(crate) struct Chain {
    pub(crate) network: NetworkId,
    pub(crate) blocks: Vec<Arc<Block>>,
}

impl Chain {
    pub(crate) fn new() -> Self {
        Self { network: network(), blocks: Vec::new() }
    }

    pub(crate) fn tip(&self) -> BlockId {
        self.blocks.last().map_or_else(|| self.network.genesis(), |block| block.header.id())
    }

    pub(crate) fn ids(&self) -> Vec<BlockId> {
        self.blocks.iter().map(|block| block.header.id()).collect()
    }

    pub(crate) fn headers(&self) -> Vec<SignedHeader> {
        self.blocks.iter().map(|block| block.header).collect()
    }

    /// Adds a block to the tip, and returns its record. `salt` distinguishes it from others with the same
    /// transactions.
    pub(crate) fn grow(&mut self, transactions: &[Arc<SignedTransaction>], salt: u64) -> Record {
        let ids: Arc<[TxId]> = transactions.iter().map(|transaction| transaction.id()).collect();
        let header = Header {
            height: self.blocks.len() as u64 + 1,
            parent: self.tip(),
            producer: PublicKey::default(),
            timestamp_ms: salt,
            transactions_root: transactions_root(&ids),
            count: ids.len() as u32,
        };
        let header = header.sign(&SecretKey::from_seed(&[9; 32]), &self.network);
        let bodies = transactions.iter().map(|transaction| transaction.encoded().clone()).collect();
        let block = Arc::new(Block { header, transactions: bodies });
        self.blocks.push(Arc::clone(&block));
        Record::Block { block, transactions: ids }
    }

    /// The record that makes everything above `fork` the best chain.
    pub(crate) fn best_above(&self, fork: u64) -> Record {
        Record::Best { fork, blocks: self.ids().into_iter().skip(fork as usize).collect(), returning: Vec::new() }
    }

    /// The record of the newest block on top of the best chain.
    pub(crate) fn best(&self) -> Record {
        self.best_above(self.blocks.len() as u64 - 1)
    }
}

/// Groups of records as a node makes them. Transactions join and go, and blocks confirm them. A reorganisation
/// undoes two blocks. Their transactions are returned later, and one of them is dropped. `items` has everything
/// that is ever in them, so that a summary can ask for each.
pub(crate) struct Workload {
    pub(crate) groups: Vec<Vec<Record>>,
    pub(crate) transactions: Vec<TxId>,
    pub(crate) blocks: Vec<BlockId>,
}

impl Workload {
    /// `rounds` rounds of two groups each, different for each seed.
    pub(crate) fn new(seed: u64, rounds: u64) -> Self {
        let (mut groups, mut all, mut blocks) = (Vec::new(), Vec::new(), Vec::new());
        let mut chain = Chain::new();
        let mut undone = Vec::new();
        for round in 0..rounds {
            // One in four is larger than a page.
            let joining: Vec<_> = (0..4)
                .map(|place| {
                    let number = seed * 10_000 + round * 10 + place;
                    transaction(number, if place == 3 { 5_000 } else { 40 + (number % 97) as usize })
                })
                .collect();
            all.extend(joining.iter().map(|transaction| transaction.id()));
            groups.push(joining.iter().cloned().map(Record::Pending).collect());
            let (confirmed, evicted) = (&joining[..3], &joining[3..]);
            let mut group = Vec::new();
            if round % 5 == 4 {
                let fork = chain.blocks.len() - 2;
                undone = chain.blocks.split_off(fork).iter().map(|block| block.header.id()).collect();
                for salt in 0..2 {
                    group.push(chain.grow(&[], seed * 100 + round * 10 + salt + 1));
                    blocks.push(chain.tip());
                }
                group.push(chain.grow(confirmed, seed));
                let returning = undone.clone();
                group.push(Record::Best { fork: fork as u64, blocks: chain.ids().split_off(fork), returning });
            } else {
                group.push(chain.grow(confirmed, seed));
                group.push(chain.best());
            }
            blocks.push(chain.tip());
            match (round % 5, undone.as_slice()) {
                (0, [first, _]) => group.push(Record::Returned(*first)),
                (1, [_, second]) => group.extend([Record::Returned(*second), Record::Dropped(vec![*second])]),
                _ => {}
            }
            let gone = confirmed.iter().map(|transaction| transaction.id());
            group.push(Record::Gone(gone.collect()));
            if round % 2 == 1 {
                group.push(Record::Gone(evicted.iter().map(|transaction| transaction.id()).collect()));
            }
            groups.push(group);
        }
        Self { groups, transactions: all, blocks }
    }

    /// The answers of a store after each number of groups, including none.
    pub(crate) fn states(&self) -> Vec<Summary> {
        let mut model = memory();
        let mut states = vec![self.summary(&model).expect("in memory")];
        for group in &self.groups {
            model.commit(group).expect("in memory");
            states.push(self.summary(&model).expect("in memory"));
        }
        states
    }

    /// Everything that can be asked about the workload's items.
    pub(crate) fn summary(&self, store: &dyn Store) -> Result<Summary, StoreError> {
        let restored = store.restore()?;
        let blocks = self.blocks.iter().map(|id| match store.load(&Load::Block(*id))? {
            Loaded::Block { block, .. } => Ok(block),
            _ => panic!("another answer"),
        });
        let found = self.transactions.iter().map(|id| store.transaction(id));
        let headers = match store.load(&Load::HeadersAfter(vec![network().genesis()]))? {
            Loaded::HeadersAfter { headers, .. } => headers.iter().map(SignedHeader::id).collect(),
            _ => panic!("another answer"),
        };
        Ok(Summary {
            best: restored.best.iter().map(|block| (block.header.id(), block.transactions.clone())).collect(),
            pending: restored.pending.iter().map(|transaction| transaction.id()).collect(),
            returning: restored.returning,
            headers,
            blocks: blocks.collect::<Result<_, StoreError>>()?,
            found: found.collect::<Result<_, StoreError>>()?,
            peers: store.peers()?,
        })
    }
}

/// All answers of a store.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct Summary {
    pub(crate) best: Vec<(BlockId, Option<Arc<[TxId]>>)>,
    pub(crate) pending: Vec<TxId>,
    pub(crate) returning: Vec<BlockId>,
    pub(crate) headers: Vec<BlockId>,
    pub(crate) blocks: Vec<Option<Arc<Block>>>,
    pub(crate) found: Vec<Option<FoundTransaction>>,
    pub(crate) peers: Vec<KnownPeer>,
}
