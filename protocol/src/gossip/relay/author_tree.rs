//! Author trees, where they meet peers: what is pushed to which peer, what is waited for, and which peers are
//! pruned and grafted. What is known of routes is in `routes`. Under other policies all of this does nothing.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::fan_out::{Act, Item, Parcel};
use super::route::First;
use super::trust::Due;
use crate::gossip::Gossip;
use crate::gossip::api::PeerHandle;
use crate::gossip::fetch::request::backing::Backing;
use crate::gossip::fetch::request::{Announced, RequestKey};
use crate::gossip::intake::sender::Sender;
use crate::gossip::links::peer::Peer;
use crate::items::block::SignedHeader;
use crate::items::hash::{BlockId, RouteId, RouteKind, ShortId, TxId};
use crate::items::transaction::SignedTransaction;
use crate::ledger::mempool::Lookup;
use crate::limits::{LIVE_AGE_MAX, REQUEST_ROOM_BYTES};
use crate::time::{Duration, Time};
use crate::wire::message::{Lane, Message, TxRef};

/// The links along which a transaction is pushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Way {
    /// All of them: the route is not known yet, and this push teaches it.
    Flood,
    /// The eager links of a route.
    Tree(RouteId),
    /// None: the transaction is announced at once.
    Nowhere,
}

impl Gossip {
    /// Pushes a transaction along its route's eager links, and announces it on the others when there is time.
    pub(crate) fn relay_along_tree(
        &mut self,
        now: Time,
        transaction: &Arc<SignedTransaction>,
        at: Time,
        sender: Option<Sender>,
    ) {
        self.pass_along_tree(now, transaction, at, sender, false);
    }

    /// The same. `again` is set if the transaction was passed on before. The copy of that time came from a doubted
    /// link, or from a peer that said that the transaction was old.
    fn pass_along_tree(
        &mut self,
        now: Time,
        transaction: &Arc<SignedTransaction>,
        at: Time,
        sender: Option<Sender>,
        again: bool,
    ) {
        let (id, short) = (transaction.id(), transaction.id().short());
        let (via, first) = self.first_sight(now, transaction, at, sender, again);
        let message = Message::Transactions { via, bodies: [transaction.clone().into()].into() };
        let parcel = Parcel::new(Item::Transaction(id), Some(message));
        let way = self.way(now, &first, sender, parcel.load());
        let due = self.await_push(now, id, &first, way, sender);
        let owes = due.map(|due| due.peer);
        // If a push that teaches is still expected, the item waits for it. Meanwhile all other peers are told at
        // once.
        let waits = due.is_some_and(|due| due.held);
        let Some(routes) = self.relay.routes_mut() else { return };
        let told = if again { routes.told.take(short) } else { Vec::new() };
        let left_out = due.is_some_and(|due| !due.held) && routes.is_alarmed(now);
        let links = match way {
            Way::Tree(route) => Some(routes.links(RouteKind::Transaction, route)),
            Way::Flood | Way::Nowhere => None,
        };
        let unsure = waits || sender.is_some_and(|sender| !sender.is_live());
        let mut told_now = Vec::new();
        let plan = |handle, _: &Peer, lacks: bool| {
            let lacks = lacks || told.binary_search(&handle).is_ok();
            if !lacks || owes == Some(handle) {
                return Act::Nothing;
            }
            let eager = links.map_or(way == Way::Flood, |links| links.is_eager(handle));
            let soon = eager || links.is_none() || left_out;
            if unsure && soon {
                told_now.push(handle);
            }
            match (soon, eager && !waits) {
                (_, true) => Act::Push,
                (true, false) => Act::Announce,
                (false, false) => Act::AnnounceLazily,
            }
        };
        let outcome = parcel.fan_out(now, &mut self.peers, &mut self.inventory, &mut self.chance, plan);
        self.dispatch(parcel, outcome, false);
        let Some(routes) = self.relay.routes_mut() else { return };
        if unsure {
            routes.told.tell(short, told_now);
        }
        if sender.is_none_or(|sender| sender.is_live()) {
            routes.learn(first);
            routes.remember(short, first);
        }
    }

