//! Echoes: bodies and announcements that a node sent to a peer after it had processed that peer's own body or
//! announcement of the item. Messages that crossed on the way are no echoes. The order of the node's own trace
//! decides.

use std::collections::HashSet;

use node::observe::trace::{Record, What};

/// The number of echoes in a node's trace.
pub(super) fn count(records: &[Record]) -> u64 {
    let mut had = HashSet::new();
    let mut echoes = 0;
    for record in records {
        match record.what {
            What::Body { kind, item, from, .. } | What::Announced { kind, item, from } => {
                had.insert((kind, item, from));
            }
            What::SentBody { kind, item, to } | What::SentInv { kind, item, to } => {
                echoes += u64::from(had.contains(&(kind, item, to)));
            }
            _ => {}
        }
    }
    echoes
}
