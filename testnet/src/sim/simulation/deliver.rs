//! Messages between nodes: from one engine, over a link, into another.

use protocol::gossip::{Ahead, Gossip, Input, PeerHandle};
use protocol::items::hash::{BlockId, ShortId};
use protocol::time::Duration;
use protocol::wire::codec::Encode as _;
use protocol::wire::message::{Lane, Message, Reconcile, TxRef};

use super::super::adversary::Sending;
use super::super::link::Crossing;
use super::host::{FarEnd, Sabotage};
use super::trace::Mark;
use super::{FORESEEN, Flush, Happening, Simulation};
use crate::sim::link::wire;
use crate::sim::members::ledger::{Kind, Sent};

/// A message on its way.
#[derive(Clone, Debug)]
pub(in super::super) struct Arriving {
    pub(super) to: FarEnd,
    /// Whether its receiver, a slow node, has worked on it already.
    pub(super) worked_on: bool,
    /// Bytes on the wire.
    pub(super) wire: u32,
    /// Boxed, because the queue holds millions of events and moves each several times.
    pub(super) message: Box<Message>,
}

/// Bytes from an adversary that wait at a node that doesn't read: as many as the kernel and yamux would hold.
const ADVERSARY_HELD_BYTES_MAX: u64 = 512 * 1024;

impl Simulation {
    /// The messages of a node's engine go through its adversary, if it has one.
    pub(super) fn send(&mut self, node: usize, to: PeerHandle, message: Message) {
        let host = &mut self.hosts[node];
        let Some(adversary) = host.adversary.as_mut() else { return self.transmit(node, to, message) };
        // Whatever happens to the message, the node's engine believes that the message left.
        let flush = Flush { peer: to, lane: message.lane(), credit: message.encoded_len() };
        let meant = message.clone();
        adversary.outgoing(self.now, to, message, &mut self.sendings);
        let left_alone = |sent: &Sending| sent.to == to && sent.after == Duration::ZERO && sent.message == meant;
        host.deeds += u64::from(!matches!(self.sendings.as_slice(), [sent] if left_alone(sent)));
        self.dispatch(node);
        self.flushes.push(flush);
    }