    /// What the first sight of a transaction teaches. Also the route on which the transaction travels on, if that
    /// is not its author's.
    fn first_sight(
        &mut self,
        now: Time,
        transaction: &SignedTransaction,
        at: Time,
        sender: Option<Sender>,
        again: bool,
    ) -> (Option<RouteId>, First) {
        let author = RouteId::of(RouteKind::Transaction, &transaction.author().0);
        let via = match sender {
            Some(sender) => sender.via,
            None => self.relay.routes_mut().and_then(|routes| routes.enter(now, author)),
        };
        let from = sender.map(|sender| sender.peer);
        if let Some(routes) = self.relay.routes_mut().filter(|_| via.is_none()) {
            routes.adopt(author, from);
        }
        let (kind, route) = (RouteKind::Transaction, via.unwrap_or(author));
        let pushed = sender.is_some_and(|sender| sender.is_pushed());
        (via, First { kind, route, author, at, from, pushed, again })
    }

    /// An item came although a push of the route's parent was due. It came from a peer that was asked for it, or
    /// from a doubted link. The parent is told nothing of the item, so that its silence can be judged.
    fn await_push(&mut self, now: Time, id: TxId, first: &First, way: Way, sender: Option<Sender>) -> Option<Due> {
        let sender = sender.filter(|_| matches!(way, Way::Flood) || way == Way::Tree(first.route))?;
        let backing = sender.backing.and(self.requests.source(sender.peer));
        let routes = self.relay.routes_mut()?;
        let held = routes.trust.is_doubted(now, sender.peer);
        let from = sender.peer;
        let peer = if held {
            routes.owes_beside(now, first.route, from)?
        } else {
            routes.owes(now, first.route).filter(|parent| *parent != from && !sender.is_pushed())?
        };
        let pushes = routes.pushes(first.route);
        let unnamed = first.route == first.author;
        let (route, brought) = (first.route, false);
        let due = Due { id, route, peer, from, held, unnamed, backing, pushes, brought };
        if !routes.overdue.wait(now, due) {
            return None;
        }
        if backing == Backing::Several {
            routes.keep_spare(now, &due);
        }
        Some(due)
    }

    /// Judges pushes that were due and were waited for long enough. If a peer neither pushed nor announced the
    /// item, it has missed a push, and is told of the item now. If it announced the item, it has missed nothing,
    /// but the spare stays.
    pub(crate) fn judge_overdue(&mut self, now: Time) {
        while let Some(routes) = self.relay.routes_mut()
            && let Some(due) = routes.overdue.pop(now)
        {
            if due.brought && !due.held {
                routes.drop_spare(due.route);
            }
            let short = due.id.short();
            let has = |peer: &Peer| self.inventory.has(peer.link, short);
            let owing = self.peers.get(&due.peer).filter(|peer| peer.ready && due.peer != due.from);
            let silent = owing.is_some_and(|peer| !has(peer));
            let mut grafts = Vec::new();
            if owing.is_some() && !due.brought && !due.held {
                grafts = routes.be_alarmed(now);
            }
            let missed = silent || owing.is_some() && due.pushes && !due.brought;
            if missed && due.unnamed && due.backing == Backing::Several && routes.trust.missed(now, due.peer) {
                grafts.extend(routes.reopen(now, due.peer));
            }
            self.graft_all(&grafts);
            let Some(routes) = self.relay.routes_mut() else { return };
            if due.held && routes.end_wait(short, &due) {
                self.push_to_told(now, &due.id);
            }
            if silent {
                self.queue_announcement(due.peer, due.id);
            }
        }
    }

    fn graft_all(&mut self, grafts: &[(PeerHandle, RouteId)]) {
        for (handle, route) in grafts {
            if let Some(peer) = self.peers.get_mut(handle) {
                peer.graft(*route);
            }
        }
    }

