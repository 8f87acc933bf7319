//! Carries out what the membership machines want: signatures, pings, short dials, connections.
//!
//! A ping takes one delay in each direction of its link. A dial takes three round trips until the member has proved its
//! key: TCP, the negotiation of noise, and noise. An accusation is handed over one delay after that. A node that is down
//! refuses a dial at once; a node that is paused answers when it goes on. A node with another key fails to prove the one
//! that is wanted. What is cut off gets no answer at all: the machine has its own timeout.

use std::sync::Arc;

use protocol::gossip::members::{MemberChange, MemberEvent, MemberInput, MemberOutput, ProbeId};
use protocol::gossip::{Input, PeerHandle};
use protocol::items::keys::PublicKey;
use protocol::items::member::accusation::SignedAccusation;
use protocol::items::member::record::SignedRecord;
use protocol::items::member::{Statement, Unsigned};
use protocol::time::{Duration, Time};
use protocol::wire::frame::Place;

use super::super::host::FarEnd;
use super::super::trace::Mark;
use super::super::{Happening, Simulation};
use crate::sim::members::addressed;
use crate::sim::members::ledger::Sent;

/// The entry that members set.
pub(super) const ENTRY_KEY: &str = "sim";

/// Packets of a dial in each direction, after the first one, until the member has proved its key.
const DIAL_PACKETS: u32 = 2;

/// Something about members that happens later, at one node.
#[derive(Debug)]
pub(in crate::sim) enum Later {
    /// The node's engine gets this, if it is still the same run.
    Input { to: Process, input: MemberInput },
    /// A ping arrives over a link.
    Pinged { to: FarEnd, from: FarEnd, ping: Ping },
    /// The answer to a ping arrives, and may tell a place.
    Answered { to: FarEnd, ping: Ping, place: Option<Place> },
    /// A dial arrives. The process at the address has to prove the key.
    Dialled { to: usize, key: PublicKey, from: Process, probe: ProbeId, accusation: Option<SignedAccusation> },
    /// A partition has healed.
    Healed,
}

/// A ping: whose probe it is, and when it was sent.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Ping {
    probe: ProbeId,
    at: Time,
}

/// One run of a node.
#[derive(Clone, Copy, Debug)]
pub(in crate::sim) struct Process {
    node: u32,
    run: u32,
}

impl Later {
    /// The node at which it happens, if it is one.
    pub(in crate::sim::simulation) const fn node(&self) -> Option<usize> {
        match self {
            Self::Input { to, .. } => Some(to.node as usize),
            Self::Pinged { to, .. } | Self::Answered { to, .. } => Some(to.node as usize),
            Self::Dialled { to, .. } => Some(*to),
            Self::Healed => None,
        }
    }
}

impl Simulation {
    /// Carries out one output of a node's machine.
    pub(in crate::sim::simulation) fn on_members_output(&mut self, node: usize, output: MemberOutput) {
        match output {
            MemberOutput::Sign(unsigned) => self.sign(node, unsigned),
            MemberOutput::Keep(statement) => {
                if let Some(world) = self.members.as_mut() {
                    world.keep(node, statement);
                }
            }
            MemberOutput::Ping { probe, link } => self.ping(node, probe, link),
            MemberOutput::Dial { probe, record, accusation } => {
                self.dial_member(node, probe, &record, accusation);
            }
            MemberOutput::Connect { record } => self.connect_member(node, &record),
            MemberOutput::Event(event) => self.on_member_event(node, event),
            // The engine carries these out itself.
            MemberOutput::Send { .. } | MemberOutput::Verify { .. } | MemberOutput::Disconnect { .. } => {}
        }
    }

    pub(in crate::sim::simulation) fn on_later(&mut self, later: Later) {
        match later {
            Later::Input { to, input } => {
                if self.is_running(to) {
                    self.step(to.node as usize, Input::Members(Box::new(input)));
                }
            }
            Later::Pinged { to, from, ping } => {
                if self.hear(to) && self.answers(to.node as usize) {
                    self.answer(to, from, ping);
                }
            }
            Later::Answered { to, ping, place } => {
                if self.hear(to) {
                    self.on_answer(to, ping, place);
                }
            }
            Later::Dialled { to, key, from, probe, accusation } => {
                self.on_dialled((to, key), from, probe, accusation);
            }
            Later::Healed => {
                if let Some(world) = self.members.as_mut() {
                    world.ledger.healed(self.now);
                }
            }
        }
    }

