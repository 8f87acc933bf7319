//! Nodes that start and stop, and connections that open and close, in a partition as well.

use node::config::deadlines::{PING_INTERVAL, PING_TIMEOUT};
use protocol::gossip::{AddressGroup, Direction, DisconnectReason, Gossip, Input, PeerHandle};
use protocol::time::{Duration, Time};

use super::super::fault::Fault;
use super::host::{Connection, FarEnd};
use super::stored::Stored;
use super::trace::Mark;
use super::{Happening, SimError, Simulation};
use crate::wan::Halves;

/// One-way delays until both lanes are open in both directions: the handshakes of TCP and noise, and the
/// negotiation of the muxer and the lanes.
const HANDSHAKE_DELAYS: u64 = 8;

/// A connection that ended without anyone's fault is dialled again after this time plus up to as much more.
const REDIAL: Duration = Duration::from_secs(1);

impl Simulation {
    /// Starts a node's engine, empty.
    pub(super) fn start(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        host.incarnation += 1;
        let seed = self.seed.bytes(&format!("engine {node} {}", host.incarnation));
        let mut engine = self.room.given(Gossip::new(self.config.clone(), seed));
        if let Some(world) = self.members.as_mut() {
            engine = world.joined(node, host.incarnation, engine, (host.local(self.now), host.wall_ms(self.now)));
        }
        host.engine = Some(Box::new(engine));
        host.stored = Stored::default();
        host.timer = None;
        self.member_started(node);
    }

    /// Dials, if both ends are up and have no connection.
    pub(super) fn dial(&mut self, number: u32) {
        let link = &mut self.links[number as usize];
        let [a, b] = link.ends.map(|end| end as usize);
        let ready = !link.up && !link.severed && self.hosts[a].engine.is_some() && self.hosts[b].engine.is_some();
        if !ready {
            return;
        }
        if link.cut != [false; 2] || link.held_until > self.now {
            let at = self.now + REDIAL + self.part_of(REDIAL);
            self.queue.push(at, Happening::Dial { link: number });
            return;
        }
        link.up = true;
        link.made = false;
        link.lossy = false;
        link.epoch += 1;
        let epoch = link.epoch;
        let delay = Duration::from_micros(self.delays.one_way_us(a, b).max(self.delays.one_way_us(b, a)));
        let at = self.now + delay.times(HANDSHAKE_DELAYS);
        self.queue.push(at, Happening::Connected { link: number, epoch });
    }

    /// Both lanes are open in both directions.
    pub(super) fn connected(&mut self, number: u32, epoch: u32) {
        let link = &mut self.links[number as usize];
        if !link.up || link.epoch != epoch {
            return;
        }
        if link.held_until > self.now {
            // The halves were separated during the handshake, which times out.
            return self.hang_up(number, true, self.now);
        }
        let ends = link.ends;
        // One node came back before the other end learnt that it was gone.
        for (second, node) in [false, true].into_iter().zip(ends) {
            let peer = self.links[number as usize].handles[usize::from(second)];
            let before = self.hosts[node as usize].connection(peer).filter(|connection| connection.link == number);
            if before.is_some() {
                let incarnation = self.hosts[node as usize].incarnation;
                self.on_closed(node as usize, incarnation, peer);
            }
        }
        self.links[number as usize].made = true;
        self.attach(number);
        self.hash.note(self.now, Mark::Connected, ends[0] as usize, ends[1] as usize, [u64::from(epoch), 0]);
        for second in [false, true] {
            let link = &self.links[number as usize];
            let ((node, peer), (far, _)) = (link.end(second), link.end(!second));
            let direction = if second { Direction::Inbound } else { Direction::Outbound };
            let group = Some(AddressGroup(self.hosts[far].group));
            if self.hosts[node].is_honest() {
                for checker in &mut self.checkers {
                    checker.connected(self.now, node, far, peer);
                }
            }
            let key = self.members.as_ref().and_then(|world| world.key(far));
            self.step(node, Input::PeerConnected { peer, direction, group, key });
            // A node's first ping tells the round trip soon after.
            let trip = self.delays.one_way_us(node, far).saturating_add(self.delays.one_way_us(far, node));
            let lowest = Duration::from_micros(trip);
            self.step(node, Input::RoundTrip { peer, lowest });
        }
    }

    /// Gives both ends of a link their new connection.
    fn attach(&mut self, number: u32) {
        let link = &mut self.links[number as usize];
        link.handles = link.ends.map(|end| PeerHandle(self.hosts[end as usize].connections.len() as u32));
        for second in [false, true] {
            let ((node, _), (far, peer)) = (link.end(second), link.end(!second));
            let far_end = FarEnd { node: far as u32, incarnation: self.hosts[far].incarnation, peer };
            let spams = self.hosts[far].adversary.is_some();
            let delay = Duration::from_micros(self.delays.one_way_us(node, far));
            let mut connection = Connection::new(number, second, far_end, delay);
            if let Some(records) = &mut self.records {
                records.connected(self.now, node, link.handles[usize::from(second)], far);
            }
            (connection.cut, connection.spams) = (link.cut[usize::from(!second)], spams);
            connection.hold_until(link.held_until);
            self.hosts[node].connections.push(connection);
        }
    }