    /// Sends a transaction to the peers that were told of it while another copy was waited for in vain.
    fn push_to_told(&mut self, now: Time, id: &TxId) {
        let Some(routes) = self.relay.routes_mut() else { return };
        let (told, via) = (routes.told.take(id.short()), routes.via_of(id.short()));
        let Some(transaction) = self.mempool.get(id).cloned() else { return };
        let message = Message::Transactions { via, bodies: [transaction.into()].into() };
        let parcel = Parcel::new(Item::Transaction(*id), Some(message));
        let outcome =
            parcel.fan_out(now, &mut self.peers, &mut self.inventory, &mut self.chance, |handle, _, _| match told
                .binary_search(&handle)
            {
                Ok(_) => Act::PushOrNothing,
                Err(_) => Act::Nothing,
            });
        self.dispatch(parcel, outcome, false);
    }

    fn way(&mut self, now: Time, first: &First, sender: Option<Sender>, load: Option<(Lane, usize)>) -> Way {
        let Some(routes) = self.relay.routes() else { return Way::Nowhere };
        if sender.is_some_and(|sender| !sender.is_live()) {
            return Way::Nowhere;
        }
        if routes.knows(first.route) {
            let small = matches!(load, Some((Lane::Control, _)));
            let cut_off = small && sender.is_none() && self.is_cut_off(now, first.route);
            return if cut_off { Way::Flood } else { Way::Tree(first.route) };
        }
        let fallback = if routes.knows(first.author) { Way::Tree(first.author) } else { Way::Nowhere };
        let Some((Lane::Control, bytes)) = load else { return fallback };
        let Some(sender) = sender else { return Way::Flood };
        let copies = self.peers.iter().count().saturating_sub(1);
        let cost = bytes.saturating_mul(copies) as u64;
        let allowed = self.peers.get_mut(&sender.peer).is_some_and(|peer| peer.flood.spend_within(now, cost));
        if allowed { Way::Flood } else { fallback }
    }

    /// Whether too many peers want no pushes of what enters here. Most peers of an entry node get its items from it.
    /// If they do not, they had them from peers that push sooner than anyone else can, and that may hide the next
    /// item. Such peers want all pushes, so a node that is alarmed counts on no link.
    fn is_cut_off(&self, now: Time, route: RouteId) -> bool {
        let Some(routes) = self.relay.routes() else { return false };
        let links = routes.links(RouteKind::Transaction, route);
        let ready = || self.peers.iter().filter(|(_, peer)| peer.ready);
        let eager = ready().filter(|(handle, _)| links.is_eager(**handle)).count();
        let ready = ready().count();
        eager * 2 < ready || eager < ready && routes.is_alarmed(now)
    }

    /// A peer announced something that isn't here yet. If it is news, a push is likely to be on its way, and the
    /// item waits for it.
    pub(crate) fn on_news(&mut self, now: Time, from: PeerHandle, key: RequestKey, age: Duration) -> Announced {
        let bytes = self.lengths.transaction();
        let Some(peer) = self.peers.get(&from).filter(|_| self.relay.routes().is_some() && age < LIVE_AGE_MAX)
        else {
            return self.requests.announced(now, from, key, bytes);
        };
        let ready_at = earlier(now, age) + peer.steadiness().grace();
        let announced = self.requests.announced_early(now, from, key, bytes, ready_at.max(now));
        self.requests.mark_live(key);
        announced
    }

    /// A peer announced something that is here. Finds out whether this peer was earlier than the one that brought
    /// it.
    pub(crate) fn on_late_announcement(&mut self, now: Time, from: PeerHandle, short: ShortId, age: Duration) {
        let source = self.requests.source(from);
        let Some(routes) = self.relay.routes_mut() else { return };
        if let Some(due) = routes.overdue.back(short, from, source) {
            routes.keep_spare(now, &due);
        }
        if age >= LIVE_AGE_MAX {
            return;
        }
        let Some(behind) = routes.behind(from, short, earlier(now, age)) else { return };
        let Some(peer) = self.peers.get_mut(&from) else { return };
        let slack = peer.steadiness().slack();
        peer.steadiness_mut().note(behind.micros);
        let mut grafts = routes.be_alarmed_if_late(now, &behind);
        grafts.extend(routes.announced(now, behind, slack));
        self.graft_all(&grafts);
    }

