//! The seam between libp2p and the engine: swarm and handler events become inputs, outputs become orders.
//!
//! It also hands out the gossip slots, because a slot is what turns a connection into a peer: so many inbound, so
//! many outbound, reserved peers over and above, and never two for one peer id. No gossip rule lives here. What the engine has
//! kept goes to durable storage input by input, and answers to submissions tell when that is safe.

use std::collections::{BTreeMap, HashMap, HashSet, VecDeque};
use std::net::IpAddr;
use std::pin::Pin;
use std::sync::Arc;
use std::task::{Context, Poll};

use libp2p::core::Endpoint;
use libp2p::core::transport::PortUse;
use libp2p::swarm::{
    CloseConnection, ConnectionDenied, ConnectionId, FromSwarm, NetworkBehaviour, NotifyHandler, THandler,
    THandlerInEvent, THandlerOutEvent, ToSwarm,
};
use libp2p::{Multiaddr, PeerId};
use protocol::chain::RestoreError;
use protocol::durable::{Load, Record, Restored};
use protocol::gossip::{self, Gossip, Input, ItemId, Output, PeerHandle, Refusal, Submission};
use protocol::message::{GoodbyeReason, Lane, Message};
use protocol::network::NetworkId;
use protocol::time::Time;
use protocol::verify::VerifyJob;
use tokio::time::{Sleep, sleep};
use tracing::{debug, warn};

use crate::bans::{Banned, Bans, KeptBan};
use crate::book::{Group, slot_group};
use crate::clock::Clock;
use crate::discovery::REFRESH_EXTRA;
use crate::handler::{Deadlines, Handler, LaneProtocols, Order, Report};
use crate::lane::{BULK_BUDGET_BYTES, BulkBudget, Uplink};
use crate::limits::{PER_PEER_MAX, address_group, ip_of};
use crate::notices::NO_SLOT;
use crate::reason::{CloseReason, was_lost};
use crate::recorder::Recorder;
use crate::store::{Awaited, Writer};
use crate::swaps::{Held, Swap, Swaps};
use crate::trace::What;

/// Bytes of a peer's agent string that are kept.
const AGENT_BYTES_MAX: usize = 64;

/// What the behaviour is told once.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Our own id.
    pub local: PeerId,
    /// The network, which names the lanes' protocols.
    pub network: NetworkId,
    /// Gossip peers that may have dialled us.
    pub max_peers_in: usize,
    /// Gossip peers that we dial and keep.
    pub max_peers_out: usize,
    /// Peers that count for neither limit.
    pub reserved: HashSet<PeerId>,
    /// Loopback addresses have no group and are never banned.
    pub loopback_exempt: bool,
    /// What connections wait for at most.
    pub deadlines: Deadlines,
}

/// What the behaviour tells the service.
#[derive(Debug)]
pub enum Event {
    /// The engine's, if it is worth a line in the log.
    Engine(gossip::Event),
    /// The engine's answer to a submission.
    Submitted {
        /// Of which item.
        item: ItemId,
        /// How it went.
        result: Result<Submission, Refusal>,
        /// When the keeper has committed this, the item is safe.
        safe_at: u64,
    },
    /// The engine refused an item of a peer.
    Refused {
        /// Whose; `None` if it has left meanwhile.
        peer: Option<PeerId>,
        /// Which.
        item: ItemId,
        /// Why.
        refusal: Refusal,
    },
    /// A peer says why it closes the connection. Nobody has checked that.
    Goodbye {
        /// Which.
        peer: Option<PeerId>,
        /// Its word for it.
        reason: GoodbyeReason,
    },
    /// A peer broke a rule, and is banned.
    Banned {
        /// Which.
        peer: PeerId,
        /// Its address, if that is banned as well.
        address: Option<IpAddr>,
        /// What it did.
        reason: CloseReason,
    },
    /// Signatures to check; the verdict comes back through [`Behaviour::input`].
    Verify(VerifyJob),
    /// A connection became a gossip peer.
    Up {
        /// Whose.
        peer: PeerId,
        /// Whether we dialled.
        outbound: bool,
    },
    /// A gossip slot is free again.
    Down {
        /// Whose it was.
        peer: PeerId,
        /// Whether we had dialled.
        outbound: bool,
        /// Why.
        reason: CloseReason,
    },
    /// A peer closed a connection that we dialled for a slot, without a word.
    Cut {
        /// Which.
        peer: PeerId,
        /// Where.
        address: Multiaddr,
        /// Whether it was dialled at a fixed address.
        fixed: bool,
    },
}