    /// The statement is really signed, and given back at once.
    fn sign(&mut self, node: usize, unsigned: Unsigned) {
        let Some(world) = self.members.as_mut() else { return };
        // Every part is within its bound, because the machine made it.
        let Ok(statement) = unsigned.sign(&world.secrets[node], &self.config.network) else { return };
        match &statement {
            Statement::Accusation(accusation) => {
                if let Some(subject) = world.number(&accusation.subject()) {
                    let between = world.passages.cuts.between(node, subject, self.now);
                    world.ledger.accused(node, subject, between);
                }
            }
            Statement::Record(record) => {
                let bytes = record.encoded().len() as u64;
                world.ledger.signed(node, record.incarnation(), bytes, self.now);
            }
            Statement::Entries(_) => {}
        }
        self.feedback.push_back(Input::Members(Box::new(MemberInput::Signed(statement))));
    }

    fn ping(&mut self, node: usize, probe: ProbeId, link: PeerHandle) {
        self.count(node, Sent::Ping);
        let from = FarEnd { node: node as u32, incarnation: self.hosts[node].incarnation, peer: link };
        let Some(far) = self.hosts[node].connection(link).map(|connection| connection.far) else { return };
        let at = self.now + self.ping_delay(node, far.node as usize);
        let ping = Ping { probe, at: self.now };
        self.over_link(from, at, Later::Pinged { to: far, from, ping });
    }

    fn answer(&mut self, to: FarEnd, from: FarEnd, ping: Ping) {
        let (node, far) = (to.node as usize, from.node as usize);
        let at = self.worked(node) + self.ping_delay(node, far);
        let host = &self.hosts[node];
        let place = self.members.as_mut().and_then(|world| world.told.place(self.now, to.node, from.node, host));
        if place.is_some() {
            self.count(node, Sent::Place);
        }
        self.over_link(to, at, Later::Answered { to: from, ping, place });
    }

    fn on_answer(&mut self, to: FarEnd, ping: Ping, place: Option<Place>) {
        if let Some(place) = place {
            let measured = MemberInput::Measured { link: to.peer, round_trip: self.now.since(ping.at), place };
            self.step(to.node as usize, Input::Members(Box::new(measured)));
        }
        let input = MemberInput::Probed { probe: ping.probe, answered: true };
        self.step(to.node as usize, Input::Members(Box::new(input)));
    }

    /// Something small leaves over a link, unless the link is cut. A partition holds it.
    fn over_link(&mut self, from: FarEnd, at: Time, later: Later) {
        let host = &self.hosts[from.node as usize];
        let Some(connection) = host.connection(from.peer).filter(|connection| connection.carries) else { return };
        let held = if connection.held_until() > self.now {
            connection.held_until() + connection.delay()
        } else {
            Time::ZERO
        };
        if !connection.cut {
            self.queue.push(at.max(held), Happening::Members(Box::new(later)));
        }
    }

    /// Something small arrived over a link. Returns whether the link is still there.
    fn hear(&mut self, to: FarEnd) -> bool {
        let host = &self.hosts[to.node as usize];
        let here = host.incarnation == to.incarnation && host.engine.is_some();
        let carries = host.connection(to.peer).is_some_and(|connection| connection.carries);
        if here && carries {
            self.step(to.node as usize, Input::Members(Box::new(MemberInput::Heard { link: to.peer })));
        }
        here && carries
    }

    /// When a node has worked on something that it gets now. Only a slow node takes time.
    fn worked(&mut self, node: usize) -> Time {
        let host = &mut self.hosts[node];
        if host.slowness == Duration::ZERO {
            return self.now;
        }
        host.busy_until = host.busy_until.max(self.now) + host.slowness;
        host.busy_until
    }

