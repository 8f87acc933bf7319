//! Statements that arrive: which are worth a check of their signature, and what each changes.
//!
//! * **Cheap steps first.** A statement that changes nothing is not checked. A link may bring `members-budget`
//!   bytes of news a second, and more after a quiet time; what is above that is not looked at, because push-pull
//!   brings it anyway. What was asked for is not counted there.
//! * **A bad signature** ends the link: the peer has sent bytes that no honest node passes on.
//! * **News.** What a peer tells unasked is passed on if it changed something here. What was asked for is passed
//!   on only if it was issued within the last minute, if it is the peer's own record, or if it raises an
//!   incarnation. Otherwise a node that learns a whole network would tell it to everybody.
//! * **Entries** of a member are news once in a while, which the number of members and `members-budget` decide
//!   ([`entries_news_after`](crate::gossip::members::MembersConfig::entries_news_after)). Changes that are faster
//!   travel by push-pull.
//! * **Records that an earlier run kept** are checked like any other: they bring back no member that is forgotten, and
//!   none that its key did not sign. Members that had answered that run are worth a connection to a node without links.
//! * **Conflict.** A record that does not count, but has another instance and was issued later than the one that
//!   counts, is of a second machine with the same key. It is passed on, so that the other machine learns it, and
//!   told.
//!
//! Deliberately absent: accusations (`watching`), and records of this node's own key (`own`).

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::Class;
use crate::codec::Encode as _;
use crate::gossip::api::members::{MemberChange, MemberEvent, MemberOutput, MemberState, Via};
use crate::gossip::api::{DisconnectReason, PeerHandle};
use crate::gossip::members::Members;
use crate::gossip::members::view::{Row, Second};
use crate::items::member::Statement;
use crate::items::member::accusation::SignedAccusation;
use crate::items::member::entries::SignedEntries;
use crate::items::member::record::{Presence, SignedRecord};
use crate::limits::{
    ACCUSED_CHECKS_MAX, CONFLICT_INTERVAL, CONFLICTS_MAX, NEWS_ISSUED_WITHIN_MS, RECALLED_BYTES_MAX,
    STATEMENT_CHECKS_BYTES_MAX, STATEMENT_COST_BYTES,
};
use crate::time::Time;

/// Whether a statement is worth a check of its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Worth {
    Check,
    Nothing,
}

impl Members {
    /// A peer tells news.
    pub(in crate::gossip::members) fn on_news(&mut self, now: Time, link: PeerHandle, statements: Vec<Statement>) {
        for statement in statements {
            let cost = (statement.encoded_len() as u64).saturating_add(STATEMENT_COST_BYTES);
            let budget = self.links.by_handle.get_mut(&link).map(|link| &mut link.news_in);
            if !budget.is_some_and(|budget| budget.spend_within(now, cost)) {
                return;
            }
            self.consider(now, link, Via::Told, statement);
        }
    }

    /// Asks for a check of a statement's signature, if it would change anything.
    pub(super) fn consider(&mut self, now: Time, link: PeerHandle, via: Via, statement: Statement) {
        if self.worth(now, Some(link), &statement) == Worth::Nothing {
            return self.spread.had(&statement, link);
        }
        let bytes = statement.encoded_len();
        let Some(sender) = self.links.by_handle.get_mut(&link) else { return };
        let checking = sender.checking.saturating_add(bytes);
        if checking > STATEMENT_CHECKS_BYTES_MAX || !self.checking.insert(statement.id()) {
            return;
        }
        sender.checking = checking;
        self.outputs.push_back(MemberOutput::Verify { link: Some(link), via, statement });
    }

    /// Somebody who dialled this node handed over an accusation of it. There is no link that could be blamed.
    pub(in crate::gossip::members) fn on_accused(&mut self, now: Time, accusation: SignedAccusation) {
        let statement = Statement::Accusation(accusation);
        let new = accusation.subject() == self.own.key && self.is_accusation_new(now, &accusation);
        if new && self.handed < ACCUSED_CHECKS_MAX && self.checking.insert(statement.id()) {
            self.handed = self.handed.saturating_add(1);
            self.outputs.push_back(MemberOutput::Verify { link: None, via: Via::Told, statement });
        }
    }

