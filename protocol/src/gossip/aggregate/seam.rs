//! The seam between the engine and aggregates over links: the engine's peers become links, its messages and verdicts go
//! to the machines, its best chain tells when epochs begin, and what the machines want becomes outputs of the engine.
//!
//! * **Links.** A peer is a link once both sides have said Hello with [`FEATURE_AGGREGATES`], and the peer has said in
//!   what it takes part.
//! * **Epochs** follow the tip. It is looked at after each input.
//! * **Room.** Relay comes first: a message is left out if the peer's credit has no room for it. A later message brings
//!   what it would have brought.
//! * **Signatures** are checked in jobs, as those of items.
//! * **Blame.** A peer that breaks a rule of push-sum, or sends a forged ticket, is disconnected. No honest node does
//!   either. Everything else that does not fit is ignored: another gauge, another epoch, too many tickets.
//!
//! Deliberately absent: any rule about aggregates.

use alloc::boxed::Box;
use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_core::Rng as _;

use super::built_in::AggregatesConfig;
use super::running::Aggregates;
use crate::gossip::Gossip;
use crate::gossip::api::{DisconnectReason, Output, PeerHandle};
use crate::items::keys::PublicKey;
use crate::items::member::epoch::Epoch;
use crate::items::member::ticket::Ticket;
use crate::items::verify::{JobId, Signed, Verdict, VerifyJob};
use crate::time::Time;
use crate::wire::message::{AggregateMessage, FEATURE_AGGREGATES, Message, Tickets};

impl Gossip {
    /// The same engine, which takes part in these aggregates from now on. Call this before the first input.
    #[must_use]
    pub fn with_aggregates(mut self, config: AggregatesConfig) -> Self {
        let chance = &mut self.chance;
        let seed = || {
            let mut seed = [0; 32];
            chance.fill_bytes(&mut seed);
            seed
        };
        self.aggregates = (!config.is_off()).then(|| Box::new(Aggregates::new(config, seed)));
        self
    }

    /// The aggregates over links, for questions; `None` if this node takes no part in any.
    #[must_use]
    pub fn aggregates(&self) -> Option<&Aggregates> {
        self.aggregates.as_deref()
    }

    /// The feature bit that this node's Hello has.
    pub(in crate::gossip) const fn aggregates_feature(&self) -> u64 {
        if self.aggregates.is_some() { FEATURE_AGGREGATES } else { 0 }
    }

    /// A peer has said Hello.
    pub(in crate::gossip) fn greet_aggregates(&mut self, link: PeerHandle, features: u64) {
        let Some(aggregates) = self.aggregates.as_mut().filter(|_| features & FEATURE_AGGREGATES != 0) else {
            return;
        };
        aggregates.greet(link);
        let part = AggregateMessage::Part(aggregates.part());
        self.send(link, Message::Aggregates(Box::new(part)));
    }

    /// A peer is gone.
    pub(in crate::gossip) fn part_aggregates(&mut self, link: PeerHandle) {
        if let Some(aggregates) = &mut self.aggregates {
            aggregates.part_from(link);
        }
    }

    /// This node's own built-in numbers.
    pub(in crate::gossip) fn set_aggregated(&mut self, numbers: [u64; 6]) {
        if let Some(aggregates) = &mut self.aggregates {
            aggregates.set_numbers(numbers);
        }
    }

    pub(in crate::gossip) fn on_aggregates(&mut self, now: Time, link: PeerHandle, message: &AggregateMessage) {
        let Some(aggregates) = &mut self.aggregates else { return };
        match message {
            AggregateMessage::Part(part) => aggregates.join(link, part),
            AggregateMessage::Totals(totals) => {
                if aggregates.on_totals(link, totals).is_err() {
                    self.disconnect(now, link, DisconnectReason::BrokenTotals);
                }
            }
            AggregateMessage::Tickets(tickets) => self.on_tickets(link, tickets),
        }
    }

    fn on_tickets(&mut self, link: PeerHandle, tickets: &Tickets) {
        let Some(aggregates) = &mut self.aggregates else { return };
        let members = self.membership.as_deref().map(|membership| membership.machine());
        let is_known = |member: &PublicKey| members.is_none_or(|members| members.knows(member));
        let Some(wanted) = aggregates.on_tickets(link, tickets, is_known) else { return };
        let job = self.new_job(Some(link), Vec::new(), Vec::new());
        let epoch = Arc::new(wanted.epoch);
        let statements = wanted.tickets.iter().map(|ticket| Signed::Ticket(Arc::clone(&epoch), *ticket)).collect();
        if let Some(aggregates) = &mut self.aggregates {
            aggregates.checks(job.id, &wanted);
            self.outputs.push_back(Output::Verify(VerifyJob { statements, ..job }));
        }
    }

    /// Whether a verdict was for tickets. The machine has it then.
    pub(in crate::gossip) fn take_ticket_verdict(&mut self, now: Time, job: JobId, verdict: Verdict) -> bool {
        let Some(aggregates) = self.aggregates.as_mut().filter(|aggregates| aggregates.is_checking(job)) else {
            return false;
        };
        if let Some(liar) = aggregates.on_verdict(job, verdict) {
            self.disconnect(now, liar, DisconnectReason::InvalidSignature);
        }
        true
    }

    /// The driver has signed this node's ticket.
    pub(in crate::gossip) fn on_signed_ticket(&mut self, epoch: &Epoch, ticket: &Ticket) {
        if let Some(aggregates) = &mut self.aggregates {
            aggregates.take_own(epoch, ticket);
        }
    }

    pub(in crate::gossip) fn aggregates_deadline(&self) -> Option<Time> {
        self.aggregates.as_ref()?.next_deadline()
    }

    /// Begins the epoch that the tip has reached, and sends what has become due.
    pub(in crate::gossip) fn settle_aggregates(&mut self, now: Time) {
        self.follow_tip(now);
        if self.aggregates_deadline().is_none_or(|deadline| deadline > now) {
            return;
        }
        let Some(aggregates) = &mut self.aggregates else { return };
        for (link, message) in aggregates.tick(now) {
            self.send_if_it_fits(link, Message::Aggregates(Box::new(message)));
        }
    }

    fn follow_tip(&mut self, now: Time) {
        let tip = self.chain.tip().height;
        let Some(aggregates) = &mut self.aggregates else { return };
        let members = self.membership.as_deref().map(|membership| membership.machine());
        if let Some(members) = members {
            aggregates
                .admission
                .tip_at(now, tip, || members.members().map(|member| member.record.key()).collect());
        }
        let under_way = aggregates.epoch().map(|epoch| epoch.number);
        let Some(number) = Epoch::number_at(tip).filter(|number| under_way < Some(*number)) else { return };
        let Some(block) = self.chain.best_at(Epoch::height_of(number)) else { return };
        let epoch = Epoch { number, block };
        if aggregates.begin(now, epoch) && aggregates.config().size {
            self.outputs.push_back(Output::SignTicket(epoch));
        }
    }
}
