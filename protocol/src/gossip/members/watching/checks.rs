//! How members become suspect, dead and alive again. Deliberately absent: probes, and records.

use rand_core::Rng as _;

use super::cases::Step;
use super::probes::Purpose;
use crate::gossip::api::PeerHandle;
use crate::gossip::api::members::{MemberChange, MemberMessage, MemberState};
use crate::gossip::members::spread::Class;
use crate::gossip::members::view::{Member, Row, Second};
use crate::gossip::members::{Members, Suspicion};
use crate::items::keys::PublicKey;
use crate::items::member::accusation::SignedAccusation;
use crate::items::member::{Incarnation, Statement};
use crate::limits::{
    ACCUSE_INTERVAL, ACCUSER_DOUBTS_MAX, ACCUSER_KNOWN_FOR, FIRST_LISTS_WITHIN, MEMBER_FEELER_INTERVAL, PAUSE_MAX,
    REFUTATIONS_UNANSWERED_MAX, REFUTE_MIN, REJOIN_MIN,
};
use crate::time::{Duration, Time};

impl Members {
    /// A probe of this node's own has failed.
    pub(super) fn suspect(&mut self, now: Time, row: Row) {
        let key = self.view.get(row).map(Member::key);
        if key.is_some_and(|key| !self.links.hears(now, &key, self.hearing())) {
            self.suspect_silent(now, row);
        }
    }

    /// A member is silent for longer than it should be.
    pub(super) fn suspect_silent(&mut self, now: Time, row: Row) {
        let Some(member) = self.view.get(row) else { return };
        let (incarnation, reached) = (member.record.incarnation(), member.is_reached());
        if !member.is_present() || !self.watching.guard.may_accuse(now) {
            return;
        }
        self.watching.cases.accuse(row, incarnation);
        self.run_case(now, row);
        if reached && self.watching.cases.runs(row) {
            self.watching.accuse_later(row);
        }
    }

    /// Whether an accusation is worth a check of its signature.
    pub(in crate::gossip::members) fn is_accusation_new(&self, now: Time, accusation: &SignedAccusation) -> bool {
        let (accuser, subject) = (accusation.accuser(), accusation.subject());
        if accuser == self.own.key || accuser == subject {
            return false;
        }
        let known = self.view.find(&accuser).and_then(|row| self.view.get(row)).is_some_and(|accuser| {
            accuser.is_present() && self.is_accuser_known(now, accuser) && accuser.accuse_after.is_past(now)
        });
        if subject == self.own.key {
            return known && accusation.incarnation() == self.own.incarnation();
        }
        let row = self.view.find(&subject);
        let Some((row, member)) = row.and_then(|row| Some((row, self.view.get(row)?))) else { return false };
        known
            && member.is_present()
            && accusation.incarnation() == member.record.incarnation()
            && self.watching.cases.accepts(row, accusation.incarnation(), &accuser)
    }

    /// Whether a member has been known for so long that it may accuse.
    fn is_accuser_known(&self, now: Time, accuser: &Member) -> bool {
        let first = self.first_link_at.map(|at| at + FIRST_LISTS_WITHIN);
        accuser.known_for(now) >= ACCUSER_KNOWN_FOR || first.is_some_and(|first| accuser.met() <= first)
    }

    /// Somebody accuses a member, and the signature is good.
    pub(in crate::gossip::members) fn on_accusation(
        &mut self,
        now: Time,
        link: Option<PeerHandle>,
        accusation: SignedAccusation,
    ) {
        if !self.is_accusation_new(now, &accusation) {
            return;
        }
        if let Some(accuser) = self.view.find(&accusation.accuser()).and_then(|row| self.view.get_mut(row)) {
            let pause = ACCUSE_INTERVAL.times(1 << accuser.doubts.min(ACCUSER_DOUBTS_MAX));
            accuser.accuse_after = Second::of(now + pause);
            if accusation.subject() == self.own.key {
                // This node knows that it is there.
                accuser.doubts = accuser.doubts.saturating_add(1).min(ACCUSER_DOUBTS_MAX);
            }
        }
        let subject = accusation.subject();
        if subject == self.own.key {
            return self.own.accused(accusation.incarnation());
        }
        let Some(row) = self.view.find(&subject) else { return };
        self.watching.cases.keep(row, &accusation);
        self.tell_subject(now, &subject, accusation);
        if self.links.hears(now, &subject, self.hearing()) {
            return;
        }
        self.spread.add(Class::Suspicion, Statement::Accusation(accusation), link);
        self.run_case(now, row);
        if self.links.to(&subject).is_some() {
            self.begin_probe(now, row, Purpose::Watch);
        }
    }

    /// Lets the case of a member run.
    fn run_case(&mut self, now: Time, row: Row) {
        let (members, draw) = (self.view.present(), self.chance.next_u32());
        let config = self.config;
        let began = self.watching.cases.run(row, || Suspicion::new(now, members, &config, draw));
        if began {
            self.view.set_state(now, row, MemberState::Suspect);
            self.tell(row, MemberChange::Suspected);
        }
    }

