//! Cases: what is known of the accusations of one incarnation of a member.
//!
//! * At most [`SUSPICION_ACCUSERS`] accusers are kept, and each counts once for an incarnation. So an accusation
//!   that is sent again means nothing, also after the suspicion has ended.
//! * A case *runs* from its first accusation until the member answers, refutes, or is dead. After that it rests. A
//!   further accuser makes it run again, and only accusers from then on shorten the suspicion.
//! * A higher incarnation ends the case.
//! * If there are too many cases, a resting one gives way. If all run, no new one begins.
//!
//! Deliberately absent: probes, and the state of the member.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use crate::footprint::{block, tree};
use crate::gossip::members::Suspicion;
use crate::gossip::members::view::Row;
use crate::items::keys::PublicKey;
use crate::items::member::Incarnation;
use crate::items::member::accusation::SignedAccusation;
use crate::limits::{PAUSE_MAX, SUSPICION_ACCUSERS, SUSPICIONS_MAX};
use crate::time::Time;

/// The accusations of one incarnation.
#[derive(Debug)]
pub(in crate::gossip::members) struct Case {
    pub(super) incarnation: Incarnation,
    /// Others that accused it, at most [`SUSPICION_ACCUSERS`].
    accusers: Vec<PublicKey>,
    /// How many of them had accused before the case ran last.
    spent: usize,
    /// Whether this node is an accuser as well.
    own: bool,
    /// One of the accusations, to be shown to the subject.
    pub(super) proof: Option<SignedAccusation>,
    running: Option<Suspicion>,
    check: Check,
    /// When the case needs attention.
    due: Option<Time>,
}

/// This node's own check in a running case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Check {
    /// Not before this time, nor before the time that the suspicion says.
    After(Time),
    /// At this time, whatever the suspicion says.
    At(Time),
    /// Under way.
    Runs,
    /// The subject did not answer.
    Failed,
}

/// What is to be done about a case.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Step {
    Check,
    Die,
}

/// All cases.
#[derive(Debug, Default)]
pub(in crate::gossip::members) struct Cases {
    cases: BTreeMap<Row, Case>,
    due: BTreeSet<(Time, Row)>,
}

impl Case {
    fn counted(&self) -> usize {
        self.accusers.len().saturating_sub(self.spent).saturating_add(usize::from(self.own))
    }

    fn next(&self) -> Option<Time> {
        let suspicion = self.running?;
        match self.check {
            Check::After(after) => Some(suspicion.check_at().max(after)),
            Check::At(at) => Some(at),
            Check::Runs => None,
            Check::Failed => Some(suspicion.deadline()),
        }
    }
}

impl Cases {
    /// The memory of a case: its entry, its accusers, and when it is due.
    pub(in crate::gossip::members) const ENTRY_BYTES: usize = tree(size_of::<(Row, Case)>())
        + block(SUSPICION_ACCUSERS.next_power_of_two() * size_of::<PublicKey>())
        + tree(size_of::<(Time, Row)>());

    /// Whether an accusation of this incarnation by this accuser would be new, and would be kept.
    pub(in crate::gossip::members) fn accepts(
        &self,
        row: Row,
        incarnation: Incarnation,
        accuser: &PublicKey,
    ) -> bool {
        match self.cases.get(&row).filter(|case| case.incarnation == incarnation) {
            None => self.has_room(),
            Some(case) => case.accusers.len() < SUSPICION_ACCUSERS && !case.accusers.contains(accuser),
        }
    }

    /// Keeps an accusation. The case does not run because of it.
    pub(in crate::gossip::members) fn keep(&mut self, row: Row, accusation: &SignedAccusation) {
        if self.accepts(row, accusation.incarnation(), &accusation.accuser())
            && let Some(case) = self.open(row, accusation.incarnation())
        {
            case.accusers.push(accusation.accuser());
            case.proof.get_or_insert(*accusation);
        }
    }

    /// This node's own accusation was signed.
    pub(in crate::gossip::members) fn sign(&mut self, row: Row, accusation: &SignedAccusation) {
        if let Some(case) = self.cases.get_mut(&row).filter(|case| case.incarnation == accusation.incarnation()) {
            case.proof.get_or_insert(*accusation);
        }
    }

    /// This node is an accuser.
    pub(super) fn accuse(&mut self, row: Row, incarnation: Incarnation) {
        if let Some(case) = self.open(row, incarnation) {
            case.own = true;
        }
    }

    /// Lets a case run, or shortens it if it runs already and there are more accusers. `begin` makes a suspicion.
    /// Returns whether it began now.
    pub(super) fn run(&mut self, row: Row, begin: impl FnOnce() -> Suspicion) -> bool {
        let Some(case) = self.cases.get_mut(&row) else { return false };
        let begins = case.running.is_none();
        if begins {
            case.spent = case.accusers.len().saturating_sub(usize::from(!case.own));
            case.check = Check::After(Time::ZERO);
        }
        let counted = case.counted();
        case.running.get_or_insert_with(begin).accused_by(counted);
        self.schedule(row);
        begins
    }

    /// Whether a case runs.
    pub(in crate::gossip::members) fn runs(&self, row: Row) -> bool {
        self.cases.get(&row).is_some_and(|case| case.running.is_some())
    }

    /// One of the accusations of the present incarnation.
    pub(super) fn proof(&self, row: Row) -> Option<SignedAccusation> {
        self.cases.get(&row).filter(|case| case.running.is_some())?.proof
    }

