//! Author trees compared with a naive model of their rules: after each step, which peers get the item and which
//! are pruned.
//!
//! The model knows learning, pruning, prunes and grafts of peers, own routes and homes, and peers that come and
//! leave. Deliberately absent: announcements, and with them grafts, spares and doubt, because their rules depend
//! on times; and forgetting.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::Arc;

use proptest::prelude::*;
use protocol::gossip::{AuthorTree, Input, PeerHandle, RelayPolicy};
use protocol::items::hash::RouteId;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{HOME_ITEMS_MOVED, HOME_ITEMS_NEW, PRUNE_WINDOW};
use protocol::time::Duration;
use protocol::wire::message::Message;

use crate::harness::{Mesh, transaction};
use crate::say::{author_route, body_on};

const AUTHORS: u8 = 3;

/// Names of routes that peers make up.
const NAMES: u8 = 2;

/// A step of a test. Peers, authors and names are places among the existing ones, counted in a circle.
#[derive(Clone, Copy, Debug)]
enum Op {
    /// A peer pushes a new item, on its author's route or on one that it names.
    Push {
        peer: usize,
        author: u8,
        named: Option<u8>,
    },
    /// The same from two peers at once.
    Race {
        peer: usize,
        behind: usize,
        author: u8,
    },
    /// A peer pushes the last item again.
    Again {
        peer: usize,
        named: Option<u8>,
    },
    /// A new item is submitted here.
    Submit {
        author: u8,
    },
    Prune {
        peer: usize,
        route: usize,
    },
    Graft {
        peer: usize,
        route: usize,
    },
    Come,
    Leave {
        peer: usize,
    },
}

/// The peer that brought a route's last item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Parent {
    Here,
    Peer(PeerHandle),
    Gone,
}

#[derive(Clone, Debug)]
struct Route {
    parent: Parent,
    lazy: BTreeSet<PeerHandle>,
}

/// The rules, as plainly as possible.
#[derive(Debug, Default)]
struct Model {
    peers: BTreeSet<PeerHandle>,
    routes: BTreeMap<RouteId, Route>,
    /// The number of consecutive submissions of authors that are not at home here.
    visits: BTreeMap<RouteId, u8>,
    /// The other route on which an author's last items came, and how many.
    guests: BTreeMap<RouteId, (RouteId, u8)>,
}

impl Model {
    /// The peers that get an item on this route if it comes first from a peer, or is submitted here.
    fn first(&mut self, author: RouteId, via: Option<RouteId>, from: Option<PeerHandle>) -> BTreeSet<PeerHandle> {
        let parent = from.map_or(Parent::Here, Parent::Peer);
        if via.is_none() && !self.routes.contains_key(&author) {
            self.adopt(author, parent);
        }
        let id = via.unwrap_or(author);
        let mut sent = self.peers.clone();
        if let Some(route) = self.routes.get(&id) {
            sent.retain(|peer| !route.lazy.contains(peer));
        }
        // An item that is submitted here goes to all peers if fewer than half of them are eager.
        if from.is_none() && sent.len() * 2 < self.peers.len() {
            sent = self.peers.clone();
        }
        if let Some(from) = from {
            sent.remove(&from);
        }
        if id != author {
            let before = self.guests.get(&author).filter(|(route, _)| *route == id).map_or(0, |(_, items)| *items);
            self.guests.insert(author, (id, before.saturating_add(1)));
        } else if from.is_some() {
            self.visits.remove(&author);
        }
        self.routes.entry(id).or_insert_with(|| Route { parent, lazy: BTreeSet::new() }).parent = parent;
        sent
    }

    /// An unknown author's route begins as a copy of the one on which its last items came, if they came in the
    /// same way.
    fn adopt(&mut self, author: RouteId, parent: Parent) {
        let Some((guest, items)) = self.guests.remove(&author) else { return };
        let known = self.routes.get(&guest).filter(|route| route.parent == parent && items >= HOME_ITEMS_NEW - 1);
        if let Some(route) = known.cloned() {
            self.routes.insert(author, route);
        }
    }