    /// An earlier run of this node kept a record. There is no link that could be blamed.
    pub(in crate::gossip::members) fn on_recalled(
        &mut self,
        now: Time,
        record: Arc<SignedRecord>,
        answered: bool,
    ) {
        let others = record.key() != self.own.key;
        let statement = Statement::Record(record);
        let recalling = self.recalling.saturating_add(statement.encoded_len());
        let worth = others && self.worth(now, None, &statement) == Worth::Check;
        if worth && recalling <= RECALLED_BYTES_MAX && self.checking.insert(statement.id()) {
            self.recalling = recalling;
            self.outputs.push_back(MemberOutput::Verify { link: None, via: Via::Kept { answered }, statement });
        }
    }

    /// A signature was checked.
    pub(in crate::gossip::members) fn on_checked(
        &mut self,
        now: Time,
        link: Option<PeerHandle>,
        via: Via,
        statement: Statement,
        good: bool,
    ) {
        self.checking.remove(&statement.id());
        let bytes = statement.encoded_len();
        match (link, via) {
            (None, Via::Kept { .. }) => self.recalling = self.recalling.saturating_sub(bytes),
            (None, _) => self.handed = self.handed.saturating_sub(1),
            (Some(link), _) => {
                if let Some(sender) = self.links.by_handle.get_mut(&link) {
                    sender.checking = sender.checking.saturating_sub(bytes);
                }
            }
        }
        if !good {
            let reason = DisconnectReason::InvalidSignature;
            return self.outputs.extend(link.map(|link| MemberOutput::Disconnect { link, reason }));
        }
        // Meanwhile another copy may have come, or something newer.
        if self.worth(now, link, &statement) == Worth::Nothing {
            if let Some(link) = link {
                self.spread.had(&statement, link);
            }
            return;
        }
        match statement {
            Statement::Record(record) => self.on_record(now, link, via, record),
            Statement::Entries(entries) => self.on_entries(now, link, via, entries),
            Statement::Accusation(accusation) => self.on_accusation(now, link, accusation),
        }
    }

    fn worth(&self, now: Time, link: Option<PeerHandle>, statement: &Statement) -> Worth {
        let worth = match statement {
            Statement::Record(record) => self.is_record_worth(now, link, record),
            Statement::Entries(entries) => {
                let owner = entries.owner();
                let held = self.view.find(&owner).and_then(|row| self.view.get(row));
                // The owner's record may be on its way in the same message.
                let newer = held.is_none_or(|member| {
                    member.entries.as_ref().is_none_or(|held| held.version() < entries.version())
                });
                owner != self.own.key && newer
            }
            Statement::Accusation(accusation) => self.is_accusation_new(now, accusation),
        };
        if worth { Worth::Check } else { Worth::Nothing }
    }

    fn is_record_worth(&self, now: Time, link: Option<PeerHandle>, record: &SignedRecord) -> bool {
        if record.check_time(self.wall_ms).is_err() {
            return false;
        }
        if record.key() == self.own.key {
            return self.own.is_worth(now, record);
        }
        let Some(member) = self.view.find(&record.key()).and_then(|row| self.view.get(row)) else {
            let group = link.and_then(|link| self.links.by_handle.get(&link)).and_then(|link| link.group);
            let linked = self.links.to(&record.key()).is_some();
            return record.presence() == Presence::Alive && (linked || self.view.has_room(group));
        };
        record.supersedes(&member.record) || self.is_conflict(&member.record, record)
    }

    fn on_record(&mut self, now: Time, link: Option<PeerHandle>, via: Via, record: Arc<SignedRecord>) {
        let key = record.key();
        if key == self.own.key {
            if self.own.is_conflict(now, &record) {
                self.note_conflict(now, key);
            }
            return;
        }
        let recent = record.issued_ms().saturating_add(NEWS_ISSUED_WITHIN_MS) >= self.wall_ms;
        let sender = link.and_then(|link| self.links.by_handle.get(&link));
        let of_the_peer = sender.is_some_and(|sender| sender.key == key);
        let is_news = via == Via::Told || recent || of_the_peer;
        let Some(row) = self.view.find(&key) else {
            self.on_new_member(now, link, record.clone(), is_news);
            // A node without links may need this one.
            let alone = self.links.is_empty() && via == (Via::Kept { answered: true });
            return self.outputs.extend(alone.then_some(MemberOutput::Connect { record }));
        };
        let Some(member) = self.view.get(row) else { return };
        if !record.supersedes(&member.record) {
            self.note_conflict(now, key);
            return self.spread.add(Class::Join, Statement::Record(record), link);
        }
        let raised = record.incarnation() > member.record.incarnation();
        self.view.set_record(row, record.clone());
        let class = match (record.presence(), raised) {
            (Presence::Left, _) => self.on_left(now, row),
            (Presence::Alive, true) => self.on_raised(now, row, &record),
            (Presence::Alive, false) => Class::Join,
        };
        if is_news || raised {
            self.spread.add(class, Statement::Record(record), link);
        }
    }

