//! Maps by ids. An id is a hash already, so its bytes are taken as they are and not hashed again. Nobody outside
//! chooses the ids of a simulation, so none are aimed at one bucket.

use std::collections::HashMap;
use std::hash::{BuildHasherDefault, Hasher};

/// A map whose keys are ids, or have an id at their end.
pub(in super::super) type ById<K, V> = HashMap<K, V, BuildHasherDefault<FirstBytes>>;

/// The first eight of the bytes that were written last.
#[derive(Debug, Default)]
pub(in super::super) struct FirstBytes(u64);

impl Hasher for FirstBytes {
    fn write(&mut self, bytes: &[u8]) {
        self.0 = bytes
            .iter()
            .rev()
            .skip(bytes.len().saturating_sub(8))
            .fold(self.0, |sum, byte| sum << 8 | u64::from(*byte));
    }

    fn finish(&self) -> u64 {
        self.0
    }
}