    /// Sends the messages that an adversary wants to send, now or later.
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
        let host = &mut self.hosts[node];
        // The engine of an adversary was already told that the message left.
        let (rules, incarnation, watched) = (host.adversary.is_none(), host.incarnation, host.watched);
        let Some(connection) = host.connection_mut(peer).filter(|connection| connection.carries) else { return };
        let (number, far, cut, base) = (connection.link, connection.far, connection.cut, connection.delay());
        let held_until = connection.held_until();
        let to = far.node as usize;
        let (lane, bytes) = (message.lane(), message.encoded_len());
        if watched {
            for checker in &mut self.checkers {
                checker.sends(self.now, node, to, &message);
            }
        }
        if let Some(records) = &mut self.records {
            records.sent(self.now, node, peer, &message);
        }
        let flushed = self.flushes.iter_mut().find(|flush| flush.peer == peer && flush.lane == lane);
        let wire = match (lane, &flushed) {
            (Lane::Bulk, _) => wire::in_chunks(wire::framed(bytes)),
            (Lane::Control, None) => wire::flushed(wire::framed(bytes)),
            (Lane::Control, Some(_)) => wire::framed(bytes),
        };
        let sheltered = matches!(message, Message::Hello(_));
        let crossing = Crossing { from: node, to, lane, bytes: wire, delay: base, sheltered, held_until };
        let passage = self.network.send(self.now, crossing, &mut connection.order);
        self.messages.0 += 1;
        let arrives = passage.arrives.filter(|_| !cut);
        // The driver reports control bytes when they are written, and bulk bytes when they are acknowledged.
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
        if let Message::Members(message) = &message {
            self.count(node, Sent::Message(Kind::from(&**message), bytes as u64));
        }
        if rules && !immediate {
            self.queue.push(drained, Happening::Drained { node: node as u32, incarnation, peer, lane, bytes });
        }
        let Some(at) = arrives else {
            self.links[number as usize].lossy |= cut || !passage.unseen;
            self.messages.1 += 1;
            self.hash.note(self.now, Mark::Lost, node, to, [wire, 0]);
            self.tell_lost(node, to);
            return;
        };
        if passage.late {
            self.tell_lost(node, to);
        }
        if lane == Lane::Bulk {
            let acks = wire::acks(bytes).1;
            self.hosts[node].wire_in += acks;
        }
        let wire = u32::try_from(wire).unwrap_or(u32::MAX);
        let arriving = Arriving { to: far, worked_on: false, wire, message: Box::new(message) };
        if let Some(again) = passage.again {
            self.queue.push(again, Happening::Arrive(arriving.clone()));
        }
        self.queue.push(at, Happening::Arrive(arriving));
        if passage.stalled {
            self.break_link(number);
        }
    }

    fn tell_lost(&mut self, from: usize, to: usize) {
        for checker in &mut self.checkers {
            checker.lost(self.now, from, to);
        }
    }

    /// A message has arrived at its node.
    pub(super) fn arrive(&mut self, arriving: Arriving) {
        let (node, peer) = (arriving.to.node as usize, arriving.to.peer);
        let host = &mut self.hosts[node];
        if host.incarnation != arriving.to.incarnation {
            return;
        }
        let Some(connection) = host.connection_mut(peer).filter(|connection| connection.carries) else { return };
        let from = connection.far.node as usize;
        let spams = connection.spams;
        if let Some(held) = connection.held_mut() {
            // The messages of an honest engine that are on their way are bounded by its credit.
            if !spams || held.iter().map(|(_, bytes)| *bytes).sum::<u64>() < ADVERSARY_HELD_BYTES_MAX {
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
        self.take(node, peer, from, *arriving.message, u64::from(arriving.wire));
    }

    /// Looks at the memory that the next events will need, so that the processor fetches all of it at the same
    /// time. Returns how many events these are.
    pub(super) fn foresee(&self) -> usize {
        let mut next = [None; FORESEEN];
        let mut seen = 0;
        for (place, happening) in next.iter_mut().zip(self.queue.soon()) {
            *place = ahead(happening);
            seen += 1;
        }
        let mut sum = 0_u64;
        for (node, _) in next.iter().flatten() {
            sum ^= self.hosts[*node].connections.len() as u64;
        }
        for (node, ahead) in next.iter().flatten() {
            let Ahead::Message(peer, _) = ahead else { continue };
            let connection = self.hosts[*node].connections.get(peer.0 as usize);
            sum ^= connection.map_or(0, |connection| u64::from(connection.drained));
        }
        for step in 0..Gossip::FORESEE_STEPS {
            for (node, ahead) in next.iter().flatten() {
                if let Some(engine) = self.hosts[*node].engine.as_ref() {
                    sum ^= engine.foresee(*ahead, step);
                }
            }
        }
        std::hint::black_box(sum);
        seen
    }

    /// Hands a message to the node's engine.
    pub(super) fn take(&mut self, node: usize, peer: PeerHandle, from: usize, message: Message, wire: u64) {
        self.hosts[node].wire_in += wire;
        self.account(&message, wire);
        self.hash.note(self.now, Mark::Arrived, node, from, [wire ^ kind(&message), gist(&message)]);
        if matches!(self.hosts[node].sabotage, Some(Sabotage::DeafFrom(since)) if since <= self.now) {
            return;
        }
        if let Some(records) = &mut self.records {
            records.received(self.now, node, peer, &message);
        }
        if self.hosts[node].watched {
            for checker in &mut self.checkers {
                checker.receives(self.now, node, from, &message);
            }
        }
        if let Some(adversary) = self.hosts[node].adversary.as_mut() {
            let wanted = adversary.incoming(self.now, peer, &message, &mut self.sendings);
            self.hosts[node].deeds += u64::from(!wanted) + self.sendings.len() as u64;
            self.dispatch(node);
            self.flushes.clear();
            if !wanted {
                return;
            }
        }
        self.note_request(from, Some(&message));
        self.step(node, Input::Received { peer, message });
        self.note_request(from, None);
    }

    /// Stops or resumes reading.
    pub(super) fn set_reading(&mut self, node: usize, peer: PeerHandle, allowed: bool) {
        let host = &mut self.hosts[node];
        let to = FarEnd { node: node as u32, incarnation: host.incarnation, peer };
        let Some(connection) = host.connections.get_mut(peer.0 as usize) else { return };
        if !allowed {
            connection.stop_reading();
            return;
        }
        let Some(held) = connection.resume_reading() else { return };
        for (message, wire) in held {
            let wire = u32::try_from(wire).unwrap_or(u32::MAX);
            let arriving = Arriving { to, worked_on: true, wire, message };
            self.queue.push(self.now, Happening::Arrive(arriving));
        }
    }

    /// Charges a message's bytes to the items that it is about.
    fn account(&mut self, message: &Message, wire: u64) {
        match message {
            Message::Inv(entries) => self.ledger.wire(entries.iter().map(|entry| entry.transaction.short()), wire),
            Message::GetData { wanted, .. } => self.ledger.wire(wanted.iter().map(|wanted| wanted.short()), wire),
            Message::Transactions { bodies, .. } => {
                self.ledger.wire(bodies.iter().map(|body| body.id().short()), wire);
            }
            Message::Block(block) => self.ledger.wire(std::iter::once(block.header.id().short()), wire),
            Message::BlockHeader { header, .. } => self.ledger.wire(std::iter::once(header.id().short()), wire),
            Message::GetBlock { id, .. } => self.ledger.wire(std::iter::once(id.short()), wire),
            _ => {}
        }
    }
}

/// The node that an event concerns, and what its engine will get. `None` for rare events.
fn ahead(happening: &Happening) -> Option<(usize, Ahead<'_>)> {
    match happening {
        Happening::Arrive(Arriving { to, message, .. }) => {
            Some((to.node as usize, Ahead::Message(to.peer, message)))
        }
        Happening::Verified { node, job, .. } => Some((*node as usize, Ahead::Verdict(*job))),
        Happening::Timer { node } => Some((*node as usize, Ahead::Timeout)),
        _ => None,
    }
}

/// A message's kind in the fingerprint: the beginning of its name.
fn kind(message: &Message) -> u64 {
    message.name().bytes().take(8).fold(0, |word, byte| word << 8 | u64::from(byte))
}

/// The subject of a message, in the fingerprint: the ids in it.
fn gist(message: &Message) -> u64 {
    let fold = |ids: &mut dyn Iterator<Item = ShortId>| {
        ids.fold(0_u64, |word, id| word.rotate_left(7) ^ u64::from_le_bytes(id.0))
    };
    match message {
        Message::Hello(hello) => fold(&mut std::iter::once(hello.tip.id.short())),
        Message::Inv(entries) => fold(&mut entries.iter().map(|entry| entry.transaction.short())),
        Message::GetData { wanted, .. } => fold(&mut wanted.iter().map(TxRef::short)),
        Message::NotFound { transactions, blocks } => {
            let transactions = transactions.iter().map(TxRef::short);
            fold(&mut transactions.chain(blocks.iter().map(BlockId::short)))
        }
        Message::Transactions { bodies, .. } => fold(&mut bodies.iter().map(|body| body.id().short())),
        Message::BlockHeader { header, .. } => fold(&mut std::iter::once(header.id().short())),
        Message::GetBlock { id, .. } => fold(&mut std::iter::once(id.short())),
        Message::Block(block) => fold(&mut std::iter::once(block.header.id().short())),
        Message::GetHeaders(locator) => fold(&mut locator.iter().map(BlockId::short)),
        Message::Headers(headers) => fold(&mut headers.iter().map(|header| header.id().short())),
        Message::Had(ids) => fold(&mut ids.iter().copied()),
        Message::Reconcile(message) => match &**message {
            Reconcile::Offer { ids, .. } => fold(&mut ids.iter().copied()),
            other => other.to_bytes().len() as u64,
        },
        // What statements say follows from who sent them when.
        Message::Members(message) => message.encoded_len() as u64,
        Message::Aggregates(message) => message.encoded_len() as u64,
        // The reason for it is in the messages that were sent before.
        Message::Goodbye(_) => 0,
        Message::Prune(routes) | Message::Graft(routes) => fold(&mut routes.iter().map(|route| ShortId(route.0))),
    }
}
