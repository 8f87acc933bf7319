//! One lane in one direction: a substream with its queue or its half-read frame, and its deadline.
//!
//! The engine's credit bounds, in bytes, what is queued for a peer. More than that is an error, never a dropped
//! frame. One [`BulkBudget`] for the whole node bounds all frames that arrive on the bulk lane together, and all
//! that leave on it share one [`Uplink`].

mod budget;
mod bulk;
mod control;
pub mod encoded;
pub mod pace;
mod ping;
mod reader;
pub mod turns;
mod uplink;
pub mod window;

use protocol::time::Duration;

pub use self::budget::{BULK_BUDGET_BYTES, BulkBudget};
pub(crate) use self::bulk::BulkWriter;
pub(crate) use self::control::{ControlWriter, Words, kind};
pub use self::ping::OwnPlace;
pub(crate) use self::ping::Pings;
pub use self::reader::{ACK_BYTES_MAX, ACK_SELDOM_AFTER};
pub(crate) use self::reader::{LaneReader, READ_BUFFER_BYTES};
pub use self::uplink::Uplink;

/// While other peers wait for the shared budget, a bulk frame is given up if it is slower than 3 s and 6
/// microseconds a byte: 167 kB/s, so 28 s for the largest. Otherwise peers that declare frames and send nothing
/// would delay all others.
pub const CONTENDED_GRACE: Duration = Duration::from_secs(3);
const CONTENDED_MICROS_PER_BYTE: u64 = 6;
