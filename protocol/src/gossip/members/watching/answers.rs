//! How a probe begins, and what its end means. Deliberately absent: which member is probed, and what follows for
//! its state.

use alloc::vec::Vec;

use super::probes::{Probe, Purpose};
use crate::gossip::api::PeerHandle;
use crate::gossip::api::members::{MemberMessage, MemberOutput, ProbeId};
use crate::gossip::members::Members;
use crate::gossip::members::health::Probe as Outcome;
use crate::gossip::members::spread::links::PROBE_REQUEST_COST;
use crate::gossip::members::view::Row;
use crate::items::keys::PublicKey;
use crate::limits::{DIAL_ROUND_TRIPS, DIAL_WAIT_MIN, PAUSE_MAX, REFUTATIONS_UNANSWERED_MAX};
use crate::time::{Duration, Time};

impl Members {
    /// Probes a member. False if that is not possible now: there is no room, a probe is open already, its record
    /// says nothing about where it is, or its address was dialled just now.
    pub(super) fn begin_probe(&mut self, now: Time, row: Row, purpose: Purpose) -> bool {
        let Some(member) = self.view.get(row).filter(|_| self.watching.probes.may_begin(row, purpose)) else {
            return false;
        };
        let (key, reached, record) = (member.key(), member.is_reached(), member.record.clone());
        let linked = self.links.to(&key).is_some();
        let dialable = {
            let record = record.record();
            !record.addresses.is_empty() || !record.relays.is_empty()
        };
        if key == self.own.key || (!linked && !dialable && purpose != Purpose::Check) {
            return false;
        }
        let feeler = !reached && !linked;
        let checks = purpose == Purpose::Check;
        let gate = if checks { &mut self.watching.check_feelers } else { &mut self.watching.feelers };
        if feeler && dialable && !gate.may_dial(now, &record) {
            return false;
        }
        if matches!(purpose, Purpose::Other(_)) && !linked && !self.watching.errands.may_dial(now, row) {
            return false;
        }
        let mut probe = Probe::new(now, row, key, purpose);
        let watches = purpose == Purpose::Watch && !feeler;
        probe.again = (linked || dialable) && (checks || watches);
        probe.ask = checks || watches;
        self.ask(now, probe);
        true
    }

    /// One round of a probe.
    fn ask(&mut self, now: Time, mut probe: Probe) {
        if probe.ask && !probe.again {
            let asked = self.helpers(&probe.key);
            for link in &asked {
                self.send(*link, MemberMessage::ProbeRequest { subject: probe.key });
            }
            probe.asked = asked.into_iter().map(|link| (link, None)).collect();
        }
        let link = self.links.to(&probe.key);
        let span = self.patience(&probe, link.is_some());
        let record = self.view.get(probe.row).map(|member| member.record.clone());
        let record = record.filter(|record| {
            let record = record.record();
            !record.addresses.is_empty() || !record.relays.is_empty()
        });
        probe.direct_failed = link.is_none() && record.is_none();
        let accusation = self.watching.cases.proof(probe.row);
        let id = self.watching.probes.open(probe, now + span);
        match (link, record) {
            (Some(link), _) => self.outputs.push_back(MemberOutput::Ping { probe: id, link }),
            (None, Some(record)) => self.outputs.push_back(MemberOutput::Dial { probe: id, record, accusation }),
            (None, None) => {}
        }
    }

    /// How long the answers of a round are waited for. A dial takes [`DIAL_ROUND_TRIPS`] where a ping takes one, and
    /// [`DIAL_WAIT_MIN`] if packets are lost. A peer that is asked may have to dial.
    fn patience(&self, probe: &Probe, linked: bool) -> Duration {
        let timeout = self.config.probe_timeout;
        let pinged = linked && probe.asked.is_empty();
        let span = if pinged { timeout } else { timeout.times(DIAL_ROUND_TRIPS).max(DIAL_WAIT_MIN) };
        match probe.purpose {
            // A peer waits for our word, so it gets it before its own time is over: memberlist's 80 % for nacks.
            Purpose::Other(_) => span.times(4).divided_by(5),
            _ => self.watching.awareness.scaled(span),
        }
    }

    /// Random peers that are asked to try as well.
    fn helpers(&mut self, subject: &PublicKey) -> Vec<PeerHandle> {
        let links = self.links.by_handle.iter().filter(|(_, link)| link.key != *subject);
        let mut links: Vec<PeerHandle> = links.map(|(handle, _)| handle).collect();
        let mut chosen = Vec::new();
        while chosen.len() < usize::from(self.config.indirect_checks) && !links.is_empty() {
            let place = self.below(links.len());
            chosen.push(links.swap_remove(place));
        }
        chosen
    }

