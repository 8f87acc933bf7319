//! Bodies that gossipsub drops silently. It computes an id for every message that it receives, before it checks
//! whether it has the message. This computation is watched.

use std::mem::take;
use std::sync::{Arc, Mutex, PoisonError};

use bytes::Bytes;
use lru::LruCache;
use protocol::gossip::ItemId;
use protocol::items::block::SignedHeader;
use protocol::items::hash::{TxId, sha256};
use protocol::limits::HEADER_BYTES_MAX;
use protocol::wire::codec::{Decode as _, Reader};

/// The number of remembered messages, so that a second copy is recognised: 65,536 of about 100 bytes, as many as
/// the accepted items that a node itself remembers.
const MESSAGES_MAX: usize = 65_536;

/// Copies that wait to be traced, of 48 bytes each: 1.5 MiB. They are taken at least every 50 ms. Copies above the
/// bound are not traced.
const COPIES_MAX: usize = 32_768;

/// The first bytes of a block, which hold its header: one byte of the array comes before it.
const BLOCK_START: usize = 1 + HEADER_BYTES_MAX;

/// A message's id: SHA-256 of its content.
pub(super) type ContentId = [u8; 32];

/// The messages that came more than once.
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

    /// The id of a message. Notes that the message came.
    pub(super) fn id_of(&self, block: bool, data: &[u8]) -> ContentId {
        let id = sha256(&[data]);
        // No half-done change can spoil these plain data, so a poisoned lock can still be used.
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

    /// The copies since the last call: the items and the number of their bytes.
    pub(super) fn take_copies(&self) -> Vec<(ItemId, usize)> {
        take(&mut self.0.lock().unwrap_or_else(PoisonError::into_inner).copies)
    }
}

/// The item in a message; `None` if it holds no item.
fn item(block: bool, id: ContentId, data: &[u8]) -> Option<ItemId> {
    if !block {
        return Some(ItemId::Transaction(TxId(id)));
    }
    let start = data.get(..data.len().min(BLOCK_START))?;
    let mut reader = Reader::new(Bytes::copy_from_slice(start));
    reader.array_of("a block", 2).ok()?;
    Some(ItemId::Block(SignedHeader::decode(&mut reader).ok()?.id()))
}