    /// The node at the other end of a connection, whether it is still open or not.
    pub(super) fn far_end(&self, node: usize, peer: PeerHandle) -> Option<usize> {
        let connection = self.hosts[node].connections.get(peer.0 as usize)?;
        Some(connection.far.node as usize)
    }

    /// A node's engine disconnects a peer.
    pub(super) fn leave(&mut self, node: usize, peer: PeerHandle, reason: &DisconnectReason) {
        let Some(far) = self.far_end(node, peer) else { return };
        let (honest, far_honest) = (self.hosts[node].is_honest(), self.hosts[far].is_honest());
        if honest {
            self.left += 1;
            for checker in &mut self.checkers {
                checker.left(self.now, node, far, far_honest, reason);
            }
        }
        self.hash.note(self.now, Mark::Disconnected, node, far, [0, 0]);
        let Some(connection) = self.hosts[node].connections.get_mut(peer.0 as usize) else { return };
        if !std::mem::take(&mut connection.open) {
            return;
        }
        let (number, second, carries) = (connection.link, connection.second, connection.carries);
        connection.resume_reading();
        // A peer that misbehaves is not dialled again. A peer that is only slow may come back.
        let innocent = matches!(
            reason,
            DisconnectReason::NoHello | DisconnectReason::Withheld | DisconnectReason::QueueOverrun
        );
        self.links[number as usize].severed |= honest && !far_honest && !innocent;
        if carries {
            let learns = self.news_at(number);
            self.hang_up(number, !second, learns);
        }
    }

    /// When news from one end of a link reaches the other: one delay later, or one delay after the heal.
    fn news_at(&self, number: u32) -> Time {
        let link = &self.links[number as usize];
        let [a, b] = link.ends.map(|end| end as usize);
        self.now.max(link.held_until) + Duration::from_micros(self.delays.one_way_us(a, b))
    }

    /// The connection is gone. One of its ends, the second if `second` is set, learns of it at the time `learns`.
    /// One end dials again.
    fn hang_up(&mut self, number: u32, second: bool, learns: Time) {
        let link = &mut self.links[number as usize];
        if !std::mem::take(&mut link.up) {
            return;
        }
        let [a, b] = link.ends.map(|end| end as usize);
        let delay = Duration::from_micros(self.delays.one_way_us(a, b));
        if std::mem::take(&mut self.links[number as usize].made) {
            for second in [false, true] {
                let (node, _) = self.links[number as usize].end(second);
                if let Some(connection) = self.end_of(number, second) {
                    connection.carries = false;
                    let ended = std::mem::take(&mut connection.order);
                    self.network.drop_waiting(self.now, node, ended);
                }
            }
            self.tell_closed(number, second, learns);
        }
        let again = self.now + delay + REDIAL + self.part_of(REDIAL);
        self.queue.push(again, Happening::Dial { link: number });
    }

    /// The latest connection of a link at one of its ends.
    fn end_of(&mut self, number: u32, second: bool) -> Option<&mut Connection> {
        let (node, peer) = self.links[number as usize].end(second);
        let connection = self.hosts[node].connections.get_mut(peer.0 as usize);
        connection.filter(|connection| connection.link == number)
    }

    /// Messages towards one of a link's ends vanish from now on, or arrive again.
    pub(super) fn set_cut(&mut self, number: u32, towards: bool, cut: bool) {
        self.links[number as usize].cut[usize::from(towards)] = cut;
        if let Some(connection) = self.end_of(number, !towards) {
            connection.cut = cut;
        }
    }

    /// Breaks a connection at both ends at once.
    pub(super) fn break_link(&mut self, number: u32) {
        let link = &self.links[number as usize];
        if link.up {
            let made = link.made;
            let learns = self.news_at(number);
            self.hang_up(number, false, learns);
            if made {
                self.tell_closed(number, true, self.now);
            }
        }
    }

    /// An end will learn that its present connection is gone.
    fn tell_closed(&mut self, number: u32, second: bool, at: Time) {
        let link = &self.links[number as usize];
        let (node, peer) = (link.ends[usize::from(second)], link.handles[usize::from(second)]);
        let incarnation = self.hosts[node as usize].incarnation;
        self.queue.push(at, Happening::Closed { node, incarnation, peer });
    }

    /// An end learns that its connection is gone.
    pub(super) fn on_closed(&mut self, node: usize, incarnation: u32, peer: PeerHandle) {
        let host = &mut self.hosts[node];
        if host.incarnation != incarnation {
            return;
        }
        let Some(connection) = host.connections.get_mut(peer.0 as usize) else { return };
        if std::mem::take(&mut connection.open) {
            connection.resume_reading();
            self.step(node, Input::PeerDisconnected { peer });
        }
    }

