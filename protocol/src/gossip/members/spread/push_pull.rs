//! Push-pull: two nodes compare what they know of all members, and exchange what differs.
//!
//! * **When.** Each `push-pull-interval`, longer in a large network, with one random peer; and once with each new
//!   peer. Of two new peers the one with the lower key begins.
//! * **How.** By difference (`by_difference`), or through the whole list. The asker lists the members that differ, or
//!   a range of all of them, in the order of short ids: at most [`DIGESTS_MAX`]. The other side answers with the statements that the asker lacks, and with the members of which it lacks something
//!   itself, up to the short id at which its answer is full. The asker goes on from there until it has been
//!   through all of them.
//!   *Rationale:* the answering side remembers nothing, and the asker decides on the pace. It goes on only when
//!   what came is checked.
//! * **Modes** (Demers and others, 1987). In `push` the asker gives and takes nothing, in `pull` it takes and
//!   gives nothing, in `push-pull` both.
//! * **What differs.** The one with the higher incarnation gives. If the incarnations are equal and the digests
//!   are not, both give, and the newer record and entries count.
//! * **How the other side sees a member** is hearsay, and changes no state. If it sees this node as suspect or
//!   dead, this node refutes. If it sees a member as alive that is dead here, this node tries it again soon.
//! * **A new peer that was suspect or dead here** is told so: this node begins a comparison with it, and lists it as it
//!   saw it before the link.
//!   *Rationale:* the peer refutes, and the refutation is news. So after a partition a member is alive everywhere within
//!   seconds. Otherwise each node would have to try each member again by itself.
//! * **A peer that is dead for somebody else** is told as well, at most once in [`REFUTE_MIN`].
//!   *Rationale:* after a partition a member may have no link to the other half, and its peers do.
//! * **Not given:** members that are dead or have left to somebody who does not know them, and records that are
//!   too old.
//! * **Not asked for:** members that a full view has no room for.
//!
//! Deliberately absent: which members differ (`by_difference`).

use alloc::vec::Vec;
use core::cmp::Ordering;
use core::iter::Peekable;

use super::walk::{HIGHEST, LOWEST, Stage, Walk};
use crate::codec::Encode as _;
use crate::gossip::api::PeerHandle;
use crate::gossip::api::members::{Difference, Digests, MemberDigest, MemberMessage, MemberState, Via};
use crate::gossip::members::Members;
use crate::gossip::members::view::{Row, View, short_of};
use crate::items::hash::ShortId;
use crate::items::keys::PublicKey;
use crate::items::member::Statement;
use crate::limits::{
    COMPARISON_LISTS_MAX, DIFFERENCE_BYTES_MAX, DIFFERENCE_WANTED_MAX, DIGEST_COST_BYTES, DIGESTS_MAX,
    PUSH_PULL_TIMEOUT, REFUTE_MIN, REJOIN_MIN,
};
use crate::time::Time;
use crate::wire::message::Digest;
use crate::wire::symbol::SYMBOLS_MAX;

impl Members {
    /// Begins comparisons that are due, and goes on with the one that is under way.
    pub(in crate::gossip::members) fn compare(&mut self, now: Time) {
        if self.push_pull.walk.as_ref().is_some_and(|walk| walk.deadline <= now) {
            self.push_pull.walk = None;
        }
        match &self.push_pull.walk {
            Some(walk) => {
                let checked = self.links.by_handle.get(&walk.link).is_some_and(|link| link.checking == 0);
                if !walk.waits && checked {
                    self.ask_next(now);
                }
            }
            None => self.begin_comparison(now),
        }
    }

    fn begin_comparison(&mut self, now: Time) {
        let interval = self.config.push_pull_after(self.view.present());
        let due = *self.push_pull.next_at.get_or_insert(now + interval) <= now;
        let fresh = self.push_pull.fresh.pop_front();
        if fresh.is_none() && !due {
            return;
        }
        if due {
            self.push_pull.next_at = Some(now + interval);
        }
        let links: Vec<PeerHandle> = self.links.by_handle.iter().map(|(handle, _)| handle).collect();
        let drawn = self.below(links.len());
        let Some(link) = fresh.or_else(|| links.get(drawn).copied()) else { return };
        let mode = self.push_pull_mode;
        let stage = self.first_stage();
        let (from, to, waits, deadline, found) = (LOWEST, HIGHEST, false, now, 0);
        self.push_pull.walk = Some(Walk { link, mode, stage, from, to, waits, deadline, found, lists: 0 });
        self.ask_next(now);
    }

