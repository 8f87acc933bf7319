//! What was offered to and by one peer, and how often a conversation with it is worth the effort.

use alloc::boxed::Box;
use alloc::collections::{BTreeMap, VecDeque};
use alloc::vec::Vec;

use crate::footprint::tree;
use crate::items::hash::ShortId;
use crate::limits::{LIST_PAUSE_MAX, LIST_PAUSE_MIN, OFFERS_MAX, RECONCILE_PAUSE_MAX, RECONCILE_PEER_PACE};
use crate::time::{Duration, Time};

/// What passes between us and one peer.
#[derive(Debug, Default)]
pub(crate) struct Dealings {
    /// When the peer may open the next conversation.
    pub(crate) open_at: Time,
    /// When all its openings so far would have been answered, at one in each [`RECONCILE_PEER_PACE`].
    answered_until: Time,
    /// `None` until a conversation has found something.
    found: Option<Box<Differing>>,
}

/// What follows from conversations that found differences.
#[derive(Debug, Default)]
struct Differing {
    /// What we offered lately, each offer with its own number; the newest last.
    offers: VecDeque<Given>,
    /// The last offer of the peer that had something wanted.
    offered: Option<Offered>,
    /// We begin no conversation with the peer before this time, and how long this pause is.
    pause_until: Time,
    pause: Duration,
    /// The peer may not list before this time, and how long that pause was.
    list_at: Time,
    list_pause: Duration,
    /// The id after which its next list begins, if the last list was not whole.
    list_after: Option<ShortId>,
}

/// An offer of ours.
#[derive(Debug)]
struct Given {
    number: u32,
    question: Question,
    ids: Vec<ShortId>,
}

/// The question that an offer of ours answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Question {
    /// An opening, with this salt.
    Opening([u8; 16]),
    /// The peer said which items it lacks, in a conversation that we opened.
    Lacking,
    /// For a list of what comes after this id.
    List(Option<ShortId>),
}

/// The wanted part of a peer's offer.
#[derive(Debug)]
pub(crate) struct Offered {
    pub(crate) number: u32,
    pub(crate) places: BTreeMap<ShortId, u16>,
    /// Whether it is a part of a list, whose items others hold as well.
    pub(crate) listed: bool,
    /// Offers of the peer that came after this one.
    later: usize,
}

impl Offered {
    /// The place of an item in the offer. `None` also if the peer may have forgotten the offer by now, because it
    /// made others since; more of them may be under way.
    pub(crate) fn place(&self, id: &ShortId) -> Option<u16> {
        self.places.get(id).copied().filter(|_| self.later < OFFERS_MAX / 2)
    }
}

impl Dealings {
    /// The memory of an id of the peer's last offer.
    pub(crate) const OFFERED_BYTES: usize = tree(size_of::<ShortId>() + size_of::<u16>());

    /// Ids that are remembered of offers: ours and the peer's.
    pub(crate) fn len(&self) -> (usize, usize) {
        let ours = self.offers().map(|given| given.ids.len()).sum();
        (ours, self.offered().map_or(0, |offered| offered.places.len()))
    }

    /// The last offer of the peer that had something wanted.
    pub(crate) fn offered(&self) -> Option<&Offered> {
        self.found.as_ref()?.offered.as_ref()
    }

    /// We begin no conversation with the peer before this time.
    pub(crate) fn pause_until(&self) -> Time {
        self.found.as_ref().map_or(Time::ZERO, |found| found.pause_until)
    }

    /// The peer may not list before this time.
    pub(crate) fn list_at(&self) -> Time {
        self.found.as_ref().map_or(Time::ZERO, |found| found.list_at)
    }

    /// Takes the id after which its next list begins, if the last list was not whole.
    pub(crate) fn take_list_after(&mut self) -> Option<ShortId> {
        self.found.as_mut()?.list_after.take()
    }

    /// Its next list begins after this id.
    pub(crate) fn list_after(&mut self, after: Option<ShortId>) {
        self.found().list_after = after;
    }

    /// Remembers an offer of ours. It replaces the one with the same number. If there is none, and there are too
    /// many, it replaces the oldest.
    pub(crate) fn remember(&mut self, number: u32, question: Question, ids: Vec<ShortId>) {
        let offers = &mut self.found().offers;
        offers.retain(|given| given.number != number);
        if offers.len() >= OFFERS_MAX {
            offers.pop_front();
        }
        offers.push_back(Given { number, question, ids });
    }

    /// Returns our offer if the same question was answered lately. The question then came twice, and we may hold
    /// other items by now. A second, different offer would leave open to which of the two the peer's takes refer.
    pub(crate) fn answered(&self, number: u32, question: Question) -> Option<Vec<ShortId>> {
        let same = |given: &&Given| given.number == number && given.question == question;
        self.offers().find(same).map(|given| given.ids.clone())
    }

    /// What we offered under a number.
    pub(crate) fn offer(&self, number: u32) -> Option<&[ShortId]> {
        self.offers().find(|given| given.number == number).map(|given| given.ids.as_slice())
    }

    /// The peer has made an offer, and remembers it as well as we remember ours.
    pub(crate) fn hear_offer(&mut self) {
        if let Some(offered) = self.found.as_mut().and_then(|found| found.offered.as_mut()) {
            offered.later = offered.later.saturating_add(1);
        }
    }

    /// The wanted part of the peer's latest offer. What is still wanted of an earlier one is asked for by name.
    pub(crate) fn want(&mut self, number: u32, places: BTreeMap<ShortId, u16>, listed: bool) {
        self.found().offered = Some(Offered { number, places, listed, later: 0 });
    }

    /// A list of this peer is over. If it did not go `well`, it brought nothing and causes a pause, twice as long
    /// as the one before.
    pub(crate) fn listed(&mut self, now: Time, well: bool) {
        let found = self.found();
        let pause = found.list_pause.times(2).max(LIST_PAUSE_MIN).min(LIST_PAUSE_MAX);
        found.list_pause = if well { Duration::ZERO } else { pause };
        found.list_at = now + found.list_pause;
    }

    /// How many of its openings were answered above one in each [`RECONCILE_PEER_PACE`].
    pub(crate) fn lately_answered(&self, now: Time) -> u64 {
        self.answered_until.since(now).as_micros().div_ceil(RECONCILE_PEER_PACE.as_micros())
    }

    /// An opening of this peer is answered.
    pub(crate) fn answer(&mut self, now: Time) {
        self.answered_until = self.answered_until.max(now) + RECONCILE_PEER_PACE;
    }

    /// A conversation found differences and brought nothing. That causes a pause, twice as long as the one before,
    /// and at least `interval`.
    pub(crate) fn pause(&mut self, now: Time, interval: Duration) {
        let found = self.found();
        found.pause = found.pause.times(2).max(interval).min(RECONCILE_PAUSE_MAX);
        found.pause_until = now + found.pause;
    }

    /// The conversation brought something after all.
    pub(crate) fn resume(&mut self, now: Time) {
        // Without a pause it is as if one had ended now.
        if let Some(found) = &mut self.found {
            (found.pause, found.pause_until) = (Duration::ZERO, now);
        }
    }

    fn offers(&self) -> impl Iterator<Item = &Given> {
        self.found.iter().flat_map(|found| &found.offers)
    }

    fn found(&mut self) -> &mut Differing {
        self.found.get_or_insert_default()
    }
}
