//! The view: which members this node knows, what they say of themselves, and how this node sees them.
//!
//! * **Who gets in.** A new member is added while there is room. Members that have never answered this node are
//!   charged to the address group of the link that brought them. A group may have a quarter of the members and of
//!   the bytes. When the view is full, a place is made as below.
//! * **Who goes.** First the members that nobody can reach: those that were found dead or have left, the longest
//!   gone first. Then those that have never answered this node: of the group that has brought most of them, the
//!   youngest. A new member is the youngest itself. So the group with most of them gets no further member in, and
//!   a member that has answered this node is never removed for a new one.
//! * **Bytes** are counted for what the members' statements and the bookkeeping take, and bounded in the same way.
//!
//! *Rationale:* identities cost nothing, so somebody may invent ten thousand members. They answer nobody, so they
//! push out only each other and what came by the same group.
//!
//! This node is a member of its own view, so that it counts and is compared like the others. It is never removed.
//!
//! Deliberately absent: what changes a state, and what follows from it.

mod rooms;

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use alloc::vec::Vec;
use core::hash::BuildHasher as _;

use hashbrown::HashTable;

use self::rooms::Rooms;
use crate::footprint::{block, hashed, tree};
use crate::gossip::api::AddressGroup;
use crate::gossip::api::members::{MemberDigest, MemberState};
use crate::items::hash::{ShortId, sha256};
use crate::items::keys::PublicKey;
use crate::items::member::entries::SignedEntries;
use crate::items::member::record::SignedRecord;
use crate::limits::{MEMBERS_BYTES_MAX, MEMBERS_MAX};
use crate::seeded::SeededState;
use crate::time::{Duration, Time};

/// The number of a member's row. It is given again after the member was removed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Row(u32);

/// What is known of one member. Times are in whole seconds, so that it stays small.
#[derive(Debug)]
pub(crate) struct Member {
    pub(crate) record: Arc<SignedRecord>,
    pub(crate) entries: Option<Arc<SignedEntries>>,
    /// The group that is charged for it while it has never answered.
    group: Option<AddressGroup>,
    /// When it became known here, and when its state changed last.
    met: Second,
    changed: Second,
    /// Until when its accusations are not accepted, and its changed entries are no news.
    pub(crate) accuse_after: Second,
    pub(crate) entries_after: Second,
    state: MemberState,
    reached: bool,
    /// How often its accusations were refuted lately.
    pub(crate) doubts: u8,
    /// How often it refuted since it last answered this node.
    pub(crate) unanswered: u8,
    /// How often it was tried since it is dead.
    pub(crate) tries: u8,
}

// What the bounds in `limits` count with.
const _: () = assert!(size_of::<Option<Member>>() == 56, "a row takes 56 bytes");

/// A point in time in whole seconds since the start, rounded down: 136 years.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub(crate) struct Second(u32);

impl Second {
    pub(crate) fn of(now: Time) -> Self {
        Self(u32::try_from(now.as_micros() / 1_000_000).unwrap_or(u32::MAX))
    }

    pub(crate) const fn time(self) -> Time {
        Time::from_micros(self.0 as u64 * 1_000_000)
    }

    /// Whether this point has come.
    pub(crate) fn is_past(self, now: Time) -> bool {
        self <= Self::of(now)
    }
}

/// Why a member was not added.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct NoRoom;

/// What room is made for: a member, or more bytes of one.
#[derive(Clone, Copy, Debug)]
struct Newcomer {
    group: Option<AddressGroup>,
    reached: bool,
    bytes: usize,
    members: usize,
}

/// All members that this node knows.
#[derive(Debug)]
pub(crate) struct View {
    hasher: SeededState,
    members: Vec<Option<Member>>,
    vacant: Vec<u32>,
    index: HashTable<u32>,
    /// In the order of short ids, for comparisons.
    order: BTreeSet<(ShortId, Row)>,
    /// Members that are dead or have left, the longest gone first.
    gone: BTreeSet<(Second, Row)>,
    /// Members that have never answered, by the group that brought them.
    rooms: Rooms,
    present: usize,
    bytes: usize,
    max: usize,
}

