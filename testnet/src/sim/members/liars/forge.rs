//! Liars that speak in the names of others: forged statements, and old ones that are sent again.

use bytes::Bytes;
use protocol::codec::{Decode as _, Encode as _};
use protocol::gossip::PeerHandle;
use protocol::gossip::members::MemberMessage;
use protocol::items::keys::PublicKey;
use protocol::items::member::accusation::{Accusation, SignedAccusation};
use protocol::items::member::entries::{Entries, Entry, SignedEntries};
use protocol::items::member::record::{MemberRecord, SignedRecord};
use protocol::items::member::{Statement, Unsigned};
use protocol::time::{Duration, Time};
use protocol::wire::message::Message;

use super::voice::{EVERY, Newest, Voice, say, statements};
use crate::sim::adversary::{Adversary, Sending};

/// The last bytes of each statement are its signature.
const LAST_BYTES: usize = 64;

/// Sends one forgery each second to one peer. A peer that has checked one ends the link.
#[derive(Debug)]
pub(super) struct Forge {
    voice: Voice,
    newest: Newest,
    turn: usize,
}

/// Sends statements that went by before, each second to one peer.
#[derive(Debug)]
pub(super) struct Replay {
    voice: Voice,
    seen: Vec<Statement>,
}

/// Statements that a replayer remembers. When it has as many, a new one takes a random place.
const REPLAYS_KEPT: usize = 2_048;

/// Statements in one message of a replayer.
const REPLAYED_AT_ONCE: usize = 16;

impl Forge {
    pub(super) const fn new(voice: Voice) -> Self {
        let newest = Newest::new(voice.victim);
        Self { voice, newest, turn: 0 }
    }

    /// The next forgery: a record of the victim with a higher incarnation, signed by the liar, by nobody, and with the
    /// signature of the real one; then entries and an accusation in the victim's name.
    fn next(&mut self, now: Time) -> Option<Statement> {
        let real = self.newest.record()?.clone();
        self.turn += 1;
        let own = &self.voice.key;
        let raised = |by: u64| {
            let record = real.record();
            let incarnation = record.incarnation.saturating_add(by);
            Unsigned::Record(MemberRecord { incarnation, issued_ms: self.voice.wall_ms(now), ..record })
        };
        let victim = self.voice.victim;
        let in_its_name = |statement: Statement, signature: Option<&[u8]>| -> Option<Statement> {
            let bytes = renamed(&statement, own.public(), victim, signature)?;
            match statement {
                Statement::Record(_) => Some(Statement::Record(SignedRecord::from_bytes(&bytes).ok()?.into())),
                Statement::Entries(_) => Some(Statement::Entries(SignedEntries::from_bytes(&bytes).ok()?.into())),
                Statement::Accusation(_) => SignedAccusation::from_bytes(&bytes).ok().map(Statement::Accusation),
            }
        };
        let of_the_real = real.encoded().last_chunk::<LAST_BYTES>().map(<[u8; LAST_BYTES]>::as_slice);
        match self.turn % 5 {
            0 => in_its_name(self.voice.signs(own, raised(1))?, None),
            1 => in_its_name(self.voice.signs(own, raised(1_000_000))?, Some(&[0; LAST_BYTES])),
            2 => in_its_name(self.voice.signs(own, raised(1))?, of_the_real),
            3 => {
                let version = self.voice.wall_ms(now);
                let entry = Entry { key: "forged".to_owned(), value: Bytes::from_static(b"1"), version };
                let entries = Entries { owner: victim, version, entries: vec![entry] };
                in_its_name(self.voice.signs(own, Unsigned::Entries(entries))?, None)
            }
            // A member that accuses itself is not heard at all, so this one is of the liar.
            _ => {
                let accusation =
                    Accusation { accuser: victim, subject: own.public(), incarnation: self.voice.wall_ms(now) };
                in_its_name(self.voice.signs(own, Unsigned::Accusation(accusation))?, None)
            }
        }
    }
}

/// The bytes of a statement with another name in the place of its signer's, and perhaps with another signature.
fn renamed(statement: &Statement, from: PublicKey, to: PublicKey, signature: Option<&[u8]>) -> Option<Bytes> {
    let mut bytes = match statement {
        Statement::Record(record) => record.encoded().to_vec(),
        Statement::Entries(entries) => entries.encoded().to_vec(),
        Statement::Accusation(accusation) => accusation.to_bytes(),
    };
    let place = bytes.windows(from.0.len()).position(|window| window == from.0)?;
    bytes.get_mut(place..place + from.0.len())?.copy_from_slice(&to.0);
    if let Some(signature) = signature {
        let place = bytes.len().checked_sub(LAST_BYTES)?;
        bytes.get_mut(place..)?.copy_from_slice(signature);
    }
    Some(bytes.into())
}

impl Adversary for Forge {
    fn incoming(&mut self, _now: Time, _from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        self.newest.look(message);
        true
    }

    fn interval(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn tick(&mut self, now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let peer = peers.get(self.voice.draws.below(peers.len())).copied();
        let forged = self.next(now);
        out.extend(peer.zip(forged).map(|(peer, forged)| say(peer, MemberMessage::News(vec![forged]))));
    }
}

impl Replay {
    pub(super) const fn new(voice: Voice) -> Self {
        Self { voice, seen: Vec::new() }
    }
}

impl Adversary for Replay {
    fn incoming(&mut self, _now: Time, _from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        for statement in statements(message) {
            if self.seen.len() < REPLAYS_KEPT {
                self.seen.push(statement.clone());
            } else {
                let place = self.voice.draws.below(REPLAYS_KEPT);
                self.seen[place] = statement.clone();
            }
        }
        true
    }

    fn interval(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let Some(peer) = peers.get(self.voice.draws.below(peers.len())).copied() else { return };
        let some = (0..REPLAYED_AT_ONCE).map(|_| self.voice.draws.below(self.seen.len()));
        let some: Vec<Statement> = some.filter_map(|place| self.seen.get(place).cloned()).collect();
        out.push(say(peer, MemberMessage::News(some)));
    }
}
