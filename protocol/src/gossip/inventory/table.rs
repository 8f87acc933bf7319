//! The entries of the inventory, and how one is found by a short or a full id. Deliberately absent: when an entry
//! begins and ends.
//!
//! Entries lie side by side, so that a sweep reads memory in a row, and an index leads from a short id to the
//! first of its entries. Most short ids have one entry. If two handled items share a short id, the newer one is
//! first and the older is its *twin*. What links are known to have is kept by short id, in the first entry.

use alloc::vec::Vec;
use core::hash::BuildHasher as _;

use hashbrown::HashTable;

use super::link_set::{LinkSet, LinkSlot};
use super::standing::{Shelf, Standing, Unfit};
use crate::items::hash::{ShortId, TxId};
use crate::items::verify::JobId;
use crate::seeded::SeededState;

/// The place of no entry.
pub(super) const NONE: u32 = u32::MAX;

/// What is known of one item.
#[derive(Debug)]
pub(super) struct Entry {
    /// The links that have it, of the first 128.
    links: u128,
    short: u64,
    /// Means nothing while the item is unhandled.
    pub(super) id: TxId,
    pub(super) unfit: Option<Unfit>,
    /// The job that checks it, if `checking`.
    pub(super) job: u64,
    pub(super) checking: bool,
    pub(super) accepted: bool,
    pub(super) shelf: Shelf,
    /// The next entry with the same short id, or the next vacant one.
    twin: u32,
    /// Its neighbours in the list of its shelf.
    pub(super) newer: u32,
    pub(super) older: u32,
}

// What the bounds in `limits` count with.
const _: () = assert!(size_of::<Entry>() == 96, "an entry takes 96 bytes");

impl Entry {
    pub(super) fn standing(&self) -> Standing {
        let job = self.checking.then_some(JobId(self.job));
        Standing { accepted: self.accepted, job, unfit: self.unfit }
    }

    pub(super) const fn short(&self) -> ShortId {
        ShortId(self.short.to_be_bytes())
    }
}

/// All entries.
#[derive(Debug)]
pub(super) struct Table {
    hasher: SeededState,
    /// The first entry of each short id.
    heads: HashTable<u32>,
    pub(super) entries: Vec<Entry>,
    /// The first vacant entry.
    vacant: u32,
    /// For each 128 links after the first 128: the bits of each entry. Those at the end may be missing.
    further: Vec<Vec<u128>>,
    /// The links that are there. All other bits mean nothing, and wait for the sweep.
    pub(super) live: LinkSet,
    occupied: usize,
}

impl Table {
    pub(super) fn new(hasher: SeededState) -> Self {
        let (heads, entries, further, live) = (HashTable::new(), Vec::new(), Vec::new(), LinkSet::default());
        Self { hasher, heads, entries, vacant: NONE, further, live, occupied: 0 }
    }

    /// Entries that are in use.
    pub(super) const fn len(&self) -> usize {
        self.occupied
    }

    /// An entry. Places come from this table alone.
    pub(super) fn entry(&self, place: u32) -> &Entry {
        &self.entries[place as usize]
    }

    pub(super) fn entry_mut(&mut self, place: u32) -> &mut Entry {
        &mut self.entries[place as usize]
    }

    /// The first entry of a short id.
    pub(super) fn head(&self, short: u64) -> Option<u32> {
        let same = |place: &u32| self.entries[*place as usize].short == short;
        self.heads.find(self.hasher.hash_one(short), same).copied()
    }

    /// The entries of a short id, from the first on.
    pub(super) fn chain(&self, first: u32) -> impl Iterator<Item = u32> {
        core::iter::successors(Some(first), move |place| {
            Some(self.entry(*place).twin).filter(|twin| *twin != NONE)
        })
    }

    /// The entry of a handled item.
    pub(super) fn find(&self, id: &TxId) -> Option<u32> {
        let is = |place: &u32| {
            let entry = self.entry(*place);
            entry.shelf != Shelf::Unhandled && entry.id == *id
        };
        self.chain(self.head(id.short().number())?).find(is)
    }

    /// The first entry of a short id, and otherwise a new one for an item that is unhandled.
    pub(super) fn put(&mut self, short: u64) -> u32 {
        self.head(short).unwrap_or_else(|| {
            let place = self.occupy(short, NONE);
            let Self { hasher, heads, entries, .. } = self;
            let hash = |place: &u32| hasher.hash_one(entries[*place as usize].short);
            heads.insert_unique(hasher.hash_one(short), place, hash);
            place
        })
    }

    /// The entry of an item that is being handled: its own, and otherwise that of its short id if nothing by that
    /// name was handled, and otherwise a new one.
    pub(super) fn put_id(&mut self, id: TxId) -> u32 {
        if let Some(place) = self.find(&id) {
            return place;
        }
        let first = self.put(id.short().number());
        let place = match self.entry(first).shelf {
            Shelf::Unhandled => first,
            _ => self.add_twin(first),
        };
        self.entry_mut(place).id = id;
        place
    }