impl Member {
    /// The memory of a member beside its encoded record and entries: its row, which may have grown to twice as
    /// many, a place in the list of vacant rows and in the index, one in each of three ordered sets, and its
    /// record.
    pub(crate) const HELD_BYTES: usize = 2 * size_of::<Option<Self>>()
        + 2 * 4
        + hashed(4)
        + tree(size_of::<(ShortId, Row)>())
        + tree(size_of::<(Second, Row)>())
        + Rooms::ENTRY_BYTES
        + SignedRecord::HELD_BYTES;

    pub(crate) fn key(&self) -> PublicKey {
        self.record.key()
    }

    pub(crate) const fn state(&self) -> MemberState {
        self.state
    }

    /// Whether it counts as a member: alive or suspect.
    pub(crate) const fn is_present(&self) -> bool {
        matches!(self.state, MemberState::Alive | MemberState::Suspect)
    }

    /// Whether it has ever answered this node.
    pub(crate) const fn is_reached(&self) -> bool {
        self.reached
    }

    /// Since when it has been known.
    pub(crate) const fn met(&self) -> Time {
        self.met.time()
    }

    /// How long it has been known.
    pub(crate) fn known_for(&self, now: Time) -> Duration {
        now.since(self.met.time())
    }

    /// Since when it has been in its state.
    pub(crate) const fn since(&self) -> Time {
        self.changed.time()
    }

    /// How long it has been in its state.
    pub(crate) fn unchanged_for(&self, now: Time) -> Duration {
        now.since(self.changed.time())
    }

    fn bytes(&self) -> usize {
        let entries = self.entries.as_deref().map_or(0, entries_bytes);
        Self::HELD_BYTES.saturating_add(block(self.record.encoded().len())).saturating_add(entries)
    }

    pub(crate) fn digest(&self) -> MemberDigest {
        let issued = self.record.issued_ms().to_be_bytes();
        let [a, b, c, d, e, f, g, h, ..] = match &self.entries {
            None => sha256(&[&issued]),
            Some(entries) => sha256(&[&issued, &entries.version().to_be_bytes(), entries.digest().as_bytes()]),
        };
        MemberDigest {
            member: short_of(&self.key()),
            incarnation: self.record.incarnation(),
            state: self.state,
            digest: ShortId([a, b, c, d, e, f, g, h]),
        }
    }
}

impl Member {
    /// Its element in comparisons: a hash of all that two nodes exchange about it.
    pub(crate) fn element(&self) -> [u8; 32] {
        let (key, digest) = (self.key(), self.digest());
        sha256(&[&key.0, &digest.incarnation.to_be_bytes(), &digest.digest.0])
    }
}

impl View {
    pub(crate) fn new(hasher: SeededState, members_max: u32) -> Self {
        Self {
            hasher,
            members: Vec::new(),
            vacant: Vec::new(),
            index: HashTable::new(),
            order: BTreeSet::new(),
            gone: BTreeSet::new(),
            rooms: Rooms::default(),
            present: 0,
            bytes: 0,
            max: members_max.min(MEMBERS_MAX) as usize,
        }
    }

    pub(crate) fn find(&self, key: &PublicKey) -> Option<Row> {
        let same = |row: &u32| self.get(Row(*row)).is_some_and(|member| member.key() == *key);
        self.index.find(self.hash(key), same).copied().map(Row)
    }

    pub(crate) fn get(&self, row: Row) -> Option<&Member> {
        self.members.get(row.0 as usize)?.as_ref()
    }

    pub(crate) fn get_mut(&mut self, row: Row) -> Option<&mut Member> {
        self.members.get_mut(row.0 as usize)?.as_mut()
    }

    /// The members, in the order of their rows.
    pub(crate) fn iter(&self) -> impl Iterator<Item = (Row, &Member)> {
        let rows = (0_u32..).map(Row);
        rows.zip(&self.members).filter_map(|(row, member)| Some((row, member.as_ref()?)))
    }

    pub(crate) fn len(&self) -> usize {
        self.order.len()
    }

    /// Members that are alive or suspect, this node among them.
    pub(crate) const fn present(&self) -> usize {
        self.present
    }

    pub(crate) const fn bytes(&self) -> usize {
        self.bytes
    }

