//! This node as a member: its record, its entries, and what it does when it is accused.
//!
//! * **Incarnation.** At the start it is the time in milliseconds, and at least one more than what an earlier run
//!   used. It rises with each change and each refutation.
//! * **Refutation.** When this node's incarnation is accused, it signs its record with a higher one. It does so at
//!   most once in [`REFUTE_MIN`], then in twice that time, and so on up to [`REFUTE_MAX`]. An accusation that
//!   comes sooner waits.
//!   *Rationale:* an accusation costs its sender little. So it must not cost everybody a record each time.
//! * **A later incarnation than its own** is believed only if this node's key has signed it. Otherwise an accuser
//!   could drive it up to the highest number.
//! * **Conflict.** A record of this key by another instance, issued since this run began, is of another machine.
//!   Both machines tell their owners. This node does not raise its incarnation, so there is no duel. It signs its
//!   record again with the same incarnation at most once in [`CONFLICT_INTERVAL`]. That record is what shows the
//!   conflict to the other machine, and to everybody else.
//! * **An earlier run.** A record that was issued before this run began is of an earlier run. If its incarnation
//!   is higher, this node takes a higher one.
//!
//! Deliberately absent: signing, and keeping. The driver does both.

use alloc::collections::BTreeMap;
use alloc::string::{String, ToString as _};
use alloc::vec::Vec;

use bytes::Bytes;

use super::spread::Class;
use crate::codec::DecodeError;
use crate::gossip::api::members::{Identity, Reach};
use crate::items::keys::PublicKey;
use crate::items::member::accusation::Accusation;
use crate::items::member::entries::{Entries, Entry, SignedEntries};
use crate::items::member::record::{MemberRecord, Presence, SignedRecord};
use crate::items::member::{Incarnation, Instance, Statement, Unsigned};
use crate::limits::{
    CONFLICT_INTERVAL, ENTRIES_BYTES_MAX, ENTRIES_MAX, ENTRIES_SIGNED_EVERY, ENTRY_KEY_LEN_MAX,
    RECORD_RENEWED_AFTER, REFUTE_MAX, REFUTE_MIN,
};
use crate::time::{Duration, Time};

/// This node as a member.
#[derive(Debug)]
pub(super) struct Own {
    pub(super) key: PublicKey,
    instance: Instance,
    version: u32,
    agent: String,
    reach: Reach,
    presence: Presence,
    incarnation: Incarnation,
    /// The wall clock at the first input.
    started_ms: Option<u64>,
    /// Why a record is to be signed, if one is.
    wanted: Option<Class>,
    /// Why the record is wanted that is being signed.
    signing: Option<Class>,
    renew_at: Time,
    refuting: Refuting,
    conflict_after: Time,
    entries: Namespace,
}

/// How often this node refutes.
#[derive(Debug)]
struct Refuting {
    /// Until when the next refutation waits, and how long the one after it waits then.
    after: Time,
    pause: Duration,
    /// An accusation waits for its refutation.
    waits: bool,
}

/// This node's entries.
#[derive(Debug, Default)]
struct Namespace {
    entries: BTreeMap<String, (Bytes, u64)>,
    version: u64,
    changed: bool,
    /// Whether an application has changed something since the last signing, and before it.
    news: bool,
    signing_news: bool,
    signing: bool,
    after: Time,
    /// When this node may change its own entries next.
    built_in_after: Time,
}

/// The entries that each node sets itself, as whole numbers in decimal digits: the bytes that its transport sent and
/// received in the last minute, by second; the height of its tip; the transactions of its mempool; its peers; the
/// median round trip to them in microseconds; and the seconds since its start. No application may set them.
pub const BUILT_IN_KEYS: [&str; 6] = ["bytes", "height", "mempool", "peers", "rtt", "uptime"];

impl Own {
    pub(super) fn new(identity: Identity) -> Self {
        let mut own = Self {
            key: identity.key,
            instance: identity.instance,
            version: identity.version,
            agent: identity.agent,
            reach: identity.reach,
            presence: Presence::Alive,
            incarnation: 0,
            started_ms: None,
            wanted: Some(Class::Join),
            signing: None,
            renew_at: Time::ZERO,
            refuting: Refuting { after: Time::ZERO, pause: REFUTE_MIN, waits: false },
            conflict_after: Time::ZERO,
            entries: Namespace::default(),
        };
        for kept in identity.kept {
            match kept {
                Statement::Record(record) => own.incarnation = own.incarnation.max(record.incarnation()),
                Statement::Entries(entries) => own.entries.restore(&entries),
                Statement::Accusation(_) => {}
            }
        }
        own
    }

    /// The first input: from now on, the wall clock is known.
    pub(super) fn start(&mut self, wall_ms: u64) {
        if self.started_ms.is_none() {
            self.started_ms = Some(wall_ms);
            self.incarnation = wall_ms.max(self.incarnation.saturating_add(1));
        }
    }