    /// Whether a submission travels on its author's route.
    fn is_home(&mut self, author: RouteId) -> bool {
        let needed = match self.routes.get(&author).map(|route| route.parent) {
            Some(Parent::Here) => return true,
            Some(Parent::Peer(_) | Parent::Gone) => HOME_ITEMS_MOVED,
            None => HOME_ITEMS_NEW,
        };
        let visits = self.visits.entry(author).or_default();
        *visits += 1;
        let home = *visits >= needed;
        if home {
            self.visits.remove(&author);
        }
        home
    }

    fn set_lazy(&mut self, route: RouteId, peer: PeerHandle, lazy: bool) {
        let Some(route) = self.routes.get_mut(&route) else { return };
        match lazy {
            true => route.lazy.insert(peer),
            false => route.lazy.remove(&peer),
        };
    }

    fn leave(&mut self, peer: PeerHandle) {
        self.peers.remove(&peer);
        for route in self.routes.values_mut() {
            route.lazy.remove(&peer);
            if route.parent == Parent::Peer(peer) {
                route.parent = Parent::Gone;
            }
        }
    }
}

/// A node, and its model.
struct Pair {
    mesh: Mesh,
    model: Model,
    /// The last item, and its author's route.
    last: Option<(Arc<SignedTransaction>, RouteId)>,
    /// The node's own route, once it was seen.
    own: Option<RouteId>,
    nonce: u64,
}

impl Pair {
    fn new(seed: u8) -> Self {
        let mesh = Mesh::with_seed(1, RelayPolicy::AuthorTree(AuthorTree::default()), seed);
        let mut pair = Self { mesh, model: Model::default(), last: None, own: None, nonce: 0 };
        (0..3).for_each(|_| pair.apply(&Op::Come));
        pair
    }

    fn apply(&mut self, op: &Op) {
        match *op {
            Op::Push { peer, author, named } => {
                if let Some(peer) = self.peer(peer) {
                    let (item, route) = self.item(author);
                    self.push(peer, named.map(name), &item);
                    let sent = self.model.first(route, named.map(name), Some(peer));
                    self.compare(&item, Some(named.map(name)), &sent, &[]);
                }
            }
            Op::Race { peer, behind, author } => {
                if let (Some(peer), Some(behind)) = (self.peer(peer), self.peer(behind))
                    && peer != behind
                {
                    let (item, route) = self.item(author);
                    self.push(peer, None, &item);
                    self.push(behind, None, &item);
                    let mut sent = self.model.first(route, None, Some(peer));
                    // `behind` showed before the verdict that it has the item, so it is not sent the item.
                    sent.remove(&behind);
                    self.model.set_lazy(route, behind, true);
                    self.compare(&item, Some(None), &sent, &[(behind, route)]);
                }
            }
            Op::Again { peer, named } => {
                if let (Some(peer), Some((item, author))) = (self.peer(peer), self.last.clone()) {
                    let route = named.map_or(author, name);
                    self.push(peer, named.map(name), &item);
                    self.model.set_lazy(route, peer, true);
                    self.compare(&item, None, &BTreeSet::new(), &[(peer, route)]);
                }
            }
            Op::Submit { author } => self.submit(author),
            Op::Prune { peer, route } => self.advise(peer, route, true),
            Op::Graft { peer, route } => self.advise(peer, route, false),
            Op::Come => {
                if self.model.peers.len() < 6 {
                    let peer = self.mesh.greeted(0);
                    self.model.peers.insert(peer);
                }
            }
            Op::Leave { peer } => {
                if let Some(peer) = self.peer(peer) {
                    self.mesh.input(0, Input::PeerDisconnected { peer });
                    self.model.leave(peer);
                }
            }
        }
    }

    fn submit(&mut self, author: u8) {
        let (item, route) = self.item(author);
        self.mesh.submit(0, &item);
        let home = self.model.is_home(route);
        let sent = match (home, self.own) {
            (true, _) => self.model.first(route, None, None),
            (false, Some(own)) => self.model.first(route, Some(own), None),
            // Nobody knows the name before the node has used it.
            (false, None) => self.model.peers.clone(),
        };
        let via = self.compare(&item, None, &sent, &[]);
        match (home, self.own) {
            (true, _) => assert!(via.is_none_or(|via| via.is_none()), "{via:?}"),
            (false, Some(own)) => assert!(via.is_none_or(|via| via == Some(own)), "{via:?} for {own:?}"),
            (false, None) => {
                // If no peer is there to hear the name, the node still has one. Such a run ends here.
                let Some(own) = via else { return self.forget() };
                assert!(own.is_some(), "it has a name");
                self.own = own;
                self.model.first(route, own, None);
            }
        }
    }