/// What a dial is for.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Wish {
    /// Its peer counts for no limit.
    pub reserved: bool,
    /// The operator gave the address.
    pub fixed: bool,
}

/// A connection, as others may see it.
#[derive(Clone, Debug)]
pub struct Link {
    /// The peer's id.
    pub peer: PeerId,
    /// Its address, as the connection has it.
    pub address: Multiaddr,
    /// Whether we dialled.
    pub outbound: bool,
    /// When the connection opened.
    pub since: Time,
    /// What identify told of its software.
    pub agent: Option<String>,
    slot: Slot,
    reserved: bool,
    /// Dialled at a fixed address.
    fixed: bool,
    /// Why it lost its slot.
    lost: Option<CloseReason>,
    /// Its peer said why it would close it.
    told: bool,
}

impl Link {
    /// Whether it counts for the outbound slots.
    #[must_use]
    pub const fn is_dialled(&self) -> bool {
        self.outbound && !self.reserved
    }
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Slot {
    None,
    Opening,
    Up(PeerHandle),
    /// We close the connection; it gets no slot any more.
    Closing,
}

/// Slots in use, opening ones included, reserved peers left out.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Slots {
    /// Held by peers that dialled us.
    pub inbound: usize,
    /// Held by peers that we dialled.
    pub outbound: usize,
}

/// The behaviour.
pub struct Behaviour {
    settings: Settings,
    protocols: LaneProtocols,
    clock: Clock,
    gossip: Gossip,
    /// `None` once the node stops.
    keeper: Option<Writer>,
    /// What the input under way has kept, and its answers to submissions.
    records: Vec<Record>,
    submitted: Vec<(ItemId, Result<Submission, Refusal>)>,
    budget: Arc<BulkBudget>,
    uplink: Arc<Uplink>,
    links: HashMap<ConnectionId, Link>,
    /// Connections that hold a slot, one for a peer.
    holders: HashMap<PeerId, ConnectionId>,
    handles: HashMap<PeerHandle, ConnectionId>,
    next_handle: u32,
    /// Dials that are to become gossip peers.
    wanted: HashMap<ConnectionId, Wish>,
    bans: Bans,
    swaps: Swaps,
    /// Inputs that arose while another was being dealt with: the engine's outputs are drained first.
    inputs: VecDeque<Input>,
    actions: VecDeque<ToSwarm<Event, Order>>,
    timer: Option<(Time, Pin<Box<Sleep>>)>,
    disconnects: BTreeMap<&'static str, u64>,
    recorder: Recorder,
}

impl Behaviour {
    /// A behaviour around an engine.
    #[must_use]
    pub fn new(settings: Settings, gossip: Gossip, keeper: Writer, clock: Clock, recorder: Recorder) -> Self {
        Self {
            protocols: LaneProtocols::new(&settings.network),
            settings,
            clock,
            gossip,
            keeper: Some(keeper),
            records: Vec::new(),
            submitted: Vec::new(),
            budget: BulkBudget::new(BULK_BUDGET_BYTES),
            uplink: Uplink::new(),
            links: HashMap::new(),
            holders: HashMap::new(),
            handles: HashMap::new(),
            next_handle: 0,
            wanted: HashMap::new(),
            bans: Bans::default(),
            swaps: Swaps::default(),
            inputs: VecDeque::new(),
            actions: VecDeque::new(),
            timer: None,
            disconnects: BTreeMap::new(),
            recorder,
        }
    }

