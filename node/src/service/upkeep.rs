//! What the service gives to the store besides the engine's records: it keeps what is known about peers for
//! another run, and deletes the bodies of old blocks.
//!
//! A failure shows in the store's progress. If the store is too busy for this, it has more important things to do.
//! The store decides what is deleted, and what never is.

use std::task::Poll;

use protocol::time::{Duration, Time};
use tokio::sync::oneshot;
use tokio::sync::oneshot::error::TryRecvError;

use crate::config::Prune;
use crate::net::bans::{self, KeptBan};
use crate::net::discovery::book::{Kept, kept};
use crate::store::{KnownPeer, Note, PruneTarget, Pruned, StoreError, Writer};

/// The time between two writes of new bans to the store: at most 200 KiB each, however many peers misbehave.
const BANS_KEPT_AFTER: Duration = Duration::from_secs(5);

/// Which bans are not kept yet, and the time of the last write.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// There are bans that are not kept yet.
    bans_changed: bool,
    /// When bans were last kept.
    bans_kept: Time,
}

impl Keeping {
    /// Keeps the known peers.
    pub(super) fn peers(known: &[Kept], writer: &Writer) {
        let standings = kept::encode(known);
        let known = known
            .iter()
            .map(|kept| KnownPeer::new(kept.peer.to_bytes(), kept.addresses.iter().map(ToString::to_string)));
        let _ = writer.save_peers(known.collect());
        let _ = writer.save_note(Note::Standings, standings);
    }

    /// A peer was banned.
    pub(super) const fn on_ban(&mut self) {
        self.bans_changed = true;
    }

    /// Whether it is time to keep the bans.
    pub(super) fn bans_are_due(&self, now: Time) -> bool {
        self.bans_changed && now.since(self.bans_kept) >= BANS_KEPT_AFTER
    }

    /// Keeps the bans. If the store has no room for them, it is asked again.
    pub(super) fn bans(&mut self, bans: &[KeptBan], writer: &Writer, now: Time) {
        self.bans_changed &= writer.save_note(Note::Bans, bans::encode(bans)).is_err();
        self.bans_kept = now;
    }
}

/// Deletes the bodies of old blocks, a few at a time. The two limits alternate, so that neither starves.
#[derive(Debug, Default)]
pub(super) struct Pruning {
    /// Bodies that are being deleted.
    under_way: Option<oneshot::Receiver<Result<Pruned, StoreError>>>,
    /// The next deletion is by age, not by bytes.
    by_age: bool,
}

impl Pruning {
    /// The result of the last deletion: the lowest height from which on all bodies are kept, if it has risen.
    /// Pending while the deletion is under way.
    pub(super) fn poll(&mut self) -> Poll<Option<u64>> {
        match self.under_way.as_mut().map(oneshot::Receiver::try_recv) {
            Some(Err(TryRecvError::Empty)) => Poll::Pending,
            Some(Ok(Ok(Pruned { blocks: 1.., kept_from, .. }))) => Poll::Ready(Some(kept_from)),
            _ => Poll::Ready(None),
        }
    }

    /// Begins the next deletion.
    pub(super) fn start(&mut self, wanted: Prune, writer: &Writer) {
        let old = wanted.seconds.map(PruneTarget::OlderThan);
        let target = old.filter(|_| self.by_age).or(wanted.bytes.map(PruneTarget::BodyBytes)).or(old);
        self.by_age = !self.by_age;
        self.under_way = target.and_then(|target| writer.prune(target).ok());
    }
}
