//! Where members are in the space of round trips: this node, and those that told it in their answers to pings.
//!
//! * **A sample** is the round trip of a ping, and the place that came with its pong. It moves this node
//!   (`estimates/coordinates.rs` says how far).
//! * **The last place** of each member is remembered, also when it is no peer any more. There are [`PLACES_MAX`]. The one
//!   that was told longest ago gives way. A place where no honest node is counts as none.
//!
//! Deliberately absent: decisions. A place is the word of one member, and an estimate is shown to people.

use alloc::collections::{BTreeMap, BTreeSet};

use rand_core::Rng;

use super::Members;
use super::estimates::coordinates::{Coordinates, LatencyFilter, Vivaldi};
use crate::footprint::tree;
use crate::gossip::api::PeerHandle;
use crate::items::keys::PublicKey;
use crate::limits::PLACES_MAX;
use crate::time::{Duration, Time};
use crate::wire::frame::Place;

/// The places.
#[derive(Debug, Default)]
pub(super) struct Places {
    own: Vivaldi,
    told: BTreeMap<PublicKey, Told>,
    /// The same members, the one that was heard longest ago first.
    order: BTreeSet<(Time, PublicKey)>,
}

/// What a member told.
#[derive(Debug)]
struct Told {
    place: Coordinates,
    at: Time,
    filter: LatencyFilter,
}

impl Places {
    /// The memory of one of them.
    pub(super) const ENTRY_BYTES: usize =
        tree(size_of::<(PublicKey, Told)>()) + tree(size_of::<(Time, PublicKey)>());

    pub(super) fn len(&self) -> usize {
        self.told.len()
    }

    fn sample(
        &mut self,
        now: Time,
        key: PublicKey,
        place: Coordinates,
        round_trip: Duration,
        chance: &mut impl Rng,
    ) {
        let before = self.told.remove(&key);
        let mut filter = before.as_ref().map(|told| told.filter).unwrap_or_default();
        if let Some(told) = &before {
            self.order.remove(&(told.at, key));
        }
        // A round trip that is no sample changes nothing. The place is known all the same.
        let _ = self.own.sample(&mut filter, &place, round_trip, chance);
        while self.told.len() >= PLACES_MAX {
            let Some((_, oldest)) = self.order.pop_first() else { break };
            self.told.remove(&oldest);
        }
        self.told.insert(key, Told { place, at: now, filter });
        self.order.insert((now, key));
    }
}

impl Members {
    /// A peer has answered a ping, and has said where it is.
    pub(super) fn on_measured(&mut self, now: Time, link: PeerHandle, round_trip: Duration, place: &Place) {
        let Some(key) = self.links.by_handle.get(&link).map(|link| link.key) else { return };
        if let Some(place) = Coordinates::from_place(place) {
            self.places.sample(now, key, place, round_trip, &mut self.chance);
        }
    }

    /// Where this node is, as its pongs tell.
    #[must_use]
    pub const fn place(&self) -> &Coordinates {
        self.places.own.place()
    }

    /// The estimate of the round trip to a member that has told its place. It is as good as what that member says.
    #[must_use]
    pub fn estimated_round_trip(&self, key: &PublicKey) -> Option<Duration> {
        self.places.told.get(key).map(|told| self.place().round_trip(&told.place))
    }
}