    /// Has the engine start from what an earlier run kept. Comes before everything else.
    ///
    /// # Errors
    /// The engine's.
    pub fn restore(&mut self, restored: Restored) -> Result<(), RestoreError> {
        self.gossip.restore(self.clock.now(), restored)?;
        self.drain();
        Ok(())
    }

    /// What keeps the engine's records, while the node runs.
    #[must_use]
    pub const fn keeper(&self) -> Option<&Writer> {
        self.keeper.as_ref()
    }

    /// Takes the keeper out, to be stopped. Nothing is kept from here on.
    pub const fn take_keeper(&mut self) -> Option<Writer> {
        self.keeper.take()
    }

    /// Has something looked up in durable storage; the answer comes to the service. False if no answer will come.
    pub fn load(&self, load: Load) -> bool {
        self.keeper.as_ref().is_some_and(|keeper| keeper.load(load).is_ok())
    }

    /// Feeds the engine, and takes what it answers. The answers leave when the swarm is polled next.
    pub fn input(&mut self, input: Input) {
        self.inputs.push_back(input);
        self.run();
    }

    /// The engine, to be asked.
    #[must_use]
    pub const fn gossip(&self) -> &Gossip {
        &self.gossip
    }

    /// The trace.
    pub const fn recorder(&mut self) -> &mut Recorder {
        &mut self.recorder
    }

