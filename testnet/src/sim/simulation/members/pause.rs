//! Faults that only members need: nodes that stop running for a while, nodes that join late, one-way cuts, entries that
//! are set, wall clocks that jump, and liars that fall silent.
//!
//! **A pause** is that of SIGSTOP. The node handles nothing. All that arrives waits, and is handled in order when the
//! node goes on; its timer comes first. A connection to it is given up by its peer as in a partition: when a ping of the
//! transport has had no answer in time. No connection to it can be made meanwhile.

use node::config::deadlines::{PING_INTERVAL, PING_TIMEOUT};
use protocol::gossip::Input;
use protocol::gossip::members::MemberInput;
use protocol::time::{Duration, Time};

use super::super::{Happening, SimError, Simulation};
use super::carry::{ENTRY_KEY, Later};
use crate::wan::Halves;

/// A connection that can't be made, because one end is paused, is tried again after this time.
const CONNECT_AGAIN: Duration = Duration::from_secs(1);

/// What waits at each paused node; `None` at a node that runs.
#[derive(Debug)]
pub(in crate::sim::simulation) struct Waiting {
    nodes: Vec<Option<Vec<Happening>>>,
    paused: usize,
}

impl Waiting {
    pub(super) fn new(nodes: usize) -> Self {
        Self { nodes: (0..nodes).map(|_| None).collect(), paused: 0 }
    }

    fn pauses(&self, node: usize) -> bool {
        self.nodes.get(node).is_some_and(Option::is_some)
    }

    /// Forgets what waits. The node is not paused any more.
    pub(super) fn drop(&mut self, node: usize) {
        self.take(node);
    }

    fn begin(&mut self, node: usize) {
        if let Some(place) = self.nodes.get_mut(node).filter(|place| place.is_none()) {
            *place = Some(Vec::new());
            self.paused += 1;
        }
    }

    fn take(&mut self, node: usize) -> Option<Vec<Happening>> {
        let waiting = self.nodes.get_mut(node)?.take();
        self.paused -= usize::from(waiting.is_some());
        waiting
    }
}

impl Simulation {
    /// Whether a node is paused.
    pub(in crate::sim::simulation) fn is_paused(&self, node: usize) -> bool {
        self.members.as_ref().is_some_and(|world| world.waiting.pauses(node))
    }

    /// Lets an event wait if its node is paused, and returns it otherwise.
    pub(in crate::sim::simulation) fn unless_paused(&mut self, happening: Happening) -> Option<Happening> {
        if self.members.as_ref().is_none_or(|world| world.waiting.paused == 0) {
            return Some(happening);
        }
        if let Happening::Connected { link, .. } = happening {
            let ends = self.links[link as usize].ends;
            if ends.iter().any(|end| self.is_paused(*end as usize)) {
                self.queue.push(self.now + CONNECT_AGAIN, happening);
                return None;
            }
        }
        let Some(node) = happening.node() else { return Some(happening) };
        let world = self.members.as_mut()?;
        match world.waiting.nodes.get_mut(node).and_then(Option::as_mut) {
            // The timer is set again when the node goes on.
            Some(_) if matches!(happening, Happening::Timer { .. }) => None,
            Some(waiting) => {
                waiting.push(happening);
                None
            }
            None => Some(happening),
        }
    }

    /// A node stops running until this time.
    pub(in crate::sim::simulation) fn pause(&mut self, node: usize, until: Time) {
        let Some(world) = self.members.as_mut().filter(|_| self.hosts[node].engine.is_some()) else { return };
        world.waiting.begin(node);
        world.ledger.paused(node);
        for number in self.links_of[node].clone() {
            let second = self.links[number as usize].ends[0] as usize == node;
            self.give_up_before(number, second, until);
        }
    }

    /// A node goes on.
    pub(in crate::sim::simulation) fn resume(&mut self, node: usize) -> Result<(), SimError> {
        let Some(waiting) = self.members.as_mut().and_then(|world| world.waiting.take(node)) else {
            return Ok(());
        };
        if let Some(world) = self.members.as_mut() {
            world.ledger.resumed(node, self.now);
        }
        self.hosts[node].timer = None;
        self.step(node, Input::Timeout);
        waiting.into_iter().try_for_each(|happening| self.happen(happening))
    }

    /// The end of a connection that gets no answers gives it up, unless the other end answers again before that.
    fn give_up_before(&mut self, number: u32, second: bool, until: Time) {
        let at = self.now + self.part_of(PING_INTERVAL) + PING_TIMEOUT;
        let link = &self.links[number as usize];
        if link.up && link.made && at < until {
            let epoch = link.epoch;
            let other_at = Time::from_micros(u64::MAX);
            self.queue.push(at, Happening::GiveUp { link: number, epoch, second, other_at });
        }
    }

    /// From now on nothing passes from some nodes to some others: this share of all ordered pairs.
    pub(in crate::sim::simulation) fn cut_one_way(&mut self, share: f64) {
        let Some(world) = self.members.as_mut() else { return };
        world.passages.cuts.set_one_way(share);
        for number in 0..self.links.len() as u32 {
            let [a, b] = self.links[number as usize].ends.map(|end| end as usize);
            let Some(cuts) = self.members.as_ref().map(|world| &world.passages.cuts) else { return };
            let cut = [cuts.is_cut(b, a), cuts.is_cut(a, b)];
            self.set_cut(number, false, cut[0]);
            self.set_cut(number, true, cut[1]);
            // The end that hears nothing gives the connection up, and so does the end that gets no answer.
            if cut != [false; 2] {
                self.give_up_before(number, cut[1], self.end);
            } else if self.links[number as usize].lossy {
                self.break_link(number);
            }
        }
    }

    /// The halves are separated for short dials as well.
    pub(in crate::sim::simulation) fn part_members(&mut self, halves: &Halves, until: Time) {
        if let Some(world) = self.members.as_mut() {
            world.passages.cuts.part(halves.clone(), until);
            self.queue.push(until, Happening::Members(Box::new(Later::Healed)));
        }
    }

    /// A node that was not there so far starts, and dials its neighbours.
    pub(in crate::sim::simulation) fn join(&mut self, node: usize) {
        if let Some(world) = self.members.as_mut() {
            world.ledger.joins(node, self.now);
        }
        self.restart(node);
    }

    /// The wall clock of a node jumps. Its driver tells the engine at the next occasion.
    pub(in crate::sim::simulation) fn jump_clock(&mut self, node: usize, by_ms: i64) {
        let host = &mut self.hosts[node];
        host.clock_jumped_ms = host.clock_jumped_ms.saturating_add(by_ms);
        let ms = host.wall_ms(self.now);
        if host.engine.is_some() && !self.is_paused(node) {
            self.step(node, Input::WallClock { ms });
        }
    }

    /// A liar answers nobody from now on. Its peers give their connections up when a ping of the transport has had no
    /// answer in time, and make no new ones, because it does not say Hello.
    pub(in crate::sim::simulation) fn fall_silent(&mut self, node: usize) {
        for number in self.links_of[node].clone() {
            let second = self.links[number as usize].ends[0] as usize == node;
            self.give_up_before(number, second, self.end);
        }
    }

    /// A node sets an entry to a value that nobody had.
    pub(in crate::sim::simulation) fn set_entry(&mut self, node: usize) {
        let Some(world) = self.members.as_mut().filter(|_| self.hosts[node].engine.is_some()) else { return };
        let value = world.ledger.sets_entry(node, self.now);
        let input = MemberInput::SetEntry { key: ENTRY_KEY.to_owned(), value: Some(value) };
        self.step(node, Input::Members(Box::new(input)));
    }
}
