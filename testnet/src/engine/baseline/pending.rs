//! What is under way: items that are being checked, where each entered, and who waits for an answer.

use std::sync::Arc;

use libp2p::PeerId;
use libp2p_gossipsub::MessageId;
use protocol::gossip::{Refusal, Submission};
use protocol::items::block::Block;
use protocol::items::hash::{BlockId, TxId};
use protocol::items::transaction::SignedTransaction;
use tokio::sync::oneshot;

/// Where the answer to a submission goes.
pub(super) type Reply = oneshot::Sender<Result<Submission, Refusal>>;

/// What a verdict decides.
pub(super) enum Check {
    Transaction {
        transaction: Arc<SignedTransaction>,
        origin: Origin,
    },
    Header {
        body: Box<Body>,
        origin: Origin,
    },
    /// A part of this block's transactions.
    Part(BlockId),
}

/// A block whose transactions are being checked.
pub(super) struct Checked {
    pub(super) body: Box<Body>,
    pub(super) origin: Origin,
    /// Jobs that are not back.
    pub(super) pending: usize,
    pub(super) good: bool,
}

/// A block whose root holds.
pub(super) struct Body {
    pub(super) block: Arc<Block>,
    pub(super) ids: Vec<TxId>,
    pub(super) bytes: usize,
}

/// Where an item entered.
pub(super) enum Origin {
    /// Here: by a user, who waits for the reply, or by our own making.
    Here(Option<Reply>),
    /// At another node. The number is the sender's in the trace.
    There { peer: PeerId, number: u32, message: MessageId },
}

impl Origin {
    pub(super) const fn number(&self) -> Option<u32> {
        match self {
            Self::Here(_) => None,
            Self::There { number, .. } => Some(*number),
        }
    }

    pub(super) fn tell(self, answer: Result<Submission, Refusal>) {
        if let Self::Here(reply) = self {
            reply_to(reply, answer);
        }
    }
}

/// Whoever asked may be gone; that harms nobody.
pub(super) fn reply_to(reply: Option<Reply>, answer: Result<Submission, Refusal>) {
    if let Some(reply) = reply {
        let _ = reply.send(answer);
    }
}