    /// A peer has shown in some message that it has a transaction. From now on it is neither told of it nor sent
    /// it.
    pub(crate) fn shows(&mut self, from: PeerHandle, short: ShortId) {
        if let Some(peer) = self.peers.get(&from) {
            self.inventory.note(peer.link, short);
        }
        self.relay.shown(from, short);
    }

    /// A good transaction came that was here already.
    pub(crate) fn on_duplicate(&mut self, now: Time, sender: Sender, short: ShortId) {
        // Its sender may have disconnected while the first copy was checked. A closed link is neither eager nor
        // lazy.
        let counts = sender.is_pushed() && self.peers.contains_key(&sender.peer);
        let source = self.requests.source(sender.peer);
        let Some(routes) = self.relay.routes_mut() else { return };
        if !counts {
            return;
        }
        routes.overdue.brought(short, sender.peer);
        if let Some(due) = routes.overdue.back(short, sender.peer, source) {
            routes.keep_spare(now, &due);
        }
        let displaced = routes.displace(now, sender.peer, short);
        if let Some((doubted, route)) = displaced
            && let Some(peer) = self.peers.get_mut(&doubted)
        {
            peer.prune(now, route);
        }
        if let Some(transaction) = self.is_news_now(now, short, displaced.is_some()) {
            return self.pass_along_tree(now, &transaction, now, Some(sender), true);
        }
        let Some(routes) = self.relay.routes_mut() else { return };
        if let Some((whom, route)) = routes.duplicate(now, sender.peer, short, sender.via)
            && let Some(peer) = self.peers.get_mut(&whom)
        {
            peer.prune(now, route);
        }
    }

    /// A transaction that is here already and is pushed to us now, if the push shows that it is news. The first
    /// copy did not show this: a doubted link had brought it (`displaced`), or a peer that said that it was old.
    fn is_news_now(&self, now: Time, short: ShortId, displaced: bool) -> Option<Arc<SignedTransaction>> {
        let unknown = self.relay.routes().is_some_and(|routes| routes.route_of(short).is_none());
        let Lookup::One(transaction) = self.mempool.by_short(short) else { return None };
        let accepted = self.mempool.accepted_at(&transaction.id())?;
        (displaced || unknown && now.since(accepted) < LIVE_AGE_MAX).then_some(transaction)
    }

    /// A peer asks for transactions that were announced to it.
    pub(crate) fn on_wanted(&mut self, from: PeerHandle, graft: bool, wanted: &[TxRef]) {
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.announcements.wanted();
        let Some(routes) = self.relay.routes_mut() else { return };
        for transaction in wanted {
            routes.told.shown(transaction.short(), from);
            if graft && let Some(route) = routes.route_of(transaction.short()) {
                routes.grafted(route, from);
            }
        }
    }

    /// A peer asks for a block.
    pub(crate) fn on_block_wanted(&mut self, from: PeerHandle, graft: bool, id: &BlockId) {
        let Some(routes) = self.relay.routes_mut().filter(|_| graft) else { return };
        if let Some(header) = self.chain.header(id) {
            routes.grafted(block_route(header), from);
        }
    }

    pub(crate) fn on_prune(&mut self, from: PeerHandle, pruned: &[RouteId]) {
        if let Some(routes) = self.relay.routes_mut() {
            pruned.iter().for_each(|route| routes.pruned(*route, from));
        }
    }

    pub(crate) fn on_graft(&mut self, from: PeerHandle, grafted: &[RouteId]) {
        if let Some(routes) = self.relay.routes_mut() {
            grafted.iter().for_each(|route| routes.grafted(*route, from));
        }
    }

