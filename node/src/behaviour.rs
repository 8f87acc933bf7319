//! The seam between libp2p and the engine: swarm and handler events become inputs, outputs become orders.
//!
//! Who gets a gossip slot is decided in `slots.rs`; here is done what follows from it. No gossip rule lives here either. What
//! the engine has kept goes to durable storage input by input, and answers to submissions tell when that is safe.

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
use protocol::gossip::{self, Gossip, Input, ItemId, Output, PeerHandle, Refusal, Submission};
use protocol::items::network::NetworkId;
use protocol::items::verify::VerifyJob;
use protocol::ledger::chain::RestoreError;
use protocol::ledger::durable::{Load, Record, Restored};
use protocol::time::{Duration, Time};
use protocol::wire::message::{GoodbyeReason, Lane, Message};
use tokio::time::{Sleep, sleep};
use tracing::{debug, warn};

use crate::bans::{Banned, Bans, KeptBan};
use crate::book::{Allowance, Group, slot_group};
use crate::clock::Clock;
use crate::discovery::REFRESH_EXTRA;
use crate::handler::{Deadlines, Handler, LaneProtocols, Order, Report};
use crate::lane::{BULK_BUDGET_BYTES, BulkBudget, Uplink};
use crate::limits::{PER_PEER_MAX, SLOTLESS_CONNECTIONS_MAX, address_group, ip_of};
use crate::notices::{CONNECTION_LIMIT, NO_SLOT};
use crate::reason::{CloseReason, blames, was_lost};
use crate::recorder::Recorder;
use crate::slots::{self, Decision, InUse, Merits, Slots, Why};
use crate::store::{Awaited, Writer};
use crate::trace::What;

/// Bytes of a peer's agent string that are kept.
const AGENT_BYTES_MAX: usize = 64;

/// A peer's word for itself is heard so often on one connection. Honest nodes repeat it every five minutes.
const IDENTIFY_INTERVAL: Duration = Duration::from_secs(5);
/// So many may come at once: a connection begins with one, and another for each change of what is spoken on it.
const IDENTIFY_BURST: u64 = 4;

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
    /// How many other outbound peers there may be in its address group.
    pub beside: usize,
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
    /// The lowest round trip of our pings on it.
    pub round_trip: Option<Duration>,
    /// Its handle, while it is a gossip peer.
    handle: Option<PeerHandle>,
    reserved: bool,
    /// Dialled at a fixed address.
    fixed: bool,
    /// Why it lost its slot.
    lost: Option<CloseReason>,
    /// What its peer said of why it closes it.
    told: Option<GoodbyeReason>,
    /// What identify may still tell of it.
    heard: Allowance,
}

impl Link {
    /// Whether it counts for the outbound slots.
    #[must_use]
    pub const fn is_dialled(&self) -> bool {
        self.outbound && !self.reserved
    }

    /// Why it ends, by what its peer said. One that makes room for another has no slot for us, and is asked again later.
    fn end(&self, reason: CloseReason) -> CloseReason {
        let evicted = self.told.as_ref().is_some_and(|told| !blames(told));
        if reason == CloseReason::ClosedByPeer && self.outbound && evicted {
            CloseReason::Declined
        } else {
            reason
        }
    }

    /// Whether its peer closed it without a word, though we had dialled it for a slot.
    fn was_cut(&self) -> bool {
        self.outbound && self.told.is_none() && self.lost == Some(CloseReason::ClosedByPeer)
    }
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
    slots: Slots,
    handles: HashMap<PeerHandle, ConnectionId>,
    next_handle: u32,
    /// Dials that are to become gossip peers.
    wanted: HashMap<ConnectionId, Wish>,
    bans: Bans,
    /// Inputs that arose while another was being dealt with: the engine's outputs are drained first.
    inputs: VecDeque<Input>,
    actions: VecDeque<ToSwarm<Event, Order>>,
    timer: Option<(Time, Pin<Box<Sleep>>)>,
    /// Whether a slot was freed since those that wait were looked at.
    freed: bool,
    disconnects: BTreeMap<&'static str, u64>,
    recorder: Recorder,
}

