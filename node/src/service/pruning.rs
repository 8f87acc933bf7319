//! Deletes the bodies of old blocks, a few at a time. By which of the two limits is next alternates, so that neither starves.
//!
//! What is deleted, and what never is, is the store's rule.

use std::task::Poll;

use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::config::Prune;
use crate::store::{PruneTarget, Pruned, StoreError, Writer};

/// The state.
#[derive(Debug, Default)]
pub(super) struct Pruning {
    /// Bodies that are being deleted.
    under_way: Option<oneshot::Receiver<Result<Pruned, StoreError>>>,
    /// By age next, not by bytes.
    by_age: bool,
}

impl Pruning {
    /// What came of the last deletion: the lowest height from which on all bodies are kept, if that has risen. Pending while
    /// it is under way. A failure shows in the store's progress.
    pub(super) fn poll(&mut self) -> Poll<Option<u64>> {
        match self.under_way.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => Poll::Pending,
            Some(Ok(Ok(Pruned { blocks: 1.., kept_from, .. }))) => Poll::Ready(Some(kept_from)),
            _ => Poll::Ready(None),
        }
    }

    /// Begins the next one.
    pub(super) fn start(&mut self, wanted: Prune, writer: &Writer) {
        let old = wanted.seconds.map(PruneTarget::OlderThan);
        let target = old.filter(|_| self.by_age).or(wanted.bytes.map(PruneTarget::BodyBytes)).or(old);
        self.by_age = !self.by_age;
        self.under_way = target.and_then(|target| writer.prune(target).ok());
    }
}
