//! Liars that turn others against one honest member: by accusations, and by asking them to try it.

use protocol::gossip::PeerHandle;
use protocol::gossip::members::MemberMessage;
use protocol::items::member::{Incarnation, Statement};
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use super::voice::{EVERY, Newest, Voice, say, tell_all, without};
use crate::sim::adversary::{Adversary, Sending};

/// Accuses the victim at each of its incarnations, each second. That is more often than anybody listens.
#[derive(Debug)]
pub(super) struct Accuse {
    voice: Voice,
    newest: Newest,
    /// The accusation of an incarnation. It is the same each time.
    last: Option<(Incarnation, Statement)>,
}

/// Asks each peer to try the victim, each second.
#[derive(Debug)]
pub(super) struct Ask {
    pub(super) voice: Voice,
}

impl Accuse {
    pub(super) const fn new(voice: Voice) -> Self {
        let newest = Newest::new(voice.victim);
        Self { voice, newest, last: None }
    }
}

impl Adversary for Accuse {
    fn outgoing(&mut self, now: Time, to: PeerHandle, message: Message, out: &mut Vec<Sending>) {
        let victim = self.voice.victim;
        let refutes =
            |statement: &Statement| matches!(statement, Statement::Record(record) if record.key() == victim);
        let message = if self.voice.lies(now) { without(message, refutes) } else { Some(message) };
        out.extend(message.map(|message| Sending { to, message, after: Duration::ZERO }));
    }

    fn incoming(&mut self, _now: Time, _from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        self.newest.look(message);
        true
    }

    fn interval(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let Some(incarnation) = self.newest.incarnation() else { return };
        if self.last.as_ref().is_none_or(|(last, _)| *last != incarnation) {
            self.last = Some((incarnation, self.voice.accuses(&self.voice.key, incarnation)));
        }
        if let Some((_, accusation)) = &self.last {
            tell_all(peers, std::slice::from_ref(accusation), out);
        }
    }
}

impl Adversary for Ask {
    fn interval(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let subject = self.voice.victim;
        out.extend(peers.iter().map(|peer| say(*peer, MemberMessage::ProbeRequest { subject })));
    }
}