    /// Whether a new member of this group could get in. It is asked before a signature is checked.
    pub(crate) fn has_room(&self, group: Option<AddressGroup>) -> bool {
        let full = self.order.len() >= self.max || self.bytes >= MEMBERS_BYTES_MAX;
        self.rooms.admits(group, Member::HELD_BYTES)
            && (!full || !self.gone.is_empty() || self.rooms.victim(group, false).is_some())
    }

    /// Adds a member that is not known yet. `reached` says whether it has answered this node.
    pub(crate) fn add(
        &mut self,
        now: Time,
        record: Arc<SignedRecord>,
        state: MemberState,
        group: Option<AddressGroup>,
        reached: bool,
    ) -> Result<(Row, Vec<(Row, PublicKey)>), NoRoom> {
        let second = Second::of(now);
        let member = Member {
            record,
            entries: None,
            group,
            met: second,
            changed: second,
            accuse_after: Second::default(),
            entries_after: Second::default(),
            state: MemberState::Alive,
            reached,
            doubts: 0,
            unanswered: 0,
            tries: 0,
        };
        let (key, bytes) = (member.key(), member.bytes());
        if !reached && !self.rooms.admits(group, bytes) {
            return Err(NoRoom);
        }
        let removed = self.make_room(Newcomer { group, reached, bytes, members: 1 }, None)?;
        let row = Row(self.vacant.pop().unwrap_or_else(|| {
            self.members.push(None);
            u32::try_from(self.members.len().saturating_sub(1)).unwrap_or(u32::MAX)
        }));
        if !reached {
            self.rooms.add(group, second, row, bytes);
        }
        self.order.insert((short_of(&key), row));
        self.present = self.present.saturating_add(1);
        self.bytes = self.bytes.saturating_add(bytes);
        if let Some(place) = self.members.get_mut(row.0 as usize) {
            *place = Some(member);
        }
        let hash = self.hash(&key);
        let (members, hasher) = (&self.members, &self.hasher);
        self.index.insert_unique(hash, row.0, |row| {
            let member = members.get(*row as usize).and_then(Option::as_ref);
            hasher.hash_one(member.map(|member| member.key().0).unwrap_or_default())
        });
        self.set_state(now, row, state);
        Ok((row, removed))
    }

    /// Removes a member.
    pub(crate) fn remove(&mut self, row: Row) -> Option<PublicKey> {
        let key = self.get(row)?.key();
        let hash = self.hash(&key);
        if let Ok(entry) = self.index.find_entry(hash, |other| *other == row.0) {
            entry.remove();
        }
        let member = self.members.get_mut(row.0 as usize)?.take()?;
        self.order.remove(&(short_of(&key), row));
        self.gone.remove(&(member.changed, row));
        if !member.reached {
            self.rooms.remove(member.group, member.met, row, member.bytes());
        }
        if member.is_present() {
            self.present = self.present.saturating_sub(1);
        }
        self.bytes = self.bytes.saturating_sub(member.bytes());
        self.vacant.push(row.0);
        Some(key)
    }

    /// Puts a newer record in the place of a member's last one.
    pub(crate) fn set_record(&mut self, row: Row, record: Arc<SignedRecord>) {
        self.change(row, |member| member.record = record);
    }

    /// Puts newer entries in the place of a member's last ones, if there is room for them.
    pub(crate) fn set_entries(
        &mut self,
        row: Row,
        entries: Arc<SignedEntries>,
    ) -> Result<Vec<(Row, PublicKey)>, NoRoom> {
        let member = self.get(row).ok_or(NoRoom)?;
        let before = member.entries.as_deref().map_or(0, entries_bytes);
        let more = entries_bytes(&entries).saturating_sub(before);
        let (group, reached) = (member.group, member.reached);
        if !reached && !self.rooms.admits_bytes(group, more) {
            return Err(NoRoom);
        }
        let removed = self.make_room(Newcomer { group, reached, bytes: more, members: 0 }, Some(row))?;
        self.change(row, |member| member.entries = Some(entries));
        Ok(removed)
    }

    /// The member has answered this node: it is nobody's charge any more.
    pub(crate) fn set_reached(&mut self, row: Row) {
        let Some(member) = self.get_mut(row) else { return };
        let before = core::mem::replace(&mut member.reached, true);
        if !before {
            let (group, met, bytes) = (member.group, member.met, member.bytes());
            self.rooms.remove(group, met, row, bytes);
        }
    }