    pub(super) const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// This node can be reached elsewhere.
    pub(super) fn set_reach(&mut self, reach: Reach) {
        if self.reach != reach {
            self.reach = reach;
            self.incarnation = self.incarnation.saturating_add(1);
            self.want(Class::Join);
        }
    }

    pub(super) fn leave(&mut self) {
        if self.presence == Presence::Alive {
            self.presence = Presence::Left;
            self.incarnation = self.incarnation.saturating_add(1);
            self.want(Class::Left);
        }
    }

    pub(super) const fn has_left(&self) -> bool {
        matches!(self.presence, Presence::Left)
    }

    /// An incarnation of this node is accused, or a peer sees it as suspect or dead.
    pub(super) fn accused(&mut self, incarnation: Incarnation) {
        if incarnation == self.incarnation && !self.has_left() {
            self.refuting.waits = true;
        }
    }

    /// Whether an accusation waits for its time. Returns true if it is refuted now.
    pub(super) fn refute(&mut self, now: Time) -> bool {
        let due = self.refuting.waits && now >= self.refuting.after;
        if due {
            let refuting = &mut self.refuting;
            refuting.waits = false;
            if now.since(refuting.after) >= refuting.pause.times(2) {
                refuting.pause = REFUTE_MIN;
            }
            refuting.after = now + refuting.pause;
            refuting.pause = refuting.pause.times(2).min(REFUTE_MAX);
            self.incarnation = self.incarnation.saturating_add(1);
            self.want(Class::Refutation);
        }
        due
    }

    /// Whether a record with this node's key could change anything. It is asked before the signature is checked.
    pub(super) fn is_worth(&self, now: Time, record: &SignedRecord) -> bool {
        let conflict = self.is_since_start(record) && now >= self.conflict_after;
        record.instance() != self.instance && (conflict || record.incarnation() >= self.incarnation)
    }

    /// A record with this node's key came, and its signature is good. Returns whether another machine has the key,
    /// and the owner should be told.
    pub(super) fn is_conflict(&mut self, now: Time, record: &SignedRecord) -> bool {
        let foreign = record.instance() != self.instance;
        if foreign && self.is_since_start(record) {
            if now < self.conflict_after {
                return false;
            }
            self.conflict_after = now + CONFLICT_INTERVAL;
            self.want(Class::Join);
            return true;
        }
        if foreign && record.incarnation() >= self.incarnation {
            self.incarnation = record.incarnation().saturating_add(1);
            self.want(Class::Refutation);
        }
        false
    }

    /// Sets or removes an entry.
    pub(super) fn set_entry(&mut self, wall_ms: u64, key: String, value: Option<Bytes>) {
        self.entries.set(wall_ms, key, value);
    }

    /// Sets this node's own entries, in the order of [`BUILT_IN_KEYS`], unless it did so within this span.
    pub(super) fn set_built_in(&mut self, now: Time, wall_ms: u64, values: [u64; 6], every: Duration) {
        if now < self.entries.built_in_after {
            return;
        }
        self.entries.built_in_after = now + every;
        for (key, value) in BUILT_IN_KEYS.iter().zip(values) {
            self.entries.put(wall_ms, (*key).into(), Some(value.to_string().into()));
        }
    }

    /// Whether an entry may be set.
    pub(super) fn check_entry(&self, key: &str, value: Option<&[u8]>) -> Result<(), DecodeError> {
        self.entries.check(key, value)
    }

    /// The next thing that is to be signed.
    pub(super) fn poll_sign(&mut self, now: Time, wall_ms: u64) -> Option<Unsigned> {
        if self.started_ms.is_some() && self.signing.is_none() {
            if now >= self.renew_at {
                self.want(Class::Join);
            }
            if let Some(class) = self.wanted.take() {
                self.signing = Some(class);
                self.renew_at = now + RECORD_RENEWED_AFTER;
                return Some(Unsigned::Record(self.record(wall_ms)));
            }
        }
        let entries = self.entries.poll_sign(now)?;
        Some(Unsigned::Entries(Entries { owner: self.key, ..entries }))
    }

    /// A record was signed. Says how urgent it is.
    pub(super) fn record_signed(&mut self) -> Class {
        self.signing.take().unwrap_or(Class::Join)
    }

    /// Entries were signed. Returns whether they are news.
    pub(super) const fn entries_signed(&mut self) -> bool {
        self.entries.signing = false;
        core::mem::replace(&mut self.entries.signing_news, false)
    }

    /// An accusation by this node.
    pub(super) const fn accuse(&self, subject: PublicKey, incarnation: Incarnation) -> Accusation {
        Accusation { accuser: self.key, subject, incarnation }
    }

