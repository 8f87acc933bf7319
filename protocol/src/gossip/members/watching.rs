//! Watching: which members are asked whether they are there, and what follows if they do not answer.
//!
//! * **Peers** are watched by their links. A link on which a frame arrived within `ping-interval` needs no ping.
//!   If a request to a peer has expired and nothing came since, the ping does not wait for that.
//! * **Strangers** are dialled for a moment, one each `probe-interval`, in a shuffled round. A member that has
//!   just lost its link comes first.
//! * **A probe** waits for `probe-timeout`, or three times as long if it dials, and then tries once more. In this
//!   second round `indirect-checks` peers are asked to try as well. If nobody gets an answer, the probe has failed.
//! * **A peer's silence** makes it suspect here when it is too unusual, if the accrual detector is chosen. Pings are
//!   sent all the same, and are no verdict then.
//! * **A failed probe** makes the member suspect here. If it had answered this node before, this node accuses it.
//!   It accuses at most one member in [`ACCUSE_INTERVAL`].
//! * **A member that was never reached** may name somebody else's address. So one address is dialled at most once a
//!   minute for such members, and by one check a minute, which takes two dials, and more and more seldom after that.
//!   No peer is asked to try it in its round, and it is not accused: it becomes suspect and then dead here, and nobody
//!   is told.
//! * **A peer that asks** for a probe gets it, within a limit for each peer, and one for each member (`errands.rs`).
//! * **An accused member** is checked by each node itself: by its peers at once, and by everybody at a random
//!   moment of the suspicion's second half. It is dead for this node when the suspicion has run out and this
//!   node's check has failed. While frames of it arrive it is not even suspect; it is told of the accusation, so
//!   that it refutes.
//! * **A dead member** is tried again with growing pauses, until it is forgotten. If this node has no links at
//!   all, it goes on trying one each [`REJOIN_MIN`].
//! * **After a partition** some members are back, and nobody has told the others that they were dead here. So this node
//!   looks again at everybody that it takes for dead or suspect, soon after [`HEAL_RETURNS`](crate::limits::HEAL_RETURNS)
//!   dead members have returned at nearly the same time.
//! * **While it hears nobody**, this node may find everybody dead, and is itself the cause. If it found at least
//!   [`JUDGED_ALONE_MIN`] members dead in that time, it takes all of this back when something arrives again. Those that
//!   really died are found dead once more.
//! * **After a pause of its own**, this node drops all its probes and begins its checks again.
//!
//! Deliberately absent: dialling and pinging. The driver does both.

mod answers;
pub(super) mod cases;
mod checks;
pub(super) mod errands;
pub(super) mod feelers;
mod heal;
pub(super) mod probes;
mod retries;
pub mod suspicion;

use alloc::collections::{BTreeSet, VecDeque};
use alloc::vec::Vec;

use self::cases::Cases;
use self::errands::Errands;
use self::feelers::Feelers;
use self::heal::Heal;
use self::probes::{Probes, Purpose};
use self::retries::Retries;
use super::view::{Member, Row};
use super::{Awareness, Detector, Members, PauseGuard};
use crate::gossip::api::PeerHandle;
use crate::gossip::api::members::{MemberOutput, MemberState};
use crate::items::member::Unsigned;
use crate::limits::{ACCUSE_INTERVAL, PROBES_NEXT_MAX, REJOIN_MAX, REJOIN_MIN, REJOIN_PACE};
use crate::seeded::SeededState;
use crate::time::{Duration, Time};

/// As many members don't die at a time in which this node hears nobody.
const JUDGED_ALONE_MIN: usize = 4;

/// A peer is judged by its silence at most once in this time.
const JUDGE_EVERY: Duration = Duration::from_secs(1);

/// A peer that has sent something in this time is there, even if it leaves requests unanswered.
const OVERDUE_SILENCE: Duration = Duration::from_secs(1);

