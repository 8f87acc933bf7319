//! The aggregates over links that a node takes part in: one machine of push-sum for each gauge, and one of extrema for
//! the size. What they have in common is here: which links they have, and when an epoch begins for all of them.
//!
//! * **Links.** A peer says once what it takes part in. Its link belongs to the machines of these alone. *Rationale:*
//!   what is sent of a gauge to a peer that does not have it would be lost until the link goes down.
//! * **Values.** In an epoch this node contributes the number that it had when the epoch began. A node that had none
//!   only takes part.
//! * **Checks of an earlier epoch.** The machine forgets them when an epoch begins. While some of a link are still out,
//!   nothing of this link is looked at. So no more than [`TICKETS_IN_CHECK_MAX`](crate::limits::TICKETS_IN_CHECK_MAX)
//!   of it are ever out.
//!
//! Deliberately absent: messages, signing, and whose tickets count. They are in `seam` and `admission`.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use super::admission::Admission;
use super::built_in::AggregatesConfig;
use super::extrema::{Extrema, Size, TicketJob};
use super::push_sum::{Estimate, PushSum, Refused};
use super::value::Value;
use crate::footprint::{block, tree};
use crate::gossip::api::PeerHandle;
use crate::gossip::members::BUILT_IN_KEYS;
use crate::items::keys::PublicKey;
use crate::items::member::epoch::Epoch;
use crate::items::member::ticket::Ticket;
use crate::items::verify::{JobId, Signed, Verdict};
use crate::time::Time;
use crate::wire::message::{AggregateMessage, AggregatePart, Tickets, Totals};

/// The aggregates that a node takes part in.
#[derive(Debug)]
pub struct Aggregates {
    config: AggregatesConfig,
    /// The machine of each gauge, with the gauge's place among the built-in numbers.
    gauges: Vec<(usize, PushSum)>,
    size: Option<Extrema>,
    /// This node's own numbers, once it was told them.
    numbers: Option<[u64; BUILT_IN_KEYS.len()]>,
    /// The epoch under way.
    epoch: Option<Epoch>,
    /// Peers that have not said yet in what they take part.
    greeted: BTreeSet<PeerHandle>,
    /// Tickets in verification, by the engine's job.
    checking: BTreeMap<JobId, Check>,
    /// How many of these are of an earlier epoch.
    stale: usize,
    pub(super) admission: Admission,
}

/// A job of the machine, as the engine knows it.
#[derive(Debug)]
struct Check {
    link: PeerHandle,
    /// The machine's own name of the job.
    job: JobId,
    /// The number of its epoch.
    epoch: u64,
}

/// An aggregate, as a node knows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Figure<T> {
    /// In the epoch under way, which may be too young for a good estimate.
    pub under_way: Option<T>,
    /// At the end of the last epoch that had an estimate.
    pub finished: Option<T>,
}

impl Aggregates {
    /// The memory of a peer: its link in each machine, its turn in each lap, and its place among the greeted ones.
    pub(in crate::gossip) const LINK_BYTES: usize =
        BUILT_IN_KEYS.len() * PushSum::LINK_BYTES + Extrema::LINK_BYTES + tree(size_of::<PeerHandle>());

    /// The memory of a ticket in verification: here, in the machine, and in the driver's job.
    pub(in crate::gossip) const CHECKED_BYTES: usize = tree(size_of::<(JobId, Check)>())
        + Extrema::CHECKED_BYTES
        + block(size_of::<Signed>())
        + block(2 * size_of::<usize>() + size_of::<Epoch>());

    /// Machines that wait for their first epoch. `seed` is drawn anew for each gauge.
    pub(super) fn new(config: AggregatesConfig, mut seed: impl FnMut() -> [u8; 32]) -> Self {
        Self {
            config,
            gauges: config.chosen().map(|(place, gauge)| (place, PushSum::new(gauge, seed()))).collect(),
            size: config.size.then(Extrema::default),
            numbers: None,
            epoch: None,
            greeted: BTreeSet::new(),
            checking: BTreeMap::new(),
            stale: 0,
            admission: Admission::default(),
        }
    }

    /// In which aggregates the node takes part.
    #[must_use]
    pub const fn config(&self) -> AggregatesConfig {
        self.config
    }

    /// The epoch under way.
    #[must_use]
    pub const fn epoch(&self) -> Option<Epoch> {
        self.epoch
    }

    /// What is known of a built-in number; `None` if the node takes no part in its gauge.
    #[must_use]
    pub fn average(&self, name: &str) -> Option<Figure<Estimate>> {
        let is_named = |place: usize| BUILT_IN_KEYS.get(place).is_some_and(|key| *key == name);
        let (_, machine) = self.gauges.iter().find(|(place, _)| is_named(*place))?;
        Some(Figure { under_way: machine.estimate(), finished: machine.finished() })
    }

    /// What is known of the number of members; `None` if the node takes no part in its estimate.
    #[must_use]
    pub fn size(&self) -> Option<Figure<Size>> {
        let machine = self.size.as_ref()?;
        Some(Figure { under_way: machine.estimate(), finished: machine.finished() })
    }

    /// What the node says of itself to each peer.
    pub(super) fn part(&self) -> AggregatePart {
        AggregatePart {
            gauges: self.gauges.iter().map(|(_, machine)| machine.gauge().id()).collect(),
            size: self.size.is_some(),
        }
    }

    /// This node's own numbers are these now. They count from the next epoch on.
    pub(super) const fn set_numbers(&mut self, numbers: [u64; BUILT_IN_KEYS.len()]) {
        self.numbers = Some(numbers);
    }

    /// A peer has said Hello with the bit.
    pub(super) fn greet(&mut self, link: PeerHandle) {
        self.greeted.insert(link);
    }

