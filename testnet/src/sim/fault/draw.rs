//! From a plan to a schedule: which nodes, which links, and when. All of it follows from the seed.

use protocol::time::{Duration, Time};

use super::{Fault, FaultPlan, Partition, PartitionKind, Peculiarity, Schedule, Weather};
use crate::random::{Draws, Seed};
use crate::topology::Graph;
use crate::wan::partition::inside;

const MICROS_PER_MINUTE: f64 = 60e6;

/// How often a moment is drawn for a crash if the node is already down then. After that, this crash is left out.
const CRASH_DRAWS: usize = 16;

impl FaultPlan {
    /// Draws the faults, and each node's peculiarities. Nodes in `spared` don't crash. Times count from the start
    /// of the load.
    #[must_use]
    pub fn draw(
        &self,
        graph: &Graph,
        load: Duration,
        spared: &[usize],
        seed: Seed,
    ) -> (Schedule, Vec<Peculiarity>) {
        let mut schedule = Schedule::new();
        let weather =
            Weather { loss: self.loss, duplicate: self.duplicate, reorder: self.reorder, vanish: self.vanish };
        if weather != Weather::default() {
            schedule.push((Time::ZERO, Fault::Weather(weather)));
        }
        self.crash(graph.nodes(), load, spared, &mut seed.draws("crashes"), &mut schedule);
        for (index, partition) in self.partition.iter().enumerate() {
            let mut draws = seed.draws(&format!("partition {index}"));
            let cut = partition.cut(graph, &mut draws);
            partition.schedule(&cut, load, &mut schedule);
        }
        // A stable sort: restarts and mends come after what they undo, also at the same time.
        schedule.sort_by_key(|(at, _)| *at);
        if !schedule.is_empty() {
            let end = Time::ZERO + load;
            schedule.push((end, Fault::Weather(Weather::default())));
            schedule.push((end, Fault::Heal));
        }
        (schedule, self.peculiarities(graph.nodes(), seed))
    }

    fn crash(&self, nodes: usize, load: Duration, spared: &[usize], draws: &mut Draws, schedule: &mut Schedule) {
        let mut free: Vec<usize> = (0..nodes).filter(|node| !spared.contains(node)).collect();
        let churned = self.churn * nodes as f64 * load.as_micros() as f64 / MICROS_PER_MINUTE;
        let mut down: Vec<(usize, Time, Time)> = Vec::new();
        draws.shuffle(&mut free);
        for _ in 0..self.crashes.saturating_add(churned.round() as usize) {
            for _ in 0..CRASH_DRAWS {
                let Some(&node) = free.get(draws.below(free.len())) else { return };
                let from = Time::from_micros((load.as_micros() as f64 * draws.unit()) as u64);
                let to = (from + Duration::from(self.down_for)).min(Time::ZERO + load);
                if down.iter().all(|&(other, began, ended)| other != node || to < began || from > ended) {
                    down.push((node, from, to));
                    break;
                }
            }
        }
        for (node, from, to) in down {
            schedule.push((from, Fault::Crash(node)));
            schedule.push((to, Fault::Restart(node)));
        }
    }

    fn peculiarities(&self, nodes: usize, seed: Seed) -> Vec<Peculiarity> {
        let mut drawn = vec![Peculiarity::default(); nodes];
        let mut draws = seed.draws("slow nodes");
        let mut order: Vec<usize> = (0..nodes).collect();
        draws.shuffle(&mut order);
        order.truncate((self.slow * nodes as f64).round() as usize);
        for node in order {
            drawn[node].slowness = Duration::from(self.slow_by);
        }
        let mut draws = seed.draws("clocks");
        let most = Duration::from(self.clock_offset).as_micros() as f64;
        for one in &mut drawn {
            one.clock_ahead = Duration::from_micros((most * draws.unit()) as u64);
        }
        drawn
    }
}

impl Partition {
    /// The directed links that are cut.
    fn cut(&self, graph: &Graph, draws: &mut Draws) -> Vec<(usize, usize)> {
        let nodes = graph.nodes();
        let count = match self.kind {
            PartitionKind::Half | PartitionKind::OneWay => nodes / 2,
            PartitionKind::One => 1,
            PartitionKind::Ratio(ratio) => (ratio * nodes as f64).round() as usize,
        };
        let inside = inside(nodes, count, draws);
        let mut cut = Vec::new();
        for from in (0..nodes).filter(|&node| inside[node]) {
            for to in graph.neighbours(from).iter().map(|&to| to as usize).filter(|&to| !inside[to]) {
                cut.push((from, to));
                if self.kind != PartitionKind::OneWay {
                    cut.push((to, from));
                }
            }
        }
        cut
    }

    fn schedule(&self, cut: &[(usize, usize)], load: Duration, schedule: &mut Schedule) {
        let end = (Time::ZERO + Duration::from(self.at) + Duration::from(self.lasts)).min(Time::ZERO + load);
        let every = Duration::from(self.every);
        let mut at = Time::ZERO + Duration::from(self.at);
        while at < end {
            let until = if every == Duration::ZERO { end } else { (at + every).min(end) };
            schedule.extend(cut.iter().map(|&(from, to)| (at, Fault::Cut { from, to })));
            schedule.extend(cut.iter().map(|&(from, to)| (until, Fault::Mend { from, to })));
            at = until + every.max(Duration::from_micros(1));
        }
    }
}
