//! The size of the network, by extrema propagation (Baquero, Almeida, Menezes and Jesus, "Extrema Propagation:
//! Fast Distributed Estimation of Sums and Network Sizes", IEEE Transactions on Parallel and Distributed Systems,
//! 2012).
//!
//! * **The idea.** Each member draws [`DRAWS`] exponential variables of mean 1. The minimum of `N` of them has
//!   mean `1 / N`. Minima can be passed on any number of times along any path. From the `K` minima over all
//!   members follows the estimate `N = (K - 1) / sum`, with no bias and a standard error of `1 / sqrt(K - 2)` of
//!   itself.
//! * **Draws are not chosen.** A draw is a hash over the member's key, the
//!   [epoch](crate::items::member::epoch) and an index.
//!   Members send each other a member's signature on the epoch, the [`Ticket`]. All its draws follow from it. So
//!   a member contributes its own draws only.
//! * **Only minima travel.** A node holds the tickets that have a minimum, 256 at most. To each link it sends
//!   those that it got or found since, once, and none that came from there.
//! * **A signature is checked before a ticket counts**, and only if the ticket would have a minimum. The check
//!   leaves as a [`TicketJob`] and comes back as a verdict, like the checks of items. *Rationale:* 32 signatures
//!   take a millisecond, for which the engine must not wait, and the driver has the pool and the decompressed
//!   keys. A function passed in would check them on the engine's own thread, and one by one.
//! * **What was lost is found.** A link to which nothing is to be sent gets a fingerprint from time to time. If it
//!   differs from the other end's, which has nothing to send either, that end sends all its tickets again. This
//!   happens [`RESENDS_PER_LINK_MAX`] times in an epoch at most, because two nodes that do not admit the same keys
//!   differ for good.
//!
//! # Security
//!
//! Nobody can make the network look smaller than a node's honest paths show it: minima only shrink. Anybody can
//! make it look larger by taking part with many keys, because a key costs nothing. The most effective keys are
//! made after the epoch's block is known: whoever tries a million keys then has the minima of a million members,
//! with 256 signatures. So the caller says which keys are **admitted**. A node that knows all members admits those
//! that it knew before the epoch's block. One that doesn't has an upper estimate. A forged ticket costs its sender
//! the link.
//!
//! Deliberately absent: signing this node's own ticket, which is the driver's work, and whom to admit.

mod draws;
mod exponential;
mod winners;

use alloc::collections::BTreeMap;
use alloc::vec::Vec;

pub use self::draws::{Draw, draws};
pub use self::exponential::{EXPONENTIAL_BITS, exponential};
pub use self::winners::{Indices, Winners};
use super::ticks::Ticks;
use super::value::rounded;
use crate::footprint::{block, tree};
use crate::gossip::api::PeerHandle;
use crate::items::keys::{PublicKey, VerifyingKey};
use crate::items::member::epoch::{Epoch, EpochName};
pub use crate::items::member::ticket::{TICKET_DOMAIN, Ticket};
use crate::items::network::NetworkId;
use crate::items::verify::{JobId, Verdict};
use crate::limits::{
    AGGREGATE_LINKS_MAX, DRAWS, FINGERPRINT_TICKS, RESENDS_PER_LINK_MAX, TICKETS_IN_CHECK_MAX,
    TICKETS_PER_LINK_MAX, TICKETS_PER_MESSAGE_MAX,
};
use crate::time::Time;
pub use crate::wire::message::{Fingerprint, Tickets};

/// The size of the network, as one member knows it.
#[derive(Debug, Default)]
pub struct Extrema {
    /// The epoch under way.
    under_way: Option<(EpochName, Winners)>,
    links: BTreeMap<PeerHandle, Link>,
    checks: BTreeMap<JobId, (PeerHandle, Vec<Ticket>)>,
    /// The last job's number. Numbers go on through all epochs.
    last_job: u64,
    ticks: Ticks,
    finished: Option<Size>,
}

/// How many members there are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Size {
    /// The epoch in which it was estimated.
    pub epoch: Epoch,
    /// The estimate, to the nearest whole number.
    pub members: u64,
    /// The standard error, in millionths of the estimate, rounded down. Two in three estimates are within it, and
    /// 19 in 20 within twice of it.
    pub standard_error: u64,
    /// The ticks for which this member had taken part in the epoch.
    pub ticks: u64,
}

/// Signatures of tickets to check, all for one epoch and from one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TicketJob {
    /// To be given back with the verdict.
    pub id: JobId,
    /// The sender of all of it. Tickets of one that is on trial are checked apart.
    pub link: PeerHandle,
    /// The epoch that the signatures must be for.
    pub epoch: Epoch,
    /// The tickets to check, in order.
    pub tickets: Vec<Ticket>,
}

