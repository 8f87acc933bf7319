//! Keys that follow from the seed, the same for real and simulated nodes. Deliberately absent: any secret key.

use protocol::items::keys::SecretKey;

use crate::random::Seed;

/// The secret key of a node.
#[must_use]
pub fn node_key(seed: Seed, node: usize) -> SecretKey {
    SecretKey::from_seed(&node_seed(seed, node))
}

/// The seed of that key, as its file holds it.
#[must_use]
pub fn node_seed(seed: Seed, node: usize) -> [u8; 32] {
    seed.bytes(&format!("node {node}"))
}