    /// Changes how this node sees a member.
    pub(crate) fn set_state(&mut self, now: Time, row: Row, state: MemberState) {
        let Some(member) = self.get_mut(row) else { return };
        if member.state == state {
            return;
        }
        let (was_present, was_changed) = (member.is_present(), member.changed);
        member.state = state;
        member.changed = Second::of(now);
        let (is_present, changed) = (member.is_present(), member.changed);
        self.gone.remove(&(was_changed, row));
        match (was_present, is_present) {
            (true, false) => self.present = self.present.saturating_sub(1),
            (false, true) => self.present = self.present.saturating_add(1),
            _ => {}
        }
        if !is_present {
            self.gone.insert((changed, row));
        }
    }

    /// The member that has been dead or away for longest, and since when.
    pub(crate) fn longest_gone(&self) -> Option<(Time, Row)> {
        self.gone.first().map(|(since, row)| (since.time(), *row))
    }

    /// What is known of the members from a short id on, in the order of short ids.
    pub(crate) fn digests(&self, from: ShortId) -> impl Iterator<Item = (Row, MemberDigest)> {
        let from = self.order.range((from, Row(0))..);
        from.filter_map(|(_, row)| Some((*row, self.get(*row)?.digest())))
    }

    /// The members that are alive or suspect, and whose records may be given to others.
    pub(crate) fn given(&self, wall_ms: u64) -> impl Iterator<Item = &Member> {
        let members = self.members.iter().flatten();
        members.filter(move |member| member.is_present() && member.record.check_time(wall_ms).is_ok())
    }

    /// Some members that are dead or have left, from this place on in the order in which they went; then the first.
    pub(crate) fn some_gone(&self, place: usize, count: usize) -> impl Iterator<Item = ShortId> {
        let all = self.gone.iter().chain(&self.gone).skip(place).take(count.min(self.gone.len()));
        all.filter_map(|(_, row)| self.get(*row)).map(|member| short_of(&member.key()))
    }

    /// How many members are dead or have left.
    pub(crate) fn gone(&self) -> usize {
        self.gone.len()
    }

    /// The members with a short id. Nearly always there is at most one.
    pub(crate) fn with_short(&self, short: ShortId) -> impl Iterator<Item = Row> {
        self.order.range((short, Row(0))..=(short, Row(u32::MAX))).map(|(_, row)| *row)
    }

    /// Removes members until what is new fits, as the head of this file says.
    fn make_room(&mut self, new: Newcomer, except: Option<Row>) -> Result<Vec<(Row, PublicKey)>, NoRoom> {
        let mut removed = Vec::new();
        while self.order.len().saturating_add(new.members) > self.max
            || self.bytes.saturating_add(new.bytes) > MEMBERS_BYTES_MAX
        {
            let gone = self.gone.iter().map(|(_, row)| *row).find(|row| Some(*row) != except);
            let victim = gone.or_else(|| self.rooms.victim(new.group, new.reached));
            let victim = victim.filter(|row| Some(*row) != except).ok_or(NoRoom)?;
            if let Some(key) = self.remove(victim) {
                removed.push((victim, key));
            }
        }
        Ok(removed)
    }

    /// Changes what a member takes, and keeps count.
    fn change(&mut self, row: Row, change: impl FnOnce(&mut Member)) {
        let Some(member) = self.members.get_mut(row.0 as usize).and_then(Option::as_mut) else { return };
        let before = member.bytes();
        change(member);
        let (after, group, reached) = (member.bytes(), member.group, member.reached);
        self.bytes = self.bytes.saturating_sub(before).saturating_add(after);
        if !reached {
            self.rooms.recount(group, before, after);
        }
    }

    fn hash(&self, key: &PublicKey) -> u64 {
        self.hasher.hash_one(key.0)
    }
}

/// The first 8 bytes of a key. Two honest keys don't share them, and to make a key that shares them with another's
/// takes 2^64 tries.
pub(crate) const fn short_of(key: &PublicKey) -> ShortId {
    let [a, b, c, d, e, f, g, h, ..] = key.0;
    ShortId([a, b, c, d, e, f, g, h])
}

fn entries_bytes(entries: &SignedEntries) -> usize {
    SignedEntries::HELD_BYTES.saturating_add(block(entries.encoded().len()))
}