/// What watching remembers.
#[derive(Debug)]
pub(super) struct Watching {
    pub(super) probes: Probes,
    pub(super) cases: Cases,
    /// Dials of members that have never answered: those of the rounds, and those of checks. They are counted apart, so
    /// that somebody who has invented members probed at a member's address does not hold up a check of that member.
    pub(super) feelers: Feelers,
    check_feelers: Feelers,
    /// Dials of members because peers asked for it.
    errands: Errands,
    pub(super) awareness: Awareness,
    pub(super) guard: PauseGuard,
    /// Members that are probed next, and the rest of the round, the last one first.
    next: VecDeque<Row>,
    round: Vec<Row>,
    round_at: Time,
    /// When each dead member is tried again, and when the next one may be.
    pub(super) retries: Retries,
    retry_after: Time,
    heal: Heal,
    /// Members that were found dead while this node heard nobody.
    judged_alone: BTreeSet<Row>,
    /// Members that this node is to accuse.
    to_accuse: VecDeque<Row>,
    accuse_after: Time,
    accusing: bool,
}

impl Watching {
    pub(super) fn new(awareness_max: u8, hasher: SeededState) -> Self {
        Self {
            probes: Probes::default(),
            cases: Cases::default(),
            feelers: Feelers::new(hasher.clone()),
            check_feelers: Feelers::new(hasher),
            errands: Errands::default(),
            awareness: Awareness::new(awareness_max),
            guard: PauseGuard::default(),
            next: VecDeque::new(),
            round: Vec::new(),
            round_at: Time::ZERO,
            retries: Retries::default(),
            retry_after: Time::ZERO,
            heal: Heal::default(),
            judged_alone: BTreeSet::new(),
            to_accuse: VecDeque::new(),
            accuse_after: Time::ZERO,
            accusing: false,
        }
    }

    /// A member was removed from the view. Its row may be given to another one.
    pub(super) fn forget(&mut self, row: Row) {
        self.probes.forget(row);
        self.errands.forget(row);
        self.cases.remove(row);
        self.next.retain(|other| *other != row);
        self.round.retain(|other| *other != row);
        self.retries.remove(row);
        self.judged_alone.remove(&row);
        self.to_accuse.retain(|other| *other != row);
    }

    pub(super) fn probed_next(&self) -> usize {
        self.next.len()
    }

    /// Addresses that were dialled for strangers: by rounds, and by checks.
    pub(super) fn feelers(&self) -> (usize, usize) {
        (self.feelers.len(), self.check_feelers.len())
    }

    /// Members that were dialled because peers asked for it.
    pub(super) fn errands(&self) -> usize {
        self.errands.len()
    }

    /// A member that has lost its link is probed next.
    pub(super) fn probe_next(&mut self, row: Row) {
        if self.next.len() < PROBES_NEXT_MAX && !self.next.contains(&row) {
            self.next.push_back(row);
        }
    }

    /// This node is to accuse a member, when it may.
    fn accuse_later(&mut self, row: Row) {
        if !self.to_accuse.contains(&row) {
            self.to_accuse.push_back(row);
        }
    }

    /// A member has left: it is neither checked nor tried again.
    pub(super) fn settle(&mut self, row: Row) {
        self.cases.remove(row);
        self.retries.remove(row);
    }

    /// The accusation that was being signed is there.
    pub(super) const fn accused(&mut self) {
        self.accusing = false;
    }
}

impl Members {
    /// Does everything about watching that has become due.
    pub(super) fn watch(&mut self, now: Time) {
        while let Some(probe) = self.watching.probes.pop_due(now) {
            self.probe_timed_out(now, probe);
        }
        while let Some(row) = self.watching.cases.pop_due(now) {
            self.case_due(now, row);
        }
        if self.own.has_left() {
            return;
        }
        self.look_again(now);
        self.judge_silence(now);
        self.ping_idle_links(now);
        self.probe_round(now);
        self.retry_the_dead(now);
        self.accuse_one(now);
    }

    /// When something about watching becomes due.
    pub(super) fn next_watch(&self, now: Time) -> Option<Time> {
        let watching = &self.watching;
        if self.own.has_left() {
            return Time::earlier(watching.probes.next_deadline(), watching.cases.next_deadline());
        }
        let idle = self.idle_links().map(|(due, _, _)| due).min();
        let next = (!watching.next.is_empty()).then_some(now);
        let round = (self.view.len() > 1).then_some(watching.round_at);
        let retry = watching.retries.first().map(|(at, _)| at.max(watching.retry_after));
        let lone = (self.links.is_empty() && watching.retries.first().is_some())
            .then_some(watching.retry_after + REJOIN_MIN);
        let silence = self.silences().map(|(due, _, _)| due).min().filter(|_| watching.guard.may_accuse(now));
        let may_accuse = !watching.accusing && watching.guard.may_accuse(now);
        let accuse = (may_accuse && !watching.to_accuse.is_empty()).then_some(watching.accuse_after);
        let due = [watching.probes.next_deadline(), watching.cases.next_deadline(), watching.guard.ends(now)];
        let all = [idle, silence, next, round, retry, lone, accuse, watching.heal.look_at()];
        all.into_iter().chain(due).flatten().min()
    }

