//! Nodes that fail those who rely on them: they withhold, keep silent, or do everything late.

use protocol::gossip::PeerHandle;
use protocol::limits::REQUEST_EXPIRY_MIN;
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use crate::sim::adversary::craft::{announcement_of, now as at_once, to_each};
use crate::sim::adversary::{Adversary, Entered, Sending};

/// Announces each item the moment it enters anywhere, before anyone else can. It never sends a body, and never
/// says that it has none.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Withhold;

/// Announces as every node does, and answers no request.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Silent;

/// Says hello and nothing else, and holds a link that others could use.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Idle;

/// Does everything just before it would be too late.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Late;

/// How late: 10 ms less than the shortest expiry of a request.
const ANSWERS_LATE_BY: Duration = Duration::from_micros(REQUEST_EXPIRY_MIN.as_micros() - 10_000);

impl Adversary for Withhold {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        if !matches!(message, Message::Transactions { .. } | Message::Block(_) | Message::NotFound { .. }) {
            out.push(at_once(to, message));
        }
    }

    fn incoming(&mut self, _now: Time, _from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        !asks(message)
    }

    fn entered(&mut self, _now: Time, item: Entered<'_>, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let Some(message) = announcement_of(&item, 0) else { return };
        out.extend(to_each(peers, message, Duration::ZERO));
    }
}

impl Adversary for Silent {
    fn incoming(&mut self, _now: Time, _from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        !asks(message) && !matches!(message, Message::GetHeaders(_))
    }
}

impl Adversary for Idle {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        if matches!(message, Message::Hello(_)) {
            out.push(at_once(to, message));
        }
    }

    fn incoming(&mut self, _now: Time, _from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        matches!(message, Message::Hello(_))
    }
}

impl Adversary for Late {
    fn outgoing(&mut self, _now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        let greeting = matches!(message, Message::Hello(_));
        out.push(Sending { to, message, after: if greeting { Duration::ZERO } else { ANSWERS_LATE_BY } });
    }
}

/// Whether a message asks for a body.
const fn asks(message: &Message) -> bool {
    matches!(message, Message::GetData { .. } | Message::GetBlock { .. })
}
