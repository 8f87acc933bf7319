//! Every bound and interval of the engine, each with its arithmetic. This is the one list of them. Each stands in
//! the folder of what it bounds:
//!
//! | bounds of | are in |
//! |---|---|
//! | items: lengths and lifetimes | `items/limits.rs` |
//! | messages and frames | `wire/limits.rs` |
//! | the mempool, the chain, orphans | `ledger/limits.rs` |
//! | one link: queues, credit, budgets, costs | `gossip/links/limits.rs` |
//! | memory of ids, and of the links that have them | `gossip/inventory/limits.rs` |
//! | verification, look-ups, acknowledgements | `gossip/intake/limits.rs` |
//! | relay policies | `gossip/relay/limits.rs` |
//! | requests, strikes, what a peer is owed | `gossip/fetch/limits.rs` |
//! | catching up, loads, evidence | `gossip/sync/limits.rs` |
//! | reconciliation | `gossip/repair/limits.rs` |
//! | aggregates | `gossip/aggregate/limits.rs` |
//! | members | `gossip/members/limits.rs` |
//! | the engine as a whole: outputs, templates | `gossip/limits.rs` |

pub use crate::gossip::limits::*;
pub use crate::items::limits::*;
pub use crate::ledger::limits::*;
pub use crate::wire::limits::*;