    /// Begins again, with a node that knows nothing.
    fn forget(&mut self) {
        *self = Self::new(1);
    }

    fn advise(&mut self, peer: usize, route: usize, lazy: bool) {
        let Some(peer) = self.peer(peer) else { return };
        let mut routes: Vec<RouteId> = (1..=AUTHORS).map(author_route).chain((0..NAMES).map(name)).collect();
        routes.extend(self.own);
        let route = routes[route % routes.len()];
        let message = if lazy { Message::Prune(vec![route]) } else { Message::Graft(vec![route]) };
        self.mesh.say(0, peer, message);
        self.model.set_lazy(route, peer, lazy);
    }

    /// Compares with the model which peers got an item and which were pruned. Returns the name of the route on
    /// which the item was sent.
    fn compare(
        &mut self,
        item: &SignedTransaction,
        via: Option<Option<RouteId>>,
        sent: &BTreeSet<PeerHandle>,
        pruned: &[(PeerHandle, RouteId)],
    ) -> Option<Option<RouteId>> {
        // Verdicts return, and prunes that wait for another frame leave.
        self.mesh.run_for(PRUNE_WINDOW + Duration::from_millis(1));
        let (mut sent_to, mut names, mut pruned_of) = (BTreeSet::new(), BTreeSet::new(), Vec::new());
        for peer in self.model.peers.clone() {
            for message in self.mesh.heard(0, peer) {
                match message {
                    Message::Transactions { via, bodies } if bodies.iter().any(|body| body.id() == item.id()) => {
                        assert!(sent_to.insert(peer), "sent twice to {peer:?}");
                        names.insert(via);
                    }
                    Message::Prune(routes) => pruned_of.extend(routes.iter().map(|route| (peer, *route))),
                    _ => {}
                }
            }
        }
        assert_eq!(&sent_to, sent);
        assert_eq!(pruned_of, pruned);
        assert!(names.len() <= 1, "{names:?}");
        let name = names.first().copied();
        assert!(via.is_none() || name.is_none() || name == via, "{name:?} for {via:?}");
        name
    }

    fn push(&mut self, from: PeerHandle, via: Option<RouteId>, item: &SignedTransaction) {
        self.mesh.say(0, from, body_on(via, item));
    }

    fn item(&mut self, author: u8) -> (Arc<SignedTransaction>, RouteId) {
        self.nonce += 1;
        let author = author % AUTHORS + 1;
        let item = (transaction(author, self.nonce, 9), author_route(author));
        self.last = Some(item.clone());
        item
    }

    fn peer(&self, place: usize) -> Option<PeerHandle> {
        let peers = &self.model.peers;
        peers.iter().nth(place.checked_rem(peers.len())?).copied()
    }
}

fn name(number: u8) -> RouteId {
    RouteId([number % NAMES + 1; 8])
}

fn op() -> impl Strategy<Value = Op> {
    let peer = 0_usize..6;
    let named = prop_oneof![3 => Just(None), 2 => (0..NAMES).prop_map(Some)];
    prop_oneof![
        6 => (peer.clone(), 0..AUTHORS, named.clone()).prop_map(|(peer, author, named)| Op::Push { peer, author, named }),
        3 => (peer.clone(), peer.clone(), 0..AUTHORS)
            .prop_map(|(peer, behind, author)| Op::Race { peer, behind, author }),
        4 => (peer.clone(), named).prop_map(|(peer, named)| Op::Again { peer, named }),
        4 => (0..AUTHORS).prop_map(|author| Op::Submit { author }),
        2 => (peer.clone(), 0_usize..6).prop_map(|(peer, route)| Op::Prune { peer, route }),
        2 => (peer.clone(), 0_usize..6).prop_map(|(peer, route)| Op::Graft { peer, route }),
        1 => Just(Op::Come),
        1 => peer.prop_map(|peer| Op::Leave { peer }),
    ]
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]
    #[test]
    fn a_node_pushes_and_prunes_as_the_model_does(seed in 1_u8..255, ops in prop::collection::vec(op(), 1..60)) {
        let mut pair = Pair::new(seed);
        for op in &ops {
            pair.apply(op);
        }
    }
}