#[derive(Debug)]
struct Link {
    /// The indices whose tickets the other end may lack.
    unsent: Indices,
    /// How many tickets of the link are in verification.
    in_check: usize,
    /// How many more may be looked at in this epoch.
    left: usize,
    /// How often all tickets may still be sent again in this epoch.
    resends: u8,
}

impl Extrema {
    /// The memory of a link.
    pub(crate) const LINK_BYTES: usize = tree(size_of::<(PeerHandle, Link)>());

    /// The memory of a ticket in verification that is alone in its job.
    pub(crate) const CHECKED_BYTES: usize =
        tree(size_of::<(JobId, (PeerHandle, Vec<Ticket>))>()) + block(size_of::<Ticket>());

    /// An epoch begins. `own` is this member's ticket for it; without one it only takes part. Whether it did
    /// begin: not if it is no later than the one under way. Jobs of the epoch before are forgotten.
    pub fn begin(&mut self, now: Time, epoch: Epoch, own: Option<&Ticket>) -> bool {
        if !epoch.follows(self.under_way.as_ref().map(|(_, winners)| winners.epoch())) {
            return false;
        }
        self.finished = self.estimate().or(self.finished);
        let mut winners = Winners::new(epoch);
        if let Some(own) = own {
            winners.take(own);
        }
        self.under_way = Some((epoch.name(), winners));
        self.checks.clear();
        self.links.values_mut().for_each(|link| *link = Link::default());
        self.ticks.start(now);
        true
    }

    /// This member's ticket for the epoch under way, if it was not there when the epoch began. The caller vouches for
    /// the signature.
    pub fn take_own(&mut self, own: &Ticket) {
        if let Some((_, winners)) = &mut self.under_way {
            let won = winners.take(own);
            self.links.values_mut().for_each(|state| state.unsent.add(&won));
        }
    }

    /// A link has come up. Whether it takes part: not if there are [`AGGREGATE_LINKS_MAX`] already.
    pub fn on_link_up(&mut self, link: PeerHandle) -> bool {
        if self.links.len() >= AGGREGATE_LINKS_MAX && !self.links.contains_key(&link) {
            return false;
        }
        self.links.entry(link).or_default();
        true
    }

    /// A link has gone down. Tickets of it that are in verification still count.
    pub fn on_link_down(&mut self, link: PeerHandle) {
        self.links.remove(&link);
    }

    /// Takes a message. The signatures that have to be checked before its tickets count, if any: of those that
    /// would have a minimum, whose members are admitted, within the link's bounds. The others are left out and
    /// blame nobody. A message of another epoch is ignored.
    pub fn on_message(
        &mut self,
        link: PeerHandle,
        message: &Tickets,
        admitted: impl Fn(&PublicKey) -> bool,
    ) -> Option<TicketJob> {
        let (name, winners) = self.under_way.as_ref()?;
        let state = self.links.get_mut(&link).filter(|_| *name == message.epoch)?;
        let mut wanted: Vec<Ticket> = Vec::new();
        for ticket in message.tickets.iter().take(TICKETS_PER_MESSAGE_MAX) {
            if winners.holds(&ticket.member) {
                state.unsent.remove(&winners.won_by(&ticket.member));
            } else if state.may_look(wanted.len()) && admitted(&ticket.member) && winners.would_win(&ticket.member)
            {
                wanted.push(*ticket);
            }
        }
        if message.tickets.is_empty() && message.fingerprint != winners.fingerprint() {
            state.send_again();
        }
        if wanted.is_empty() {
            return None;
        }
        state.in_check = state.in_check.saturating_add(wanted.len());
        self.last_job = self.last_job.saturating_add(1);
        let id = JobId(self.last_job);
        self.checks.insert(id, (link, wanted.clone()));
        Some(TicketJob { id, link, epoch: *winners.epoch(), tickets: wanted })
    }

    /// Takes the verdict on a job. The link that sent a forged ticket, if one did. The tickets before the forged
    /// one count. A job of an epoch that is over is ignored.
    pub fn on_checked(&mut self, job: JobId, verdict: Verdict) -> Option<PeerHandle> {
        let (from, tickets) = self.checks.remove(&job)?;
        let (_, winners) = self.under_way.as_mut()?;
        let good = match verdict {
            Verdict::Valid => tickets.len(),
            Verdict::Invalid { first } => first,
        };
        for ticket in tickets.iter().take(good) {
            let won = winners.take(ticket);
            self.links.values_mut().for_each(|state| state.unsent.add(&won));
            if let Some(state) = self.links.get_mut(&from) {
                state.unsent.remove(&winners.won_by(&ticket.member));
            }
        }
        if let Some(state) = self.links.get_mut(&from) {
            state.in_check = state.in_check.saturating_sub(tickets.len());
        }
        (good < tickets.len()).then_some(from)
    }

