//! How long a new link is on trial: longer if links of its address group were trusted before, and then brought a bad
//! signature.
//!
//! A link that has delivered [`VERIFIED_FIRST`] good items is checked together with others. Its first bad signature
//! makes one batch run again, and ends it. Identities cost nothing, so somebody may come back under another one. Each
//! time, the links of its address group need twice as many good items. This fades, a doubling in [`BETRAYAL_FADES`].
//!
//! An honest link of the group loses nothing but company: its signatures are checked in batches of its own.
//!
//! Deliberately absent: what a check is, and who is disconnected.

use alloc::boxed::Box;

use lru::LruCache;

use crate::footprint::lru;
use crate::gossip::AddressGroup;
use crate::limits::{BETRAYAL_FADES, BETRAYAL_GROUPS_MAX, BETRAYALS_MAX, VERIFIED_FIRST};
use crate::seeded::SeededState;
use crate::time::Time;

/// The address groups whose links betrayed trust. When full, the group whose last such link is oldest is forgotten.
#[derive(Debug)]
pub(crate) struct Betrayals {
    /// `None` until the first of them.
    groups: Option<Box<LruCache<AddressGroup, Record, SeededState>>>,
    state: SeededState,
}

#[derive(Clone, Copy, Debug, Default)]
struct Record {
    count: u32,
    /// The time from which the next fading is counted.
    since: Time,
}

impl Record {
    fn at(self, now: Time) -> u32 {
        let faded = now.since(self.since).as_micros() / BETRAYAL_FADES.as_micros();
        self.count.saturating_sub(u32::try_from(faded).unwrap_or(u32::MAX))
    }
}

impl Betrayals {
    /// The memory of a group.
    pub(crate) const ENTRY_BYTES: usize = lru(BETRAYAL_GROUPS_MAX, size_of::<(AddressGroup, Record)>());

    pub(crate) const fn new(state: SeededState) -> Self {
        Self { groups: None, state }
    }

    /// The good items that a new link of a group must deliver first before it is trusted.
    pub(crate) fn trial(&self, now: Time, group: Option<AddressGroup>) -> u64 {
        let count = group.and_then(|group| self.groups.as_ref()?.peek(&group)).map_or(0, |record| record.at(now));
        VERIFIED_FIRST << count
    }

    /// A link that was trusted has brought a bad signature.
    pub(crate) fn betrayed(&mut self, now: Time, group: Option<AddressGroup>) {
        let Some(group) = group else { return };
        // An unbounded cache grows lazily.
        let made = || Box::new(LruCache::unbounded_with_hasher(self.state.clone()));
        let groups = self.groups.get_or_insert_with(made);
        let record = groups.get_or_insert_mut(group, Record::default);
        *record = Record { count: record.at(now).saturating_add(1).min(BETRAYALS_MAX), since: now };
        while groups.len() > BETRAYAL_GROUPS_MAX {
            groups.pop_lru();
        }
    }

    pub(crate) fn len(&self) -> usize {
        self.groups.as_ref().map_or(0, |groups| groups.len())
    }
}