    /// Ends an entry, which must be in no list. What links have goes to its twin, if it has one.
    pub(super) fn vacate(&mut self, place: u32) {
        let Entry { short, twin, .. } = *self.entry(place);
        let hash = self.hasher.hash_one(short);
        let Self { heads, entries, .. } = self;
        if let Ok(mut head) = heads.find_entry(hash, |at| entries[*at as usize].short == short) {
            let first = *head.get();
            match (first == place, twin) {
                (true, NONE) => {
                    head.remove();
                }
                (true, twin) => *head.get_mut() = twin,
                (false, _) => {
                    let before = self.chain(first).find(|before| self.entry(*before).twin == place);
                    if let Some(before) = before {
                        self.entry_mut(before).twin = twin;
                    }
                }
            }
            if first == place && twin != NONE {
                self.move_links(place, twin);
            }
        }
        self.set_links(place, &LinkSet::default());
        let vacant = self.vacant;
        let entry = self.entry_mut(place);
        (entry.shelf, entry.twin) = (Shelf::Vacant, vacant);
        (entry.unfit, entry.checking, entry.accepted) = (None, false, false);
        self.vacant = place;
        self.occupied = self.occupied.saturating_sub(1);
    }

    /// Whether no other entry has its short id.
    pub(super) fn is_alone(&self, place: u32) -> bool {
        let entry = self.entry(place);
        entry.twin == NONE && self.head(entry.short) == Some(place)
    }

    /// Whether a link has the items of a first entry.
    pub(super) fn has(&self, place: u32, link: LinkSlot) -> bool {
        self.word(place, link.word()) & link.bit() != 0
    }

    /// The links that have the items of a first entry.
    pub(super) fn links(&self, place: u32) -> LinkSet {
        let further = (1..=self.further.len()).map(|word| self.word(place, word) & self.live.word(word));
        LinkSet::new(self.entry(place).links & self.live.word(0), further.collect())
    }

    /// Whether any link has the items of a first entry that is unhandled.
    pub(super) fn has_links(&self, place: u32) -> bool {
        (0..=self.further.len()).any(|word| self.word(place, word) != 0)
    }

    pub(super) fn add_link(&mut self, place: u32, link: LinkSlot) {
        *self.word_mut(place, link.word()) |= link.bit();
    }

    pub(super) fn add_links(&mut self, place: u32, links: &LinkSet) {
        for (word, bits) in links.words().filter(|(_, bits)| *bits != 0) {
            *self.word_mut(place, word) |= bits;
        }
    }

    pub(super) fn remove_link(&mut self, place: u32, link: LinkSlot) {
        *self.word_mut(place, link.word()) &= !link.bit();
    }

    /// Clears the bits of some links in these entries.
    pub(super) fn sweep(&mut self, places: core::ops::Range<usize>, links: &LinkSet) {
        for (word, bits) in links.words().filter(|(_, bits)| *bits != 0) {
            match word.checked_sub(1).map(|further| self.further.get_mut(further)) {
                None => {
                    let entries = self.entries.get_mut(places.clone());
                    entries.into_iter().flatten().for_each(|entry| entry.links &= !bits);
                }
                Some(words) => {
                    let words = words.into_iter().flatten().skip(places.start).take(places.len());
                    words.for_each(|word| *word &= !bits);
                }
            }
        }
    }

    /// A new entry before `first`, which becomes its twin.
    fn add_twin(&mut self, first: u32) -> u32 {
        let short = self.entry(first).short;
        let place = self.occupy(short, first);
        let hash = self.hasher.hash_one(short);
        if let Some(head) = self.heads.find_mut(hash, |at| *at == first) {
            *head = place;
        }
        self.move_links(first, place);
        place
    }

    /// Takes a vacant entry, or makes room for one.
    fn occupy(&mut self, short: u64, twin: u32) -> u32 {
        let entry = Entry {
            links: 0,
            short,
            id: TxId::default(),
            unfit: None,
            job: 0,
            checking: false,
            accepted: false,
            shelf: Shelf::Unhandled,
            twin,
            newer: NONE,
            older: NONE,
        };
        self.occupied = self.occupied.saturating_add(1);
        if self.vacant != NONE {
            let place = self.vacant;
            self.vacant = self.entry(place).twin;
            *self.entry_mut(place) = entry;
            return place;
        }
        if self.entries.len() == self.entries.capacity() {
            // By a quarter, because twice as many would leave up to half of the memory unused.
            self.entries.reserve_exact((self.entries.len() / 4).max(4));
        }
        self.entries.push(entry);
        u32::try_from(self.entries.len().saturating_sub(1)).unwrap_or(NONE)
    }

    /// Bits that wait for the sweep are left out, because the sweep may have passed `to` already.
    fn move_links(&mut self, from: u32, to: u32) {
        let links = self.links(from);
        self.set_links(from, &LinkSet::default());
        self.set_links(to, &links);
    }

    fn set_links(&mut self, place: u32, links: &LinkSet) {
        self.entry_mut(place).links = 0;
        for words in &mut self.further {
            if let Some(word) = words.get_mut(place as usize) {
                *word = 0;
            }
        }
        self.add_links(place, links);
    }

    fn word(&self, place: u32, word: usize) -> u128 {
        match word.checked_sub(1) {
            None => self.entry(place).links,
            Some(further) => {
                let words = self.further.get(further);
                words.and_then(|words| words.get(place as usize)).copied().unwrap_or_default()
            }
        }
    }

    fn word_mut(&mut self, place: u32, word: usize) -> &mut u128 {
        let Some(further) = word.checked_sub(1) else { return &mut self.entry_mut(place).links };
        if self.further.len() <= further {
            self.further.resize_with(further.saturating_add(1), Vec::new);
        }
        let words = &mut self.further[further];
        if words.len() <= place as usize {
            words.resize((place as usize).saturating_add(1), 0);
        }
        &mut words[place as usize]
    }
}