    /// The messages to send now. There are none before the next tick is due.
    pub fn tick(&mut self, now: Time) -> Vec<(PeerHandle, Tickets)> {
        if !self.ticks.is_due(now) {
            return Vec::new();
        }
        let Some((epoch, winners)) = self.under_way.as_ref() else { return Vec::new() };
        let says_fingerprint = self.ticks.done().is_multiple_of(FINGERPRINT_TICKS);
        let mut messages = Vec::new();
        for (link, state) in &mut self.links {
            let tickets = state.next_tickets(winners);
            if !tickets.is_empty() || says_fingerprint {
                messages.push((*link, Tickets { epoch: *epoch, fingerprint: winners.fingerprint(), tickets }));
            }
        }
        messages
    }

    /// When [`Extrema::tick`] is to be called next.
    #[must_use]
    pub const fn next_deadline(&self) -> Option<Time> {
        self.ticks.next()
    }

    /// The estimate of the current epoch. `None` before the first epoch, and while no ticket is held.
    #[must_use]
    pub fn estimate(&self) -> Option<Size> {
        let (_, winners) = self.under_way.as_ref()?;
        let dividend = (DRAWS as i128 - 1) << EXPONENTIAL_BITS;
        let members = rounded(dividend, i128::from(winners.sum()?))?;
        Some(Size {
            epoch: *winners.epoch(),
            members: u64::try_from(members).ok()?,
            standard_error: standard_error(DRAWS as u64),
            ticks: self.ticks.done(),
        })
    }

    /// The last estimate of the last epoch that had one.
    #[must_use]
    pub const fn finished(&self) -> Option<Size> {
        self.finished
    }

    /// The minima of the epoch under way.
    #[must_use]
    pub fn winners(&self) -> Option<&Winners> {
        self.under_way.as_ref().map(|(_, winners)| winners)
    }

    /// How many links take part.
    #[must_use]
    pub fn links(&self) -> usize {
        self.links.len()
    }

    /// How many tickets of a link are in verification.
    #[must_use]
    pub fn in_check_of(&self, link: PeerHandle) -> usize {
        self.links.get(&link).map_or(0, |state| state.in_check)
    }

    /// How many tickets are in verification.
    #[must_use]
    pub fn in_check(&self) -> usize {
        self.checks.values().map(|(_, tickets)| tickets.len()).sum()
    }
}

impl TicketJob {
    /// Checks the signatures one after the other, and stops at the first bad one. `key` decompresses a public key,
    /// or returns an earlier decompression.
    pub fn run(&self, network: &NetworkId, mut key: impl FnMut(&PublicKey) -> Option<VerifyingKey>) -> Verdict {
        let bad = self
            .tickets
            .iter()
            .position(|ticket| !key(&ticket.member).is_some_and(|key| ticket.verify(&key, network, &self.epoch)));
        bad.map_or(Verdict::Valid, |first| Verdict::Invalid { first })
    }
}

impl Link {
    /// Whether one more ticket may be looked at, if this number of those before it in the message is to be
    /// verified. If so, it counts.
    const fn may_look(&mut self, wanted: usize) -> bool {
        let may = self.left > 0 && self.in_check.saturating_add(wanted) < TICKETS_IN_CHECK_MAX;
        if may {
            self.left = self.left.saturating_sub(1);
        }
        may
    }

    /// The other end lacks something, or has more. Not if there is something to send, or something of it is in
    /// verification: then the difference may be gone soon.
    fn send_again(&mut self) {
        if self.resends > 0 && self.in_check == 0 && self.unsent.is_empty() {
            self.resends = self.resends.saturating_sub(1);
            self.unsent = Indices::ALL;
        }
    }

    /// Takes the next tickets of those that are to be sent, each once.
    fn next_tickets(&mut self, winners: &Winners) -> Vec<Ticket> {
        let mut tickets = Vec::new();
        while let Some(index) = self.unsent.first()
            && tickets.len() < TICKETS_PER_MESSAGE_MAX
        {
            let Some(ticket) = winners.ticket_at(index) else {
                // Nobody has drawn: there is nothing to send at any index.
                self.unsent = Indices::default();
                break;
            };
            self.unsent.remove(&winners.won_by(&ticket.member));
            tickets.push(ticket);
        }
        tickets
    }
}

impl Default for Link {
    /// A link whose other end may lack everything.
    fn default() -> Self {
        Self { unsent: Indices::ALL, in_check: 0, left: TICKETS_PER_LINK_MAX, resends: RESENDS_PER_LINK_MAX }
    }
}

/// `1 / sqrt(draws - 2)`, in millionths, rounded down. There is none for fewer than three draws: 0.
const fn standard_error(draws: u64) -> u64 {
    match 1_000_000_000_000_u64.checked_div(draws.saturating_sub(2)) {
        Some(square) => square.isqrt(),
        None => 0,
    }
}
