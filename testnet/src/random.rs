//! Randomness by seed. Every purpose draws from its own stream, so that a change in one place moves no draw in
//! another. Deliberately absent: the system's randomness.

pub mod keys;

use protocol::items::hash::sha256;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

/// The seed of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Seed(pub u64);

/// A stream of draws for one purpose.
#[derive(Clone, Debug)]
pub struct Draws(ChaCha8Rng);

impl Seed {
    /// The stream for `purpose`. The same seed and purpose give the same draws on every machine.
    #[must_use]
    pub fn draws(self, purpose: &str) -> Draws {
        Draws(ChaCha8Rng::from_seed(self.bytes(purpose)))
    }

    /// 32 bytes for `purpose`, for example for a key.
    #[must_use]
    pub fn bytes(self, purpose: &str) -> [u8; 32] {
        sha256(&[b"hearsay testnet 1\0", &self.0.to_le_bytes(), purpose.as_bytes()])
    }
}

impl Draws {
    /// A number from 0 to below `bound`, each equally likely. 0 if `bound` is 0.
    pub fn below(&mut self, bound: usize) -> usize {
        // Lemire's rejection (2019): the product's high half is uniform once the low half is past the threshold.
        let bound = bound as u64;
        if bound == 0 {
            return 0;
        }
        let threshold = bound.wrapping_neg() % bound;
        loop {
            let product = u128::from(self.0.next_u64()) * u128::from(bound);
            if product as u64 >= threshold {
                return (product >> 64) as usize;
            }
        }
    }

    /// A number from 0 to below 1, in steps of 2^-53.
    pub fn unit(&mut self) -> f64 {
        (self.0.next_u64() >> 11) as f64 / (1_u64 << 53) as f64
    }

    /// True with this probability.
    pub fn chance(&mut self, probability: f64) -> bool {
        self.unit() < probability
    }

    /// `len` random bytes.
    pub fn bytes(&mut self, len: usize) -> Vec<u8> {
        let mut bytes = vec![0; len];
        self.0.fill_bytes(&mut bytes);
        bytes
    }

    /// Puts `items` into random order (Fisher and Yates).
    pub fn shuffle<T>(&mut self, items: &mut [T]) {
        for last in (1..items.len()).rev() {
            let other = self.below(last + 1);
            items.swap(last, other);
        }
    }
}
