//! Which headers are in verification, and which peers announced each of them meanwhile.
//!
//! Promises that an announcer answers for the header that it sent, and not for other headers that came with it. A
//! header's id covers its signature, so the same id means the same bytes. Deliberately absent: the jobs, which are
//! in `checks`, and what follows from a verdict, which is in `headers`.

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::footprint::tree;
use crate::gossip::api::PeerHandle;
use crate::items::block::SignedHeader;
use crate::items::hash::BlockId;
use crate::ledger::chain::Standing;
use crate::limits::ANNOUNCERS_MAX;

/// A peer that announced a header while it was checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) struct Announcer {
    pub(crate) peer: PeerHandle,
    /// Whether it said that the body comes unasked.
    pub(crate) pushed: bool,
}

/// The headers in verification. The same one may be in several jobs, because each peer's message is checked as a
/// whole.
#[derive(Debug, Default)]
pub(crate) struct HeaderChecks {
    by_id: BTreeMap<BlockId, Check>,
}

#[derive(Debug, Default)]
struct Check {
    jobs: usize,
    /// Whether one of the jobs accepts the header no matter how many other headers its producer has.
    in_line: bool,
    /// The senders of the blocks that came with the header; `None` for a block that entered here.
    bodies: Vec<Option<PeerHandle>>,
    announcers: Vec<Announcer>,
}

/// The body that came with a header, if one did, and who sent it.
pub(crate) type WithBody = Option<Option<PeerHandle>>;

impl HeaderChecks {
    /// The memory of a header in verification, which its job holds, and of the note about it.
    pub(crate) const HEADER_BYTES: usize = size_of::<SignedHeader>() + tree(size_of::<(BlockId, Check)>());

    /// The memory of a peer that announced such a header.
    pub(crate) const ANNOUNCER_BYTES: usize = size_of::<Announcer>();

    /// A job begins that checks this header, which came in this way.
    pub(crate) fn begin(&mut self, id: BlockId, body: WithBody, standing: Standing) {
        let check = self.by_id.entry(id).or_default();
        check.in_line |= !standing.is_alone();
        check.jobs = check.jobs.saturating_add(1);
        check.bodies.extend(body);
    }

    /// One of the header's jobs is back. Its verdict on the header is also that of the other jobs. Returns the
    /// peers that announced the header meanwhile, in the order of their announcements.
    pub(crate) fn end(&mut self, id: &BlockId, body: WithBody) -> Vec<Announcer> {
        let Some(check) = self.by_id.get_mut(id) else { return Vec::new() };
        check.jobs = check.jobs.saturating_sub(1);
        if let Some(place) = body.and_then(|body| check.bodies.iter().position(|held| *held == body)) {
            check.bodies.remove(place);
        }
        let announcers = core::mem::take(&mut check.announcers);
        if check.jobs == 0 {
            self.by_id.remove(id);
        }
        announcers
    }

    /// A peer announced a header. False if the header is not in verification. The peer's first announcement
    /// counts.
    pub(crate) fn announced(&mut self, id: &BlockId, announcer: Announcer) -> bool {
        let Some(check) = self.by_id.get_mut(id) else { return false };
        let known = check.announcers.iter().any(|known| known.peer == announcer.peer);
        if !known && check.announcers.len() < ANNOUNCERS_MAX {
            check.announcers.push(announcer);
        }
        true
    }

    /// Whether a header is in verification, and a job accepts it at least as readily as `standing` would.
    pub(crate) fn speaks_for(&self, id: &BlockId, standing: Standing) -> bool {
        self.by_id.get(id).is_some_and(|check| check.in_line || standing.is_alone())
    }

    /// How many headers are in verification.
    #[cfg(feature = "simulator")]
    pub(crate) fn len(&self) -> usize {
        self.by_id.len()
    }

    pub(crate) fn contains(&self, id: &BlockId) -> bool {
        self.by_id.contains_key(id)
    }

    /// The peer that sent the body which waits for a header's verdict.
    pub(crate) fn body_of(&self, id: &BlockId) -> WithBody {
        self.by_id.get(id)?.bodies.first().copied()
    }
}