    /// Something arrives again. What this node found while it heard nobody says something about itself.
    pub(super) fn take_back(&mut self, now: Time) {
        if self.watching.judged_alone.len() < JUDGED_ALONE_MIN {
            return self.watching.judged_alone.clear();
        }
        for row in core::mem::take(&mut self.watching.judged_alone) {
            if let Some(key) = self.view.get(row).map(Member::key) {
                self.spread.refuted(&key);
                self.alive(now, row);
            }
        }
    }

    /// A partition seems to have healed: suspects are checked at once, and dead members are tried again, one each
    /// [`REJOIN_PACE`].
    fn look_again(&mut self, now: Time) {
        if !self.watching.heal.is_due(now) {
            return;
        }
        // What began before the heal says nothing about now. Otherwise a check that fails late would find a member
        // dead.
        for probe in self.watching.probes.take_all() {
            self.probe_dropped(&probe);
        }
        self.watching.feelers.allow_again();
        self.watching.check_feelers.allow_again();
        // One that refuted and has not answered since would have its friends answer for it.
        let view = &self.view;
        self.watching.cases.check_all(now, |row| view.get(row).is_some_and(|member| member.unanswered == 0));
        self.watching.retries.hasten_all(now, REJOIN_PACE);
    }

    /// Whether nothing arrives on any link.
    fn hears_nobody(&self, now: Time) -> bool {
        let within = self.hearing();
        !self.links.by_handle.values().any(|link| now.since(link.heard_at) < within)
    }

    /// This node was not running for a while. Answers may wait unread, so nothing that is open says anything.
    pub(super) fn after_pause(&mut self, now: Time) {
        for probe in self.watching.probes.take_all() {
            self.probe_dropped(&probe);
        }
        for (_, link) in self.links.by_handle.iter_mut() {
            link.heard_at = now;
        }
        self.watching.cases.after_pause(now);
        self.watching.to_accuse.clear();
    }

    /// Suspects the peers whose silence is too unusual, if the accrual detector decides. A peer is judged at most once
    /// in [`JUDGE_EVERY`].
    fn judge_silence(&mut self, now: Time) {
        if !self.watching.guard.may_accuse(now) {
            return;
        }
        let due = self.silences().filter(|(due, _, _)| *due <= now);
        let due: Vec<(PeerHandle, Row)> = due.map(|(_, link, row)| (link, row)).collect();
        for (handle, row) in due {
            if let Some(link) = self.links.by_handle.get_mut(&handle) {
                link.judged_at = now;
            }
            self.suspect_silent(now, row);
        }
    }

    /// When the silence of each peer will be too unusual.
    fn silences(&self) -> impl Iterator<Item = (Time, PeerHandle, Row)> {
        let threshold = match self.config.detector {
            Detector::Phi(threshold) => Some(threshold),
            Detector::Swim => None,
        };
        let links = self.links.by_handle.iter();
        links.filter_map(move |(handle, link)| {
            let over_at = link.phi.as_ref()?.over_at(threshold?)?;
            let row = self.view.find(&link.key)?;
            let alive = self.view.get(row).is_some_and(|member| member.state() == MemberState::Alive);
            alive.then_some((over_at.max(link.judged_at + JUDGE_EVERY), handle, row))
        })
    }

    /// Pings the links on which nothing arrived for too long.
    fn ping_idle_links(&mut self, now: Time) {
        let due = self.idle_links().filter(|(due, _, _)| *due <= now);
        let due: Vec<(PeerHandle, Row)> = due.map(|(_, link, row)| (link, row)).collect();
        for (handle, row) in due {
            if let Some(link) = self.links.by_handle.get_mut(&handle) {
                link.pinged_at = now;
            }
            self.begin_probe(now, row, Purpose::Watch);
        }
    }

