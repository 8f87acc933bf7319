//! What a node keeps when it ends: blocks, the best chain, the mempool and known peers.
//!
//! A group of records is kept whole or not at all. When [`Store::commit`] has returned, the group outlives the
//! process and the machine's power. Everything that is read is checked against its hash. Damage is an error with
//! a name, never a wrong item. One thread owns a store ([`Writer`]). Deliberately absent: any rule of gossip,
//! and any repair of damage.

use std::sync::Arc;

use protocol::items::hash::{BlockId, TxId};
use protocol::items::transaction::{Height, SignedTransaction};
use protocol::ledger::durable::{Load, Loaded, Record, Restored};
use protocol::limits::KEPT_DEPTH_MIN;

mod age;
mod disk;
mod error;
mod first;
mod memory;
mod past;
mod peers;
mod read;
mod tables;
mod write;
mod writer;

pub use disk::{CACHE_BYTES, RedbStore, STORE_FILE, StoreOptions};
pub use error::StoreError;
pub use memory::MemoryStore;
pub use past::PAST_ROWS_MAX;
pub use peers::{KEPT_ADDRESSES_MAX, KEPT_PEERS_MAX, KnownPeer, PEER_ADDRESS_BYTES_MAX, PEER_ID_BYTES_MAX};
pub use tables::FORMAT;
pub use writer::{
    AWAITED_WAIT, Answer, Awaited, BACKLOG_BYTES_MAX, GROUP_BYTES_ENOUGH, GROUP_BYTES_MAX, GROUP_WAIT, Kept,
    QUESTIONS_MAX, Writer, WriterBusy,
};

/// The number of blocks below the tip whose bodies are never pruned. A reorganisation can need these, and a peer
/// that was gone for a day of five-minute blocks asks for them. Bitcoin Core keeps as many.
pub const PRUNE_KEEP_BLOCKS: u64 = KEPT_DEPTH_MIN;

/// The most bodies that one call prunes.
pub const PRUNE_BLOCKS_MAX: usize = 64;

/// After this many bytes of bodies one call prunes no more: 16 MiB, so at most one body of 4 MiB beyond that.
pub const PRUNE_BYTES_MAX: u64 = 16 * 1024 * 1024;

/// Bodies that one call looks at, pruned or not.
pub const PRUNE_LOOKED_AT_MAX: usize = 1_024;

/// Keeps records, and gives back what was kept.
pub trait Store: Send {
    /// Keeps a group of records, in order, whole or not at all. When it returns, they outlive a loss of power.
    ///
    /// # Errors
    /// After any error except [`StoreError::OutOfOrder`], only the next opening of the store shows whether the
    /// group was kept. After every error the store accepts nothing more: [`StoreError::Poisoned`].
    fn commit(&mut self, records: &[Record]) -> Result<(), StoreError>;

    /// Reads something back for the engine.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it isn't what was kept; the file system's errors.
    fn load(&self, load: &Load) -> Result<Loaded, StoreError>;

    /// Reads the state from which an engine starts. A pending transaction that a block confirms is included.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it isn't what was kept; the file system's errors.
    fn restore(&self) -> Result<Restored, StoreError>;

    /// Finds a transaction that is pending or confirmed. In the newest 10,000 heights a confirmed one is found
    /// whatever is pruned; an older one only in a body that is kept.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it isn't what was kept; the file system's errors.
    fn transaction(&self, id: &TxId) -> Result<Option<FoundTransaction>, StoreError>;

    /// Replaces the known peers that were kept by `peers`.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] changes nothing; for the others see [`Store::commit`].
    fn save_peers(&mut self, peers: &[KnownPeer]) -> Result<(), StoreError>;

    /// The known peers, in the order in which they were given.
    ///
    /// # Errors
    /// [`StoreError::Damaged`] if it isn't what was kept; the file system's errors.
    fn peers(&self) -> Result<Vec<KnownPeer>, StoreError>;

    /// Keeps a note. It replaces the last one with its name.
    ///
    /// # Errors
    /// [`StoreError::TooMany`] changes nothing; for the others see [`Store::commit`].
    fn save_note(&mut self, note: Note, bytes: &[u8]) -> Result<(), StoreError>;

    /// The note that was kept, if one was.
    ///
    /// # Errors
    /// The file system's errors.
    fn note(&self, note: Note) -> Result<Option<Vec<u8>>, StoreError>;

    /// Deletes bodies in the order in which they were recorded, until `target` is met or the work of one call is
    /// done. Headers and transaction ids stay. Bodies of the newest [`PRUNE_KEEP_BLOCKS`] heights stay.
    ///
    /// # Errors
    /// See [`Store::commit`].
    fn prune(&mut self, target: PruneTarget) -> Result<Pruned, StoreError>;

    /// How much is kept.
    fn totals(&self) -> Totals;
}

/// A few bytes that are kept for another run. The store does not read them, and other programs of the same
/// format may ignore them.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Note {
    /// The standings of the known peers ([`kept`](crate::net::discovery::book::kept)).
    Standings,
    /// The bans ([`bans`](crate::net::bans)).
    Bans,
    /// This node's last record as a member, as it is encoded on the wire.
    MemberRecord,
    /// This node's entries as a member, as they are encoded on the wire.
    MemberEntries,
    /// Records of other members.
    Members,
    /// The peers that the owner added ([`added`](crate::net::discovery::added)).
    AddedPeers,
}

/// Bytes of a note: the bans of 1,024 peers and 1,024 addresses take up to 200 KiB, the standings
/// of 1,024 peers 150 KiB.
pub const NOTE_BYTES_MAX: usize = 256 * 1024;

impl Note {
    /// Its key in the store's `meta`.
    const fn key(self) -> &'static str {
        match self {
            Self::Standings => "standings",
            Self::Bans => "bans",
            Self::MemberRecord => "member-record",
            Self::MemberEntries => "member-entries",
            Self::Members => "members",
            Self::AddedPeers => "added-peers",
        }
    }

    /// Refuses a note that is over the bound.
    const fn check(bytes: &[u8]) -> Result<(), StoreError> {
        if bytes.len() > NOTE_BYTES_MAX {
            return Err(StoreError::TooMany { what: "the length of a note", max: NOTE_BYTES_MAX });
        }
        Ok(())
    }
}

/// Which bodies need not be kept.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum PruneTarget {
    /// As many as needed until all bodies together take no more than this number of bytes.
    BodyBytes(u64),
    /// Those that were recorded longer ago than this number of seconds. Only time for which the
    /// store was open counts.
    OlderThan(u64),
}

/// What one call of [`Store::prune`] did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Pruned {
    /// Bodies deleted.
    pub blocks: usize,
    /// Their bytes.
    pub bytes: u64,
    /// The height above the highest deleted body; 0 if none was deleted.
    pub kept_from: Height,
    /// Whether another call may find more to do.
    pub more: bool,
}

/// How much is kept.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Totals {
    /// Blocks, with and without bodies.
    pub blocks: u64,
    /// Bytes of bodies.
    pub body_bytes: u64,
    /// Transactions of the mempool.
    pub pending: u64,
}

/// A transaction that is kept.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct FoundTransaction {
    /// The signed transaction; `None` if it is confirmed, and no body with it is kept.
    pub transaction: Option<Arc<SignedTransaction>>,
    /// Where it is.
    pub place: Place,
}

/// Where a kept transaction is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In the mempool.
    Pending,
    /// In the best chain.
    Confirmed {
        /// The first block that has it.
        block: BlockId,
        /// Its height.
        height: Height,
    },
}
