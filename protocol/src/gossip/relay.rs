//! Which peers an item is pushed to, and which peers are told of it: the relay policies.
//!
//! Only this file matches on the policy. One fan-out, in `fan_out`, carries out what the policy plans for an item
//! ([`Spread`]). Each policy has its own state: [`Routes`] for author trees, [`Rumors`] for rumor mongering.

mod author_tree;
mod fan_out;
mod homes;
pub(super) mod limits;
mod meter;
mod pass_on;
pub(super) mod policy;
mod route;
mod routes;
mod rumor;
mod told;
mod trust;

use alloc::boxed::Box;
use alloc::vec::Vec;

use self::policy::{AuthorTree, RelayPolicy};
use self::routes::{Fill, Routes};
use self::rumor::Rumors;
use super::api::{ArrivalCause, PeerHandle};
use crate::items::block::SignedHeader;
use crate::items::hash::{RouteId, RouteKind, ShortId, TxId};
use crate::seeded::SeededState;
use crate::time::Time;

/// The relay policy of a node, with what it has learned.
#[derive(Debug)]
pub(crate) struct Relay {
    policy: Policy,
}

/// Boxed, so that the other policies pay nothing for author trees.
#[derive(Debug)]
enum Policy {
    Announce,
    Flood,
    Rumor(Box<Rumors>),
    AuthorTree(Box<Routes>),
    None,
}

/// What a policy plans for an accepted transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Spread {
    /// Nothing now. Either no peer is told, or the rounds push the transaction later.
    Nothing,
    /// All peers that lack it are told.
    AnnounceToAll,
    /// It is sent to all peers that lack it.
    PushToAll,
    /// It goes along the tree of its author.
    AlongTree,
}

impl Relay {
    /// Every policy that draws random numbers gets its own seed, whether it is the chosen one or not.
    pub(super) fn new(
        policy: RelayPolicy,
        hasher: &SeededState,
        rumor_seed: [u8; 32],
        route_seed: [u8; 32],
    ) -> Self {
        let policy = match policy {
            RelayPolicy::Announce => Policy::Announce,
            RelayPolicy::Flood => Policy::Flood,
            RelayPolicy::Rumor(rumor) => Policy::Rumor(Box::new(Rumors::new(rumor, rumor_seed))),
            RelayPolicy::AuthorTree(AuthorTree { redundancy }) => {
                Policy::AuthorTree(Box::new(Routes::new(redundancy, hasher, route_seed)))
            }
            RelayPolicy::None => Policy::None,
        };
        Self { policy }
    }

    /// Whether peers are told of anything at all.
    pub(super) const fn tells(&self) -> bool {
        !matches!(self.policy, Policy::None)
    }

    /// What is known of routes; `None` under other policies than author trees.
    fn routes(&self) -> Option<&Routes> {
        match &self.policy {
            Policy::AuthorTree(routes) => Some(routes),
            _ => None,
        }
    }

    fn routes_mut(&mut self) -> Option<&mut Routes> {
        match &mut self.policy {
            Policy::AuthorTree(routes) => Some(routes),
            _ => None,
        }
    }

    /// The hot transactions; `None` under other policies than rumor mongering.
    fn rumors_mut(&mut self) -> Option<&mut Rumors> {
        match &mut self.policy {
            Policy::Rumor(rumors) => Some(rumors),
            _ => None,
        }
    }

    /// Plans how an accepted transaction is spread.
    fn plan(&mut self, now: Time, id: TxId) -> Spread {
        match &mut self.policy {
            Policy::Announce => Spread::AnnounceToAll,
            Policy::Flood => Spread::PushToAll,
            Policy::Rumor(rumors) => {
                rumors.ignite(now, id);
                Spread::Nothing
            }
            Policy::AuthorTree(_) => Spread::AlongTree,
            Policy::None => Spread::Nothing,
        }
    }

