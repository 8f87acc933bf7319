//! A transaction in verification, and which peers sent it and how. Data only.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::gossip::api::PeerHandle;
use crate::gossip::fetch::request::backing::Backing;
use crate::items::hash::RouteId;
use crate::items::transaction::SignedTransaction;
use crate::time::Time;

/// A transaction whose signature is being checked.
#[derive(Debug)]
pub(crate) struct CheckedTransaction {
    pub(super) transaction: Arc<SignedTransaction>,
    /// The peers that sent it, the first one first. Empty if it was submitted.
    pub(super) senders: Vec<Sender>,
    /// When the first body came.
    pub(super) at: Time,
    /// Whether a submission waits for the answer.
    pub(super) submitted: bool,
}

impl CheckedTransaction {
    pub(crate) const fn transaction(&self) -> &Arc<SignedTransaction> {
        &self.transaction
    }

    /// The peer that sent it first.
    pub(crate) fn from(&self) -> Option<PeerHandle> {
        self.senders.first().map(|sender| sender.peer)
    }

    pub(crate) const fn is_submitted(&self) -> bool {
        self.submitted
    }
}

/// The peer that sent a body, and how.
#[derive(Clone, Copy, Debug)]
pub(crate) struct Sender {
    pub(crate) peer: PeerHandle,
    pub(crate) how: How,
    /// The route on which it came, if that is not its author's.
    pub(crate) via: Option<RouteId>,
    /// The other peers that had announced it by then.
    pub(crate) backing: Backing,
}

/// How a body came.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum How {
    /// Unasked: it is news.
    Pushed,
    /// Asked for, because the peer had announced it.
    Fetched(Age),
    /// Asked for out of a list of items that the peer has held for long: others hold them too.
    Listed(Age),
}

/// Whether an item was announced as news, or as one of the items that the peer has held for long.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Age {
    News,
    Old,
}

impl Sender {
    /// Whether the body was sent unasked.
    pub(crate) const fn is_pushed(&self) -> bool {
        matches!(self.how, How::Pushed)
    }

    /// Whether the item is news.
    pub(crate) const fn is_live(&self) -> bool {
        matches!(self.how, How::Pushed | How::Fetched(Age::News) | How::Listed(Age::News))
    }

    /// Whether the peer listed the item.
    pub(crate) const fn is_listed(&self) -> bool {
        matches!(self.how, How::Listed(_))
    }
}
