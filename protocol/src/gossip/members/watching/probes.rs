//! The probes that are open: pings and dials, and the peers that were asked to try as well. Deliberately absent:
//! what a probe's end means.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::footprint::{block, tree};
use crate::gossip::api::PeerHandle;
use crate::gossip::api::members::ProbeId;
use crate::gossip::members::view::Row;
use crate::items::keys::PublicKey;
use crate::limits::{PROBES_FOR_OTHERS_MAX, PROBES_MAX};
use crate::time::Time;

/// Why a member is probed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::gossip::members) enum Purpose {
    /// Its turn has come, or its link is silent or lost.
    Watch,
    /// It is accused, and this node checks for itself.
    Check,
    /// It is dead, and may be back.
    Rejoin,
    /// A peer asks for it.
    Other(PeerHandle),
}

/// An open probe.
#[derive(Debug)]
pub(in crate::gossip::members) struct Probe {
    pub(super) row: Row,
    pub(super) key: PublicKey,
    pub(super) purpose: Purpose,
    /// Whether a second round follows.
    pub(super) again: bool,
    /// Whether peers are asked in the last round.
    pub(super) ask: bool,
    /// The peers that were asked, and what each found.
    pub(super) asked: Vec<(PeerHandle, Option<bool>)>,
    /// Whether this node's own question has failed.
    pub(super) direct_failed: bool,
    /// When its first question was asked.
    pub(super) began: Time,
    deadline: Time,
}

/// The open probes.
#[derive(Debug, Default)]
pub(in crate::gossip::members) struct Probes {
    open: BTreeMap<ProbeId, Probe>,
    due: BTreeSet<(Time, ProbeId)>,
    /// Those that this node makes for itself; one for a member.
    own: BTreeMap<Row, ProbeId>,
    next: u64,
}

impl Probe {
    pub(super) const fn new(now: Time, row: Row, key: PublicKey, purpose: Purpose) -> Self {
        let asked = Vec::new();
        Self {
            row,
            key,
            purpose,
            again: false,
            ask: false,
            asked,
            direct_failed: false,
            began: now,
            deadline: Time::ZERO,
        }
    }

    /// The number of peers that were asked, and of those that answered that they got no answer.
    pub(super) fn nacks(&self) -> (u8, u8) {
        let nacks = self.asked.iter().filter(|(_, found)| *found == Some(false)).count();
        let small = |number: usize| u8::try_from(number).unwrap_or(u8::MAX);
        (small(self.asked.len()), small(nacks))
    }

    /// Whether nothing more can come of it.
    fn is_over(&self) -> bool {
        self.direct_failed && self.asked.iter().all(|(_, found)| found.is_some())
    }

    const fn is_own(&self) -> bool {
        !matches!(self.purpose, Purpose::Other(_))
    }
}

impl Probes {
    /// The memory of an open probe: its entry, when it is due, its row, and the peers that were asked, 16 at most.
    pub(in crate::gossip::members) const ENTRY_BYTES: usize = tree(size_of::<(ProbeId, Probe)>())
        + tree(size_of::<(Time, ProbeId)>())
        + tree(size_of::<(Row, ProbeId)>())
        + block(16 * size_of::<(PeerHandle, Option<bool>)>());

    /// Whether a probe may begin: there is room, and none of this node's own is open for this member.
    pub(super) fn may_begin(&self, row: Row, purpose: Purpose) -> bool {
        match purpose {
            Purpose::Other(_) => self.open.len().saturating_sub(self.own.len()) < PROBES_FOR_OTHERS_MAX,
            _ => self.own.len() < PROBES_MAX && !self.own.contains_key(&row),
        }
    }

    /// Opens a probe until a deadline.
    pub(super) fn open(&mut self, probe: Probe, deadline: Time) -> ProbeId {
        let id = ProbeId(self.next);
        self.next = self.next.saturating_add(1);
        if probe.is_own() {
            self.own.insert(probe.row, id);
        }
        self.due.insert((deadline, id));
        self.open.insert(id, Probe { deadline, ..probe });
        id
    }

    /// Closes a probe.
    pub(super) fn close(&mut self, id: ProbeId) -> Option<Probe> {
        let probe = self.open.remove(&id)?;
        self.due.remove(&(probe.deadline, id));
        if probe.is_own() {
            self.own.remove(&probe.row);
        }
        Some(probe)
    }

    /// Closes a probe whose deadline has come.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<Probe> {
        let (_, id) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.close(id)
    }

    /// This node's own question got no answer. Closes the probe if nothing more can come of this round.
    pub(super) fn direct_failed(&mut self, id: ProbeId) -> Option<Probe> {
        let probe = self.open.get_mut(&id)?;
        probe.direct_failed = true;
        if probe.is_over() { self.close(id) } else { None }
    }

    /// A peer that was asked answers. Closes the probe if the member was reached, or if nothing more can come of
    /// it.
    pub(super) fn answered_for(&mut self, row: Row, link: PeerHandle, reached: bool) -> Option<Probe> {
        let id = *self.own.get(&row)?;
        let probe = self.open.get_mut(&id)?;
        let (_, found) = probe.asked.iter_mut().find(|(asked, found)| *asked == link && found.is_none())?;
        *found = Some(reached);
        if reached || probe.is_over() { self.close(id) } else { None }
    }

    /// Closes all.
    pub(super) fn take_all(&mut self) -> Vec<Probe> {
        let ids: Vec<ProbeId> = self.open.keys().copied().collect();
        ids.into_iter().filter_map(|id| self.close(id)).collect()
    }

    /// A link is gone: nobody waits for what was found for it.
    pub(in crate::gossip::members) fn link_gone(&mut self, link: PeerHandle) {
        self.close_where(|probe| probe.purpose == Purpose::Other(link));
    }

    /// A member is forgotten.
    pub(super) fn forget(&mut self, row: Row) {
        self.close_where(|probe| probe.row == row);
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    /// Probes of this node's own, and those for others.
    pub(in crate::gossip::members) fn len(&self) -> (usize, usize) {
        (self.own.len(), self.open.len().saturating_sub(self.own.len()))
    }

    fn close_where(&mut self, is: impl Fn(&Probe) -> bool) {
        let ids: Vec<ProbeId> = self.open.iter().filter(|(_, probe)| is(probe)).map(|(id, _)| *id).collect();
        for id in ids {
            self.close(id);
        }
    }
}
