//! What the loop does for membership: short dials, the addresses in this node's record, and word of changes.
//!
//! * **A short dial** takes no gossip slot. It asks for the member's own id at its addresses, and is closed once the
//!   member has answered. If it is to bring an accusation, it is closed after that. Addresses in networks that are
//!   not ours wait a little for better ones (`own.rs`), but not if there are none: the time for an answer may be
//!   as short as that wait.
//! * **A dial that was not made**, or that this node's own limits refused, gets no answer. So it says nothing about
//!   the member. The machine gives it up after its own time.
//! * **The addresses in the record** are those of `--external-addr`. Without any they are those that identify tells,
//!   and loopback addresses only if there are no others. `--membership quiet` tells none.
//!
//! Deliberately absent: pings (`net/behaviour/probes.rs`), signing and keeping (`host.rs`), and every rule about
//! members.

use std::collections::HashMap;
use std::sync::Arc;
use std::time::Duration;

use bytes::Bytes;
use futures::StreamExt as _;
use libp2p::swarm::ConnectionId;
use libp2p::swarm::dial_opts::{DialOpts, PeerCondition};
use libp2p::{Multiaddr, PeerId};
use protocol::gossip::Input;
use protocol::gossip::members::{MemberEvent, MemberInput, MemberOutput, ProbeId, Reach};
use protocol::items::member::accusation::SignedAccusation;
use protocol::items::member::record::SignedRecord;
use protocol::limits::{MEMBER_ADDRESSES_MAX, RECORD_BYTES_MAX};
use protocol::time::Duration as Span;
use tokio::sync::broadcast;
use tokio::time::{Instant, timeout_at};

use super::recalled::Keeping;
use crate::clock::wall_ms;
use crate::config::application::Telling;
use crate::config::identity::peer_of;
use crate::config::members::{Membership as Settings, Part};
use crate::net::addresses::{Scope, goes_first, scope};
use crate::net::behaviour::accuse::AccuseEvent;
use crate::net::discovery::ToldBy;
use crate::net::discovery::book::Allowance;
use crate::rpc::members::MemberNews;
use crate::service::{Service, say};

/// Short dials that may be under way. Half of all dials, so that those for gossip slots find room as well.
pub const MEMBER_DIALS_MAX: usize = 32;

/// Changes of members that wait for a subscriber. One that is further behind loses the oldest.
pub const MEMBER_EVENTS_MAX: usize = 1_024;

/// The longest time for which a node that stops goes on, so that others hear that it leaves.
pub const LEAVE_TIME: Duration = Duration::from_secs(1);

/// What a record has besides its addresses takes up to 305 bytes, and what is before an address takes 3.
const REACH_BYTES_MAX: usize = RECORD_BYTES_MAX - 305;
const BEFORE_ADDRESS_BYTES: usize = 3;

/// How often somebody may hand over an accusation, and how many may come at once. Each costs a signature check at
/// most. The machine needs one of them.
const ACCUSED_EVERY: Span = Span::from_secs(1);
const ACCUSED_BURST: u64 = 16;

/// The state.
#[derive(Debug)]
pub(in crate::service) struct Membership {
    settings: Settings,
    /// The addresses that the record has.
    reach: Vec<Bytes>,
    /// Short dials under way, at most [`MEMBER_DIALS_MAX`].
    dials: HashMap<ConnectionId, ShortDial>,
    accused: Allowance,
    events: broadcast::Sender<MemberNews>,
    /// The way to the application, if there is one.
    telling: Option<Telling>,
    pub(super) keeping: Keeping,
    /// The time since the start when this node's numbers were told last, and the bytes that had moved by then.
    moved: (Duration, u64),
}

/// A short dial.
#[derive(Debug)]
struct ShortDial {
    probe: ProbeId,
    accusation: Option<SignedAccusation>,
    /// Its addresses, if all of them would wait for others.
    at_once: Vec<Multiaddr>,
}

impl Membership {
    pub(in crate::service) fn new(settings: Settings, telling: Option<Telling>) -> Self {
        Self {
            settings,
            reach: Vec::new(),
            dials: HashMap::new(),
            accused: Allowance::default(),
            events: broadcast::Sender::new(MEMBER_EVENTS_MAX),
            telling,
            keeping: Keeping::default(),
            moved: (Duration::ZERO, 0),
        }
    }

