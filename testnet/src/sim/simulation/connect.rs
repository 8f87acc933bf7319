//! Nodes that start and stop, and connections that come and go.

use protocol::gossip::{AddressGroup, Direction, DisconnectReason, Gossip, Input, PeerHandle};
use protocol::time::{Duration, Time};

use super::super::fault::Fault;
use super::super::host::Connection;
use super::super::trace::Mark;
use super::{Happening, Simulation};

/// One-way delays until both lanes are open both ways: TCP's handshake, noise's, and the negotiation of the muxer and
/// the lanes.
const HANDSHAKE_DELAYS: u64 = 8;

/// A connection that ended without anyone's fault is dialled again after this time and up to as much more.
const REDIAL: Duration = Duration::from_secs(1);

impl Simulation {
    /// Starts a node's engine, empty.
    pub(super) fn start(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        host.incarnation += 1;
        let seed = self.seed.bytes(&format!("engine {node} {}", host.incarnation));
        host.engine = Some(Box::new(Gossip::new(self.config.clone(), seed)));
        host.timer = None;
    }

    /// Dials, if both ends are up and don't have a connection.
    pub(super) fn dial(&mut self, number: u32) {
        let link = &mut self.links[number as usize];
        let [a, b] = link.ends.map(|end| end as usize);
        let ready = !link.up && !link.severed && self.hosts[a].engine.is_some() && self.hosts[b].engine.is_some();
        if !ready {
            return;
        }
        if link.cut != [false; 2] {
            let at = self.now + REDIAL + self.part_of(REDIAL);
            self.queue.push(at, Happening::Dial { link: number });
            return;
        }
        link.up = true;
        link.lossy = false;
        link.epoch += 1;
        link.order = Default::default();
        let epoch = link.epoch;
        let delay = Duration::from_micros(self.delays.one_way_us(a, b).max(self.delays.one_way_us(b, a)));
        let at = self.now + delay.times(HANDSHAKE_DELAYS);
        self.queue.push(at, Happening::Connected { link: number, epoch });
    }

    /// Both lanes are open both ways.
    pub(super) fn connected(&mut self, number: u32, epoch: u32) {
        let link = &mut self.links[number as usize];
        if !link.up || link.epoch != epoch {
            return;
        }
        let ends = link.ends;
        for (second, node) in [false, true].into_iter().zip(ends) {
            let host = &mut self.hosts[node as usize];
            let handle = PeerHandle(host.connections.len() as u32);
            host.connections.push(Connection { link: number, second, open: true, drained: 0, held: None });
            self.links[number as usize].handles[usize::from(second)] = handle;
        }
        self.hash.note(self.now, Mark::Connected, ends[0] as usize, ends[1] as usize, [u64::from(epoch), 0]);
        for (second, node) in [false, true].into_iter().zip(ends) {
            let peer = self.links[number as usize].handles[usize::from(second)];
            let direction = if second { Direction::Inbound } else { Direction::Outbound };
            // Each node has an address of its own, so that coming back doesn't make it a stranger.
            let far = self.links[number as usize].far(second);
            let group = Some(AddressGroup(far as u64));
            self.step(node as usize, Input::PeerConnected { peer, direction, group });
        }
    }

    /// The node at the other end of a connection, whether it is still open or not.
    pub(super) fn far_end(&self, node: usize, peer: PeerHandle) -> Option<usize> {
        let connection = self.hosts[node].connections.get(peer.0 as usize)?;
        Some(self.links[connection.link as usize].far(connection.second))
    }

    /// A node's engine leaves a peer.
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
        let (number, second) = (connection.link, connection.second);
        connection.held = None;
        // Whoever misbehaves is not dialled again; who is only slow may come back.
        let innocent = matches!(
            reason,
            DisconnectReason::NoHello | DisconnectReason::Withheld | DisconnectReason::QueueOverrun
        );
        let link = &mut self.links[number as usize];
        link.severed |= honest && !far_honest && !innocent;
        self.hang_up(number, !second);
    }

    /// The connection is gone; its `second` (or first) end learns of it a delay later, and somebody dials again.
    fn hang_up(&mut self, number: u32, second: bool) {
        let link = &mut self.links[number as usize];
        if !std::mem::take(&mut link.up) {
            return;
        }
        let epoch = link.epoch;
        let [a, b] = link.ends.map(|end| end as usize);
        let delay = Duration::from_micros(self.delays.one_way_us(a, b));
        self.queue.push(self.now + delay, Happening::Closed { link: number, epoch, second });
        let again = self.now + delay + REDIAL + self.part_of(REDIAL);
        self.queue.push(again, Happening::Dial { link: number });
    }

    /// Breaks a connection at both ends at once.
    pub(super) fn break_link(&mut self, number: u32) {
        let link = &self.links[number as usize];
        if link.up {
            let epoch = link.epoch;
            self.hang_up(number, false);
            self.queue.push(self.now, Happening::Closed { link: number, epoch, second: true });
        }
    }

    /// An end learns that its connection is gone.
    pub(super) fn on_closed(&mut self, number: u32, epoch: u32, second: bool) {
        let link = &self.links[number as usize];
        let (node, peer) = (link.ends[usize::from(second)] as usize, link.handles[usize::from(second)]);
        if link.epoch != epoch {
            return;
        }
        let Some(connection) = self.hosts[node].connections.get_mut(peer.0 as usize) else { return };
        if connection.link == number && std::mem::take(&mut connection.open) {
            connection.held = None;
            self.step(node, Input::PeerDisconnected { peer });
        }
    }

    pub(super) fn on_fault(&mut self, index: usize) {
        let Some((_, fault)) = self.schedule.get(index).cloned() else { return };
        let node = match &fault {
            Fault::Crash(node) | Fault::Restart(node) | Fault::Cut { from: node, .. } => *node,
            Fault::Heal | Fault::Weather(_) => 0,
        };
        self.hash.note(self.now, Mark::Fault, node, node, [index as u64, 0]);
        match fault {
            Fault::Crash(node) => self.crash(node),
            Fault::Restart(node) => {
                if self.hosts[node].engine.is_none() {
                    self.start(node);
                    for link in self.links_of[node].clone() {
                        let at = self.now + self.part_of(REDIAL);
                        self.queue.push(at, Happening::Dial { link });
                    }
                }
            }
            Fault::Cut { from, to } => {
                for &number in &self.links_of[from] {
                    let link = &mut self.links[number as usize];
                    let second = link.ends[1] as usize == to;
                    if link.ends[usize::from(second)] as usize == to {
                        link.cut[usize::from(second)] = true;
                    }
                }
            }
            Fault::Heal => self.heal(),
            Fault::Weather(weather) => self.network.set_weather(weather),
        }
    }

    fn crash(&mut self, node: usize) {
        let host = &mut self.hosts[node];
        host.engine = None;
        host.timer = None;
        host.was_down = true;
        host.busy_until = Time::ZERO;
        let connections = std::mem::take(&mut host.connections);
        for checker in &mut self.checkers {
            checker.crashed(self.now, node);
        }
        for connection in connections.iter().filter(|connection| connection.open) {
            self.hang_up(connection.link, !connection.second);
        }
    }

    /// Everything works again. What lost messages is broken, as a stream would be, and dialled again.
    fn heal(&mut self) {
        for number in 0..self.links.len() as u32 {
            let link = &mut self.links[number as usize];
            link.cut = [false; 2];
            if link.lossy && link.up {
                self.break_link(number);
            }
        }
    }
}
