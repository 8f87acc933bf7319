//! Gives the rival's machines their inputs, and carries out what they want: datagrams and timers. It notes what they
//! believe. Deliberately absent: whether a datagram arrives, and when. The links decide (`sim/link.rs`).

use bytes::Bytes;
use foca::{AccumulatingRuntime, Codec, Header, Incarnation, Message, OwnedNotification, PostcardCodec, Timer};
use protocol::gossip::members::MemberChange;
use protocol::time::{Duration, Time};
use protocol::wire::message::Lane;

use super::node::Machine;
use super::{DATAGRAM_HEADER_BYTES, Happening, RivalId, World};
use crate::sim::link::{Crossing, Order};
use crate::sim::members::ledger::{Between, Kind, Sent};
use crate::sim::simulation::trace::Mark;

impl World {
    pub(super) fn happen(&mut self, happening: Happening) {
        let Some(happening) = self.unless_paused(happening) else { return };
        match happening {
            Happening::Arrive { to, from, worked_on, data } => {
                self.arrive(to as usize, from as usize, worked_on, data);
            }
            Happening::Timer { node, run, timer } => self.on_timer(node as usize, run, *timer),
            Happening::Announce { node, run } => self.announce(node as usize, run),
            Happening::Fault { index } => self.on_fault(index),
            Happening::Healed => self.ledger.healed(self.now),
        }
    }

    /// Lets an event wait if its node is paused, and returns it otherwise.
    fn unless_paused(&mut self, happening: Happening) -> Option<Happening> {
        let node = match &happening {
            Happening::Arrive { to: node, .. }
            | Happening::Timer { node, .. }
            | Happening::Announce { node, .. } => *node as usize,
            Happening::Fault { .. } | Happening::Healed => return Some(happening),
        };
        let Some(waiting) = self.nodes[node].waiting.as_mut() else { return Some(happening) };
        if !waiting.keep(happening) {
            self.messages.1 += 1;
        }
        None
    }

    /// A datagram has arrived at its address. If nobody listens there, it is lost.
    fn arrive(&mut self, to: usize, from: usize, worked_on: bool, data: Bytes) {
        let node = &mut self.nodes[to];
        if node.machine.is_none() {
            return;
        }
        if node.slowness > Duration::ZERO && !worked_on {
            node.busy_until = node.busy_until.max(self.now) + node.slowness;
            let later = Happening::Arrive { to: to as u32, from: from as u32, worked_on: true, data };
            self.queue.push(node.busy_until, later);
            return;
        }
        node.read.0 += data.len() as u64 + DATAGRAM_HEADER_BYTES;
        self.hash.note(self.now, Mark::Arrived, to, from, [data.len() as u64, gist(&data)]);
        self.step(to, |machine, runtime| machine.handle_data(&data, runtime));
    }

    fn on_timer(&mut self, node: usize, run: u32, timer: Timer<RivalId>) {
        if self.nodes[node].run != run {
            return;
        }
        if let Timer::ChangeSuspectToDown { member_id, incarnation, .. } = &timer {
            self.nodes[node].suspects.remove(&(member_id.clone(), *incarnation));
        }
        self.step(node, |machine, runtime| machine.handle_timer(timer, runtime));
    }

    /// Lets a node's machine do something, and carries out what it wants then.
    pub(super) fn step(
        &mut self,
        node: usize,
        act: impl FnOnce(&mut Machine, &mut AccumulatingRuntime<RivalId>) -> Result<(), foca::Error>,
    ) {
        let Some(machine) = self.nodes[node].machine.as_mut() else { return };
        self.inputs += 1;
        if let Err(error) = act(machine, &mut self.runtime) {
            // foca's own example logs errors and goes on.
            tracing::debug!(node, %error, "foca reports an error");
        }
        while let Some((to, data)) = self.runtime.to_send() {
            self.send(node, &to, data);
        }
        while let Some((after, timer)) = self.runtime.to_schedule() {
            self.set_timer(node, after.into(), timer);
        }
        while let Some(notification) = self.runtime.to_notify() {
            self.on_notification(node, notification);
        }
    }

