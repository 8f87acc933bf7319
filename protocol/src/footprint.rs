//! How many bytes collections take on the heap, as arithmetic for constants. The table of all bounds is made with
//! it ([`gossip::bounds`](crate::gossip::bounds)).
//!
//! Each function gives the most that is possible in the long run: the collection has just grown, or all its nodes
//! are half full. It follows the layouts of `alloc`, `hashbrown` and `lru`, and glibc's allocator. Deliberately
//! absent: measuring; the moment at which a collection grows and the old one is there as well; and memory between
//! blocks that the allocator can't use.

/// A block of the heap. The allocator keeps 8 bytes of its own, rounds up to 16, and gives at least 32.
#[must_use]
pub const fn block(bytes: usize) -> usize {
    let whole = (bytes + 8).next_multiple_of(16);
    if whole < 32 { 32 } else { whole }
}

/// A `Vec` or `VecDeque` that grew entry by entry to this number of entries: it has twice as many places each time.
#[must_use]
pub const fn list(entries: usize, entry: usize) -> usize {
    entries.next_power_of_two() * entry
}

/// A hash table with this number of entries: a power of two of places, at most 7 of 8 in use. A place has one byte
/// beside its entry.
#[must_use]
pub const fn table(entries: usize, entry: usize) -> usize {
    (entries * 8).div_ceil(7).next_power_of_two() * (entry + 1)
}

/// An entry of a hash table whose number of entries is not known here: just after it grew, 16 places for 7 entries.
#[must_use]
pub const fn hashed(entry: usize) -> usize {
    (16 * (entry + 1)).div_ceil(7)
}

/// An entry of a B-tree map or set. A node has 11 entries and 16 bytes, and is half full: 6 entries, as after
/// insertions in order. Seven such leaves hang under an inner node of 6 entries, which has 12 pointers more.
#[must_use]
pub const fn tree(entry: usize) -> usize {
    let leaf = block(11 * entry + 16);
    let inner = block(11 * entry + 16 + 12 * 8);
    (7 * leaf + inner).div_ceil(7 * 6 + 6)
}

/// An entry of an `LruCache` with this number of entries: a block with two pointers beside the entry, and its part
/// of a table of pairs of pointers.
#[must_use]
pub const fn lru(entries: usize, entry: usize) -> usize {
    block(entry + 2 * 8) + table(entries, 2 * 8).div_ceil(entries)
}