    /// Where changes of members are told.
    pub(in crate::service) const fn events(&self) -> &broadcast::Sender<MemberNews> {
        &self.events
    }

    /// Tells everybody who wants to know that something has changed.
    fn tell(&mut self, event: MemberEvent) {
        self.keeping.changed = true;
        if let Some(telling) = &mut self.telling {
            telling.tell(event);
        }
        // There need not be a subscriber.
        let _ = self.events.send(MemberNews { at_ms: wall_ms(), event });
    }

    /// Where this node can be reached, if that has changed.
    fn reach(&mut self, announced: &[Multiaddr]) -> Option<Reach> {
        if self.settings.part != Part::On {
            return None;
        }
        let given = if self.settings.external.is_empty() { announced } else { &self.settings.external };
        let reach = tellable(given);
        if reach == self.reach {
            return None;
        }
        self.reach.clone_from(&reach);
        Some(Reach::Addresses(reach))
    }
}

/// The addresses that fit into a record. Loopback addresses are of use only if there are no others.
fn tellable(addresses: &[Multiaddr]) -> Vec<Bytes> {
    let is_far = |address: &&Multiaddr| scope(address) != Scope::Loopback;
    let any_far = addresses.iter().any(|address| is_far(&address));
    let mut left = REACH_BYTES_MAX;
    let told = addresses.iter().filter(|address| !any_far || is_far(address)).filter_map(|address| {
        let bytes = Bytes::from(address.to_vec());
        left = left.checked_sub(bytes.len() + BEFORE_ADDRESS_BYTES)?;
        Some(bytes)
    });
    told.take(MEMBER_ADDRESSES_MAX).collect()
}

impl Service {
    /// Tells the membership machine something.
    pub(super) fn tell_members(&mut self, input: MemberInput) {
        self.gossip().input(Input::Members(Box::new(input)));
    }

    /// Does what membership wants.
    pub(in crate::service) fn on_members(&mut self, wanted: MemberOutput) {
        match wanted {
            MemberOutput::Dial { probe, record, accusation } => self.dial_member(probe, &record, accusation),
            MemberOutput::Connect { record } => self.learn_member(&record),
            MemberOutput::Event(event) => {
                say::member(&event, &self.config.key.public());
                self.membership.tell(event);
            }
            _ => {}
        }
    }

    fn dial_member(&mut self, probe: ProbeId, record: &SignedRecord, accusation: Option<SignedAccusation>) {
        let Some(peer) = peer_of(&record.key()) else { return self.probed(probe, false) };
        if self.gossip().ping(&peer, probe) || self.membership.dials.len() >= MEMBER_DIALS_MAX {
            return;
        }
        let addresses = self.addresses_of(record);
        if addresses.is_empty() {
            return self.probed(probe, false);
        }
        let own = self.own_ips();
        let wait = !addresses.iter().any(|address| goes_first(address, &own));
        let at_once = if wait { addresses.clone() } else { Vec::new() };
        let opts = DialOpts::peer_id(peer).addresses(addresses).condition(PeerCondition::Always);
        let opts = opts.allocate_new_port().build();
        let id = opts.connection_id();
        if self.swarm.dial(opts).is_ok() {
            self.membership.dials.insert(id, ShortDial { probe, accusation, at_once });
            self.set_at_once();
        }
    }

    /// A short dial has begun or ended.
    fn set_at_once(&self) {
        let dials = self.membership.dials.values();
        self.dials.set_at_once(dials.flat_map(|dial| dial.at_once.iter().cloned()));
    }

    /// The addresses of a record that this node dials. The transport refuses its own and banned ones.
    fn addresses_of(&self, record: &SignedRecord) -> Vec<Multiaddr> {
        let told = record.record().addresses.into_iter();
        let told = told.filter_map(|bytes| Multiaddr::try_from(bytes.to_vec()).ok());
        told.filter_map(|address| self.discovery.acceptable(address, ToldBy::Others)).collect()
    }

    /// This node has no peers, and may want this one.
    fn learn_member(&mut self, record: &Arc<SignedRecord>) {
        let addresses = self.addresses_of(record);
        if let (Some(peer), Some(first)) = (peer_of(&record.key()), addresses.first()) {
            let source = self.discovery.group(first);
            self.discovery.learn(peer, addresses, ToldBy::Others, source, self.clock.now());
        }
    }

