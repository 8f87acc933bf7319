//! A hasher whose keys come from the engine's seed: an attacker who doesn't know them can't aim at one bucket, and two
//! runs with one seed build the same tables.

use core::hash::BuildHasher;

use siphasher::sip::SipHasher13;

/// Builds keyed SipHash-1-3 hashers (Aumasson and Bernstein, 2012).
#[derive(Clone, Debug)]
pub struct SeededState {
    key0: u64,
    key1: u64,
}

impl SeededState {
    /// Hashers with this key.
    #[must_use]
    pub const fn new(key0: u64, key1: u64) -> Self {
        Self { key0, key1 }
    }
}

impl BuildHasher for SeededState {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_keys(self.key0, self.key1)
    }
}