    /// A request to a peer has expired. If the peer is silent as well, it is pinged at once, and once for each silence.
    pub(super) fn on_overdue(&mut self, now: Time, handle: PeerHandle) {
        let Some(link) = self.links.by_handle.get_mut(&handle) else { return };
        let asked = link.pinged_at > link.heard_at;
        let Some(row) = self.view.find(&link.key) else { return };
        let alive = self.view.get(row).is_some_and(|member| member.state() == MemberState::Alive);
        if !asked && alive && now.since(link.heard_at) >= OVERDUE_SILENCE && !self.own.has_left() {
            link.pinged_at = now;
            self.begin_probe(now, row, Purpose::Watch);
        }
    }

    /// When each link needs a ping.
    fn idle_links(&self) -> impl Iterator<Item = (Time, PeerHandle, Row)> {
        let interval = self.watching.awareness.scaled(self.config.ping_interval);
        let links = self.links.by_handle.iter();
        links.filter_map(move |(handle, link)| {
            let row = self.view.find(&link.key)?;
            // A suspect has its case, and a dead member its tries.
            let alive = self.view.get(row).is_some_and(|member| member.state() == MemberState::Alive);
            alive.then_some((link.heard_at.max(link.pinged_at) + interval, handle, row))
        })
    }

    /// Probes the members that lost their links, and then the next one of the round.
    fn probe_round(&mut self, now: Time) {
        while let Some(row) = self.watching.next.pop_front() {
            if self.is_stranger(row) {
                self.begin_probe(now, row, Purpose::Watch);
            }
        }
        if now < self.watching.round_at || self.view.len() < 2 {
            return;
        }
        self.watching.round_at = now + self.watching.awareness.scaled(self.config.probe_interval);
        for _ in 0..=self.view.len() {
            if self.watching.round.is_empty() {
                self.shuffle_round();
            }
            let Some(row) = self.watching.round.pop() else { return };
            let alive = self.view.get(row).is_some_and(|member| member.state() == MemberState::Alive);
            if alive && self.is_stranger(row) && self.begin_probe(now, row, Purpose::Watch) {
                return;
            }
        }
    }

    /// The order of the next round (Fisher and Yates).
    fn shuffle_round(&mut self) {
        let strangers = self.view.iter().map(|(row, _)| row).filter(|row| self.is_stranger(*row));
        let mut round: Vec<Row> = strangers.collect();
        for place in (1..round.len()).rev() {
            let other = self.below(place.saturating_add(1));
            round.swap(place, other);
        }
        self.watching.round = round;
    }

    /// Whether a member is there, and neither this node nor a peer.
    fn is_stranger(&self, row: Row) -> bool {
        self.view.get(row).is_some_and(|member| {
            member.is_present() && member.key() != self.own.key && self.links.to(&member.key()).is_none()
        })
    }

    /// Tries dead members again.
    fn retry_the_dead(&mut self, now: Time) {
        let lone = self.links.is_empty() && now >= self.watching.retry_after + REJOIN_MIN;
        if now < self.watching.retry_after {
            return;
        }
        let Some((at, row)) = self.watching.retries.first() else { return };
        if at > now && !lone {
            return;
        }
        self.watching.retry_after = now + REJOIN_PACE;
        let Some(member) = self.view.get_mut(row) else { return self.watching.retries.remove(row) };
        if !self.watching.probes.may_begin(row, Purpose::Rejoin) {
            // A probe of it is under way, which may have begun when nothing could reach it. This was no try.
            return self.watching.retries.set(row, now + self.config.probe_timeout);
        }
        member.tries = member.tries.saturating_add(1);
        let pause =
            REJOIN_MIN.times(1_u64.checked_shl(u32::from(member.tries)).unwrap_or(u64::MAX)).min(REJOIN_MAX);
        self.watching.retries.set(row, now + pause);
        self.begin_probe(now, row, Purpose::Rejoin);
    }

    /// Asks for the signature of this node's next accusation.
    fn accuse_one(&mut self, now: Time) {
        if self.watching.accusing || now < self.watching.accuse_after || !self.watching.guard.may_accuse(now) {
            return;
        }
        while let Some(row) = self.watching.to_accuse.pop_front() {
            let Some(member) = self.view.get(row).filter(|member| member.state() == MemberState::Suspect) else {
                continue;
            };
            let accusation = self.own.accuse(member.key(), member.record.incarnation());
            (self.watching.accusing, self.watching.accuse_after) = (true, now + ACCUSE_INTERVAL);
            self.outputs.push_back(MemberOutput::Sign(Unsigned::Accusation(accusation)));
            return;
        }
    }
}