    fn probed(&mut self, probe: ProbeId, answered: bool) {
        self.tell_members(MemberInput::Probed { probe, answered });
    }

    /// A connection that we dialled is open.
    pub(in crate::service) fn on_member_answered(&mut self, peer: PeerId, id: ConnectionId) {
        let Some(ShortDial { probe, accusation, .. }) = self.membership.dials.remove(&id) else { return };
        self.set_at_once();
        self.probed(probe, true);
        match accusation {
            Some(accusation) => self.swarm.behaviour_mut().accuse.hand_over(peer, id, &accusation),
            None => self.end_short_dial(id),
        }
    }

    /// A dial failed. If this node's own limits refused it, it says nothing about the member.
    pub(in crate::service) fn on_member_silent(&mut self, id: ConnectionId, denied: bool) {
        let Some(dial) = self.membership.dials.remove(&id) else { return };
        self.set_at_once();
        if !denied {
            self.probed(dial.probe, false);
        }
    }

    pub(in crate::service) fn on_accuse(&mut self, event: AccuseEvent) {
        match event {
            AccuseEvent::Accused(accusation) => {
                if self.membership.accused.take(ACCUSED_EVERY, ACCUSED_BURST, self.clock.now()) {
                    self.tell_members(MemberInput::Accused(accusation));
                }
            }
            AccuseEvent::Done(id) => self.end_short_dial(id),
        }
    }

    /// Closes the connection of a short dial, unless it became of use for gossip meanwhile.
    fn end_short_dial(&mut self, id: ConnectionId) {
        if !self.gossip().has_slot(id) {
            self.swarm.close_connection(id);
        }
    }

    /// The addresses that this node tells others may have changed.
    pub(in crate::service) fn tell_reach(&mut self) {
        if let Some(reach) = self.membership.reach(&self.told_addresses()) {
            self.tell_members(MemberInput::SetReach(reach));
        }
    }

    /// What this node tells of itself as numbers, in the order of `BUILT_IN_KEYS`.
    pub(in crate::service) fn tell_numbers(&mut self) {
        let behaviour = &self.swarm.behaviour().gossip;
        let mut round_trips: Vec<u64> =
            behaviour.peers().filter_map(|(_, link)| Some(link.round_trip?.as_micros())).collect();
        round_trips.sort_unstable();
        let median = round_trips.get(round_trips.len() / 2).copied().unwrap_or_default();
        let gossip = behaviour.gossip();
        let (height, mempool) = (gossip.tip().height, gossip.mempool().transactions as u64);
        let now = (self.clock.uptime(), self.wire.read().saturating_add(self.wire.written()));
        let before = std::mem::replace(&mut self.membership.moved, now);
        let secs = now.0.saturating_sub(before.0).as_secs().max(1);
        let bytes = now.1.saturating_sub(before.1) / secs;
        let numbers = [bytes, height, mempool, self.peers() as u64, median, now.0.as_secs()];
        self.tell_members(MemberInput::SetBuiltIn(numbers));
    }

    /// What the wall clock says now.
    pub(in crate::service) fn tell_wall_clock(&mut self) {
        if let Some(telling) = &mut self.membership.telling {
            telling.tell_lost();
        }
        self.gossip().input(Input::WallClock { ms: wall_ms() });
    }

    /// Tells others that this node leaves, and goes on until each peer has had its turn to hear it.
    pub(in crate::service) async fn leave(&mut self) {
        self.tell_members(MemberInput::Leave);
        let parameters = self.membership.settings.parameters;
        let peers = self.peers();
        if peers == 0 || self.membership.settings.part == Part::Off {
            return;
        }
        let rounds = peers.div_ceil(usize::from(parameters.gossip_nodes.max(1))).saturating_add(1);
        let needed = parameters.gossip_interval.times(rounds as u64);
        let until = Instant::now() + Duration::from_micros(needed.as_micros()).min(LEAVE_TIME);
        while let Ok(event) = timeout_at(until, self.swarm.select_next_some()).await {
            self.on_event(event);
            self.check();
            if self.is_alone() {
                return;
            }
        }
    }
}
