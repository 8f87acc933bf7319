//! Strikes of a peer, and the bounded memory of strikes by address group. This file only counts; it ranks no peer.
//!
//! A group's record is what its peers did, not what a new peer did. It stops at [`GROUP_STRIKES_MAX`], so that it
//! fades soon. A new peer carries it beside its own strikes.

use alloc::boxed::Box;

use lru::LruCache;

use crate::footprint::lru;
use crate::gossip::AddressGroup;
use crate::limits::{
    GROUP_STRIKES_MAX, STRIKE_DECAY_INTERVAL, STRIKE_DECAY_SERVED, STRIKE_GROUPS_MAX, STRIKES_MAX,
};
use crate::seeded::SeededState;
use crate::time::Time;

/// A count that rises with every withheld item and falls with time and with service.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Strikes {
    count: u32,
    /// The time from which the next decay is counted. Means nothing while `count` is zero.
    since: Time,
    /// Requests served since the last strike was removed. Service in advance earns nothing.
    served: u32,
}

impl Strikes {
    pub(super) const fn none() -> Self {
        Self { count: 0, since: Time::ZERO, served: 0 }
    }

    pub(super) fn at(&self, now: Time) -> u32 {
        let fallen = now.since(self.since).as_micros() / STRIKE_DECAY_INTERVAL.as_micros();
        self.count.saturating_sub(u32::try_from(fallen).unwrap_or(u32::MAX))
    }

    pub(super) fn strike(&mut self, now: Time) {
        self.strike_up_to(now, STRIKES_MAX);
    }

    fn strike_up_to(&mut self, now: Time, most: u32) {
        self.settle(now);
        if self.count == 0 {
            *self = Self { count: 0, since: now, served: 0 };
        }
        self.count = self.count.saturating_add(1).min(most);
    }

    pub(super) fn served(&mut self, now: Time) {
        self.settle(now);
        if self.count == 0 {
            return;
        }
        self.served += 1;
        if self.served >= STRIKE_DECAY_SERVED {
            self.served = 0;
            self.count -= 1;
        }
    }

    /// Removes the strikes whose time is over. If the clock went back, decay is counted from the new time.
    fn settle(&mut self, now: Time) {
        let fallen = now.since(self.since).as_micros() / STRIKE_DECAY_INTERVAL.as_micros();
        self.count = self.count.saturating_sub(u32::try_from(fallen).unwrap_or(u32::MAX));
        self.since = (self.since + STRIKE_DECAY_INTERVAL.times(fallen)).min(now);
    }
}

/// Strikes by address group. When full, the group whose last strike is oldest is forgotten.
#[derive(Debug)]
pub(super) struct Groups {
    /// `None` until the first strike.
    strikes: Option<Box<LruCache<AddressGroup, Strikes, SeededState>>>,
    state: SeededState,
}

impl Groups {
    /// The memory of a group.
    pub(super) const ENTRY_BYTES: usize = lru(STRIKE_GROUPS_MAX, size_of::<(AddressGroup, Strikes)>());

    pub(super) const fn new(state: SeededState) -> Self {
        Self { strikes: None, state }
    }

    /// What a new peer of the group carries beside its own strikes.
    pub(super) fn inherited(&mut self, now: Time, group: AddressGroup) -> Strikes {
        let Some(groups) = &mut self.strikes else { return Strikes::default() };
        match groups.peek(&group) {
            Some(strikes) if strikes.at(now) > 0 => *strikes,
            Some(_) => {
                groups.pop(&group);
                Strikes::default()
            }
            None => Strikes::default(),
        }
    }

    pub(super) fn strike(&mut self, now: Time, group: AddressGroup) {
        // An unbounded cache grows lazily; one with a capacity would allocate all of it.
        let made = || Box::new(LruCache::unbounded_with_hasher(self.state.clone()));
        let groups = self.strikes.get_or_insert_with(made);
        groups.get_or_insert_mut(group, Strikes::default).strike_up_to(now, GROUP_STRIKES_MAX);
        while groups.len() > STRIKE_GROUPS_MAX {
            groups.pop_lru();
        }
    }

    /// Service never adds a group, and doesn't prevent one from being forgotten.
    pub(super) fn served(&mut self, now: Time, group: AddressGroup) {
        if let Some(strikes) = self.strikes.as_mut().and_then(|groups| groups.peek_mut(&group)) {
            strikes.served(now);
        }
    }

    pub(super) fn len(&self) -> usize {
        self.strikes.as_ref().map_or(0, |groups| groups.len())
    }
}
