//! The items that are being checked, where each entered, and which callers wait for an answer.

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

/// The subject of a verdict.
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
    /// The number of jobs that have not returned.
    pub(super) pending: usize,
    pub(super) good: bool,
}

/// A block whose root is correct.
pub(super) struct Body {
    pub(super) block: Arc<Block>,
    pub(super) ids: Vec<TxId>,
    pub(super) bytes: usize,
}

/// Where an item entered.
pub(super) enum Origin {
    /// Here: from a user that waits for the reply, or made by this node.
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

/// The caller may no longer be waiting. That harms nobody.
pub(super) fn reply_to(reply: Option<Reply>, answer: Result<Submission, Refusal>) {
    if let Some(reply) = reply {
        let _ = reply.send(answer);
    }
}