    /// Gossip connections that ended, others that were closed for a cause, and those that were turned away, by reason.
    #[must_use]
    pub const fn disconnects(&self) -> &BTreeMap<&'static str, u64> {
        &self.disconnects
    }

    /// Gossip peers and their handles.
    pub fn peers(&self) -> impl Iterator<Item = (PeerHandle, &Link)> {
        self.handles.iter().filter_map(|(handle, id)| Some((*handle, self.links.get(id)?)))
    }

    /// Slots in use.
    #[must_use]
    pub fn slots(&self) -> Slots {
        let mut slots = Slots::default();
        for link in self.holders.values().filter_map(|id| self.links.get(id)).filter(|link| !link.reserved) {
            *if link.outbound { &mut slots.outbound } else { &mut slots.inbound } += 1;
        }
        slots
    }

    /// The groups of the addresses at which we dialled those that hold slots, without what the operator gave.
    #[must_use]
    pub fn outbound_groups(&self) -> Vec<Group> {
        let links = self.holders.values().filter_map(|id| self.links.get(id));
        links
            .filter(|link| link.is_dialled() && !link.fixed)
            .filter_map(|link| slot_group(&link.address))
            .collect()
    }

    /// Whether a connection to the peer holds a slot.
    #[must_use]
    pub fn holds_slot(&self, peer: &PeerId) -> bool {
        self.holders.contains_key(peer)
    }

    /// What is banned, for a person to read.
    #[must_use]
    pub fn bans(&self) -> Vec<Banned> {
        self.bans.list(self.clock.now())
    }

    /// Whether the peer is banned for now.
    #[must_use]
    pub fn is_banned(&self, peer: &PeerId) -> bool {
        self.bans.has_peer(peer, self.clock.now())
    }

    /// Whether nobody at the address is wanted for now.
    #[must_use]
    pub fn is_banned_address(&self, address: IpAddr) -> bool {
        self.bans.has_address(address, self.clock.now())
    }

    /// The bans, as they are kept for another run.
    #[must_use]
    pub fn kept_bans(&self) -> Vec<KeptBan> {
        self.bans.kept(self.clock.now())
    }

    /// Takes in the bans that an earlier run kept.
    pub fn restore_bans(&mut self, kept: Vec<KeptBan>) {
        let now = self.clock.now();
        kept.into_iter().for_each(|ban| self.bans.restore(ban, now));
    }

    /// The dial with this id is to become a gossip peer.
    pub fn expect(&mut self, dial: ConnectionId, wish: Wish) {
        self.wanted.insert(dial, wish);
    }

    /// The dial with this id was never made.
    pub fn forget(&mut self, dial: ConnectionId) {
        self.wanted.remove(&dial);
    }

    /// A connection's remote address.
    #[must_use]
    pub fn address_of(&self, id: ConnectionId) -> Option<Multiaddr> {
        self.links.get(&id).map(|link| link.address.clone())
    }

    /// Opens the lanes on a connection that we dialled for another purpose. False if there is none.
    pub fn open_existing(&mut self, peer: &PeerId) -> bool {
        let found =
            self.links.iter().find(|(_, link)| link.peer == *peer && link.outbound && link.slot == Slot::None);
        let Some(id) = found.map(|(id, _)| *id) else { return false };
        self.grant_dialled(id)
    }

    /// Remembers what identify told of a peer's software.
    pub fn set_agent(&mut self, peer: &PeerId, agent: &str) {
        let kept: String = agent.chars().filter(|c| !c.is_control()).take(AGENT_BYTES_MAX).collect();
        for link in self.links.values_mut().filter(|link| link.peer == *peer) {
            link.agent = Some(kept.clone());
        }
    }

    /// Leaves a peer for another that has taken its place.
    pub fn leave(&mut self, peer: &PeerId) {
        if let Some(id) = self.holders.get(peer).copied() {
            self.close(id, CloseReason::Refreshed);
        }
    }

    /// Closes a connection because of something that was seen outside.
    pub fn close(&mut self, id: ConnectionId, reason: CloseReason) {
        self.free_slot(id, reason);
        self.close_link(id);
        self.run();
    }

    /// Closes a connection whose peer gave cause outside of the lanes. That is counted, with a slot or without.
    pub fn give_up(&mut self, id: ConnectionId, reason: CloseReason) {
        self.fail(id, reason);
        self.run();
    }

    /// Closes every connection.
    pub fn close_all(&mut self) {
        let ids: Vec<_> = self.links.keys().copied().collect();
        ids.into_iter().for_each(|id| self.close(id, CloseReason::Shutdown));
    }

    /// Whether no connection is left.
    #[must_use]
    pub fn is_disconnected(&self) -> bool {
        self.links.is_empty()
    }

    fn run(&mut self) {
        while let Some(input) = self.inputs.pop_front() {
            self.gossip.handle(self.clock.now(), input);
            self.drain();
        }
    }

    /// Does what the engine wants. The records of one input are handed over together.
    fn drain(&mut self) {
        while let Some(output) = self.gossip.poll_output() {
            self.output(output);
        }
        let records = std::mem::take(&mut self.records);
        if records.is_empty() && self.submitted.is_empty() {
            return;
        }
        let Some(keeper) = &self.keeper else { return };
        let awaited = if self.submitted.is_empty() { Awaited::No } else { Awaited::Yes };
        let safe_at = keeper.submit(records, awaited);
        for (item, result) in self.submitted.drain(..) {
            self.actions.push_back(ToSwarm::GenerateEvent(Event::Submitted { item, result, safe_at }));
        }
    }

    fn output(&mut self, output: Output) {
        match output {
            Output::Send { peer, lane, message } => self.send(peer, lane, message),
            Output::Verify(job) => self.actions.push_back(ToSwarm::GenerateEvent(Event::Verify(job))),
            Output::Store(record) => self.records.push(record),
            Output::Load(load) => {
                if !self.load(load.clone()) {
                    self.inputs.push_back(Input::Loaded(load.nothing()));
                }
            }
            Output::Disconnect { peer, reason } => {
                if let Some(id) = self.handles.get(&peer).copied() {
                    self.fail(id, CloseReason::Engine(reason));
                }
            }
            Output::Read { peer, allowed } => {
                if let Some(id) = self.handles.get(&peer).copied() {
                    self.order(id, Order::Read(allowed));
                }
            }
            Output::Event(event) => {
                self.recorder.event(&event);
                // Each event is a turn of the swarm: what only the trace is told of ends here.
                match event {
                    gossip::Event::Submitted { item, result } => self.submitted.push((item, result)),
                    gossip::Event::Refused { item, from: Some(from), refusal } => {
                        let peer = self.peer_of(from);
                        self.actions.push_back(ToSwarm::GenerateEvent(Event::Refused { peer, item, refusal }));
                    }
                    gossip::Event::Goodbye { peer, reason } => self.on_goodbye(peer, reason),
                    gossip::Event::TipChanged { .. } | gossip::Event::SubmissionsExpired { .. } => {
                        self.actions.push_back(ToSwarm::GenerateEvent(Event::Engine(event)));
                    }
                    _ => {}
                }
            }
        }
    }

    fn on_goodbye(&mut self, handle: PeerHandle, reason: GoodbyeReason) {
        if let Some(link) = self.handles.get(&handle).and_then(|id| self.links.get_mut(id)) {
            link.told = true;
        }
        let peer = self.peer_of(handle);
        self.actions.push_back(ToSwarm::GenerateEvent(Event::Goodbye { peer, reason }));
    }

    /// Who has a handle, while it is connected.
    fn peer_of(&self, handle: PeerHandle) -> Option<PeerId> {
        self.handles.get(&handle).and_then(|id| self.links.get(id)).map(|link| link.peer)
    }

    fn send(&mut self, peer: PeerHandle, lane: Lane, message: Message) {
        if let Some(id) = self.handles.get(&peer).copied() {
            self.recorder.sent(peer, &message);
            self.order(id, Order::Send(lane, message));
        }
    }

    fn order(&mut self, id: ConnectionId, order: Order) {
        if let Some(link) = self.links.get(&id) {
            let handler = NotifyHandler::One(id);
            self.actions.push_back(ToSwarm::NotifyHandler { peer_id: link.peer, handler, event: order });
        }
    }

    /// Closes a connection whose peer gave cause; bans the peer if that was misbehavior.
    fn fail(&mut self, id: ConnectionId, reason: CloseReason) {
        let Some(link) = self.links.get(&id) else { return };
        debug!(peer = %link.peer, address = %link.address, %reason, "closing a connection");
        let peer_id = link.peer;
        if reason.is_misbehavior() {
            let exempt = |ip: &IpAddr| self.settings.loopback_exempt && ip.is_loopback();
            let address = ip_of(&link.address).filter(|ip| !exempt(ip));
            self.bans.add(peer_id, address, reason.label(), self.clock.now());
            self.actions.push_back(ToSwarm::GenerateEvent(Event::Banned { peer: peer_id, address, reason }));
        }
        if reason.is_told() && matches!(link.slot, Slot::Up(_)) {
            self.order(id, Order::Goodbye(reason));
        }
        let Some(link) = self.links.get(&id) else { return };
        if link.slot == Slot::None {
            // A cause that needs no slot is counted all the same, once.
            *self.disconnects.entry(reason.label()).or_default() += 1;
        }
        self.free_slot(id, reason);
        self.close_link(id);
    }

    fn close_link(&mut self, id: ConnectionId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.slot = Slot::Closing;
            let connection = CloseConnection::One(id);
            self.actions.push_back(ToSwarm::CloseConnection { peer_id: link.peer, connection });
        }
    }

    /// Takes a connection's slot away, if it has one, and counts why.
    fn free_slot(&mut self, id: ConnectionId, reason: CloseReason) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let (peer, outbound) = (link.peer, link.outbound);
        if matches!(link.slot, Slot::None | Slot::Closing) {
            return;
        }
        let slot = std::mem::replace(&mut link.slot, Slot::None);
        link.lost = Some(reason);
        self.holders.remove(&peer);
        *self.disconnects.entry(reason.label()).or_default() += 1;
        if let Slot::Up(handle) = slot {
            self.handles.remove(&handle);
            self.inputs.push_back(Input::PeerDisconnected { peer: handle });
            self.recorder.record(What::PeerDown { peer: handle.0, reason: reason.label().to_owned() });
        }
        self.actions.push_back(ToSwarm::GenerateEvent(Event::Down { peer, outbound, reason }));
    }

    fn grant(&mut self, id: ConnectionId) {
        if let Some(link) = self.links.get_mut(&id) {
            link.slot = Slot::Opening;
            self.holders.insert(link.peer, id);
            self.order(id, Order::Open);
        }
    }

    /// Grants a slot to a connection that we dialled, if the peer has none, one is free, and no other is held in the group of
    /// its address. The operator's addresses count for no group.
    fn grant_dialled(&mut self, id: ConnectionId) -> bool {
        let Some(link) = self.links.get(&id) else { return false };
        let most = self.settings.max_peers_out.saturating_add(REFRESH_EXTRA);
        let free = link.reserved || self.slots().outbound < most;
        let exempt = link.reserved || link.fixed;
        let alone = slot_group(&link.address).is_none_or(|group| !self.outbound_groups().contains(&group));
        let wanted = free && (exempt || alone) && !self.holders.contains_key(&link.peer);
        if wanted {
            self.grant(id);
        }
        wanted
    }

    /// The peer asks for a slot on a connection that it dialled.
    ///
    /// If we hold one for it already, on a connection that we dialled, both sides dialled at once: the connection
    /// that the lower peer id dialled stays, on both sides. It may then exceed the inbound limit, by no more than
    /// there are outbound slots. If the peer dialled the other as well, it has given that one up, whether we have
    /// noticed or not: the new one stays.
    fn on_slot_wanted(&mut self, id: ConnectionId) {
        let Some(link) = self.links.get(&id).filter(|link| link.slot == Slot::None) else { return };
        let peer = link.peer;
        let held = self.holders.get(&peer).copied();
        let grant = match held.and_then(|held| self.links.get(&held)) {
            Some(held) => !link.outbound && (!held.outbound || peer < self.settings.local),
            None => !link.outbound && (link.reserved || self.slots().inbound < self.settings.max_peers_in),
        };
        // On a connection that we dialled, the lanes are ours to open: whoever does it for us is no sign that we are full.
        let full = held.is_none() && !link.outbound;
        if !grant || held.is_some_and(|held| !self.may_replace(held, id)) {
            let why = match held {
                Some(_) => "its other connection stays",
                None if full => "no slot is free for it",
                None => "this node dialled the connection, and opens the lanes itself",
            };
            self.turn_away(id, full, why);
            return;
        }
        if let Some(held) = held {
            self.fail(held, CloseReason::DuplicateConnection);
        }
        self.grant(id);
    }

    /// Drops the lanes of a connection that gets no slot. Counted where that is because all are taken.
    fn turn_away(&mut self, id: ConnectionId, full: bool, why: &str) {
        if let Some(link) = self.links.get(&id) {
            debug!(peer = %link.peer, address = %link.address, why, "declined a peer's lanes");
        }
        if full {
            self.count(NO_SLOT);
        }
        self.order(id, Order::Decline);
    }

    /// Counts a connection that was not let in.
    pub fn count(&mut self, label: &'static str) {
        *self.disconnects.entry(label).or_default() += 1;
    }

    /// Whether a connection that a peer dialled may take the place of one that it has.
    fn may_replace(&mut self, held: ConnectionId, new: ConnectionId) -> bool {
        let (Some(old), Some(new)) = (self.links.get(&held), self.links.get(&new)) else { return true };
        let held = Held { ip: ip_of(&old.address), outbound: old.outbound };
        let swap = self.swaps.wanted(new.peer, held, ip_of(&new.address), self.clock.now());
        if swap == (Swap::Old { warn: true }) {
            warn_of_rivals(&new.peer, &old.address, &new.address);
        }
        swap == Swap::New
    }

    /// A limit on connections denied an inbound one of this peer. It is a contest if the limit is the one for a single peer.
    pub fn on_denied(&mut self, peer: PeerId, address: &Multiaddr) {
        let now = self.clock.now();
        if self.links.values().filter(|link| link.peer == peer).count() < PER_PEER_MAX as usize {
            return;
        }
        let Some(held) = self.holders.get(&peer).and_then(|id| self.links.get(id)) else { return };
        if self.swaps.denied(peer, ip_of(&held.address), ip_of(address), now) {
            warn_of_rivals(&peer, &held.address, address);
        }
    }

    fn on_up(&mut self, id: ConnectionId) {
        let Some(link) = self.links.get_mut(&id).filter(|link| link.slot == Slot::Opening) else { return };
        let handle = PeerHandle(self.next_handle);
        // Four billion connections in one run would need a century at one a second.
        self.next_handle = self.next_handle.saturating_add(1);
        link.slot = Slot::Up(handle);
        self.handles.insert(handle, id);
        let (peer, outbound) = (link.peer, link.outbound);
        let group = address_group(&link.address, self.settings.loopback_exempt);
        let direction = if outbound { gossip::Direction::Outbound } else { gossip::Direction::Inbound };
        self.recorder.record(What::PeerUp { peer: handle.0, peer_id: peer.to_string(), outbound });
        self.actions.push_back(ToSwarm::GenerateEvent(Event::Up { peer, outbound }));
        self.inputs.push_back(Input::PeerConnected { peer: handle, direction, group });
    }

    fn handle_of(&self, id: ConnectionId) -> Option<PeerHandle> {
        match self.links.get(&id)?.slot {
            Slot::Up(handle) => Some(handle),
            Slot::None | Slot::Opening | Slot::Closing => None,
        }
    }

    fn admit(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        outbound: bool,
    ) -> Result<Handler, ConnectionDenied> {
        let now = self.clock.now();
        if self.bans.has_peer(&peer, now) {
            return Err(ConnectionDenied::new(BannedError));
        }
        let wish = self.wanted.get(&id).copied().unwrap_or_default();
        let link = Link {
            peer,
            address: address.clone(),
            outbound,
            since: now,
            agent: None,
            slot: Slot::None,
            reserved: wish.reserved || self.settings.reserved.contains(&peer),
            fixed: wish.fixed,
            lost: None,
            told: false,
        };
        self.links.insert(id, link);
        let (budget, uplink) = (Arc::clone(&self.budget), Arc::clone(&self.uplink));
        let handler = Handler::new(self.protocols.clone(), self.clock, budget, uplink);
        Ok(handler.with_deadlines(self.settings.deadlines))
    }
}

