//! The messages of one link, counted for the whole node and for the link.
//!
//! Deliberately absent: a time series for each link. A peer could make as many as it has keys.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};

use super::traffic::{Traffic, Way};

/// Counts the messages of one link. Clones count into the same numbers.
#[derive(Clone, Debug, Default)]
pub struct LinkTraffic {
    node: Arc<Traffic>,
    own: Arc<[AtomicU64; 2]>,
}

impl LinkTraffic {
    /// A new link, whose messages count in `node` as well.
    #[must_use]
    pub fn of(node: Arc<Traffic>) -> Self {
        Self { node, own: Arc::default() }
    }

    /// Counts a message of this kind and length in bytes.
    pub fn count(&self, way: Way, kind: &str, bytes: usize) {
        let [read, written] = &*self.own;
        let own = if way == Way::In { read } else { written };
        own.fetch_add(bytes as u64, Ordering::Relaxed);
        self.node.count(way, kind, bytes);
    }

    /// Bytes of the messages that were received and sent so far: `[in, out]`.
    #[must_use]
    pub fn bytes(&self) -> [u64; 2] {
        let [read, written] = &*self.own;
        [read, written].map(|bytes| bytes.load(Ordering::Relaxed))
    }
}
