//! Liars that fill the memories of others: entries of maximal size, and invented members.

use std::ops::Range;

use protocol::gossip::PeerHandle;
use protocol::items::keys::SecretKey;
use protocol::items::member::entries::{Entries, Entry};
use protocol::items::member::record::{MemberRecord, Presence};
use protocol::items::member::{Instance, Statement, Unsigned};
use protocol::limits::{ENTRIES_BYTES_MAX, ENTRIES_MAX};
use protocol::time::{Duration, Time};
use protocol::wire::message::{Message, VERSION};

use super::About;
use super::voice::{EVERY, Newest, Voice, tell_all};
use crate::random::Seed;
use crate::sim::adversary::{Adversary, Sending};
use crate::sim::members::address;

/// Signs entries of maximal size each second, each time with other values, and sends them to all peers.
#[derive(Debug)]
pub(super) struct FatEntries {
    pub(super) voice: Voice,
}

/// The members that one liar invents.
#[derive(Debug)]
pub(super) struct Crowd {
    seed: Seed,
    part: Range<usize>,
    /// Those that are told already are before this one.
    next: usize,
    victim: usize,
    nodes: usize,
}

/// Tells all peers of invented members, as fast as they listen, and then accuses the victim in their names.
#[derive(Debug)]
pub(super) struct Invent {
    voice: Voice,
    newest: Newest,
    crowd: Crowd,
    accuser: usize,
}

/// Invented members that are told in a second. A link listens to 5,000 at once and to five a second after that.
const TOLD_AT_ONCE: usize = 50;

/// Invented members that accuse in a second.
const ACCUSE_AT_ONCE: usize = 2;

impl Adversary for FatEntries {
    fn interval(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn tick(&mut self, now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let version = self.voice.wall_ms(now);
        let key = |number: usize| format!("{number:02}");
        let each = ENTRIES_BYTES_MAX / ENTRIES_MAX - key(0).len();
        let mut entry =
            |number: usize| Entry { key: key(number), value: self.voice.draws.bytes(each).into(), version };
        let entries = (0..ENTRIES_MAX).map(&mut entry).collect();
        let entries = Unsigned::Entries(Entries { owner: self.voice.key.public(), version, entries });
        let statement = self.voice.signs(&self.voice.key, entries);
        tell_all(peers, statement.as_slice(), out);
    }
}

impl Crowd {
    pub(super) const fn new(about: &About, victim: usize, part: Range<usize>) -> Self {
        Self { seed: about.seed, next: part.start, part, victim, nodes: about.nodes }
    }

    fn key(&self, number: usize) -> SecretKey {
        SecretKey::from_seed(&self.seed.bytes(&format!("invented {number}")))
    }

    /// Every second one names the victim's address, and the others name nobody's.
    fn record(&self, number: usize, wall_ms: u64) -> MemberRecord {
        let named = if number.is_multiple_of(2) { self.victim } else { self.nodes + number };
        MemberRecord {
            key: self.key(number).public(),
            instance: Instance([7; 8]),
            incarnation: wall_ms,
            issued_ms: wall_ms,
            version: VERSION as u32,
            agent: String::new(),
            addresses: vec![address(named)],
            relays: Vec::new(),
            presence: Presence::Alive,
        }
    }
}

impl Invent {
    pub(super) fn new(voice: Voice, crowd: Crowd) -> Self {
        let newest = Newest::new(voice.victim);
        Self { voice, newest, accuser: crowd.part.start, crowd }
    }

    /// Accusations of the victim by some of the invented members in turn.
    fn accusations(&mut self) -> Vec<Statement> {
        let Some(incarnation) = self.newest.incarnation() else { return Vec::new() };
        let mut all = Vec::new();
        for _ in 0..ACCUSE_AT_ONCE.min(self.crowd.part.len()) {
            all.push(self.voice.accuses(&self.crowd.key(self.accuser), incarnation));
            self.accuser += 1;
            if self.accuser >= self.crowd.part.end {
                self.accuser = self.crowd.part.start;
            }
        }
        all
    }
}

impl Adversary for Invent {
    fn incoming(&mut self, _now: Time, _from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        self.newest.look(message);
        true
    }

    fn interval(&self) -> Option<Duration> {
        Some(EVERY)
    }

    fn tick(&mut self, now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        let until = (self.crowd.next + TOLD_AT_ONCE).min(self.crowd.part.end);
        let told = (self.crowd.next..until).filter_map(|number| {
            let record = self.crowd.record(number, self.voice.wall_ms(now));
            self.voice.signs(&self.crowd.key(number), Unsigned::Record(record))
        });
        let mut said: Vec<Statement> = told.collect();
        self.crowd.next = until;
        if said.is_empty() {
            said = self.accusations();
        }
        tell_all(peers, &said, out);
    }
}