impl Behaviour {
    /// A behaviour around an engine.
    #[must_use]
    pub fn new(settings: Settings, gossip: Gossip, keeper: Writer, clock: Clock, recorder: Recorder) -> Self {
        let limits = slots::Limits {
            inbound: settings.max_peers_in,
            outbound: settings.max_peers_out.saturating_add(REFRESH_EXTRA),
            slotless: SLOTLESS_CONNECTIONS_MAX,
        };
        let bans = Bans::new(settings.loopback_exempt);
        Self {
            slots: Slots::new(limits, settings.local, rand::random()),
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
            handles: HashMap::new(),
            next_handle: 0,
            wanted: HashMap::new(),
            bans,
            inputs: VecDeque::new(),
            actions: VecDeque::new(),
            timer: None,
            freed: false,
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
    pub fn slots(&self) -> InUse {
        self.slots.in_use()
    }

    /// Who holds which slot.
    #[must_use]
    pub const fn slot_table(&self) -> &Slots {
        &self.slots
    }

    /// The groups of the addresses at which we dialled those that hold slots, without what the operator gave.
    #[must_use]
    pub fn outbound_groups(&self) -> Vec<Group> {
        let links = self.slots.outbound().filter_map(|(id, _)| self.links.get(&id));
        links.filter(|link| !link.fixed).filter_map(|link| slot_group(&link.address)).collect()
    }

    /// Whether a connection to the peer holds a slot.
    #[must_use]
    pub fn holds_slot(&self, peer: &PeerId) -> bool {
        self.slots.holder(peer).is_some()
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

    /// Whether what a peer tells of itself on a connection is heard now. It may tell that as often as it likes.
    pub fn may_hear(&mut self, id: ConnectionId) -> bool {
        let now = self.clock.now();
        self.links.get_mut(&id).is_some_and(|link| link.heard.take(IDENTIFY_INTERVAL, IDENTIFY_BURST, now))
    }

    /// Opens the lanes on a connection that we dialled for another purpose. False if there is none.
    pub fn open_existing(&mut self, peer: &PeerId, wish: Wish) -> bool {
        self.slots.idle_outbound(peer).is_some_and(|id| self.open_dialled(id, wish))
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
        if let Some(id) = self.slots.holder(peer) {
            self.close(id, CloseReason::Refreshed);
        }
    }

    /// Closes a connection because of something that was seen outside.
    pub fn close(&mut self, id: ConnectionId, reason: CloseReason) {
        if self.slots.closing(id) {
            self.on_lost(id, reason);
        }
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
        loop {
            while let Some(input) = self.inputs.pop_front() {
                self.gossip.handle(self.clock.now(), input);
                self.drain();
            }
            if !std::mem::take(&mut self.freed) {
                return;
            }
            self.settle_slots();
        }
    }

    /// Lets the slots decide about connections that wait.
    fn settle_slots(&mut self) {
        let decisions = self.slots.settle(self.clock.now(), &merits(&self.links, &self.gossip));
        decisions.into_iter().for_each(|decision| self.on_decision(decision));
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
                    gossip::Event::TipChanged { .. }
                    | gossip::Event::SubmissionsExpired { .. }
                    | gossip::Event::Equivocation(_) => {
                        self.actions.push_back(ToSwarm::GenerateEvent(Event::Engine(event)));
                    }
                    _ => {}
                }
            }
        }
    }

    fn on_goodbye(&mut self, handle: PeerHandle, reason: GoodbyeReason) {
        if let Some(link) = self.handles.get(&handle).and_then(|id| self.links.get_mut(id)) {
            link.told = Some(reason.clone());
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
            let address = ip_of(&link.address).filter(|ip| self.bans.may_have(*ip));
            self.bans.add(peer_id, address, reason.label(), self.clock.now());
            self.actions.push_back(ToSwarm::GenerateEvent(Event::Banned { peer: peer_id, address, reason }));
        }
        let (reason, closing) = (link.end(reason), self.slots.is_closing(id));
        if self.slots.closing(id) {
            self.part(id, reason);
            return;
        }
        if !closing {
            // A cause that needs no slot is counted all the same, once.
            self.count(reason.label());
        }
        self.close_link(id);
    }

    fn close_link(&mut self, id: ConnectionId) {
        if let Some(link) = self.links.get(&id) {
            let connection = CloseConnection::One(id);
            self.actions.push_back(ToSwarm::CloseConnection { peer_id: link.peer, connection });
        }
    }

    /// A connection has lost its slot and is to be closed: at once, or when the peer was told why.
    fn part(&mut self, id: ConnectionId, reason: CloseReason) {
        let told = reason.is_told() && self.handle_of(id).is_some();
        self.on_lost(id, reason);
        if told { self.order(id, Order::Goodbye(reason)) } else { self.close_link(id) }
    }