    /// Asks the next question.
    fn ask_next(&mut self, now: Time) {
        match self.push_pull.walk.as_ref().map(|walk| &walk.stage) {
            Some(Stage::Sketch(question)) => self.ask_sketch(now, *question),
            Some(_) => self.ask_range(now),
            None => {}
        }
    }

    /// Asks about the next range, or about the next of the chosen members.
    fn ask_range(&mut self, now: Time) {
        let Some(walk) = &mut self.push_pull.walk else { return };
        let (mut members, whole) = match &walk.stage {
            Stage::Selection(chosen) => (listed(&self.view, chosen, walk.from), false),
            _ => (self.view.digests(walk.from).map(|(_, digest)| digest).take(DIGESTS_MAX).collect(), true),
        };
        if (members.is_empty() && !whole) || walk.lists >= COMPARISON_LISTS_MAX {
            return self.push_pull.walk = None;
        }
        walk.lists = walk.lists.saturating_add(1);
        // The peer is alive here since the link came up. It must know that it was not, so that it refutes.
        if let Some(link) = self.links.by_handle.get_mut(&walk.link)
            && let Some(seen_as) = link.seen_as
            && let Some(digest) = members.iter_mut().find(|digest| digest.member == short_of(&link.key))
        {
            digest.state = seen_as;
            link.seen_as = None;
        }
        let full = members.len() >= DIGESTS_MAX;
        walk.to = members.last().filter(|_| full).map_or(HIGHEST, |last| last.member);
        (walk.waits, walk.deadline) = (true, now + PUSH_PULL_TIMEOUT);
        let (link, digests) =
            (walk.link, Digests { mode: walk.mode, from: walk.from, to: walk.to, members, whole });
        self.send(link, MemberMessage::Digests(digests));
    }

    /// The answer to the range that was asked about last.
    pub(in crate::gossip::members) fn on_difference(
        &mut self,
        now: Time,
        link: PeerHandle,
        difference: Difference,
    ) {
        let Some(walk) = &mut self.push_pull.walk else { return };
        let fits = walk.from <= difference.until && difference.until <= walk.to;
        if walk.link != link || !walk.waits || !fits || difference.wanted.len() > DIFFERENCE_WANTED_MAX {
            return;
        }
        let (takes, gives) = (walk.mode != Digest::Push, walk.mode != Digest::Pull);
        (walk.waits, walk.deadline) = (false, now + PUSH_PULL_TIMEOUT);
        let found = difference.statements.len().saturating_add(difference.wanted.len());
        walk.found = walk.found.saturating_add(found);
        match after(difference.until) {
            Some(from) => walk.from = from,
            None => self.end_comparison(),
        }
        if takes {
            let mut room = DIFFERENCE_BYTES_MAX;
            for statement in difference.statements {
                let Some(left) = room.checked_sub(statement.encoded_len()) else { break };
                room = left;
                self.consider(now, link, Via::Asked, statement);
            }
        }
        if gives {
            self.give(now, link, &difference.wanted);
        }
    }

    /// All members were compared.
    fn end_comparison(&mut self) {
        let Some(walk) = self.push_pull.walk.take() else { return };
        if matches!(walk.stage, Stage::Ranges) {
            self.push_pull.learn(walk.found.min(SYMBOLS_MAX));
        }
    }

    /// Sends what a peer lacks, as far as its budget goes.
    fn give(&mut self, now: Time, link: PeerHandle, wanted: &[ShortId]) {
        let rows = wanted.iter().flat_map(|short| self.view.with_short(*short));
        let mut statements: Vec<Statement> = rows.flat_map(|row| self.statements_of(row)).collect();
        while !statements.is_empty() {
            let mut bytes = 0_usize;
            let fits = |statement: &&Statement| {
                bytes = bytes.saturating_add(statement.encoded_len());
                bytes <= DIFFERENCE_BYTES_MAX
            };
            let count = statements.iter().take_while(fits).count().max(1);
            let rest = statements.split_off(count.min(statements.len()));
            let cost: usize = statements.iter().map(Statement::encoded_len).sum();
            let budget = self.links.by_handle.get_mut(&link).map(|link| &mut link.served);
            if !budget.is_some_and(|budget| budget.spend_within(now, cost as u64)) {
                return;
            }
            self.send(link, MemberMessage::Wanted(core::mem::replace(&mut statements, rest)));
        }
    }