    fn on_new_member(&mut self, now: Time, link: Option<PeerHandle>, record: Arc<SignedRecord>, is_news: bool) {
        let group = link.and_then(|link| self.links.by_handle.get(&link)).and_then(|link| link.group);
        let linked = self.links.to(&record.key()).is_some();
        let Ok((row, removed)) = self.view.add(now, record.clone(), MemberState::Alive, group, linked) else {
            return;
        };
        self.forget_all(&removed);
        self.tell(row, MemberChange::Joined);
        if is_news {
            self.spread.add(Class::Join, Statement::Record(record), link);
        }
    }

    /// A member says that it has left. Its accusations mean nothing any more.
    fn on_left(&mut self, now: Time, row: Row) -> Class {
        self.watching.settle(row);
        if let Some(member) = self.view.get(row) {
            self.spread.refuted(&member.key());
        }
        let before = self.view.get(row).map(crate::gossip::members::view::Member::state);
        self.view.set_state(now, row, MemberState::Left);
        if before != Some(MemberState::Left) {
            self.tell(row, MemberChange::Left);
        }
        Class::Left
    }

    /// A member has a higher incarnation: it refutes, it is back, or something about it has changed.
    fn on_raised(&mut self, now: Time, row: Row, record: &SignedRecord) -> Class {
        let state = self.view.get(row).map(crate::gossip::members::view::Member::state);
        let refutes = self.refuted(now, row, record.incarnation());
        if state == Some(MemberState::Left) {
            self.view.set_state(now, row, MemberState::Alive);
            self.tell(row, MemberChange::Returned);
        } else if !refutes {
            self.tell(row, MemberChange::Updated);
        }
        if refutes { Class::Refutation } else { Class::Join }
    }

    fn on_entries(&mut self, now: Time, link: Option<PeerHandle>, via: Via, entries: Arc<SignedEntries>) {
        let Some(row) = self.view.find(&entries.owner()) else { return };
        let Ok(removed) = self.view.set_entries(row, entries.clone()) else { return };
        self.forget_all(&removed);
        self.tell(row, MemberChange::Updated);
        if via == Via::Told {
            self.spread_entries(now, row, entries, link);
        }
    }

    /// Passes entries on as news, unless those of this member were news just now.
    pub(in crate::gossip::members) fn spread_entries(
        &mut self,
        now: Time,
        row: Row,
        entries: Arc<SignedEntries>,
        link: Option<PeerHandle>,
    ) {
        let pause = self.config.entries_news_after(self.view.present());
        let Some(member) = self.view.get_mut(row).filter(|member| member.entries_after.is_past(now)) else {
            return;
        };
        member.entries_after = Second::of(now + pause);
        self.spread.add(Class::Entries, Statement::Entries(entries), link);
    }

    /// Whether a record shows that another machine has the key of a member, and nobody was told lately.
    fn is_conflict(&self, held: &SignedRecord, other: &SignedRecord) -> bool {
        held.instance() != other.instance()
            && other.issued_ms() > held.issued_ms()
            && other.presence() == Presence::Alive
            && !self.is_conflict_told(&held.key())
    }

    fn is_conflict_told(&self, key: &crate::items::keys::PublicKey) -> bool {
        let told = self.conflicts.get(key);
        told.is_some() || self.conflicts.len() >= CONFLICTS_MAX
    }

    fn note_conflict(&mut self, now: Time, key: crate::items::keys::PublicKey) {
        self.conflicts.insert(key, now + CONFLICT_INTERVAL);
        let change = MemberChange::Conflict;
        self.outputs.push_back(MemberOutput::Event(MemberEvent { member: key, change }));
    }
}