    fn send(&mut self, from: usize, to: &RivalId, data: Bytes) {
        let Some(to) = to.node().filter(|to| *to < self.nodes.len()) else { return };
        let bytes = data.len() as u64 + DATAGRAM_HEADER_BYTES;
        self.messages.0 += 1;
        self.count(from, &data, bytes);
        let delay = Duration::from_micros(self.delays.one_way_us(from, to));
        let crossing =
            Crossing { from, to, lane: Lane::Control, bytes, delay, sheltered: false, held_until: Time::ZERO };
        // A new order for each datagram, because nothing keeps one.
        let passage = self.network.send(self.now, crossing, &mut Order::default());
        let cut = self.cuts.are_parted(from, to, self.now) || self.cuts.is_cut(from, to);
        let Some(at) = passage.arrives.filter(|_| !cut) else {
            self.messages.1 += 1;
            self.hash.note(self.now, Mark::Lost, from, to, [bytes, 0]);
            return;
        };
        for at in std::iter::once(at).chain(passage.again) {
            let data = data.clone();
            self.queue.push(at, Happening::Arrive { to: to as u32, from: from as u32, worked_on: false, data });
        }
    }

    /// Counts a datagram by what it is for, and notes whether its sender has refuted something.
    fn count(&mut self, from: usize, data: &[u8], bytes: u64) {
        // It is what foca has just encoded.
        let Ok(header) = Codec::<RivalId>::decode_header(&mut PostcardCodec, data) else { return };
        self.ledger.sent(from, Sent::Message(kind(&header), bytes), self.now);
        self.ledger.signed(from, header.src.refutations(header.src_incarnation), 0, self.now);
    }

    fn set_timer(&mut self, node: usize, after: Duration, timer: Timer<RivalId>) {
        if let Timer::ChangeSuspectToDown { member_id, incarnation, .. } = &timer {
            self.suspects(node, member_id, *incarnation);
        }
        let at = self.now + after;
        if at <= self.end {
            let run = self.nodes[node].run;
            self.queue.push(at, Happening::Timer { node: node as u32, run, timer: Box::new(timer) });
        }
    }

    /// A node's own probe has failed. foca sets this timer each time; the first time is the suspicion.
    fn suspects(&mut self, node: usize, id: &RivalId, incarnation: Incarnation) {
        let new = self.nodes[node].suspects.insert((id.clone(), incarnation));
        if let Some(subject) = id.node().filter(|_| new) {
            let between = self.cuts.between(node, subject, self.now);
            self.ledger.accused(node, subject, between);
        }
    }

    fn on_notification(&mut self, node: usize, notification: OwnedNotification<RivalId>) {
        let (id, change) = match notification {
            OwnedNotification::MemberUp(id) => (id, MemberChange::Joined),
            OwnedNotification::MemberDown(id) => (id, MemberChange::Failed),
            // A new name of the same member, and what a node learns of itself.
            OwnedNotification::Rename(..)
            | OwnedNotification::Active
            | OwnedNotification::Idle
            | OwnedNotification::Defunct
            | OwnedNotification::Rejoin(_) => return,
        };
        let Some(subject) = id.node().filter(|subject| *subject != node && *subject < self.nodes.len()) else {
            return;
        };
        self.hash.note(self.now, Mark::Member, node, subject, [change as u64, 0]);
        if change == MemberChange::Failed {
            let between: Between = self.cuts.between(node, subject, self.now);
            self.ledger.failed(node, subject, between, self.now);
        }
        self.ledger.event(node, subject, change, self.now);
    }
}

/// What a datagram is for.
const fn kind(header: &Header<RivalId>) -> Kind {
    match header.message {
        Message::Ping(_) | Message::Ack(_) => Kind::Ping,
        Message::PingReq { .. }
        | Message::IndirectPing { .. }
        | Message::IndirectAck { .. }
        | Message::ForwardedAck { .. } => Kind::Request,
        Message::Announce | Message::Feed => Kind::Comparison,
        Message::Gossip | Message::Broadcast | Message::TurnUndead => Kind::News,
    }
}

/// A word that differs if the bytes do, for the fingerprint (FNV-1a).
fn gist(data: &[u8]) -> u64 {
    data.iter().fold(0xcbf2_9ce4_8422_2325, |hash, byte| (hash ^ u64::from(*byte)).wrapping_mul(0x0100_0000_01b3))
}
