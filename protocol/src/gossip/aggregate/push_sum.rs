//! Push-sum: the average of a gauge over all members that are connected, by exchanges between neighbours alone
//! (Kempe, Dobra and Gehrke, "Gossip-Based Computation of Aggregate Information", FOCS 2003). The lowest and the
//! highest value spread in the same messages, as an epidemic.
//!
//! * **Mass.** A member that has a value contributes a weight of one, and divides it between the two ends of the
//!   gauge's range by where its value lies. A member that has no value contributes nothing and takes part. In each
//!   tick a member sends parts of its mass on [`SENDS_PER_TICK`] links, and keeps as much as each gets. The
//!   proportion of the two ends comes to be the same everywhere, and tells the average.
//! * **Totals.** A message has the sums of all that its sender sent on this link in this epoch, and not what it
//!   sent last. A member's mass is what it contributes, plus what it heard on its links, minus what it sent.
//!   *Rationale:* plain push-sum loses for ever the mass of a message that is lost, and counts a repeated one
//!   twice. Here a later message brings what was lost, and a repeated or older one changes nothing. To keep state
//!   for each link, and to send that, is the idea of flow updating (Jesus, Baquero and Almeida, "Fault-Tolerant
//!   Aggregation by Flow Updating", DAIS 2009). Two sums in place of one flow, each written by one end alone, are
//!   from Hadjicostis, Vaidya and Domínguez-García ("Robust Distributed Average Consensus via Exchange of Running
//!   Sums", IEEE Transactions on Automatic Control, 2016). So messages that cross on a link do no harm.
//! * **A link that goes down** is forgotten at both ends with its sums. Each end has back what it sent and gives
//!   back what it heard. So a member that leaves takes away what it contributed, and nothing else. A member may
//!   then have less than nothing at one end of the range. It is **overdrawn**: it sends nothing and has no
//!   estimate until enough has come in.
//! * **Order of links.** Each link gets its turn once before one gets a second, in an order that is drawn anew
//!   each time. *Rationale:* what was lost on a link is made good within one such lap.
//! * **Epochs.** In each [epoch](crate::items::member::epoch) everything starts from nothing. A message of another epoch is
//!   ignored; its mass comes with a later one. The last estimate of an epoch stays until the next epoch ends.
//!
//! # Security
//!
//! What a link brings is checked, so that a peer that lies counts for a bounded number of members. Its sums only
//! grow, and at neither end of the range does it bring more than [`NET_FLOW_MAX`](crate::limits::NET_FLOW_MAX)
//! beyond what went the other way. Nor does this member send more than that beyond what it heard. So a liar with
//! `k` links changes the average of `N` members by at most `2 k / N` of the range: as if `2 k` members had gone
//! from one end of it to the other. The lowest value it can set to the low end, and the highest to the high end,
//! for one epoch. No honest node breaks these rules, so a message that breaks one is refused, and its sender may
//! be blamed.
//!
//! A group of members that is connected to all others by a few links can't be told from such a liar. Where more
//! than two members' worth of value would have to go over a link, it does not, and the two sides keep different
//! averages.
//!
//! Deliberately absent: the sum, which is the average times the size that [`extrema`](super::extrema) estimates; a
//! defence against members that lie about their own value within the range; and when the estimate is good enough:
//! [`Estimate::ticks`] tells for how long this member has taken part.

mod extremes;
mod flows;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

pub use self::flows::{LinkFlows, Mass, Refused};
use super::gauge::Gauge;
use super::ticks::Ticks;
use super::value::Value;
use crate::footprint::tree;
use crate::gossip::api::PeerHandle;
use crate::items::member::epoch::{Epoch, EpochName};
use crate::limits::{AGGREGATE_LINKS_MAX, SENDS_PER_TICK, WEIGHT_ONE};
use crate::time::Time;
pub use crate::wire::message::{Extremes, Flow, Totals};

/// One gauge, as one member knows it.
#[derive(Debug)]
pub struct PushSum {
    gauge: Gauge,
    chance: ChaCha8Rng,
    /// The epoch under way, and its name.
    epoch: Option<(Epoch, EpochName)>,
    /// What this member contributes.
    own: Flow,
    extremes: Option<Extremes>,
    links: BTreeMap<PeerHandle, LinkFlows>,
    /// The links whose turn is still to come in this lap. The next one is last.
    lap: Vec<PeerHandle>,
    ticks: Ticks,
    finished: Option<Estimate>,
}

/// What a member knows of a gauge.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Estimate {
    /// The epoch in which it was made.
    pub epoch: Epoch,
    /// The average over the members that have a value.
    pub average: Value,
    /// The lowest value that this member has heard of.
    pub lowest: Value,
    /// The highest value that this member has heard of.
    pub highest: Value,
    /// The ticks for which this member had taken part in the epoch.
    pub ticks: u64,
}

impl PushSum {
    /// The memory of a link: its sums, and its place in a lap.
    pub(crate) const LINK_BYTES: usize = tree(size_of::<(PeerHandle, LinkFlows)>()) + 2 * size_of::<PeerHandle>();

    /// A machine that waits for its first epoch. The order of links is drawn from `seed`.
    #[must_use]
    pub fn new(gauge: Gauge, seed: [u8; 32]) -> Self {
        Self {
            gauge,
            chance: ChaCha8Rng::from_seed(seed),
            epoch: None,
            own: Flow::default(),
            extremes: None,
            links: BTreeMap::new(),
            lap: Vec::new(),
            ticks: Ticks::default(),
            finished: None,
        }
    }

