//! Starts and stops the rival's nodes, and carries out the schedule.
//!
//! **A pause** is that of SIGSTOP, as for our nodes. What would happen at the node waits, and happens in the same order
//! when the node goes on: timers and datagrams alike. (At our nodes the timer comes first.) The buffer for datagrams
//! is that of a socket, so a long pause loses some.

use foca::{Foca, Member, PostcardCodec};
use protocol::time::{Duration, Time};
use rand_chacha::ChaCha8Rng;
use rand_core::SeedableRng as _;

use super::node::Waiting;
use super::{Happening, RivalId, World};
use crate::sim::fault::Fault;
use crate::sim::simulation::EPOCH_MS;
use crate::sim::simulation::trace::Mark;

/// All nodes announce themselves within this time from the start, as our nodes dial.
const ANNOUNCE_SPREAD: Duration = Duration::from_millis(500);

/// How soon a node that knows nobody announces itself again, if the preset has no time for announcements.
const ANNOUNCE_AGAIN: Duration = Duration::from_secs(30);

impl World {
    /// The first events.
    pub(super) fn begin(&mut self, late: &[usize]) {
        for node in 0..self.nodes.len() {
            if late.contains(&node) {
                self.nodes[node].was_down = true;
            } else {
                self.start(node);
            }
        }
        for (index, (at, _)) in self.schedule.iter().enumerate() {
            let at = self.load_from + at.since(Time::ZERO);
            self.queue.push(at, Happening::Fault { index });
        }
    }

    /// A node that is down starts, and knows only addresses.
    fn start(&mut self, node: usize) {
        if self.nodes[node].machine.is_some() {
            return;
        }
        let place = &mut self.nodes[node];
        place.run += 1;
        let run = place.run;
        let id = RivalId::new(node, (EPOCH_MS + self.now.as_micros() / 1_000) / 1_000);
        let rng = ChaCha8Rng::from_seed(self.seed.bytes(&format!("foca {node} {run}")));
        place.machine = Some(Box::new(Foca::new(id, self.config.clone(), rng, PostcardCodec)));
        self.ledger.started(node, self.now);
        let known: Vec<Member<RivalId>> = self.neighbours(node).map(RivalId::known).map(Member::down).collect();
        self.step(node, |machine, runtime| machine.apply_many(known.into_iter(), false, runtime));
        let at = self.now + self.part_of(ANNOUNCE_SPREAD);
        self.queue.push(at, Happening::Announce { node: node as u32, run });
    }

    /// A node that knows nobody alive announces itself to its neighbours. It looks again and again whether it does.
    pub(super) fn announce(&mut self, node: usize, run: u32) {
        let place = &self.nodes[node];
        let Some(machine) = place.machine.as_ref().filter(|_| place.run == run) else { return };
        if machine.num_members() == 0 {
            for neighbour in self.neighbours(node).collect::<Vec<_>>() {
                self.step(node, |machine, runtime| machine.announce(RivalId::known(neighbour), runtime));
            }
        }
        let again = self.config.periodic_announce.as_ref().map(|params| params.frequency.into());
        let at = self.now + again.unwrap_or(ANNOUNCE_AGAIN);
        self.queue.push(at, Happening::Announce { node: node as u32, run });
    }

    fn neighbours(&self, node: usize) -> impl Iterator<Item = usize> {
        self.graph.neighbours(node).iter().map(|neighbour| *neighbour as usize)
    }

    pub(super) fn on_fault(&mut self, index: usize) {
        let Some((_, fault)) = self.schedule.get(index).cloned() else { return };
        self.hash.note(self.now, Mark::Fault, 0, 0, [index as u64, 0]);
        match fault {
            Fault::Crash(node) => {
                self.nodes[node].stop();
                self.ledger.crashed(node, self.now);
            }
            Fault::Restart(node) => self.start(node),
            Fault::Join(node) => {
                self.ledger.joins(node, self.now);
                self.start(node);
            }
            Fault::Part { halves, until } => {
                let until = self.load_from + until.since(Time::ZERO);
                self.cuts.part(halves, until);
                self.queue.push(until, Happening::Healed);
            }
            Fault::OneWay(share) => self.cuts.set_one_way(share),
            Fault::Weather(weather) => self.network.set_weather(weather),
            Fault::Pause { node, .. } => {
                if self.nodes[node].machine.is_some() {
                    self.nodes[node].waiting.get_or_insert_with(Waiting::default);
                    self.ledger.paused(node);
                }
            }
            Fault::Resume(node) => self.resume(node),
            // Single links, entries, liars and wall clocks are the business of our machine. A scenario that has them is
            // refused.
            Fault::Cut { .. }
            | Fault::Mend { .. }
            | Fault::Heal
            | Fault::SetEntry(_)
            | Fault::ClockJump { .. }
            | Fault::FallSilent(_) => {}
        }
    }

    fn resume(&mut self, node: usize) {
        let Some(waiting) = self.nodes[node].waiting.take() else { return };
        self.ledger.resumed(node, self.now);
        waiting.into_happenings().into_iter().for_each(|happening| self.happen(happening));
    }
}
