//! The most time that a connection waits for each thing. A peer that exceeds one of these is
//! disconnected or turned away.

use protocol::time::Duration;

/// Both lanes must be open in both directions this long after the slot was granted. If there is no slot, lanes
/// that the peer opened are dropped after the same time.
pub const OPEN_TIMEOUT: Duration = Duration::from_secs(10);

/// A peer that reads too slowly is disconnected: a write that makes no progress for this long ends the connection.
/// On the control lane each byte that the stream takes is progress. On the bulk lane it is each ack, while bytes
/// without one are under way.
pub const WRITE_STALL: Duration = Duration::from_secs(20);

/// A control frame must arrive whole within this time. A bulk frame must grow by another 16 KiB. This is what
/// nodes use; a handler can be given another value.
pub const READ_STALL: Duration = Duration::from_secs(20);

/// The time between two pings of one peer. With its pong a ping costs 26 bytes on the lane.
pub const PING_INTERVAL: Duration = Duration::from_secs(15);
/// The least time between two pongs to one peer that tell where this node is. With 44 bytes each, eight peers cost
/// 12 bytes a second, and a place moves slowly.
pub const PLACE_EVERY: Duration = Duration::from_secs(30);
/// A ping that is not answered within this time ends the connection.
pub const PING_TIMEOUT: Duration = Duration::from_secs(20);

/// The most time that a handler waits for each thing.
#[derive(Clone, Copy, Debug)]
pub struct Deadlines {
    /// Lanes without a slot, and a slot without all lanes.
    pub open: Duration,
    /// A write, or an unacknowledged bulk frame, without progress.
    pub write_stall: Duration,
    /// A half-sent frame.
    pub read_stall: Duration,
    /// The time between two of our pings.
    pub ping_interval: Duration,
    /// A ping without its pong.
    pub ping_timeout: Duration,
}

impl Default for Deadlines {
    fn default() -> Self {
        Self {
            open: OPEN_TIMEOUT,
            write_stall: WRITE_STALL,
            read_stall: READ_STALL,
            ping_interval: PING_INTERVAL,
            ping_timeout: PING_TIMEOUT,
        }
    }
}