    /// The peers among these to which a block is pushed, in the order of handles. All others are told of it.
    fn block_links(&self, header: &SignedHeader, peers: impl Iterator<Item = PeerHandle>) -> Vec<PeerHandle> {
        match &self.policy {
            Policy::Flood => peers.collect(),
            Policy::AuthorTree(routes) => {
                let links = routes.links(RouteKind::Block, author_tree::block_route(header));
                peers.filter(|peer| links.is_eager(*peer)).collect()
            }
            Policy::Announce | Policy::Rumor(_) | Policy::None => Vec::new(),
        }
    }

    /// When a round or a due push has to be looked at.
    pub(super) fn next_deadline(&self) -> Option<Time> {
        match &self.policy {
            Policy::Rumor(rumors) => rumors.next_round(),
            Policy::AuthorTree(routes) => routes.overdue.deadline(),
            Policy::Announce | Policy::Flood | Policy::None => None,
        }
    }

    /// The entry node's route on which a transaction travelled. `None` if it travelled on its author's route.
    pub(super) fn via_of(&self, short: ShortId) -> Option<RouteId> {
        self.routes()?.via_of(short)
    }

    /// Why a peer pushes a transaction: on the route that it names, or on its author's. `author` is not known of
    /// all second copies. Such a copy says only which of the two routes it took.
    pub(super) fn why_pushed(
        &self,
        from: PeerHandle,
        via: Option<RouteId>,
        author: impl FnOnce() -> Option<RouteId>,
    ) -> ArrivalCause {
        let Some(routes) = self.routes() else { return ArrivalCause::Policy };
        let cause = if via.is_some() { ArrivalCause::EntryRoute } else { ArrivalCause::AuthorRoute };
        match via.or_else(author) {
            Some(route) if routes.is_graft(route, from) => ArrivalCause::Graft,
            Some(route) if !routes.knows(route) => ArrivalCause::NewRoute,
            _ => cause,
        }
    }

    /// Whether peers are to be told of bodies that they pushed in vain.
    pub(super) fn gives_feedback(&self) -> bool {
        matches!(&self.policy, Policy::Rumor(rumors) if rumors.gives_feedback())
    }

    /// A peer says that it had a transaction before it was pushed.
    pub(super) fn had(&mut self, peer: PeerHandle, short: ShortId) {
        if let Policy::Rumor(rumors) = &mut self.policy {
            rumors.had(peer, short);
        }
    }

    /// A peer has a transaction.
    pub(super) fn shown(&mut self, peer: PeerHandle, short: ShortId) {
        if let Policy::AuthorTree(routes) = &mut self.policy {
            routes.told.shown(short, peer);
        }
    }

    /// How full the memories of author trees are, under that policy.
    pub(super) fn fill(&self) -> Option<Fill> {
        self.routes().map(Routes::fill)
    }

    /// How many transactions are hot.
    pub(super) fn hot(&self) -> usize {
        if let Policy::Rumor(rumors) = &self.policy { rumors.len() } else { 0 }
    }

    /// A peer has connected.
    pub(super) fn peer_met(&mut self, peer: PeerHandle) {
        if let Policy::AuthorTree(routes) = &mut self.policy {
            routes.peer_met(peer);
        }
    }

    /// A peer is gone. Returns the peers to graft in its place, and on which routes.
    fn peer_gone(&mut self, now: Time, peer: PeerHandle) -> Vec<(PeerHandle, RouteId)> {
        match &mut self.policy {
            Policy::Rumor(rumors) => {
                rumors.peer_gone(peer);
                Vec::new()
            }
            Policy::AuthorTree(routes) => routes.peer_gone(now, peer),
            Policy::Announce | Policy::Flood | Policy::None => Vec::new(),
        }
    }

    /// Whether a request to a peer also asks it to push, from then on, items that travel on the same route.
    pub(super) fn grafts(&self) -> bool {
        self.routes().is_some()
    }
}
