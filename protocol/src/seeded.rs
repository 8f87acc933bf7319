//! Hash maps whose order is drawn from a seed: an attacker can't aim keys at one bucket, and a run can be
//! repeated.
//!
//! Deliberately absent: a default. Code that makes a map without a seed does not compile.

use core::fmt;
use core::hash::BuildHasher;

use rand_core::Rng;
use siphasher::sip::SipHasher13;

/// Builds SipHash-1-3 hashers with one secret key of 16 bytes.
#[derive(Clone)]
pub struct SeededState {
    key: [u8; 16],
}

impl SeededState {
    /// A state with this key.
    #[must_use]
    pub const fn new(key: [u8; 16]) -> Self {
        Self { key }
    }

    /// A state whose key is the next 16 bytes of `chance`.
    #[must_use]
    pub fn draw(chance: &mut impl Rng) -> Self {
        let mut key = [0; 16];
        chance.fill_bytes(&mut key);
        Self { key }
    }
}

impl BuildHasher for SeededState {
    type Hasher = SipHasher13;

    fn build_hasher(&self) -> SipHasher13 {
        SipHasher13::new_with_key(&self.key)
    }
}

/// Without the key, because a reader of a log must not learn how to aim.
impl fmt::Debug for SeededState {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("SeededState(…)")
    }
}