    /// A ping or dial has ended.
    pub(in crate::gossip::members) fn on_probed(&mut self, now: Time, id: ProbeId, answered: bool) {
        if answered {
            if let Some(probe) = self.watching.probes.close(id) {
                self.probe_answered(now, &probe, true);
            }
        } else if let Some(probe) = self.watching.probes.direct_failed(id) {
            self.probe_timed_out(now, probe);
        }
    }

    /// A peer asks this node to try a member.
    pub(in crate::gossip::members) fn on_probe_request(
        &mut self,
        now: Time,
        link: PeerHandle,
        subject: PublicKey,
    ) {
        let budget = self.links.by_handle.get_mut(&link).map(|link| &mut link.requests);
        if !budget.is_some_and(|budget| budget.has(now, PROBE_REQUEST_COST)) {
            return;
        }
        if let Some(link) = self.links.by_handle.get_mut(&link) {
            link.requests.spend(now, PROBE_REQUEST_COST);
        }
        if subject == self.own.key {
            return self.send(link, MemberMessage::ProbeAnswer { subject, reached: true });
        }
        let row = self.view.find(&subject);
        if !row.is_some_and(|row| self.begin_probe(now, row, Purpose::Other(link))) {
            self.send(link, MemberMessage::ProbeAnswer { subject, reached: false });
        }
    }

    /// A peer that was asked says what it found. Its word counts only for a probe of which it was asked. It is no answer
    /// of a member that has refuted again and again without one.
    pub(in crate::gossip::members) fn on_probe_answer(
        &mut self,
        now: Time,
        link: PeerHandle,
        subject: &PublicKey,
        reached: bool,
    ) {
        let Some(row) = self.view.find(subject) else { return };
        let mute = self.view.get(row).is_some_and(|member| member.unanswered >= REFUTATIONS_UNANSWERED_MAX);
        let reached = reached && !mute;
        match self.watching.probes.answered_for(row, link, reached) {
            Some(probe) if reached => self.probe_answered(now, &probe, false),
            Some(probe) => self.probe_failed(now, &probe),
            None => {}
        }
    }

    /// Nobody answered in this round.
    pub(super) fn probe_timed_out(&mut self, now: Time, mut probe: Probe) {
        if probe.again {
            probe.again = false;
            self.ask(now, probe);
        } else {
            self.probe_failed(now, &probe);
        }
    }

    /// The member answered: to this node, or to a peer that was asked.
    fn probe_answered(&mut self, now: Time, probe: &Probe, direct: bool) {
        if direct {
            self.set_reached(probe.row);
        }
        match probe.purpose {
            Purpose::Watch => self.watching.awareness.probed(Outcome::Answered),
            Purpose::Other(link) => {
                self.send(link, MemberMessage::ProbeAnswer { subject: probe.key, reached: true });
            }
            Purpose::Rejoin | Purpose::Check => {}
        }
        if direct {
            self.connect_alone(probe.row);
            self.alive(now, probe.row);
        } else {
            self.vouched_for(now, probe.row);
        }
    }

    /// A member is there. A node without links needs one.
    fn connect_alone(&mut self, row: Row) {
        let record = self.view.get(row).map(|member| member.record.clone());
        if let Some(record) = record.filter(|_| self.links.is_empty()) {
            self.outputs.push_back(MemberOutput::Connect { record });
        }
    }

    fn probe_failed(&mut self, now: Time, probe: &Probe) {
        // What was asked soon after a pause of this node's own may have been lost in it.
        let counts = self.watching.guard.may_accuse(probe.began);
        match probe.purpose {
            Purpose::Watch => {
                // A member that never answered says nothing about this node's own health.
                if self.view.get(probe.row).is_some_and(crate::gossip::members::view::Member::is_reached) {
                    let (asked, nacks) = probe.nacks();
                    self.watching.awareness.probed(Outcome::Failed { asked, nacks });
                }
                // The accrual detector judges peers by their silence alone.
                let judged = self
                    .links
                    .to(&probe.key)
                    .is_some_and(|link| self.links.by_handle.get(&link).is_some_and(|link| link.phi.is_some()));
                if counts && !judged {
                    self.suspect(now, probe.row);
                }
            }
            Purpose::Check if !counts || !self.watching.guard.may_accuse(now) => {
                self.watching.cases.check_again(probe.row, now + PAUSE_MAX);
            }
            Purpose::Check => self.watching.cases.check_failed(probe.row),
            Purpose::Rejoin => {}
            Purpose::Other(link) => {
                self.send(link, MemberMessage::ProbeAnswer { subject: probe.key, reached: false });
            }
        }
    }

    /// A probe ends because this node was not running. It says nothing.
    pub(super) fn probe_dropped(&mut self, probe: &Probe) {
        if let Purpose::Other(link) = probe.purpose {
            self.send(link, MemberMessage::ProbeAnswer { subject: probe.key, reached: false });
        }
    }
}