    fn dial_member(
        &mut self,
        node: usize,
        probe: ProbeId,
        record: &Arc<SignedRecord>,
        accusation: Option<SignedAccusation>,
    ) {
        self.count(node, Sent::Dial);
        // Whoever is at the address is dialled, whatever name the record has.
        let named = record.record().addresses.first().and_then(|address| addressed(address));
        let Some(to) = named.filter(|to| *to < self.hosts.len()) else { return };
        self.note_dial(node, to, record, accusation.as_ref());
        if !self.can_dial(node, to) {
            return;
        }
        let from = Process { node: node as u32, run: self.hosts[node].incarnation };
        let trip = self.round_trip(node, to);
        if self.hosts[to].engine.is_none() {
            let at = self.now + trip + self.dial_losses(node, to, 0);
            return self.probed(from, at, probe, false);
        }
        // The connection is made, and noise is offered.
        let at = self.now + trip + self.one_way(node, to) + self.dial_losses(node, to, DIAL_PACKETS);
        let later = Later::Dialled { to, key: record.key(), from, probe, accusation };
        self.queue.push(at, Happening::Members(Box::new(later)));
    }

    /// A dial has come to a node that is to prove a key.
    fn on_dialled(
        &mut self,
        (to, key): (usize, PublicKey),
        from: Process,
        probe: ProbeId,
        accusation: Option<SignedAccusation>,
    ) {
        let dialler = from.node as usize;
        if !self.can_dial(dialler, to) {
            return;
        }
        let trip = self.round_trip(dialler, to);
        if self.hosts[to].engine.is_none() {
            return self.probed(from, self.now + self.one_way(to, dialler), probe, false);
        }
        let at = self.worked(to) + trip + self.one_way(to, dialler) + self.dial_losses(to, dialler, DIAL_PACKETS);
        if !self.answers(to) {
            return;
        }
        let proves = self.members.as_ref().is_some_and(|world| world.key(to) == Some(key));
        self.probed(from, at, probe, proves);
        if let Some(accusation) = accusation.filter(|_| proves) {
            let process = Process { node: to as u32, run: self.hosts[to].incarnation };
            let later = Later::Input { to: process, input: MemberInput::Accused(accusation) };
            let at = at + self.one_way(dialler, to);
            self.queue.push(at, Happening::Members(Box::new(later)));
        }
    }

    fn probed(&mut self, to: Process, at: Time, probe: ProbeId, answered: bool) {
        let later = Later::Input { to, input: MemberInput::Probed { probe, answered } };
        self.queue.push(at, Happening::Members(Box::new(later)));
    }

    /// A node without links wants one. It gets the link of the graph, if there is one.
    fn connect_member(&mut self, node: usize, record: &SignedRecord) {
        let to = self.members.as_ref().and_then(|world| world.number(&record.key()));
        if let Some((link, _)) = to.and_then(|to| self.link_between(node, to)) {
            self.queue.push(self.now, Happening::Dial { link });
        }
    }

    fn is_running(&self, process: Process) -> bool {
        let host = &self.hosts[process.node as usize];
        host.incarnation == process.run && host.engine.is_some()
    }

    fn on_member_event(&mut self, node: usize, event: MemberEvent) {
        let Some(world) = self.members.as_mut() else { return };
        let Some(subject) = world.number(&event.member) else { return };
        let detail = [u64::from(event.change as u8), 0];
        self.hash.note(self.now, Mark::Member, node, subject, detail);
        if event.change == MemberChange::Failed {
            let between = world.passages.cuts.between(node, subject, self.now);
            world.ledger.failed(node, subject, between, self.now);
        }
        world.ledger.event(node, subject, event.change, self.now);
        if event.change == MemberChange::Updated && world.ledger.waits_for_entry(subject) {
            self.look_for_entry(node, subject);
        }
    }

    /// Whether a node holds the value that another one has set.
    pub(super) fn look_for_entry(&mut self, node: usize, subject: usize) {
        let Some(world) = self.members.as_mut() else { return };
        let machine = self.hosts[node].engine.as_ref().and_then(|engine| engine.members());
        let member = machine.and_then(|machine| machine.member(&world.keys[subject]));
        let Some(entries) = member.and_then(|member| member.entries) else { return };
        if let Some(entry) = entries.entries().into_iter().find(|entry| entry.key == ENTRY_KEY) {
            world.ledger.has_entry(node, subject, &entry.value, self.now);
        }
    }

    /// A member has sent something.
    pub(in crate::sim::simulation) fn count(&mut self, node: usize, sent: Sent) {
        if let Some(world) = self.members.as_mut() {
            world.ledger.sent(node, sent, self.now);
        }
    }
}