    /// When something is to be signed next.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        let refute = self.refuting.waits.then_some(self.refuting.after);
        let renew = self.signing.is_none().then_some(self.renew_at);
        let entries = (self.entries.changed && !self.entries.signing).then_some(self.entries.after);
        [refute, renew, entries].into_iter().flatten().min()
    }

    /// Whether a record was issued since this run began.
    fn is_since_start(&self, record: &SignedRecord) -> bool {
        self.started_ms.is_some_and(|started| record.issued_ms() >= started)
    }

    fn want(&mut self, class: Class) {
        self.wanted = Some(self.wanted.map_or(class, |wanted| wanted.min(class)));
    }

    fn record(&self, wall_ms: u64) -> MemberRecord {
        let (addresses, relays) = match &self.reach {
            Reach::Addresses(addresses) => (addresses.clone(), Vec::new()),
            Reach::Relays(relays) => (Vec::new(), relays.clone()),
        };
        MemberRecord {
            key: self.key,
            instance: self.instance,
            incarnation: self.incarnation,
            issued_ms: wall_ms,
            version: self.version,
            agent: self.agent.clone(),
            addresses,
            relays,
            presence: self.presence,
        }
    }
}

/// Room that is kept for the node's own entries: six keys of at most seven bytes, and numbers of at most 20 digits.
const BUILT_IN_BYTES: usize = BUILT_IN_KEYS.len() * (7 + 20);

fn is_built_in(key: &str) -> bool {
    BUILT_IN_KEYS.contains(&key)
}

impl Namespace {
    /// Begins with the entries of an earlier run. They are signed again, because nobody may have them any more.
    fn restore(&mut self, kept: &SignedEntries) {
        self.version = self.version.max(kept.version());
        self.entries = kept.entries().into_iter().map(|entry| (entry.key, (entry.value, entry.version))).collect();
        (self.changed, self.news) = (true, true);
    }

    /// Whether an entry may be set, or removed with `None`.
    fn check(&self, key: &str, value: Option<&[u8]>) -> Result<(), DecodeError> {
        if key.is_empty() {
            return Err(DecodeError::BadValue("an entry's key"));
        }
        if is_built_in(key) {
            return Err(DecodeError::BadValue("an entry that the node sets itself"));
        }
        if key.len() > ENTRY_KEY_LEN_MAX {
            return Err(DecodeError::TooLong { what: "an entry's key", max: ENTRY_KEY_LEN_MAX });
        }
        let Some(value) = value else { return Ok(()) };
        let others = self.entries.iter().filter(|(other, _)| **other != key && !is_built_in(other));
        let (count, bytes) =
            others.fold((BUILT_IN_KEYS.len(), BUILT_IN_BYTES), |(count, bytes), (key, (value, _))| {
                (count.saturating_add(1), bytes.saturating_add(key.len()).saturating_add(value.len()))
            });
        if count >= ENTRIES_MAX {
            return Err(DecodeError::TooLong { what: "entries", max: ENTRIES_MAX });
        }
        if bytes.saturating_add(key.len()).saturating_add(value.len()) > ENTRIES_BYTES_MAX {
            return Err(DecodeError::TooLong { what: "the entries of a member", max: ENTRIES_BYTES_MAX });
        }
        Ok(())
    }

    /// A version is in milliseconds since 1970, and at least one more than the last. So it also rises from one run
    /// to the next if nothing was kept.
    fn set(&mut self, wall_ms: u64, key: String, value: Option<Bytes>) {
        if self.check(&key, value.as_deref()).is_ok() {
            self.news |= self.put(wall_ms, key, value);
        }
    }

    /// Returns whether something has changed.
    fn put(&mut self, wall_ms: u64, key: String, value: Option<Bytes>) -> bool {
        let before = self.entries.get(&key).map(|(value, _)| value);
        if before == value.as_ref() {
            return false;
        }
        let version = self.touch(wall_ms);
        match value {
            Some(value) => drop(self.entries.insert(key, (value, version))),
            None => drop(self.entries.remove(&key)),
        }
        true
    }

    fn touch(&mut self, wall_ms: u64) -> u64 {
        self.version = wall_ms.max(self.version.saturating_add(1));
        self.changed = true;
        self.version
    }

    fn poll_sign(&mut self, now: Time) -> Option<Entries> {
        if !self.changed || self.signing || now < self.after {
            return None;
        }
        (self.changed, self.signing) = (false, true);
        self.signing_news = core::mem::replace(&mut self.news, false);
        self.after = now + ENTRIES_SIGNED_EVERY;
        let entry = |(key, (value, version)): (&String, &(Bytes, u64))| Entry {
            key: key.clone(),
            value: value.clone(),
            version: *version,
        };
        let entries = self.entries.iter().map(entry).collect();
        Some(Entries { owner: PublicKey::default(), version: self.version, entries })
    }
}