    /// A connection has lost its slot: tells the engine and the service, and counts why.
    fn on_lost(&mut self, id: ConnectionId, reason: CloseReason) {
        let Some(link) = self.links.get_mut(&id) else { return };
        let (peer, outbound) = (link.peer, link.outbound);
        link.lost = Some(reason);
        self.freed = true;
        if let Some(handle) = link.handle.take() {
            self.handles.remove(&handle);
            self.inputs.push_back(Input::PeerDisconnected { peer: handle });
            self.recorder.record(What::PeerDown { peer: handle.0, reason: reason.label().to_owned() });
        }
        self.count(reason.label());
        self.actions.push_back(ToSwarm::GenerateEvent(Event::Down { peer, outbound, reason }));
    }

    /// Opens the lanes on a connection that we dialled, if it gets a slot: no more are held in the group of its address than
    /// was wished. The operator's addresses count for no group.
    fn open_dialled(&mut self, id: ConnectionId, wish: Wish) -> bool {
        let Some(link) = self.links.get(&id) else { return false };
        let exempt = link.reserved || link.fixed;
        let held = |group| self.outbound_groups().into_iter().filter(|other| *other == group).count();
        let room = slot_group(&link.address).is_none_or(|group| held(group) <= wish.beside);
        let granted = (exempt || room) && self.slots.dialled(id, self.clock.now());
        if granted {
            self.order(id, Order::Open);
        }
        granted
    }

    /// The peer asks for a slot on a connection.
    fn on_slot_wanted(&mut self, id: ConnectionId) {
        let decisions = self.slots.asked(id, self.clock.now(), &merits(&self.links, &self.gossip));
        decisions.into_iter().for_each(|decision| self.on_decision(decision));
    }

    fn on_decision(&mut self, decision: Decision) {
        match decision {
            Decision::Granted { id, instead } => {
                if let Some((victim, reason)) = instead {
                    if let Some(link) = self.links.get(&victim) {
                        debug!(peer = %link.peer, address = %link.address, %reason, "closing a connection");
                    }
                    self.part(victim, reason);
                }
                self.order(id, Order::Open);
            }
            Decision::Declined { id, why } => self.turn_away(id, why),
        }
    }

    /// Drops the lanes of a connection that gets no slot. Counted where that is because all are taken.
    fn turn_away(&mut self, id: ConnectionId, why: Why) {
        let text = match why {
            Why::Full => "no slot is free for it",
            Why::OtherStays { .. } => "its other connection stays",
            Why::OursToOpen => "this node dialled the connection, and opens the lanes itself",
        };
        if let Some(link) = self.links.get(&id) {
            debug!(peer = %link.peer, address = %link.address, why = text, "declined a peer's lanes");
            if let Why::OtherStays { other, warn: true } = why
                && let Some(kept) = self.links.get(&other)
            {
                warn_of_rivals(&link.peer, &kept.address, &link.address);
            }
        }
        if why == Why::Full {
            self.count(NO_SLOT);
        }
        self.order(id, Order::Decline);
    }

    /// Counts a connection that was not let in.
    pub fn count(&mut self, label: &'static str) {
        *self.disconnects.entry(label).or_default() += 1;
    }

    /// A limit on connections denied an inbound one of this peer. It is a contest if the limit is the one for a single peer.
    pub fn on_denied(&mut self, peer: PeerId, address: &Multiaddr) {
        let held = self.slots.denied(peer, ip_of(address), PER_PEER_MAX as usize, self.clock.now());
        if let Some(link) = held.and_then(|id| self.links.get(&id)) {
            warn_of_rivals(&peer, &link.address, address);
        }
    }

    fn on_up(&mut self, id: ConnectionId) {
        let Some(link) = self.links.get_mut(&id) else { return };
        if self.slots.holder(&link.peer) != Some(id) || link.handle.is_some() {
            return;
        }
        let handle = PeerHandle(self.next_handle);
        // Four billion connections in one run would need a century at one a second.
        self.next_handle = self.next_handle.saturating_add(1);
        link.handle = Some(handle);
        self.handles.insert(handle, id);
        let (peer, outbound) = (link.peer, link.outbound);
        let group = address_group(&link.address, self.settings.loopback_exempt);
        let direction = if outbound { gossip::Direction::Outbound } else { gossip::Direction::Inbound };
        self.recorder.record(What::PeerUp { peer: handle.0, peer_id: peer.to_string(), outbound });
        self.actions.push_back(ToSwarm::GenerateEvent(Event::Up { peer, outbound }));
        self.inputs.push_back(Input::PeerConnected { peer: handle, direction, group });
    }

