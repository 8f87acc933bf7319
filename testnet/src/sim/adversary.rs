//! The behavior of a node that breaks the rules. It runs the same engine as every node, and stands between this
//! engine and the links: it changes, drops, delays and invents messages.

mod craft;
mod flooding;
mod kind;
mod plan;
mod producers;
mod serving;

pub use self::kind::Kind;
pub use self::plan::{ADVERSARY_RATE_MAX, AdversaryPlan};

use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::{ItemId, PeerHandle};
use protocol::items::block::Block;
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

/// A message that an adversary sends.
#[derive(Clone, Debug)]
pub struct Sending {
    /// To which of its peers.
    pub to: PeerHandle,
    /// The message.
    pub message: Message,
    /// How much later it is sent.
    pub after: Duration,
}

/// An item at the moment when it enters the network anywhere. Adversaries are told at once. No real adversary
/// knows earlier.
#[derive(Clone, Copy, Debug)]
pub struct Entered<'a> {
    /// Its id.
    pub id: ItemId,
    /// A transaction's encoded bytes; empty for a block.
    pub encoded: &'a Bytes,
    /// A block.
    pub block: Option<&'a Arc<Block>>,
}

/// A node's misbehavior.
pub trait Adversary: std::fmt::Debug {
    /// The engine wants to send `message` to `to`. The messages that are pushed to `out` are sent instead.
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        out.push(Sending { to, message, after: Duration::ZERO });
    }

    /// A message came. Returns whether the engine gets it.
    fn incoming(&mut self, _now: Time, _from: PeerHandle, _message: &Message, _out: &mut Vec<Sending>) -> bool {
        true
    }

    /// An item entered the network somewhere. `peers` are the connected peers.
    fn entered(&mut self, _now: Time, _item: Entered<'_>, _peers: &[PeerHandle], _out: &mut Vec<Sending>) {}

    /// Whether it answers a ping or a short dial. Only members ask.
    fn answers(&self, _now: Time) -> bool {
        true
    }

    /// How often [`Adversary::tick`] is called, from the start of the load.
    fn interval(&self) -> Option<Duration> {
        None
    }

    /// Whether the calls end with the load; otherwise they go on to the end of the run.
    fn stops(&self) -> bool {
        true
    }

    /// The time has come to do something unasked.
    fn tick(&mut self, _now: Time, _peers: &[PeerHandle], _out: &mut Vec<Sending>) {}
}
