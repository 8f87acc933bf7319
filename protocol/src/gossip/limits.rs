//! Bounds of the engine as a whole, and those of its machines.

pub use super::aggregate::limits::*;
pub use super::fetch::limits::*;
pub use super::intake::limits::*;
pub use super::inventory::limits::*;
pub use super::links::limits::*;
pub use super::members::limits::*;
pub use super::relay::limits::*;
pub use super::repair::limits::*;
pub use super::sync::limits::*;
use crate::ledger::limits::{CHAIN_BODY_BYTES_MAX, ORPHAN_BYTES_MAX};
use crate::wire::limits::{BULK_FRAME_BYTES_MAX, CONTROL_ITEM_BYTES_MAX};

/// How often a chain's own validator is asked about one block template. If it accepts everything, it is asked
/// once. If it accepts all of 39,568 transactions but one, it is asked once for all of them and twice for each of
/// 16 halvings. Each time costs the root of that many ids, 20 ms at the most.
pub const TEMPLATE_ASKS_MAX: usize = 64;

/// The most outputs of one input for one peer. They are as many messages as its credit holds of the shortest ones
/// on either lane (a getdata of one short id is 12 bytes), a hello, an answer to getheaders, an order to read, a
/// disconnect and an event.
pub const OUTPUTS_PER_PEER_PEAK: usize =
    CONTROL_CREDIT_BYTES / 12 + BULK_CREDIT_BYTES / CONTROL_ITEM_BYTES_MAX + 5;

/// The most outputs of one input that are for no peer: 4 events or jobs for each transaction (104 bytes or more).
/// The transactions are those of the message that came, of all orphans, if they are released, and of a branch that
/// becomes the best. 2.1 million; this is far more than ever happens, and still a bound.
pub const OUTPUTS_SHARED_PEAK: usize = 4 * (BULK_FRAME_BYTES_MAX + ORPHAN_BYTES_MAX + CHAIN_BODY_BYTES_MAX) / 104;
