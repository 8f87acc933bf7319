//! The beginning of everything that a lane carries: an array whose first item is a tag. The tag tells what follows
//! it, and how many items that is.

use crate::codec::{DecodeError, Reader, Writer};

/// A beginning that was read.
pub(super) struct Head {
    /// The tag.
    pub(super) tag: u64,
    /// The array's length, the tag included.
    items: usize,
}

impl Head {
    /// Reads an array's length and the tag.
    pub(super) fn read(reader: &mut Reader) -> Result<Self, DecodeError> {
        let items = reader.array("a message", 8)?;
        let tag = reader.field("a message's tag").uint()?;
        Ok(Self { tag, items })
    }

    /// The array's length, the tag included.
    pub(super) const fn items(&self) -> usize {
        self.items
    }

    /// Checks the array's length, now that the tag is known.
    pub(super) fn has_items(&self, items: usize, reader: &mut Reader) -> Result<(), DecodeError> {
        if self.items == items {
            return Ok(());
        }
        reader.blame("a message", 0);
        Err(DecodeError::BadValue("a message's length"))
    }
}

/// Writes a beginning: `items` is the array's length, the tag included.
pub(super) fn tag(writer: &mut Writer<'_>, tag: u64, items: usize) {
    writer.array(items);
    writer.uint(tag);
}
