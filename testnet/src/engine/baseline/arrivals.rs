//! Bodies that gossipsub drops without a word. It computes an id for every message that it receives, before it looks
//! whether it has it: that computation is watched.

use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use lru::LruCache;
use protocol::gossip::ItemId;
use protocol::items::block::SignedHeader;
use protocol::items::hash::{TxId, sha256};
use protocol::limits::HEADER_BYTES_MAX;
use protocol::wire::codec::{Decode as _, Reader};

/// Messages remembered, so that a second copy is known as one: 65,536 of about 100 bytes, as many as a node's own
/// memory of accepted items has.
const MESSAGES_MAX: usize = 65_536;

/// Copies that wait to be traced, of 48 bytes each: 1.5 MiB. They are taken at least every 50 ms; what is over the
/// bound isn't traced.
const COPIES_MAX: usize = 32_768;

/// What of a block's bytes holds its header: an array's byte before it.
const BLOCK_START: usize = 1 + HEADER_BYTES_MAX;

/// A message's id: SHA-256 of its content.
pub(super) type ContentId = [u8; 32];

/// What came more than once.
#[derive(Clone, Debug)]
pub(super) struct Arrivals(Arc<Mutex<Watched>>);

#[derive(Debug)]
struct Watched {
    messages: LruCache<ContentId, ()>,
    copies: Vec<(ItemId, usize)>,
}

impl Arrivals {
    pub(super) fn new() -> Self {
        Self(Arc::new(Mutex::new(Watched { messages: LruCache::unbounded(), copies: Vec::new() })))
    }

    /// The id of a message, which is noted.
    pub(super) fn id_of(&self, block: bool, data: &[u8]) -> ContentId {
        let id = sha256(&[data]);
        // Plain data that no half-done change can spoil: a poisoned lock is as good as any.
        let mut watched = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        let again = watched.messages.put(id, ()).is_some();
        if watched.messages.len() > MESSAGES_MAX {
            watched.messages.pop_lru();
        }
        if again
            && watched.copies.len() < COPIES_MAX
            && let Some(item) = item(block, id, data)
        {
            watched.copies.push((item, data.len()));
        }
        id
    }

    /// The copies since the last call: the items and their bytes.
    pub(super) fn take_copies(&self) -> Vec<(ItemId, usize)> {
        take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).copies)
    }
}

/// The item in a message; `None` if it is none.
fn item(block: bool, id: ContentId, data: &[u8]) -> Option<ItemId> {
    if !block {
        return Some(ItemId::Transaction(TxId(id)));
    }
    let start = data.get(..data.len().min(BLOCK_START))?;
    let mut reader = Reader::new(Bytes::copy_from_slice(start));
    reader.array_of("a block", 2).ok()?;
    Some(ItemId::Block(SignedHeader::decode(&mut reader).ok()?.id()))
}
