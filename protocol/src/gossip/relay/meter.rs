//! How many bodies come in vain for each useful one, and whether that is enough. Deliberately absent: which links
//! are eager, and what is done about the result. Both are in `routes`.

use alloc::vec::Vec;

use super::policy::Redundancy;
use crate::gossip::api::PeerHandle;
use crate::limits::{REDUNDANCY_BAND, REDUNDANCY_INTERVAL};
use crate::time::Time;

/// Measures how many bodies come in vain for each useful one, and says whether that is enough.
///
/// The controller follows CometBFT's DOG. While there are enough duplicates, a peer that pushes in vain is pruned.
/// While there are too few, one more link is grafted, one at a time.
#[derive(Debug)]
pub(crate) struct Meter {
    /// In units of 1 / [`ONE_DUPLICATE`]; a moving average over about [`MEMORY`] items.
    measured: u64,
    target: u64,
    /// How much each link's duplicates may still add, in the same units. Each first-time item adds a part to the
    /// share of every link. So no link alone can make us prune the others.
    shares: Vec<(PeerHandle, u64)>,
    graft_after: Time,
}

/// One duplicate for each first-time item.
const ONE_DUPLICATE: u64 = 1 << 16;

/// About the number of items over which the average is taken.
const MEMORY: u64 = 64;

/// A link may contribute one duplicate to the average for this number of first-time items. So an average of one
/// duplicate an item comes from at least two links.
const SHARE: u64 = 2;

impl Meter {
    pub(crate) const fn new(target: Redundancy) -> Self {
        Self {
            measured: 0,
            target: target.hundredths() as u64 * ONE_DUPLICATE / 100,
            shares: Vec::new(),
            graft_after: Time::ZERO,
        }
    }

    pub(crate) fn first(&mut self) {
        self.measured -= self.measured / MEMORY;
        if self.target > 0 {
            for (_, share) in &mut self.shares {
                *share = share.saturating_add(ONE_DUPLICATE / SHARE).min(ONE_DUPLICATE);
            }
        }
    }

    pub(crate) fn duplicate(&mut self, from: PeerHandle) {
        if self.target == 0 {
            return;
        }
        let place = match self.shares.binary_search_by_key(&from, |(peer, _)| *peer) {
            Ok(place) => place,
            Err(place) => {
                self.shares.insert(place, (from, ONE_DUPLICATE));
                place
            }
        };
        if let Some((_, share)) = self.shares.get_mut(place) {
            let counted = (*share).min(ONE_DUPLICATE);
            *share -= counted;
            self.measured = self.measured.saturating_add(counted / MEMORY);
        }
    }

    /// Whether a duplicate is one too many.
    pub(crate) const fn is_enough(&self) -> bool {
        self.measured >= self.target
    }

    pub(crate) fn wants_more(&self, now: Time) -> bool {
        self.measured < self.target - self.target * REDUNDANCY_BAND / 100 && now >= self.graft_after
    }

    pub(crate) fn grafted(&mut self, now: Time) {
        self.graft_after = now + REDUNDANCY_INTERVAL;
    }

    pub(crate) fn peer_gone(&mut self, peer: PeerHandle) {
        self.shares.retain(|(other, _)| *other != peer);
    }
}