    /// An epoch begins, in which this member contributes a value, or only takes part. Whether it did begin: not if
    /// it is no later than the one under way.
    pub fn begin(&mut self, now: Time, epoch: Epoch, value: Option<Value>) -> bool {
        if !epoch.follows(self.epoch.as_ref().map(|(epoch, _)| epoch)) {
            return false;
        }
        self.finished = self.estimate().or(self.finished);
        self.epoch = Some((epoch, epoch.name()));
        self.own = value.map_or(Flow::default(), |value| self.contribution(value));
        self.extremes = value.map(|value| Extremes::of(self.gauge.above_low(value)));
        self.links.values_mut().for_each(|link| *link = LinkFlows::default());
        self.ticks.start(now);
        true
    }

    /// A link has come up. Whether it takes part: not if there are [`AGGREGATE_LINKS_MAX`] already. A link is one
    /// connection: what is said on it never arrives on another.
    pub fn on_link_up(&mut self, link: PeerHandle) -> bool {
        if self.links.len() >= AGGREGATE_LINKS_MAX && !self.links.contains_key(&link) {
            return false;
        }
        self.links.entry(link).or_default();
        true
    }

    /// A link has gone down. What went over it did not happen.
    pub fn on_link_down(&mut self, link: PeerHandle) {
        self.links.remove(&link);
        self.lap.retain(|other| *other != link);
    }

    /// Takes a message. Whether it brought anything that was not known: not if the gauge, the epoch or the link is
    /// another.
    ///
    /// # Errors
    /// Says which rule the message breaks. No honest node sends such a message. Nothing has changed.
    pub fn on_message(&mut self, link: PeerHandle, totals: &Totals) -> Result<bool, Refused> {
        let is_ours = totals.gauge == self.gauge.id() && self.epoch.is_some_and(|(_, name)| name == totals.epoch);
        let Some(flows) = self.links.get_mut(&link).filter(|_| is_ours) else { return Ok(false) };
        if totals.extremes.is_some_and(|extremes| !extremes.are_within(self.gauge.span())) {
            return Err(Refused::Extremes);
        }
        let is_new = flows.hear(totals.flow)?;
        let extremes = Extremes::widened(self.extremes, totals.extremes);
        let is_wider = extremes != self.extremes;
        self.extremes = extremes;
        Ok(is_new || is_wider)
    }

    /// The messages to send now. There are none before the next tick is due.
    pub fn tick(&mut self, now: Time) -> Vec<(PeerHandle, Totals)> {
        if !self.ticks.is_due(now) {
            return Vec::new();
        }
        let Some((_, epoch)) = self.epoch else { return Vec::new() };
        let chosen = self.choose();
        // Of three parts the first takes a third, and the second half of what is left.
        let parts = (2..=chosen.len().saturating_add(1)).rev();
        let mut messages = Vec::with_capacity(chosen.len());
        for (parts, link) in parts.zip(chosen) {
            let mass = self.mass();
            let Some(flows) = self.links.get_mut(&link) else { continue };
            flows.send(mass, parts as u64);
            let totals = Totals { gauge: self.gauge.id(), epoch, flow: flows.sent, extremes: self.extremes };
            messages.push((link, totals));
        }
        messages
    }

    /// The gauge.
    #[must_use]
    pub const fn gauge(&self) -> &Gauge {
        &self.gauge
    }

    /// How many links take part.
    #[must_use]
    pub fn links(&self) -> usize {
        self.links.len()
    }

    /// When [`PushSum::tick`] is to be called next.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Time> {
        self.ticks.next()
    }

    /// What is known in the epoch under way; `None` before one began, while no value is known, and while
    /// overdrawn.
    #[must_use]
    pub fn estimate(&self) -> Option<Estimate> {
        let (epoch, _) = self.epoch?;
        let mass = self.mass().positive()?;
        let Extremes { lowest, highest } = self.extremes?;
        Some(Estimate {
            epoch,
            average: self.gauge.value_at(u128::from(mass.high), mass.weight())?,
            lowest: self.gauge.value_above(lowest),
            highest: self.gauge.value_above(highest),
            ticks: self.ticks.done(),
        })
    }

    /// The last estimate of the last epoch that had one.
    #[must_use]
    pub const fn finished(&self) -> Option<Estimate> {
        self.finished
    }

    /// What this member has at the moment.
    #[must_use]
    pub fn mass(&self) -> Mass {
        self.links.values().fold(Mass::from(self.own), |mass, link| mass + link.net())
    }

    /// What went over a link in this epoch.
    #[must_use]
    pub fn flows(&self, link: PeerHandle) -> Option<LinkFlows> {
        self.links.get(&link).copied()
    }

    /// A weight of one, divided between the ends of the range.
    fn contribution(&self, value: Value) -> Flow {
        let high = self.gauge.position(value);
        Flow { high, low: WEIGHT_ONE.saturating_sub(high) }
    }

    /// The links whose turn it is.
    fn choose(&mut self) -> Vec<PeerHandle> {
        let wanted = self.links.len().min(SENDS_PER_TICK);
        let mut chosen: Vec<PeerHandle> = Vec::with_capacity(wanted);
        while chosen.len() < wanted {
            if self.lap.is_empty() {
                self.lap.extend(self.links.keys());
                shuffle(&mut self.lap, &mut self.chance);
            }
            match self.lap.pop() {
                Some(link) if !chosen.contains(&link) => chosen.push(link),
                _ => {}
            }
        }
        chosen
    }
}

/// By Fisher and Yates. The remainder of a 64-bit number favours no place by more than a part in 2^54.
fn shuffle(links: &mut [PeerHandle], chance: &mut ChaCha8Rng) {
    for place in (1..links.len()).rev() {
        let other = chance.next_u64().checked_rem(place as u64 + 1).unwrap_or_default();
        links.swap(place, other as usize);
    }
}
