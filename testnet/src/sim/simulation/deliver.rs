//! Messages between nodes: out of one engine, over a link, into another.

use protocol::codec::Encode as _;
use protocol::gossip::{Input, PeerHandle};
use protocol::message::{Lane, Message};
use protocol::time::Duration;

use super::super::host::Sabotage;
use super::super::link::Crossing;
use super::super::trace::Mark;
use super::super::wire;
use super::{Flush, Happening, Simulation};

/// A message on its way.
#[derive(Clone, Debug)]
pub(in super::super) struct Arriving {
    pub(super) link: u32,
    pub(super) epoch: u32,
    /// Whether it goes to the link's second end.
    pub(super) second: bool,
    /// Whether its receiver, a slow node, has worked on it already.
    pub(super) worked_on: bool,
    /// Bytes on the wire.
    pub(super) wire: u32,
    pub(super) message: Message,
}

/// Bytes that wait for an adversary's victim who doesn't read: what the kernel and yamux would hold.
const HELD_BYTES_MAX: u64 = 512 * 1024;

impl Simulation {
    /// What a node's engine sends goes through its adversary, if it has one.
    pub(super) fn send(&mut self, node: usize, to: PeerHandle, message: Message) {
        let host = &mut self.hosts[node];
        let Some(adversary) = host.adversary.as_mut() else { return self.transmit(node, to, message) };
        // Whatever becomes of the message, its engine believes that it left.
        let flush = Flush { peer: to, lane: message.lane(), credit: message.encoded_len() };
        adversary.outgoing(self.now, to, message, &mut self.sendings);
        self.dispatch(node);
        self.flushes.push(flush);
    }

    /// Sends what an adversary wants to send, now or later.
    pub(super) fn dispatch(&mut self, node: usize) {
        let incarnation = self.hosts[node].incarnation;
        let mut sendings = std::mem::take(&mut self.sendings);
        for sending in sendings.drain(..) {
            if sending.after == Duration::ZERO {
                self.transmit(node, sending.to, sending.message);
            } else {
                let at = self.now + sending.after;
                self.queue
                    .push(at, Happening::Send { node: node as u32, incarnation, sending: Box::new(sending) });
            }
        }
        self.sendings = sendings;
    }

    /// Puts a message on its link.
    pub(super) fn transmit(&mut self, node: usize, peer: PeerHandle, message: Message) {
        let Some(connection) = self.hosts[node].connection(peer) else { return };
        let (number, second) = (connection.link, connection.second);
        let link = &mut self.links[number as usize];
        // One that was closed already, and whose end hasn't learnt it yet.
        if !link.carries(second, peer) {
            return;
        }
        let (towards, to, epoch) = (!second, link.far(second), link.epoch);
        let (lane, bytes) = (message.lane(), message.encoded_len());
        // An adversary's engine was told already that it left.
        let rules = self.hosts[node].adversary.is_none();
        if self.hosts[node].is_honest() {
            for checker in &mut self.checkers {
                checker.sends(self.now, node, to, &message);
            }
        }
        let flushed = self.flushes.iter_mut().find(|flush| flush.peer == peer && flush.lane == lane);
        let wire = match (lane, &flushed) {
            (Lane::Bulk, _) => wire::in_chunks(wire::framed(bytes)),
            (Lane::Control, None) => wire::flushed(wire::framed(bytes)),
            (Lane::Control, Some(_)) => wire::framed(bytes),
        };
        let base = Duration::from_micros(self.delays.one_way_us(node, to));
        let sheltered = matches!(message, Message::Hello(_));
        let crossing = Crossing { from: node, to, lane, bytes: wire, delay: base, sheltered };
        let passage = self.network.send(self.now, crossing, &mut link.order[usize::from(towards)]);
        self.messages.0 += 1;
        let arrives = passage.arrives.filter(|_| !link.cut[usize::from(towards)]);
        // The driver tells of control bytes when they are written, of bulk bytes when they are acknowledged.
        let drained = match lane {
            Lane::Control => passage.left,
            Lane::Bulk => passage.arrives.unwrap_or(passage.left + base) + base,
        };
        let immediate = drained <= self.now;
        let credit = if rules && immediate { bytes } else { 0 };
        match flushed {
            Some(flush) => flush.credit += credit,
            None => self.flushes.push(Flush { peer, lane, credit }),
        }
        if rules && !immediate {
            let incarnation = self.hosts[node].incarnation;
            self.queue.push(drained, Happening::Drained { node: node as u32, incarnation, peer, lane, bytes });
        }
        let Some(at) = arrives else {
            self.links[number as usize].lossy = true;
            self.messages.1 += 1;
            self.hash.note(self.now, Mark::Lost, node, to, [wire, 0]);
            return;
        };
        if lane == Lane::Bulk {
            let acks = wire::acks(bytes).1;
            self.hosts[node].wire_in += acks;
        }
        let wire = u32::try_from(wire).unwrap_or(u32::MAX);
        let arriving = Arriving { link: number, epoch, second: towards, worked_on: false, wire, message };
        if let Some(again) = passage.again {
            self.queue.push(again, Happening::Arrive(arriving.clone()));
        }
        self.queue.push(at, Happening::Arrive(arriving));
        if passage.stalled {
            self.break_link(number);
        }
    }