    /// A peer says in what it takes part. Only the first time counts.
    pub(super) fn join(&mut self, link: PeerHandle, part: &AggregatePart) {
        if !self.greeted.remove(&link) {
            return;
        }
        for (_, machine) in &mut self.gauges {
            if part.gauges.contains(&machine.gauge().id()) {
                machine.on_link_up(link);
            }
        }
        if let Some(size) = self.size.as_mut().filter(|_| part.size) {
            size.on_link_up(link);
        }
    }

    /// A peer is gone.
    pub(super) fn part_from(&mut self, link: PeerHandle) {
        self.greeted.remove(&link);
        self.gauges.iter_mut().for_each(|(_, machine)| machine.on_link_down(link));
        if let Some(size) = &mut self.size {
            size.on_link_down(link);
        }
    }

    /// Begins an epoch in all machines. False if it is no later than the one under way. This node's ticket comes when
    /// it is signed.
    pub(super) fn begin(&mut self, now: Time, epoch: Epoch) -> bool {
        if !epoch.follows(self.epoch.as_ref()) {
            return false;
        }
        self.epoch = Some(epoch);
        self.stale = self.checking.len();
        self.admission.begin(now, epoch.number);
        for (place, machine) in &mut self.gauges {
            let number = self.numbers.and_then(|numbers| numbers.get(*place).copied());
            machine.begin(now, epoch, number.map(value));
        }
        if let Some(size) = &mut self.size {
            size.begin(now, epoch, None);
        }
        true
    }

    /// This node's ticket is signed. It counts if its epoch is still under way.
    pub(super) fn take_own(&mut self, epoch: &Epoch, ticket: &Ticket) {
        if let Some(size) = self.size.as_mut().filter(|_| self.epoch.as_ref() == Some(epoch)) {
            size.take_own(ticket);
        }
    }

    /// Takes a message of push-sum.
    pub(super) fn on_totals(&mut self, link: PeerHandle, totals: &Totals) -> Result<(), Refused> {
        let machine = self.gauges.iter_mut().find(|(_, machine)| machine.gauge().id() == totals.gauge);
        machine.map_or(Ok(()), |(_, machine)| machine.on_message(link, totals).map(|_| ()))
    }

    /// Takes a message of extrema. The tickets to check, if any. `is_known` tells whether a member is known now.
    pub(super) fn on_tickets(
        &mut self,
        link: PeerHandle,
        tickets: &Tickets,
        is_known: impl Fn(&PublicKey) -> bool,
    ) -> Option<TicketJob> {
        let (admission, number) = (&self.admission, self.epoch?.number);
        let is_stale = |check: &Check| check.link == link && check.epoch < number;
        if self.stale > 0 && self.checking.values().any(is_stale) {
            return None;
        }
        let admits = |member: &PublicKey| admission.admits(member, || is_known(member));
        self.size.as_mut()?.on_message(link, tickets, admits)
    }

    /// The engine has given a job of the machine this name.
    pub(super) fn checks(&mut self, name: JobId, job: &TicketJob) {
        self.checking.insert(name, Check { link: job.link, job: job.id, epoch: job.epoch.number });
    }

    /// Whether a job of this name is for tickets.
    pub(super) fn is_checking(&self, name: JobId) -> bool {
        self.checking.contains_key(&name)
    }

    /// Takes the verdict on tickets. The link that sent a forged one, if one did.
    pub(super) fn on_verdict(&mut self, name: JobId, verdict: Verdict) -> Option<PeerHandle> {
        let Check { job, epoch, .. } = self.checking.remove(&name)?;
        if self.epoch.is_some_and(|current| epoch < current.number) {
            self.stale = self.stale.saturating_sub(1);
        }
        self.size.as_mut()?.on_checked(job, verdict)
    }

    /// The messages to send now.
    pub(super) fn tick(&mut self, now: Time) -> Vec<(PeerHandle, AggregateMessage)> {
        let mut messages = Vec::new();
        for (_, machine) in &mut self.gauges {
            let said = machine.tick(now).into_iter();
            messages.extend(said.map(|(link, totals)| (link, AggregateMessage::Totals(totals))));
        }
        if let Some(size) = &mut self.size {
            let said = size.tick(now).into_iter();
            messages.extend(said.map(|(link, tickets)| (link, AggregateMessage::Tickets(tickets))));
        }
        messages
    }

    /// When [`Aggregates::tick`] is to be called next.
    pub(in crate::gossip) fn next_deadline(&self) -> Option<Time> {
        let gauges = self.gauges.iter().filter_map(|(_, machine)| machine.next_deadline());
        gauges.chain(self.size.as_ref().and_then(Extrema::next_deadline)).min()
    }

    /// Minima that are held, and members whose tickets count.
    pub(in crate::gossip) fn held(&self) -> (usize, usize) {
        let minima = self.size.as_ref().and_then(Extrema::winners).map_or(0, |winners| winners.minima());
        (minima, self.admission.len())
    }

    /// The most links of a machine.
    pub(in crate::gossip) fn links(&self) -> usize {
        let gauges = self.gauges.iter().map(|(_, machine)| machine.links());
        gauges.chain(self.size.as_ref().map(Extrema::links)).max().unwrap_or_default()
    }

    /// Tickets of a link that are in verification.
    pub(in crate::gossip) fn in_check(&self, link: PeerHandle) -> usize {
        self.size.as_ref().map_or(0, |size| size.in_check_of(link))
    }
}

/// A built-in number as a value; one that is too large is the highest.
fn value(number: u64) -> Value {
    i64::try_from(number).ok().and_then(Value::whole).unwrap_or(Value::HIGHEST)
}
