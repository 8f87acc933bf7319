//! How much a message takes from its sender's inbound budget.
//!
//! Promises that the work which a message causes is bounded by what the message costs its sender. The cost follows
//! the largest of three things: the bytes of the message, the look-ups of what it names, and the size of its
//! answer. It is charged before anything is done, even if there is no room for the answer. Deliberately absent:
//! what follows when a budget is used up. That is in `gossip`, which then stops reading.

use crate::codec::Encode as _;
use crate::limits::{
    BODY_COST_BYTES, CONTROL_FRAME_BYTES_MAX, DIFFERENCE_BYTES_MAX, HEADER_BYTES_MAX, HEADERS_ENTRIES_MAX,
    INV_COST_FACTOR, MESSAGE_COST_BYTES, PLACE_COST_BYTES,
};
use crate::wire::message::{AggregateMessage, MemberMessage, Message, Reconcile};

/// What a message costs its sender's inbound budget.
pub(crate) fn cost(message: &Message) -> u64 {
    let bytes = message.encoded_len() as u64;
    let bodies = |count: usize| (count as u64).saturating_mul(BODY_COST_BYTES);
    let named = bytes.saturating_mul(INV_COST_FACTOR);
    let most = match message {
        // Every id is looked up.
        Message::Inv(_)
        | Message::Had(_)
        | Message::Prune(_)
        | Message::Graft(_)
        | Message::GetData { .. }
        | Message::NotFound { .. } => named,
        Message::Transactions { bodies: sent, .. } => bytes.saturating_add(bodies(sent.len())),
        Message::BlockHeader { .. } | Message::Block(_) => bytes.saturating_add(bodies(1)),
        Message::Headers(headers) => bytes.saturating_add(bodies(headers.len())),
        // It may be looked for on disk.
        Message::GetBlock { .. } => bytes.saturating_add(bodies(1)),
        // As much as the longest answer takes. It may come from disk.
        Message::GetHeaders(_) => {
            bytes.saturating_add(HEADERS_ENTRIES_MAX.saturating_mul(HEADER_BYTES_MAX) as u64)
        }
        Message::Reconcile(message) => match &**message {
            // For an opening we make a sketch of the mempool. The answer to a list is one of the largest offers. A
            // `More` asks for symbols.
            Reconcile::Open { .. } | Reconcile::List { .. } | Reconcile::More { .. } => {
                (CONTROL_FRAME_BYTES_MAX as u64).saturating_add(bytes)
            }
            // A bit names a transaction.
            Reconcile::Take { places, .. } => {
                let places = places.iter().map(|byte| u64::from(byte.count_ones())).sum::<u64>();
                named.saturating_add(places.saturating_mul(PLACE_COST_BYTES))
            }
            _ => named,
        },
        Message::Members(message) => match &**message {
            MemberMessage::News(sent) | MemberMessage::Wanted(sent) => bytes.saturating_add(bodies(sent.len())),
            // As much as the longest answer takes, and a look-up for each member.
            MemberMessage::Digests(_) => named.saturating_add(DIFFERENCE_BYTES_MAX as u64),
            MemberMessage::Difference(difference) => {
                let answer = if difference.wanted.is_empty() { 0 } else { DIFFERENCE_BYTES_MAX as u64 };
                bytes.saturating_add(bodies(difference.statements.len())).saturating_add(answer)
            }
            // For a sketch we hash what we know of all members.
            MemberMessage::Sketch(_) => (CONTROL_FRAME_BYTES_MAX as u64).saturating_add(bytes),
            // All that it names is looked up, and then listed to the peer.
            MemberMessage::SketchDifference(_)
            | MemberMessage::ProbeRequest { .. }
            | MemberMessage::ProbeAnswer { .. } => named,
        },
        Message::Aggregates(message) => match &**message {
            // The draws of a ticket take as long as the check of its signature.
            AggregateMessage::Tickets(said) => bytes.saturating_add(bodies(said.tickets.len()).saturating_mul(2)),
            AggregateMessage::Part(_) | AggregateMessage::Totals(_) => named,
        },
        Message::Hello(_) | Message::Goodbye(_) => bytes,
    };
    most.max(MESSAGE_COST_BYTES)
}
