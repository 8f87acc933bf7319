//! What happens to nodes and links in a run, and when.

use protocol::time::Time;

use super::link::Weather;

/// One change of the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A node stops at once and forgets everything.
    Crash(usize),
    /// It starts again, empty, and dials its neighbours.
    Restart(usize),
    /// Messages from one node to another vanish from here on.
    Cut {
        /// The sender.
        from: usize,
        /// The receiver.
        to: usize,
    },
    /// Nothing is cut any more. Links that lost something are closed and dialled again.
    Heal,
    /// Loss, duplication and reordering from here on.
    Weather(Weather),
}

/// When what happens, in order of time.
pub type Schedule = Vec<(Time, Fault)>;