    pub(super) fn on_fault(&mut self, index: usize) -> Result<(), SimError> {
        let Some((_, fault)) = self.schedule.get(index).cloned() else { return Ok(()) };
        let node = match &fault {
            Fault::Crash(node) | Fault::Restart(node) | Fault::Join(node) | Fault::SetEntry(node) => *node,
            Fault::Pause { node, .. } | Fault::Resume(node) => *node,
            Fault::ClockJump { node, .. } | Fault::FallSilent(node) => *node,
            Fault::Cut { from, .. } | Fault::Mend { from, .. } => *from,
            Fault::Heal | Fault::Weather(_) | Fault::Part { .. } | Fault::OneWay(_) => 0,
        };
        self.hash.note(self.now, Mark::Fault, node, node, [index as u64, 0]);
        for checker in &mut self.checkers {
            checker.fault(self.now, &fault);
        }
        match fault {
            Fault::Crash(node) => self.crash(node),
            Fault::Restart(node) => self.restart(node),
            Fault::Cut { from, to } => {
                if let Some((number, second)) = self.link_between(from, to) {
                    self.set_cut(number, second, true);
                }
            }
            Fault::Mend { from, to } => {
                if let Some((number, second)) = self.link_between(from, to) {
                    self.set_cut(number, second, false);
                    if self.links[number as usize].lossy {
                        self.break_link(number);
                    }
                }
            }
            Fault::Part { halves, until } => self.part(&halves, self.load_from + until.since(Time::ZERO)),
            Fault::Heal => self.heal(),
            Fault::Weather(weather) => self.network.set_weather(weather),
            Fault::Join(node) => self.join(node),
            Fault::Pause { node, until } => self.pause(node, self.load_from + until.since(Time::ZERO)),
            Fault::Resume(node) => self.resume(node)?,
            Fault::OneWay(share) => self.cut_one_way(share),
            Fault::SetEntry(node) => self.set_entry(node),
            Fault::ClockJump { node, by_ms } => self.jump_clock(node, by_ms),
            Fault::FallSilent(node) => self.fall_silent(node),
        }
        Ok(())
    }

    /// Starts a node that is down, and lets it dial its neighbours.
    pub(super) fn restart(&mut self, node: usize) {
        if self.hosts[node].engine.is_some() {
            return;
        }
        self.start(node);
        for link in self.links_of[node].clone() {
            let at = self.now + self.part_of(REDIAL);
            self.queue.push(at, Happening::Dial { link });
        }
    }

    /// The halves are separated.
    fn part(&mut self, halves: &Halves, until: Time) {
        self.part_members(halves, until);
        for number in 0..self.links.len() as u32 {
            let link = &mut self.links[number as usize];
            let [a, b] = link.ends.map(|end| end as usize);
            if !halves.part(a, b) {
                continue;
            }
            link.held_until = until;
            let epoch = link.epoch;
            for second in [false, true] {
                if let Some(connection) = self.end_of(number, second) {
                    connection.hold_until(until);
                }
            }
            // Either end pings at its own times, and closes the connection if no answer comes.
            let [first, other] = [(); 2].map(|()| self.now + self.part_of(PING_INTERVAL) + PING_TIMEOUT);
            if first.min(other) < until {
                let (at, second, other_at) =
                    if first < other { (first, false, other) } else { (other, true, first) };
                self.queue.push(at, Happening::GiveUp { link: number, epoch, second, other_at });
            }
        }
    }

    /// An end of a held connection has waited too long for an answer to its ping. The other end also does so
    /// later, or learns of it after the heal.
    pub(super) fn give_up(&mut self, number: u32, epoch: u32, second: bool, other_at: Time) {
        let link = &self.links[number as usize];
        if link.up && link.made && link.epoch == epoch {
            self.tell_closed(number, second, self.now);
            let learns = self.news_at(number).min(other_at);
            self.hang_up(number, !second, learns);
        }
    }

    /// The link between two nodes, and whether `to` is its second end.
    pub(super) fn link_between(&self, from: usize, to: usize) -> Option<(u32, bool)> {
        let links = self.links_of.get(from)?.iter();
        links.map(|&number| (number, self.links[number as usize].ends)).find_map(|(number, ends)| {
            let second = ends[1] as usize == to;
            (ends[usize::from(second)] as usize == to).then_some((number, second))
        })
    }

    fn crash(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        host.engine = None;
        host.timer = None;
        host.was_down = true;
        host.busy_until = Time::ZERO;
        host.connections.clear();
        self.member_crashed(node);
        for checker in &mut self.checkers {
            checker.crashed(self.now, node);
        }
        for number in self.links_of[node].clone() {
            let first = self.links[number as usize].ends[0] as usize == node;
            let learns = self.news_at(number);
            self.hang_up(number, first, learns);
        }
    }

    /// Everything works again. A connection that lost messages is broken, as a stream would be, and dialled again.
    fn heal(&mut self) {
        for number in 0..self.links.len() as u32 {
            for towards in [false, true] {
                self.set_cut(number, towards, false);
            }
            if self.links[number as usize].lossy {
                self.break_link(number);
            }
        }
    }
}