    /// A message has come to its node.
    pub(super) fn arrive(&mut self, arriving: Arriving) {
        let link = &self.links[arriving.link as usize];
        let end = usize::from(arriving.second);
        if link.epoch != arriving.epoch || !link.carries(arriving.second, link.handles[end]) {
            return;
        }
        let (node, peer) = (link.ends[end] as usize, link.handles[end]);
        let from = link.far(arriving.second);
        let host = &mut self.hosts[node];
        let Some(connection) = host.connections.get_mut(peer.0 as usize).filter(|connection| connection.open)
        else {
            return;
        };
        if let Some(held) = connection.held.as_mut() {
            let bytes: u64 = held.iter().map(|(_, bytes)| *bytes).sum();
            let honest = self.hosts[from].adversary.is_none();
            if let Some(held) = self.hosts[node].connections[peer.0 as usize].held.as_mut()
                && (honest || bytes < HELD_BYTES_MAX)
            {
                held.push_back((arriving.message, u64::from(arriving.wire)));
            }
            return;
        }
        if host.slowness > Duration::ZERO && !arriving.worked_on {
            host.busy_until = host.busy_until.max(self.now) + host.slowness;
            let at = host.busy_until;
            self.queue.push(at, Happening::Arrive(Arriving { worked_on: true, ..arriving }));
            return;
        }
        self.take(node, peer, from, arriving.message, u64::from(arriving.wire));
    }

    /// Hands a message to the node's engine.
    pub(super) fn take(&mut self, node: usize, peer: PeerHandle, from: usize, message: Message, wire: u64) {
        self.hosts[node].wire_in += wire;
        self.account(&message, wire);
        self.hash.note(self.now, Mark::Arrived, node, from, [wire, message.name().len() as u64]);
        if matches!(self.hosts[node].sabotage, Some(Sabotage::DeafFrom(since)) if since <= self.now) {
            return;
        }
        if self.hosts[node].is_honest() {
            for checker in &mut self.checkers {
                checker.receives(self.now, node, from, &message);
            }
        }
        if let Some(adversary) = self.hosts[node].adversary.as_mut() {
            let wanted = adversary.incoming(self.now, peer, &message, &mut self.sendings);
            self.dispatch(node);
            self.flushes.clear();
            if !wanted {
                return;
            }
        }
        self.step(node, Input::Received { peer, message });
    }

    /// Stops or goes on reading.
    pub(super) fn set_reading(&mut self, node: usize, peer: PeerHandle, allowed: bool) {
        let Some(connection) = self.hosts[node].connections.get_mut(peer.0 as usize) else { return };
        if !allowed {
            connection.held.get_or_insert_default();
            return;
        }
        let Some(held) = connection.held.take() else { return };
        let link = &self.links[connection.link as usize];
        let (number, epoch, second) = (connection.link, link.epoch, connection.second);
        for (message, wire) in *held {
            let wire = u32::try_from(wire).unwrap_or(u32::MAX);
            let arriving = Arriving { link: number, epoch, second, worked_on: true, wire, message };
            self.queue.push(self.now, Happening::Arrive(arriving));
        }
    }

    /// Charges a message's bytes to the items that it is about.
    fn account(&mut self, message: &Message, wire: u64) {
        match message {
            Message::Inv(entries) => self.ledger.wire(entries.iter().map(|entry| entry.transaction.short()), wire),
            Message::GetData(wanted) => self.ledger.wire(wanted.iter().map(|wanted| wanted.short()), wire),
            Message::Transactions(bodies) => {
                self.ledger.wire(bodies.iter().map(|body| body.id().short()), wire);
            }
            Message::Block(block) => self.ledger.wire(std::iter::once(block.header.id().short()), wire),
            Message::BlockHeader(header) => self.ledger.wire(std::iter::once(header.id().short()), wire),
            Message::GetBlock(id) => self.ledger.wire(std::iter::once(id.short()), wire),
            _ => {}
        }
    }
}