    fn handle_of(&self, id: ConnectionId) -> Option<PeerHandle> {
        self.links.get(&id)?.handle
    }

    fn forget_link(&mut self, id: ConnectionId) {
        self.slots.disconnected(id);
        self.links.remove(&id);
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
        let reserved = wish.reserved || self.settings.reserved.contains(&peer);
        let connection = slots::Connection {
            peer,
            ip: ip_of(address),
            group: address_group(address, self.settings.loopback_exempt),
            outbound,
            reserved,
        };
        if let Some(victim) = self.slots.connected(id, connection) {
            self.count(CONNECTION_LIMIT);
            self.close_link(victim);
        }
        let link = Link {
            peer,
            address: address.clone(),
            outbound,
            since: now,
            agent: None,
            round_trip: None,
            handle: None,
            reserved,
            fixed: wish.fixed,
            lost: None,
            told: None,
            heard: Allowance::default(),
        };
        self.links.insert(id, link);
        let (budget, uplink) = (Arc::clone(&self.budget), Arc::clone(&self.uplink));
        let handler = Handler::new(self.protocols.clone(), self.clock, budget, uplink);
        Ok(handler.with_deadlines(self.settings.deadlines))
    }
}

/// What each connection's peer has shown to be worth.
fn merits(links: &HashMap<ConnectionId, Link>, gossip: &Gossip) -> impl Fn(ConnectionId) -> Merits {
    |id| {
        let Some(link) = links.get(&id) else { return Merits::default() };
        let info = link.handle.and_then(|handle| gossip.peer(handle));
        let (block, transaction) = info.map_or((None, None), |info| (info.first_block, info.first_transaction));
        Merits { block, transaction, round_trip: link.round_trip }
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
            FromSwarm::ConnectionEstablished(established) => {
                if let Some(wish) = self.wanted.remove(&established.connection_id) {
                    self.open_dialled(established.connection_id, wish);
                }
            }
            FromSwarm::ConnectionClosed(closed) => {
                let id = closed.connection_id;
                if self.slots.disconnected(id)
                    && let Some(link) = self.links.get(&id)
                {
                    self.on_lost(id, link.end(CloseReason::ClosedByPeer));
                }
                let cut = self.links.remove(&id).filter(Link::was_cut);
                if let Some(Link { peer, address, fixed, .. }) = cut.filter(|_| !was_lost(closed.cause)) {
                    self.actions.push_back(ToSwarm::GenerateEvent(Event::Cut { peer, address, fixed }));
                }
            }
            FromSwarm::DialFailure(failure) => {
                self.wanted.remove(&failure.connection_id);
                self.forget_link(failure.connection_id);
            }
            FromSwarm::ListenFailure(failure) => {
                // Another behaviour may have refused what this one admitted.
                self.forget_link(failure.connection_id);
            }
            _ => {}
        }
        self.run();
    }

    fn on_connection_handler_event(&mut self, _: PeerId, id: ConnectionId, report: THandlerOutEvent<Self>) {
        match report {
            Report::SlotWanted => self.on_slot_wanted(id),
            Report::Up => self.on_up(id),
            Report::Parted => self.close_link(id),
            Report::RoundTrip(took) => {
                if let Some(link) = self.links.get_mut(&id) {
                    link.round_trip = Some(link.round_trip.map_or(took, |least| least.min(took)));
                }
            }
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
            Report::Failed(CloseReason::Declined) if self.slots.free(id) => {
                self.on_lost(id, CloseReason::Declined)
            }
            Report::Failed(CloseReason::Declined) => {}
            Report::Failed(reason) => self.fail(id, reason),
        }
        self.run();
    }

    fn poll(&mut self, cx: &mut Context<'_>) -> Poll<ToSwarm<Event, THandlerInEvent<Self>>> {
        loop {
            if let Some(action) = self.actions.pop_front() {
                return Poll::Ready(action);
            }
            let Some(deadline) = self.gossip.poll_timeout().into_iter().chain(self.slots.next_at()).min() else {
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
            let now = self.clock.now();
            // So the slots are looked at as well.
            self.freed |= self.slots.next_at().is_some_and(|at| at <= now);
            match self.gossip.poll_timeout() {
                Some(at) if at <= now => self.input(Input::Timeout),
                _ => self.run(),
            }
        }
    }
}
