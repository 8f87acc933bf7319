//! Where authors are at home: whether an item that is submitted here travels on its author's route, or on one of
//! this node's own. The rules are at the head of `routes`.

use alloc::boxed::Box;

use lru::LruCache;
use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::route::Parent;
use crate::items::hash::RouteId;
use crate::limits::{GUESTS_MAX, HOME_ITEMS_MOVED, HOME_ITEMS_NEW, HOMES_MAX, VIA_LIFETIME};
use crate::seeded::SeededState;
use crate::time::Time;

/// If this number of items in a row came on one entry node's route, an author is at home there. The entry node
/// itself decides so with the next item.
const GUEST_ITEMS: u8 = HOME_ITEMS_NEW - 1;

/// Authors that visit this node, and authors that are guests elsewhere.
#[derive(Debug)]
pub(super) struct Homes {
    /// By the author's route: how many items in a row an author that is not at home here has submitted here.
    visits: LruCache<RouteId, u8, SeededState>,
    /// By the author's own route: the entry node's route on which the author's last item came, and how many items
    /// in a row came on it.
    guests: LruCache<RouteId, (RouteId, u8), SeededState>,
    own: Option<(RouteId, Time)>,
    seed: [u8; 32],
    /// Made from the seed when it is first needed, because most nodes never have a visitor.
    chance: Option<Box<ChaCha8Rng>>,
}

impl Homes {
    pub(super) fn new(hasher: &SeededState, seed: [u8; 32]) -> Self {
        Self {
            visits: LruCache::unbounded_with_hasher(hasher.clone()),
            guests: LruCache::unbounded_with_hasher(hasher.clone()),
            own: None,
            seed,
            chance: None,
        }
    }

    /// The route for an item that is submitted here. `parent` is the parent of its author's route, if it is known.
    /// `None` means the author's route.
    pub(super) fn enter(&mut self, now: Time, author: RouteId, parent: Option<Parent>) -> Option<RouteId> {
        let home = match parent {
            Some(Parent::Here) => return None,
            Some(Parent::Peer(_) | Parent::Gone) => HOME_ITEMS_MOVED,
            None => HOME_ITEMS_NEW,
        };
        let visits = self.visits.get_or_insert_mut(author, || 0);
        *visits = visits.saturating_add(1);
        let at_home = *visits >= home;
        if at_home {
            self.visits.pop(&author);
        } else if self.visits.len() > HOMES_MAX {
            self.visits.pop_lru();
        }
        (!at_home).then(|| self.own(now))
    }

    /// The first copy of an author's item came on this route. `elsewhere` is set if the item was not submitted
    /// here.
    pub(super) fn seen(&mut self, author: RouteId, route: RouteId, elsewhere: bool) {
        if elsewhere && route == author {
            // An item that was submitted at another node ends the row.
            self.visits.pop(&author);
        }
        if route != author {
            let guest = self.guests.get_or_insert_mut(author, || (route, 0));
            *guest = if guest.0 == route { (route, guest.1.saturating_add(1)) } else { (route, 1) };
            if self.guests.len() > GUESTS_MAX {
                self.guests.pop_lru();
            }
        }
    }

    /// An author is no longer a guest. Returns the entry node's route that shows where the author is at home, if
    /// one does.
    pub(super) fn take_guest(&mut self, author: RouteId) -> Option<RouteId> {
        let (route, items) = self.guests.pop(&author)?;
        (items >= GUEST_ITEMS).then_some(route)
    }

    /// Authors that visit, and guests.
    pub(super) fn len(&self) -> (usize, usize) {
        (self.visits.len(), self.guests.len())
    }

    fn own(&mut self, now: Time) -> RouteId {
        match self.own {
            Some((id, until)) if now < until => id,
            _ => {
                let mut id = [0; 8];
                let seed = self.seed;
                let chance = self.chance.get_or_insert_with(|| Box::new(ChaCha8Rng::from_seed(seed)));
                chance.fill_bytes(&mut id);
                self.own = Some((RouteId(id), now + VIA_LIFETIME));
                RouteId(id)
            }
        }
    }
}