    /// A peer gives what was asked of it.
    pub(in crate::gossip::members) fn on_wanted(
        &mut self,
        now: Time,
        link: PeerHandle,
        statements: Vec<Statement>,
    ) {
        for statement in statements {
            let Some(sender) = self.links.by_handle.get_mut(&link) else { return };
            let Some(left) = sender.wanted.checked_sub(1) else { return };
            sender.wanted = left;
            self.consider(now, link, Via::Asked, statement);
        }
    }

    /// A peer lists what it knows of a range. The answer is the difference.
    pub(in crate::gossip::members) fn on_digests(&mut self, now: Time, link: PeerHandle, digests: &Digests) {
        let listed = &digests.members;
        let in_order = listed.windows(2).all(|pair| matches!(pair, [one, next] if one.member <= next.member));
        let ends = [listed.first(), listed.last()].into_iter().flatten();
        let mut inside = ends.map(|end| end.member >= digests.from && end.member <= digests.to);
        if listed.len() > DIGESTS_MAX || !in_order || digests.from > digests.to || !inside.all(|inside| inside) {
            return;
        }
        let cost = (listed.len() as u64).saturating_add(1).saturating_mul(DIGEST_COST_BYTES);
        let budget = self.links.by_handle.get_mut(&link).map(|link| &mut link.served);
        if !budget.is_some_and(|budget| budget.spend_within(now, cost)) {
            return;
        }
        let group = self.links.by_handle.get(&link).and_then(|link| link.group);
        // A record that finds no room here would be sent for nothing, at each comparison again.
        let room = self.view.has_room(group);
        let (difference, looked_at) = self.difference(now, digests, room);
        let bytes: usize = difference.statements.iter().map(Statement::encoded_len).sum();
        if let Some(link) = self.links.by_handle.get_mut(&link) {
            let looks = (looked_at as u64).saturating_mul(DIGEST_COST_BYTES);
            link.served.spend(now, looks.saturating_add(bytes as u64));
            // A record and entries for each.
            link.wanted = difference.wanted.len().saturating_mul(2);
        }
        self.send(link, MemberMessage::Difference(difference));
    }

    /// Goes through both lists at once, in the order of short ids, until the answer is full. Says besides how many own
    /// members were looked at. `has_room` says whether members that this node does not know are wanted.
    fn difference(&mut self, now: Time, digests: &Digests, has_room: bool) -> (Difference, usize) {
        let (gives, takes) = (digests.mode != Digest::Push, digests.mode != Digest::Pull);
        let mut theirs = digests.members.iter().copied().peekable();
        let own = self.own_side(digests);
        let looked_at = own.len();
        let complete = !digests.whole || looked_at < OWN_LOOKED_AT;
        let last = own.last().map_or(digests.to, |(_, last)| last.member);
        let mut own = own.into_iter().peekable();
        let mut found = Difference {
            until: if complete { digests.to } else { last },
            statements: Vec::new(),
            wanted: Vec::new(),
        };
        let mut room = DIFFERENCE_BYTES_MAX;
        let mut done = None;
        while let Some((member, row, their)) = next_pair(&mut own, &mut theirs) {
            if !complete && member > last {
                break;
            }
            // One that the peer lists because it knows nothing of it.
            let their = their.filter(|their| digests.whole || their.incarnation > 0);
            let (give, want) = self.judge_pair(now, row, their);
            let want = want && (has_room || row.is_some());
            let statements = if gives && give { row.map(|row| self.statements_of(row)) } else { None };
            let statements = statements.unwrap_or_default();
            let bytes: usize = statements.iter().map(Statement::encoded_len).sum();
            let full = bytes > room || (takes && want && found.wanted.len() >= DIFFERENCE_WANTED_MAX);
            // Two members may share a short id: the answer ends before both.
            if let Some(done) = done.filter(|done| full && *done < member) {
                found.until = done;
                return (found, looked_at);
            }
            room = room.saturating_sub(bytes);
            found.statements.extend(statements);
            if takes && want && found.wanted.len() < DIFFERENCE_WANTED_MAX {
                found.wanted.push(member);
            }
            done = Some(member);
        }
        (found, looked_at)
    }

    /// The own members that digests are about.
    fn own_side(&self, digests: &Digests) -> Vec<(Row, MemberDigest)> {
        if digests.whole {
            let own = self.view.digests(digests.from).take_while(|(_, own)| own.member <= digests.to);
            return own.take(OWN_LOOKED_AT).collect();
        }
        let mut asked: Vec<ShortId> = digests.members.iter().map(|their| their.member).collect();
        asked.dedup();
        let rows = asked.into_iter().flat_map(|short| self.view.with_short(short));
        rows.filter_map(|row| Some((row, self.view.get(row)?.digest()))).collect()
    }

