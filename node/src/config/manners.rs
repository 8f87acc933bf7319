//! The seam where an instrument makes a node behave badly: between the network and the engine.
//!
//! Deliberately absent: bad manners. The node's program has none, and no flag for them.

use std::fmt;

use protocol::wire::message::Message;

/// What a node hears and says, if an instrument makes it a bad one. Both are called on the node's only thread. While
/// they take their time, everything else waits, as on a slow machine.
pub trait Manners: fmt::Debug + Send + Sync {
    /// Whether the engine gets a message that a peer sent.
    fn hears(&self, message: &Message) -> bool;

    /// The message that is sent in place of one of the engine's; `None` for no message.
    fn says(&self, message: Message) -> Option<Message>;
}