fn warn_of_rivals(peer: &PeerId, kept: &Multiaddr, declined: &Multiaddr) {
    warn!(
        %peer, %kept, %declined,
        "one peer id connects from two addresses in turn: two machines use one key; the older connection is kept, and \
         their operator should give one of them a key of its own"
    );
}

/// The peer misbehaved a short while ago.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("the peer misbehaved and is not wanted for some minutes")]
pub struct BannedError;

impl NetworkBehaviour for Behaviour {
    type ConnectionHandler = Handler;
    type ToSwarm = Event;

    fn handle_pending_inbound_connection(
        &mut self,
        _: ConnectionId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<(), ConnectionDenied> {
        let banned = ip_of(remote).is_some_and(|ip| self.bans.has_address(ip, self.clock.now()));
        if banned { Err(ConnectionDenied::new(BannedError)) } else { Ok(()) }
    }

    fn handle_established_inbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        _: &Multiaddr,
        remote: &Multiaddr,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(id, peer, remote, false)
    }

    fn handle_pending_outbound_connection(
        &mut self,
        _: ConnectionId,
        peer: Option<PeerId>,
        addresses: &[Multiaddr],
        _: Endpoint,
    ) -> Result<Vec<Multiaddr>, ConnectionDenied> {
        let here = |address: &Multiaddr| ip_of(address).is_some_and(|ip| self.is_banned_address(ip));
        // One banned address among others is left out where it is dialled (`own.rs`).
        let nowhere = !addresses.is_empty() && addresses.iter().all(here);
        let banned = nowhere || peer.is_some_and(|peer| self.is_banned(&peer));
        if banned { Err(ConnectionDenied::new(BannedError)) } else { Ok(Vec::new()) }
    }