    /// Shows a member, if it is a peer, that it is accused: so it refutes before anybody checks it. Lifeguard
    /// calls this the buddy system (arXiv 1707.00788).
    fn tell_subject(&mut self, now: Time, subject: &PublicKey, accusation: SignedAccusation) {
        let Some(handle) = self.links.to(subject) else { return };
        let Some(link) = self.links.by_handle.get_mut(&handle) else { return };
        if link.accused_at.is_none_or(|at| now.since(at) >= REFUTE_MIN) {
            link.accused_at = Some(now);
            let statements = alloc::vec![Statement::Accusation(accusation)];
            self.send(handle, MemberMessage::News(statements));
        }
    }

    /// A member is there: it answered this node, or frames of it arrive.
    pub(in crate::gossip::members) fn alive(&mut self, now: Time, row: Row) {
        if let Some(member) = self.view.get_mut(row) {
            member.unanswered = 0;
        }
        self.vouched_for(now, row);
    }

    /// A member is there, by a peer's word at least. That is no answer to this node: otherwise an accomplice could vouch
    /// for a member that refutes and answers nobody, and it would live forever.
    pub(super) fn vouched_for(&mut self, now: Time, row: Row) {
        let Some(member) = self.view.get_mut(row) else { return };
        member.tries = 0;
        let state = member.state();
        self.watching.judged_alone.remove(&row);
        self.watching.cases.rest(row);
        if matches!(state, MemberState::Suspect | MemberState::Dead) {
            self.note_return(now, state);
            self.watching.retries.remove(row);
            self.view.set_state(now, row, MemberState::Alive);
            self.tell(row, MemberChange::Returned);
        }
    }

    fn note_return(&mut self, now: Time, before: MemberState) {
        if before == MemberState::Dead {
            self.watching.heal.returned(now);
        }
    }

    /// A case needs attention.
    pub(super) fn case_due(&mut self, now: Time, row: Row) {
        let Some(member) = self.view.get(row) else { return };
        let (key, reached) = (member.key(), member.is_reached());
        let step = self.watching.cases.step(now, row);
        if step.is_some() && self.links.hears(now, &key, self.hearing()) {
            return self.alive(now, row);
        }
        match step {
            Some(Step::Check) if self.begin_probe(now, row, Purpose::Check) => self.watching.cases.check_runs(row),
            Some(Step::Check) => {
                let pause = if reached { self.config.probe_timeout } else { MEMBER_FEELER_INTERVAL };
                self.watching.cases.check_again(row, now + pause);
            }
            Some(Step::Die) => match self.watching.heal.look_at() {
                // What this node's check has found may be over by now.
                Some(look_at) => self.watching.cases.check_again(row, look_at),
                None if self.watching.guard.may_accuse(now) => self.die(now, row),
                None => self.watching.cases.check_again(row, now + PAUSE_MAX),
            },
            None => self.watching.cases.schedule(row),
        }
    }

    /// The suspicion has run out, and this node got no answer itself.
    fn die(&mut self, now: Time, row: Row) {
        for accuser in self.watching.cases.accusers(row) {
            if let Some(accuser) = self.view.find(&accuser).and_then(|row| self.view.get_mut(row)) {
                accuser.doubts = accuser.doubts.saturating_sub(1);
            }
        }
        if self.hears_nobody(now) {
            self.watching.judged_alone.insert(row);
        }
        self.watching.cases.rest(row);
        self.view.set_state(now, row, MemberState::Dead);
        self.watching.retries.set(row, now + REJOIN_MIN);
        self.tell(row, MemberChange::Failed);
    }

    /// A member has raised its incarnation, and its new record is in the view. Returns whether it counts as a
    /// refutation.
    pub(in crate::gossip::members) fn refuted(&mut self, now: Time, row: Row, incarnation: Incarnation) -> bool {
        let Some(member) = self.view.get_mut(row) else { return false };
        let state = member.state();
        if !matches!(state, MemberState::Suspect | MemberState::Dead) {
            self.discredit(row);
            return false;
        }
        let mute = member.unanswered >= REFUTATIONS_UNANSWERED_MAX;
        let first = member.unanswered == 0;
        member.unanswered = member.unanswered.saturating_add(1);
        self.spread.refuted(&self.view.get(row).map(Member::key).unwrap_or_default());
        if mute {
            self.watching.cases.go_on(row, incarnation);
            self.watching.retries.hasten(row, now + REJOIN_MIN);
            return true;
        }
        self.discredit(row);
        if first {
            self.note_return(now, state);
        }
        self.watching.retries.remove(row);
        self.watching.judged_alone.remove(&row);
        self.view.set_state(now, row, MemberState::Alive);
        self.tell(row, MemberChange::Returned);
        true
    }

    /// Those that accused the member were wrong. Each may accuse less often now.
    fn discredit(&mut self, row: Row) {
        for accuser in self.watching.cases.refuted(row) {
            if let Some(accuser) = self.view.find(&accuser).and_then(|row| self.view.get_mut(row)) {
                accuser.doubts = accuser.doubts.saturating_add(1).min(ACCUSER_DOUBTS_MAX);
            }
        }
    }

    /// A member whose last frame is not older than this is heard: a ping would still be answered in time.
    pub(in crate::gossip::members) fn hearing(&self) -> Duration {
        self.config.ping_interval + self.config.probe_timeout
    }
}
