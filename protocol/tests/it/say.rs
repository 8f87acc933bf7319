//! What raw peers say about items, for the parts' tests, and the routes on which items travel.

use protocol::items::block::SignedHeader;
use protocol::items::hash::{RouteId, RouteKind, ShortId};
use protocol::items::transaction::SignedTransaction;
use protocol::wire::message::{InvEntry, Message, TxRef};

use crate::harness::{key, producer};

/// The route of this author's transactions.
pub(crate) fn author_route(author: u8) -> RouteId {
    RouteId::of(RouteKind::Transaction, &key(author).public().0)
}

/// The route of the producer's blocks.
pub(crate) fn block_route() -> RouteId {
    RouteId::of(RouteKind::Block, &producer().public().0)
}

/// An announcement of one transaction that claims to be held for this time.
pub(crate) fn announced(short: ShortId, age_ms: u32) -> Message {
    Message::Inv(vec![InvEntry { transaction: TxRef::Short(short), age_ms }])
}

/// One transaction, on its author's route.
pub(crate) fn body(item: &SignedTransaction) -> Message {
    body_on(None, item)
}

/// One transaction, on this route, or on its author's if there is none.
pub(crate) fn body_on(via: Option<RouteId>, item: &SignedTransaction) -> Message {
    Message::Transactions { via, bodies: vec![item.encoded().clone().into()] }
}

/// Whether a message brings the body of this transaction.
pub(crate) fn carries(message: &Message, item: &SignedTransaction) -> bool {
    match message {
        Message::Transactions { bodies, .. } => bodies.iter().any(|body| body.id() == item.id()),
        _ => false,
    }
}

/// An announcement of a block.
pub(crate) fn announced_block(header: SignedHeader) -> Message {
    Message::BlockHeader { header: Box::new(header), pushed: false }
}

/// A block's header that promises the body.
pub(crate) fn promised_block(header: SignedHeader) -> Message {
    Message::BlockHeader { header: Box::new(header), pushed: true }
}
