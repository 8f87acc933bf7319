//! The members that a node keeps for its next run: which of them, and as which bytes.
//!
//! * **Which.** Members that are alive or suspect, and that say how they can be reached. Those that have answered this
//!   run or an earlier one come first, and among them those whose records are the newest. There are as many as fit.
//! * **When.** Once a minute if a member has changed, and at an orderly stop.
//! * **What for.** A node whose bootstrap is gone has somebody to dial. As soon as it has one peer, it gets the whole
//!   list from it, so nothing but records is kept.
//!
//! The file is not trusted. The membership machine checks each record as if a stranger had sent it.
//!
//! Deliberately absent: entries, and how this node saw a member. The next run finds out.

use std::cmp::Reverse;
use std::collections::HashSet;
use std::hash::{DefaultHasher, Hash as _, Hasher as _};
use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::members::{MemberInfo, MemberInput, MemberState};
use protocol::items::keys::PublicKey;
use protocol::items::member::record::SignedRecord;
use protocol::limits::{MEMBERS_MAX, RECALLED_BYTES_MAX, RECORD_BYTES_MAX};
use protocol::wire::codec::{Decode as _, DecodeError, Encode, Reader, Writer};

use crate::service::Service;
use crate::store::{NOTE_BYTES_MAX, Note};

/// What the note takes beside the records: at most as much for each, and for the list.
const AROUND_RECORD_BYTES: usize = 8;
const AROUND_LIST_BYTES: usize = 16;

const _: () = assert!(RECALLED_BYTES_MAX <= NOTE_BYTES_MAX);

/// A member of an earlier run.
#[derive(Debug)]
pub(in crate::service) struct Recalled {
    record: Arc<SignedRecord>,
    /// Whether it had answered that run, or one before.
    answered: bool,
}

/// Which members are kept.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// Something about a member has changed since they were looked at last.
    pub(super) changed: bool,
    /// A hash of the bytes that were kept last.
    kept: Option<u64>,
    /// Members that had answered an earlier run. No more than fit into its note.
    answered: HashSet<PublicKey>,
}

impl Service {
    /// Tells the membership machine what an earlier run knew.
    pub(in crate::service) fn recall_members(&mut self, recalled: Vec<Recalled>) {
        for Recalled { record, answered } in recalled {
            if answered {
                self.membership.keeping.answered.insert(record.key());
            }
            self.tell_members(MemberInput::Recall { record, answered });
        }
    }

    /// Keeps the members for another run, if they have changed. If the store has no room, it is asked again.
    pub(in crate::service) fn keep_members(&mut self) {
        if !self.membership.keeping.changed {
            return;
        }
        let Some(members) = self.swarm.behaviour().gossip.gossip().members() else { return };
        let keeping = &self.membership.keeping;
        let has_answered = |member: &MemberInfo| member.reached || keeping.answered.contains(&member.record.key());
        let own = self.config.key.public();
        let others = members.members().filter(|member| member.record.key() != own);
        let bytes = encode(others.map(|member| (has_answered(&member), member)).collect());
        let mut hasher = DefaultHasher::new();
        bytes.hash(&mut hasher);
        let hash = Some(hasher.finish());
        let keeping = &mut self.membership.keeping;
        if keeping.kept == hash {
            keeping.changed = false;
        } else if self.writer.save_note(Note::Members, bytes).is_ok() {
            (keeping.changed, keeping.kept) = (false, hash);
        }
    }
}

/// The members that are worth keeping, encoded for the store. Each comes with whether it has answered.
fn encode(mut known: Vec<(bool, MemberInfo)>) -> Vec<u8> {
    known.retain(|(_, member)| matches!(member.state, MemberState::Alive | MemberState::Suspect));
    known.sort_unstable_by_key(|(answered, member)| Reverse((*answered, member.record.issued_ms())));
    let mut left = RECALLED_BYTES_MAX - AROUND_LIST_BYTES;
    let reachable = known.into_iter().filter(|(_, member)| is_reachable(member));
    let fits = reachable.map_while(|(answered, member)| {
        left = left.checked_sub(member.record.encoded().len() + AROUND_RECORD_BYTES)?;
        Some(Recalled { record: member.record, answered })
    });
    List(fits.collect()).to_bytes()
}

/// Whether a member says how it can be reached.
fn is_reachable(member: &MemberInfo) -> bool {
    let record = member.record.record();
    !record.addresses.is_empty() || !record.relays.is_empty()
}

struct List(Vec<Recalled>);

impl Encode for List {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(self.0.len());
        for Recalled { record, answered } in &self.0 {
            writer.array(2);
            writer.uint(u64::from(*answered));
            writer.bytes(record.encoded());
        }
    }
}

/// The members that an earlier run kept.
///
/// # Errors
/// If no run of this program made these bytes.
pub(in crate::service) fn decode(bytes: Vec<u8>) -> Result<Vec<Recalled>, DecodeError> {
    let mut reader = Reader::new(Bytes::from(bytes));
    let count = reader.array("members", MEMBERS_MAX as usize)?;
    let members = (0..count).map(|_| {
        reader.array_of("a member", 2)?;
        let answered = reader.uint()? != 0;
        let record = SignedRecord::from_bytes(&reader.bytes("a record", RECORD_BYTES_MAX)?)?;
        Ok(Recalled { record: Arc::new(record), answered })
    });
    let members: Result<Vec<_>, _> = members.collect();
    reader.finish().and(members)
}
