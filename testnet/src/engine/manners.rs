//! The manners of a bad worker: it is slow, or it withholds what it has.
//!
//! **Slow** means that it needs a time for each message, one after the other, as a slow node of the simulator does. Its
//! only thread does nothing else meanwhile, so it is as late with what it sends. **Withholding** means that it announces
//! and sends no body: in place of a push it sends an announcement, and it hears no request.
//!
//! Deliberately absent: haste. The simulator's withholder announces an item before anybody else can; this one must have
//! the item itself.

use std::time::Duration;

use node::config::manners::Manners;
use protocol::wire::message::{InvEntry, Message, TxRef};

/// The manners.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct BadManners {
    /// The time that it needs for each message that it gets.
    pub slow_by: Duration,
    /// Whether it sends no bodies.
    pub withholds: bool,
}

impl BadManners {
    /// Whether there is anything bad about them.
    #[must_use]
    pub const fn are_bad(&self) -> bool {
        self.withholds || !self.slow_by.is_zero()
    }
}

impl Manners for BadManners {
    fn hears(&self, message: &Message) -> bool {
        if !self.slow_by.is_zero() {
            std::thread::sleep(self.slow_by);
        }
        !(self.withholds && matches!(message, Message::GetData { .. } | Message::GetBlock { .. }))
    }

    fn says(&self, message: Message) -> Option<Message> {
        if !self.withholds {
            return Some(message);
        }
        match message {
            Message::Transactions { bodies, .. } => {
                let entry = |short| InvEntry { transaction: TxRef::Short(short), age_ms: 0 };
                Some(Message::Inv(bodies.iter().map(|body| entry(body.id().short())).collect()))
            }
            // The header went before it.
            Message::Block(_) | Message::NotFound { .. } => None,
            Message::BlockHeader { header, .. } => Some(Message::BlockHeader { header, pushed: false }),
            other => Some(other),
        }
    }
}