    /// A peer is gone. Others take its place on the routes of which it was the parent.
    pub(crate) fn leave_routes(&mut self, now: Time, gone: PeerHandle) {
        let grafts = self.relay.peer_gone(now, gone);
        self.graft_all(&grafts);
    }

    /// Sends a peer what it should know of routes: grafts at once, and prunes when they are due or something else
    /// is sent anyway.
    pub(crate) fn advise(&mut self, now: Time, handle: PeerHandle) {
        let Some(peer) = self.peers.get_mut(&handle) else { return };
        if !peer.credit.fits_control(REQUEST_ROOM_BYTES) {
            return;
        }
        let grafts = peer.take_grafts();
        let ride = peer.spoken_to || !grafts.is_empty() || peer.prunes_due() <= now;
        let prunes = if ride { peer.take_prunes() } else { Vec::new() };
        if !grafts.is_empty() {
            self.send(handle, Message::Graft(grafts));
        }
        if !prunes.is_empty() {
            self.send(handle, Message::Prune(prunes));
        }
    }

    /// A peer announced a block that is wanted; with `pushed`, its body is on the way.
    pub(crate) fn hear_of_block(&mut self, now: Time, from: PeerHandle, header: &SignedHeader, pushed: bool) {
        let Some(peer) = self.peers.get(&from) else { return };
        let (key, bytes) = (RequestKey::Block(header.id()), self.lengths.block(header));
        if pushed {
            let taken = self.requests.promised(now, from, key, bytes) || self.requests.asked(key) == Some(from);
            if taken {
                self.be_fed(now, from, &header.id());
            } else {
                self.decline_block(now, from, header, true);
            }
            self.requests.mark_live(key);
            return;
        }
        let feeder = self.relay.routes().and_then(|routes| routes.feeder(block_route(header)));
        let doubted = |feeder| self.relay.routes().is_some_and(|routes| routes.trust.is_doubted(now, feeder));
        let waits =
            feeder.is_some_and(|feeder| feeder != from && self.peers.contains_key(&feeder) && !doubted(feeder));
        let ready_at = if waits { now + peer.steadiness().grace() } else { now };
        self.requests.announced_early(now, from, key, bytes, ready_at);
        self.requests.mark_live(key);
    }

    /// A peer pushes a block that is here, or that another peer is sending. From now on it need not push on this
    /// route.
    pub(crate) fn decline_block(&mut self, now: Time, from: PeerHandle, header: &SignedHeader, pushed: bool) {
        let route = block_route(header);
        let Some(routes) = self.relay.routes_mut().filter(|_| pushed) else { return };
        // The wanted redundancy is for small items: a second copy of a block costs too much.
        let _ = routes.duplicate_on(now, from, route);
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.prune_now(now, route);
        }
    }

    /// A peer sends a block, or was asked for it. From now on we are the child of this peer and of no other. On a
    /// route of small items the old parent is kept until its body comes second. But the second body of a block
    /// should not leave at all.
    pub(crate) fn be_fed(&mut self, now: Time, by: PeerHandle, id: &BlockId) {
        let (Some(routes), Some(header)) = (self.relay.routes_mut(), self.chain.header(id)) else { return };
        let route = block_route(header);
        if let Some(peer) = routes.feed(route, by).and_then(|before| self.peers.get_mut(&before)) {
            peer.prune_now(now, route);
        }
    }

    /// Learns which peer brought a block first.
    pub(crate) fn learn_of_block(&mut self, now: Time, header: &SignedHeader, from: Option<PeerHandle>) {
        let route = block_route(header);
        if let Some(routes) = self.relay.routes_mut() {
            let kind = RouteKind::Block;
            routes.learn(First { kind, route, author: route, at: now, from, pushed: false, again: false });
        }
    }
}

pub(super) fn block_route(header: &SignedHeader) -> RouteId {
    RouteId::of(RouteKind::Block, &header.header().producer.0)
}

/// The time `age` before `now`.
const fn earlier(now: Time, age: Duration) -> Time {
    Time::from_micros(now.as_micros().saturating_sub(age.as_micros()))
}
