//! The comparison that this node makes, and those that it is to make. Deliberately absent: what is asked and answered
//! in them (`push_pull`, `by_difference`).

use alloc::collections::VecDeque;
use alloc::vec::Vec;

use crate::gossip::api::PeerHandle;
use crate::items::hash::ShortId;
use crate::time::Time;
use crate::wire::message::Digest;

/// The first and the last short id.
pub(super) const LOWEST: ShortId = ShortId([0; 8]);
pub(super) const HIGHEST: ShortId = ShortId([255; 8]);

/// The comparison that this node makes, and those that it is to make.
#[derive(Debug, Default)]
pub(in crate::gossip::members) struct PushPull {
    pub(super) walk: Option<Walk>,
    /// New peers with which this node is to compare.
    pub(super) fresh: VecDeque<PeerHandle>,
    pub(super) next_at: Option<Time>,
    /// How many differences the next comparison will find, by those before. `None` before the first.
    pub(super) expected: Option<usize>,
}

#[derive(Debug)]
pub(super) struct Walk {
    pub(super) link: PeerHandle,
    pub(super) mode: Digest,
    pub(super) stage: Stage,
    /// The range that was asked about, or is next.
    pub(super) from: ShortId,
    pub(super) to: ShortId,
    /// Whether the peer's answer is still awaited, and until when.
    pub(super) waits: bool,
    pub(super) deadline: Time,
    /// Differences that were found in the ranges.
    pub(super) found: usize,
    /// Lists that were sent, at most [`COMPARISON_LISTS_MAX`](crate::limits::COMPARISON_LISTS_MAX).
    pub(super) lists: u16,
}

/// What is compared.
#[derive(Clone, Debug)]
pub(super) enum Stage {
    /// Which members differ is being found out.
    Sketch(Question),
    /// These members, in the order of their short ids: no more than symbols were sent, and nine.
    Selection(Vec<ShortId>),
    /// All members.
    Ranges,
}

impl PushPull {
    /// Compares with a new peer.
    pub(in crate::gossip::members) fn met(&mut self, link: PeerHandle) {
        self.fresh.push_back(link);
    }

    pub(in crate::gossip::members) fn link_gone(&mut self, link: PeerHandle) {
        self.fresh.retain(|fresh| *fresh != link);
        if self.walk.as_ref().is_some_and(|walk| walk.link == link) {
            self.walk = None;
        }
    }

    /// A comparison found this number of differences. Each that finds fewer than expected lowers the expectation by a
    /// quarter at most, because a sketch that is too small has to be sent again.
    pub(super) fn learn(&mut self, found: usize) {
        let before = self.expected.unwrap_or_default();
        self.expected = Some(found.max(before.saturating_sub(before.div_ceil(4))));
    }

    pub(in crate::gossip::members) fn next_deadline(&self, now: Time) -> Option<Time> {
        match &self.walk {
            Some(walk) => Some(walk.deadline),
            None if !self.fresh.is_empty() => Some(now),
            None => self.next_at,
        }
    }
}

/// A sketch that was sent, or is to be sent next.
#[derive(Clone, Copy, Debug)]
pub(super) struct Question {
    pub(super) salt: [u8; 16],
    pub(super) symbols: usize,
    pub(super) round: u8,
}