    fn handle_established_outbound_connection(
        &mut self,
        id: ConnectionId,
        peer: PeerId,
        address: &Multiaddr,
        _: Endpoint,
        _: PortUse,
    ) -> Result<THandler<Self>, ConnectionDenied> {
        self.admit(id, peer, address, true)
    }

    fn on_swarm_event(&mut self, event: FromSwarm<'_>) {
        match event {
            FromSwarm::ConnectionEstablished(established)
                if self.wanted.remove(&established.connection_id).is_some() =>
            {
                self.grant_dialled(established.connection_id);
            }
            FromSwarm::ConnectionClosed(closed) => {
                self.free_slot(closed.connection_id, CloseReason::ClosedByPeer);
                let link = self.links.remove(&closed.connection_id);
                let cut = link
                    .filter(|link| link.outbound && !link.told && link.lost == Some(CloseReason::ClosedByPeer));
                if let Some(Link { peer, address, fixed, .. }) = cut.filter(|_| !was_lost(closed.cause)) {
                    self.actions.push_back(ToSwarm::GenerateEvent(Event::Cut { peer, address, fixed }));
                }
            }
            FromSwarm::DialFailure(failure) => {
                self.wanted.remove(&failure.connection_id);
                self.links.remove(&failure.connection_id);
            }
            FromSwarm::ListenFailure(failure) => {
                // Another behaviour may have refused what this one admitted.
                self.links.remove(&failure.connection_id);
            }
            _ => {}
        }
        self.run();
    }