    /// Whether this node is to give what it knows of a member, and whether it wants what the peer knows.
    fn judge_pair(&mut self, now: Time, row: Option<Row>, their: Option<MemberDigest>) -> (bool, bool) {
        let present = |state: MemberState| matches!(state, MemberState::Alive | MemberState::Suspect);
        let member = row.and_then(|row| self.view.get(row));
        let Some(member) = member else { return (false, their.is_some_and(|their| present(their.state))) };
        let Some(their) = their else { return (member.is_present(), false) };
        let incarnation = member.record.incarnation();
        let is_own = member.key() == self.own.key;
        if is_own && matches!(their.state, MemberState::Suspect | MemberState::Dead) {
            self.own.accused(their.incarnation);
        }
        let dead_here = member.state() == MemberState::Dead;
        let same = member.digest().digest == their.digest;
        let dead_there = their.state == MemberState::Dead && their.incarnation == incarnation;
        let to_tell = (dead_there && member.state() == MemberState::Alive).then(|| (member.key(), their));
        if let Some(row) = row.filter(|_| dead_here && present(their.state)) {
            let soon = self.chance_within(REJOIN_MIN);
            self.watching.retries.hasten(row, now + soon);
        }
        if let Some((key, their)) = to_tell {
            self.tell_dead(now, &key, their);
        }
        match incarnation.cmp(&their.incarnation) {
            Ordering::Greater => (true, false),
            Ordering::Less => (false, true),
            Ordering::Equal => (!same, !same),
        }
    }

    /// Somebody takes a peer of this node for dead: the peer is told, so that it refutes. The message asks about this one
    /// member alone, and its answer is not needed.
    fn tell_dead(&mut self, now: Time, key: &PublicKey, seen: MemberDigest) {
        let Some(handle) = self.links.to(key) else { return };
        // The answer must not be taken for that of a comparison.
        if self.push_pull.walk.as_ref().is_some_and(|walk| walk.link == handle) {
            return;
        }
        let Some(link) = self.links.by_handle.get_mut(&handle) else { return };
        if link.accused_at.is_some_and(|at| now.since(at) < REFUTE_MIN) {
            return;
        }
        link.accused_at = Some(now);
        let (from, to, mode) = (seen.member, seen.member, Digest::Push);
        self.send(
            handle,
            MemberMessage::Digests(Digests { mode, from, to, members: alloc::vec![seen], whole: true }),
        );
    }

    /// What a member said, as far as it may be passed on: its record, then its entries.
    fn statements_of(&self, row: Row) -> Vec<Statement> {
        let member = self.view.get(row).filter(|member| member.record.check_time(self.wall_ms).is_ok());
        let record = member.map(|member| Statement::Record(member.record.clone()));
        let entries = member.and_then(|member| member.entries.clone()).map(Statement::Entries);
        record.into_iter().chain(entries).collect()
    }
}

/// Own members that are looked at for one answer. More than an answer can list, because most members don't differ.
const OWN_LOOKED_AT: usize = 4 * DIGESTS_MAX;

/// What is known of the chosen members from a short id on: no more of them than one message has.
fn listed(view: &View, chosen: &[ShortId], from: ShortId) -> Vec<MemberDigest> {
    let mut members = Vec::new();
    for short in chosen.iter().filter(|short| **short >= from) {
        let before = members.len();
        members.extend(view.with_short(*short).filter_map(|row| Some(view.get(row)?.digest())));
        if members.len() == before {
            let (state, digest) = (MemberState::Left, LOWEST);
            members.push(MemberDigest { member: *short, incarnation: 0, state, digest });
        }
        if members.len() >= DIGESTS_MAX {
            break;
        }
    }
    members.truncate(DIGESTS_MAX);
    members
}

/// The next member of either list, or of both.
fn next_pair(
    own: &mut Peekable<impl Iterator<Item = (Row, MemberDigest)>>,
    theirs: &mut Peekable<impl Iterator<Item = MemberDigest>>,
) -> Option<(ShortId, Option<Row>, Option<MemberDigest>)> {
    let (one, other) = (own.peek().map(|(_, own)| own.member), theirs.peek().map(|their| their.member));
    let member = one.into_iter().chain(other).min()?;
    let row = own.next_if(|(_, own)| own.member == member).map(|(row, _)| row);
    let their = theirs.next_if(|their| their.member == member);
    Some((member, row, their))
}

/// The next short id.
fn after(short: ShortId) -> Option<ShortId> {
    u64::from_be_bytes(short.0).checked_add(1).map(|next| ShortId(next.to_be_bytes()))
}
