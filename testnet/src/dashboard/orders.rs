//! What a person may do to a run through its page, and the way from the page to the run.
//!
//! Deliberately absent: doing it. The run looks for orders between its own steps, and answers each.

use serde::Deserialize;
use tokio::sync::{mpsc, oneshot};

/// Transactions in one order. Making and sending 1,000 takes about a second of the machine.
pub const BURST_MAX: u32 = 1_000;

/// Orders that wait. A person gives one at a time, and 8 pages may be open.
pub(super) const ORDERS_WAITING: usize = 16;

/// An order, as the page writes it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize)]
#[serde(tag = "do", rename_all = "lowercase", deny_unknown_fields)]
pub enum Order {
    /// Send transactions of the run's length.
    Send {
        /// The node where they enter; the next living one if it is gone.
        node: usize,
        /// How many, from 1 to [`BURST_MAX`].
        count: u32,
    },
    /// Publish a block.
    Block {},
    /// Kill a node.
    Kill {
        /// Its number.
        node: usize,
    },
    /// Stop a node until it is told to go on.
    Pause {
        /// Its number.
        node: usize,
    },
    /// Let it go on.
    Resume {
        /// Its number.
        node: usize,
    },
    /// Let nothing pass between the two halves.
    Cut {},
    /// End the cut.
    Heal {},
}

/// What was done, or why nothing was.
pub type Answer = Result<String, String>;

/// An order, and where its answer goes.
#[derive(Debug)]
pub struct Ask {
    /// The order.
    pub order: Order,
    /// The caller may no longer be waiting.
    pub answer: oneshot::Sender<Answer>,
}

/// The run's end of the way.
pub type Orders = mpsc::Receiver<Ask>;

impl Order {
    /// Reads an order.
    ///
    /// # Errors
    /// Says what is wrong. Nothing was done.
    pub fn parse(text: &[u8]) -> Result<Self, String> {
        let order = serde_json::from_slice(text)
            .map_err(|error| format!("this is no order: {error}; nothing was done"))?;
        match order {
            Self::Send { count, .. } if !(1..=BURST_MAX).contains(&count) => Err(format!(
                "{count} transactions are wanted, and an order sends 1 to {BURST_MAX}; nothing was sent"
            )),
            order => Ok(order),
        }
    }
}
