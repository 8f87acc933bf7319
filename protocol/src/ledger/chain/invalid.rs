//! Invalid blocks, so that they are not accepted and asked for again. The newest are kept, up to a bound.

use alloc::collections::{BTreeSet, VecDeque};

use crate::items::hash::BlockId;
use crate::items::keys::PublicKey;
use crate::items::transaction::Height;
use crate::limits::INVALID_BLOCKS_MAX;

/// A place at a height that a producer has used up.
pub(super) type Slot = (Height, PublicKey);

/// Ids of invalid blocks.
#[derive(Debug, Default)]
pub(super) struct Invalid {
    ids: BTreeSet<BlockId>,
    order: VecDeque<(BlockId, Option<Slot>)>,
}

impl Invalid {
    pub(super) fn contains(&self, id: &BlockId) -> bool {
        self.ids.contains(id)
    }

    pub(super) fn len(&self) -> usize {
        self.order.len()
    }

    /// Remembers a block and the slot that it continues to hold. If an older block is forgotten for it, returns
    /// that block's slot.
    pub(super) fn remember(&mut self, id: BlockId, slot: Option<Slot>) -> Option<Slot> {
        self.ids.insert(id);
        self.order.push_back((id, slot));
        if self.order.len() <= INVALID_BLOCKS_MAX {
            return None;
        }
        let (forgotten, slot) = self.order.pop_front()?;
        self.ids.remove(&forgotten);
        slot
    }
}
