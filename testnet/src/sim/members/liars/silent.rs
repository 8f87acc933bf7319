//! Liars that answer nobody, and those that speak for them.

use protocol::gossip::PeerHandle;
use protocol::gossip::members::MemberMessage;
use protocol::items::keys::SecretKey;
use protocol::items::member::record::MemberRecord;
use protocol::items::member::{Incarnation, Unsigned};
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use super::voice::{Newest, Voice, say, tell_all};
use crate::sim::adversary::{Adversary, Sending};

/// Accepts connections, and says nothing from the start of the load on: no message, no pong, and no proof of its key to
/// somebody who dials.
#[derive(Debug)]
pub(super) struct Mute {
    voice: Voice,
}

/// Has the key of a silent member, and refutes for it with higher and higher incarnations. Asked whether it answers, it
/// says that it does.
#[derive(Debug)]
pub(super) struct Speaker {
    voice: Voice,
    body: SecretKey,
    newest: Newest,
    last: Incarnation,
}

/// A speaker refutes this often. Each time costs a link 220 of the 1,024 bytes that it may bring in a second.
const REFUTE_EVERY: Duration = Duration::from_secs(3);

impl From<Voice> for Mute {
    fn from(voice: Voice) -> Self {
        Self { voice }
    }
}

impl Adversary for Mute {
    fn outgoing(&mut self, now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        if !self.voice.lies(now) {
            out.push(Sending { to, message, after: Duration::ZERO });
        }
    }

    fn answers(&self, now: Time) -> bool {
        !self.voice.lies(now)
    }
}

impl Speaker {
    pub(super) fn new(voice: Voice, body: SecretKey) -> Self {
        let newest = Newest::new(body.public());
        Self { voice, body, newest, last: 0 }
    }
}

impl Adversary for Speaker {
    fn incoming(&mut self, now: Time, from: PeerHandle, message: &Message, out: &mut Vec<Sending>) -> bool {
        self.newest.look(message);
        let Message::Members(inner) = message else { return true };
        match &**inner {
            MemberMessage::ProbeRequest { subject } if *subject == self.body.public() && self.voice.lies(now) => {
                out.push(say(from, MemberMessage::ProbeAnswer { subject: *subject, reached: true }));
                false
            }
            _ => true,
        }
    }

    fn interval(&self) -> Option<Duration> {
        Some(REFUTE_EVERY)
    }

    /// It goes on to the end of the run.
    fn stops(&self) -> bool {
        false
    }

    fn tick(&mut self, now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let Some(newest) = self.newest.record() else { return };
        self.last = self.last.max(newest.incarnation()).saturating_add(1);
        let record =
            MemberRecord { incarnation: self.last, issued_ms: self.voice.wall_ms(now), ..newest.record() };
        let refutation = self.voice.signs(&self.body, Unsigned::Record(record));
        tell_all(peers, refutation.as_slice(), out);
    }
}