    fn on_connection_handler_event(&mut self, _: PeerId, id: ConnectionId, report: THandlerOutEvent<Self>) {
        match report {
            Report::SlotWanted => self.on_slot_wanted(id),
            Report::Up => self.on_up(id),
            Report::Received(message) => {
                if let Some(peer) = self.handle_of(id) {
                    self.recorder.received(peer, &message);
                    self.inputs.push_back(Input::Received { peer, message });
                }
            }
            Report::Drained(lane, bytes) => {
                if let Some(peer) = self.handle_of(id).filter(|_| bytes > 0) {
                    self.inputs.push_back(Input::Drained { peer, lane, bytes });
                }
            }
            Report::Failed(CloseReason::Declined) => self.free_slot(id, CloseReason::Declined),
            Report::Failed(reason) => self.fail(id, reason),
        }
        self.run();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        loop {
            if let Some(action) = self.actions.pop_front() {
                return Poll::Ready(action);
            }
            let Some(deadline) = self.gossip.poll_timeout() else {
                self.timer = None;
                return Poll::Pending;
            };
            // A timer that is too early is left to fire: the engine's deadlines move often, and early is safe.
            if self.timer.as_ref().is_none_or(|(at, _)| *at > deadline) {
                self.timer = Some((deadline, Box::pin(sleep(self.clock.until(deadline)))));
            }
            let fired = self.timer.as_mut().is_some_and(|(_, timer)| timer.as_mut().poll(cx).is_ready());
            if !fired {
                return Poll::Pending;
            }
            self.timer = None;
            if self.clock.now() >= deadline {
                self.input(Input::Timeout);
            }
        }
    }
}