    /// The next case that needs attention.
    pub(super) fn pop_due(&mut self, now: Time) -> Option<Row> {
        let (at, row) = self.due.first().copied().filter(|(at, _)| *at <= now)?;
        self.due.remove(&(at, row));
        if let Some(case) = self.cases.get_mut(&row) {
            case.due = None;
        }
        Some(row)
    }

    /// What is to be done about a case that was due.
    pub(super) fn step(&self, now: Time, row: Row) -> Option<Step> {
        let case = self.cases.get(&row)?;
        let suspicion = case.running?;
        match case.check {
            Check::After(after) if now >= after && now >= suspicion.check_at() => Some(Step::Check),
            Check::At(at) if now >= at => Some(Step::Check),
            Check::Failed if suspicion.has_run_out(now) => Some(Step::Die),
            _ => None,
        }
    }

    /// The check is under way.
    pub(super) fn check_runs(&mut self, row: Row) {
        self.set_check(row, Check::Runs);
    }

    /// The check could not begin, or means nothing. It is to begin after this time.
    pub(super) fn check_again(&mut self, row: Row, after: Time) {
        self.set_check(row, Check::After(after));
    }

    /// The subject did not answer.
    pub(super) fn check_failed(&mut self, row: Row) {
        self.set_check(row, Check::Failed);
    }

    /// The subject answered, or is dead: the case rests. Returns whether it ran.
    pub(in crate::gossip::members) fn rest(&mut self, row: Row) -> bool {
        let Some(case) = self.cases.get_mut(&row) else { return false };
        let ran = case.running.take().is_some();
        case.own = false;
        case.spent = case.accusers.len();
        self.schedule(row);
        ran
    }

    /// Those that accused the present incarnation.
    pub(in crate::gossip::members) fn accusers(&self, row: Row) -> Vec<PublicKey> {
        self.cases.get(&row).map(|case| case.accusers.clone()).unwrap_or_default()
    }

    /// The subject has refuted: the accusers that were wrong.
    pub(in crate::gossip::members) fn refuted(&mut self, row: Row) -> Vec<PublicKey> {
        self.remove(row).map(|case| case.accusers).unwrap_or_default()
    }

    /// The subject has refuted, and has not answered for so long that it is checked all the same: the case goes on
    /// with the new incarnation, and its accusers are forgotten.
    pub(in crate::gossip::members) fn go_on(&mut self, row: Row, incarnation: Incarnation) {
        if let Some(case) = self.cases.get_mut(&row) {
            (case.incarnation, case.spent, case.proof) = (incarnation, 0, None);
            case.accusers.clear();
        }
    }

    /// This node was not running. All checks begin again.
    pub(super) fn after_pause(&mut self, now: Time) {
        for row in self.running() {
            self.check_again(row, now + PAUSE_MAX);
        }
    }

    /// Checks these suspects now, and those of which a check was under way, which was given up.
    pub(super) fn check_all(&mut self, now: Time, these: impl Fn(Row) -> bool) {
        for row in self.running() {
            if these(row) || self.cases.get(&row).is_some_and(|case| case.check == Check::Runs) {
                self.set_check(row, Check::At(now));
            }
        }
    }

    fn running(&self) -> Vec<Row> {
        self.cases.iter().filter(|(_, case)| case.running.is_some()).map(|(row, _)| *row).collect()
    }

    pub(in crate::gossip::members) fn remove(&mut self, row: Row) -> Option<Case> {
        let case = self.cases.remove(&row)?;
        if let Some(due) = case.due {
            self.due.remove(&(due, row));
        }
        Some(case)
    }

    pub(super) fn next_deadline(&self) -> Option<Time> {
        self.due.first().map(|(at, _)| *at)
    }

    pub(in crate::gossip::members) fn len(&self) -> usize {
        self.cases.len()
    }

    /// Whether a new case may begin.
    pub(super) fn has_room(&self) -> bool {
        self.cases.len() < SUSPICIONS_MAX || self.cases.values().any(|case| case.running.is_none())
    }

    /// The case of an incarnation. One of another incarnation is replaced.
    fn open(&mut self, row: Row, incarnation: Incarnation) -> Option<&mut Case> {
        if self.cases.get(&row).is_some_and(|case| case.incarnation != incarnation) {
            self.remove(row);
        }
        if self.cases.len() >= SUSPICIONS_MAX && !self.cases.contains_key(&row) {
            let resting = self.cases.iter().find(|(_, case)| case.running.is_none()).map(|(row, _)| *row);
            self.remove(resting?);
        }
        Some(self.cases.entry(row).or_insert_with(|| Case {
            incarnation,
            accusers: Vec::new(),
            spent: 0,
            own: false,
            proof: None,
            running: None,
            check: Check::After(Time::ZERO),
            due: None,
        }))
    }

    fn set_check(&mut self, row: Row, check: Check) {
        if let Some(case) = self.cases.get_mut(&row) {
            case.check = check;
        }
        self.schedule(row);
    }

    /// Notes when a case needs attention next.
    pub(super) fn schedule(&mut self, row: Row) {
        let Some(case) = self.cases.get_mut(&row) else { return };
        let next = case.next();
        if let Some(before) = core::mem::replace(&mut case.due, next) {
            self.due.remove(&(before, row));
        }
        if let Some(next) = next {
            self.due.insert((next, row));
        }
    }
}
