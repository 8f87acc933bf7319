//! A node that speaks for its engine: the engine answers requests, and the node itself says the rest about items.

use protocol::gossip::PeerHandle;
use protocol::time::Time;
use protocol::wire::message::Message;

use super::asked::Asked;
use crate::sim::adversary::craft::now as at_once;
use crate::sim::adversary::{Adversary, Entered, Sending};

/// What it says about items unasked.
pub(in crate::sim::adversary) trait Speaker: std::fmt::Debug {
    /// An item entered the network somewhere. `peers` are the connected peers.
    fn entered(&mut self, item: Entered<'_>, peers: &[PeerHandle], out: &mut Vec<Sending>);
}

/// Such a node. Because its engine answers, it gets no strikes.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Instead<S> {
    speaker: S,
    asked: Asked,
}

impl<S: Speaker> Instead<S> {
    pub(in crate::sim::adversary) fn new(speaker: S) -> Self {
        Self { speaker, asked: Asked::default() }
    }
}

impl<S: Speaker> Adversary for Instead<S> {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        out.extend(self.asked.answers(to, message).map(|message| at_once(to, message)));
    }

    fn incoming(&mut self, _now: Time, from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        self.asked.hear(from, message);
        true
    }

    fn entered(&mut self, _now: Time, item: Entered<'_>, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        self.speaker.entered(item, peers, out);
    }
}
