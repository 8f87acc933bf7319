//! Members: which nodes of the network are alive, as far as this node knows. It follows the family of SWIM,
//! Lifeguard, Serf and Cassandra, for an open network in which anybody may lie.
//!
//! **What it promises.**
//!
//! * Every statement is signed by the member that makes it, and nobody is declared dead on hearsay: a member is
//!   dead for a node only when a suspicion has run out and this node got no answer itself, directly or through
//!   peers of its own choice, and never while frames of the member arrive. So any number of liars can make a
//!   member refute, and nothing more.
//! * Nobody is given up: a member that was found dead is tried again until it is forgotten.
//! * All that others can make grow is bounded (`limits.rs`), and members that answer are not pushed out by
//!   invented ones.
//!
//! **The machine** ([`Members`]) is pure, as the whole engine: inputs go in through [`Members::handle`], outputs
//! come out of [`Members::poll_output`], and one deadline leaves through [`Members::poll_timeout`]. After every
//! input, call `poll_output` until it returns `None`. The wall clock is an input, because records carry it.
//!
//! | concern | folder |
//! |---|---|
//! | which members are known, who gets in and who goes | `view` |
//! | news, statements that arrive, comparisons with peers, links | `spread` |
//! | probes, suspicions, deaths and returns | `watching` |
//! | this node's own record and entries, refutations, conflicts | `own` |
//! | where members are in the space of round trips | `places` |
//!
//! **The parts that only compute** have no messages and no timers of their own:
//!
//! * [`logarithm`]: logarithms in fixed point.
//! * [`config`]: all parameters, with presets for a LAN and for a WAN.
//! * [`suspicion`]: how long a suspicion lasts, and when a node checks for itself.
//! * [`health`]: how far a node trusts its own timeouts.
//! * [`phi`]: the accrual detector.
//! * [`coordinates`]: estimates of round trips between any two members.
//!
//! Deliberately absent, so far: a sample of the members of a network that is larger than the view.

pub mod config;
mod estimates;
mod fill;
pub mod health;
pub(super) mod limits;
mod own;
mod places;
mod seam;
mod spread;
mod view;
mod watching;

use alloc::collections::{BTreeMap, BTreeSet, VecDeque};
use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

pub use self::config::{Detector, DetectorError, MembersConfig, MembersConfigError};
pub use self::estimates::coordinates::{self, Coordinates, LatencyFilter, Unusable, Vivaldi};
pub use self::estimates::logarithm;
use self::estimates::logarithm::Fixed;
pub use self::estimates::phi::{self, Phi};
pub use self::fill::MembersOccupancy;
pub use self::health::{Awareness, PauseGuard, Probe};
pub use self::own::BUILT_IN_KEYS;
use self::own::Own;
use self::places::Places;
pub(super) use self::seam::Membership;
use self::spread::links::{Link, Links};
use self::spread::walk::PushPull;
use self::spread::{Class, Spread};
pub(super) use self::view::short_of;
use self::view::{Member, Row, View};
use self::watching::Watching;
pub use self::watching::suspicion::{self, Suspicion};
use crate::codec::DecodeError;
pub use crate::gossip::api::members::{
    Difference, Digests, Identity, MemberChange, MemberDigest, MemberEvent, MemberInfo, MemberInput,
    MemberMessage, MemberOutput, MemberSketch, MemberState, ProbeId, Reach, SketchDifference, Via,
};
use crate::gossip::api::{AddressGroup, PeerHandle};
use crate::items::hash::ShortId;
use crate::items::keys::PublicKey;
use crate::items::member::Statement;
use crate::items::member::accusation::SignedAccusation;
use crate::items::member::entries::SignedEntries;
use crate::items::member::record::SignedRecord;
use crate::limits::{BUILT_IN_MIN, BUILT_IN_PER_MEMBER};
use crate::seeded::SeededState;
use crate::time::{Duration, Time};
use crate::wire::message::Digest;

/// The membership machine. See the module's head for how to drive it.
#[derive(Debug)]
pub struct Members {
    config: MembersConfig,
    own: Own,
    view: View,
    links: Links,
    spread: Spread,
    push_pull: PushPull,
    push_pull_mode: Digest,
    watching: Watching,
    places: Places,
    /// Statements whose signatures are being checked.
    checking: BTreeSet<ShortId>,
    /// How many of them are accusations that came with a dial, and bytes of those that an earlier run kept.
    handed: usize,
    recalling: usize,
    /// Members with two machines, and until when nothing more is told of it.
    conflicts: BTreeMap<PublicKey, Time>,
    /// When this node had its first link.
    first_link_at: Option<Time>,
    /// When the next news leaves, while there is any.
    round_at: Option<Time>,
    /// The wall clock of the last input, in milliseconds since 1970.
    wall_ms: u64,
    chance: ChaCha8Rng,
    outputs: VecDeque<MemberOutput>,
}

impl Members {
    /// A machine that knows nobody but itself. All chance comes from `seed`. Parameters that are out of their
    /// range are the caller's fault: see [`MembersConfig::validate`].
    #[must_use]
    pub fn new(config: MembersConfig, identity: Identity, seed: [u8; 32]) -> Self {
        let mut chance = ChaCha8Rng::from_seed(seed);
        let view = View::new(SeededState::draw(&mut chance), config.members_max);
        let feelers = SeededState::draw(&mut chance);
        Self {
            own: Own::new(identity),
            view,
            links: Links::default(),
            spread: Spread::default(),
            push_pull: PushPull::default(),
            push_pull_mode: Digest::PushPull,
            watching: Watching::new(config.awareness_max_multiplier, feelers),
            places: Places::default(),
            checking: BTreeSet::new(),
            handed: 0,
            recalling: 0,
            conflicts: BTreeMap::new(),
            first_link_at: None,
            round_at: None,
            wall_ms: 0,
            chance,
            outputs: VecDeque::new(),
            config,
        }
    }

    /// Sets the mode of the comparisons that this node begins: push-pull, unless it is set.
    pub const fn set_push_pull_mode(&mut self, mode: Digest) {
        self.push_pull_mode = mode;
    }

    /// Takes one input, at `wall_ms` milliseconds since 1970. Drain [`Members::poll_output`] before the next call.
    /// Time may stand still or jump back. Nothing breaks then, but deadlines wait for the clock to catch up.
    pub fn handle(&mut self, now: Time, wall_ms: u64, input: MemberInput) {
        self.wake(now, wall_ms);
        match input {
            MemberInput::LinkUp { link, key, group } => self.on_link_up(now, link, key, group),
            MemberInput::LinkDown { link } => self.on_link_down(link),
            MemberInput::Heard { link } => self.on_heard(now, link),
            MemberInput::Overdue { link } => self.on_overdue(now, link),
            MemberInput::Measured { link, round_trip, place } => self.on_measured(now, link, round_trip, &place),
            MemberInput::Received { link, message } => self.on_message(now, link, message),
            MemberInput::Accused(accusation) => self.on_accused(now, accusation),
            MemberInput::Checked { link, via, statement, good } => {
                self.on_checked(now, link, via, statement, good)
            }
            MemberInput::Signed(statement) => self.on_signed(now, statement),
            MemberInput::Probed { probe, answered } => self.on_probed(now, probe, answered),
            MemberInput::Recall { record, answered } => self.on_recalled(now, record, answered),
            MemberInput::SetReach(reach) => self.own.set_reach(reach),
            MemberInput::SetEntry { key, value } => self.own.set_entry(wall_ms, key, value),
            MemberInput::SetBuiltIn(values) => {
                let every = self.built_in_every();
                self.own.set_built_in(now, wall_ms, values, every);
            }
            MemberInput::Leave => self.own.leave(),
            MemberInput::Timeout => {}
        }
        self.settle(now);
    }

    /// The next output, or `None` when the last input is done.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<MemberOutput> {
        self.outputs.pop_front()
    }

    /// When the machine needs [`MemberInput::Timeout`] next. It is never long past after an input.
    #[must_use]
    pub fn poll_timeout(&self, now: Time) -> Option<Time> {
        let forget = self.view.longest_gone().map(|(since, _)| since + self.config.forget_after);
        let conflict = self.conflicts.values().min().copied();
        let spread = if self.spread.is_empty() || self.links.is_empty() { None } else { self.round_at };
        let others = [self.own.next_deadline(), self.next_watch(now), self.push_pull.next_deadline(now)];
        [forget, conflict, spread].into_iter().chain(others).flatten().min()
    }

    /// What is known of a member.
    #[must_use]
    pub fn member(&self, key: &PublicKey) -> Option<MemberInfo> {
        self.view.get(self.view.find(key)?).map(|member| self.info(member))
    }

    /// Whether a member is known, whatever its state.
    #[must_use]
    pub fn knows(&self, key: &PublicKey) -> bool {
        self.view.find(key).is_some()
    }

    /// All members, this node among them, in no order that means anything.
    pub fn members(&self) -> impl Iterator<Item = MemberInfo> {
        self.view.iter().map(|(_, member)| self.info(member))
    }

    /// The members that accuse the present incarnation of a member.
    #[must_use]
    pub fn accusers(&self, key: &PublicKey) -> Vec<PublicKey> {
        self.view.find(key).map(|row| self.watching.cases.accusers(row)).unwrap_or_default()
    }

    /// How unusual it is that nothing came from a peer for so long: the accrual detector's φ. `None` for members that
    /// are no peers, and with another detector.
    #[must_use]
    pub fn phi(&self, key: &PublicKey, now: Time) -> Option<Fixed> {
        let link = self.links.to(key).and_then(|link| self.links.by_handle.get(&link))?;
        link.phi.as_ref().map(|phi| phi.level(now))
    }

    /// How often a node sets its own entries, at most: so they cost each link the same in a network of any size.
    #[must_use]
    pub fn built_in_every(&self) -> Duration {
        BUILT_IN_PER_MEMBER.times(self.view.present() as u64).max(BUILT_IN_MIN)
    }

    /// Whether this node may set an entry, or remove it with `None` ([`MemberInput::SetEntry`]).
    ///
    /// # Errors
    /// If the key, the number of entries or the bytes of all of them would be above their bounds.
    pub fn check_entry(&self, key: &str, value: Option<&[u8]>) -> Result<(), DecodeError> {
        self.own.check_entry(key, value)
    }

    /// How far this node doubts its own verdicts: 0 when it is healthy.
    #[must_use]
    pub const fn awareness(&self) -> u8 {
        self.watching.awareness.level()
    }

    /// Whether a link exists on which nothing was heard for this time.
    #[must_use]
    pub fn was_heard_before(&self, link: PeerHandle, now: Time, span: Duration) -> bool {
        self.links.by_handle.get(&link).is_some_and(|link| now.since(link.heard_at) >= span)
    }

    /// The links to a member.
    pub(super) fn links_to(&self, member: &PublicKey) -> impl Iterator<Item = PeerHandle> {
        self.links.by_handle.iter().filter(move |(_, link)| link.key == *member).map(|(handle, _)| handle)
    }

    /// Begins an input: looks whether this node was not running until now.
    fn wake(&mut self, now: Time, wall_ms: u64) {
        self.wall_ms = wall_ms;
        self.own.start(wall_ms);
        let due = self.poll_timeout(now);
        if self.watching.guard.woken(now, due) {
            self.after_pause(now);
        }
    }

    fn on_message(&mut self, now: Time, link: PeerHandle, message: MemberMessage) {
        self.on_heard(now, link);
        match message {
            MemberMessage::News(statements) => self.on_news(now, link, statements),
            MemberMessage::Digests(digests) => self.on_digests(now, link, &digests),
            MemberMessage::Difference(difference) => self.on_difference(now, link, difference),
            MemberMessage::Wanted(statements) => self.on_wanted(now, link, statements),
            MemberMessage::Sketch(sketch) => self.on_sketch(now, link, &sketch),
            MemberMessage::SketchDifference(answer) => self.on_sketch_difference(now, link, answer),
            MemberMessage::ProbeRequest { subject } => self.on_probe_request(now, link, subject),
            MemberMessage::ProbeAnswer { subject, reached } => self.on_probe_answer(now, link, &subject, reached),
        }
    }

    fn on_link_up(&mut self, now: Time, link: PeerHandle, key: PublicKey, group: Option<AddressGroup>) {
        let phi = matches!(self.config.detector, Detector::Phi(_)).then(|| {
            let mut phi = Phi::new(self.config.ping_interval);
            phi.arrived(now);
            phi
        });
        self.first_link_at.get_or_insert(now);
        let mut new = Link { phi, ..Link::new(now, key, group, u64::from(self.config.members_budget)) };
        let row = self.view.find(&key);
        let state = row.and_then(|row| self.view.get(row)).map(view::Member::state);
        new.seen_as = state.filter(|state| matches!(state, MemberState::Suspect | MemberState::Dead));
        let tells = new.seen_as.is_some();
        self.links.by_handle.insert(link, new);
        self.take_back(now);
        if let Some(row) = row {
            self.set_reached(row);
            self.alive(now, row);
        }
        if tells || self.own.key < key {
            self.push_pull.met(link);
        }
    }

    fn on_link_down(&mut self, link: PeerHandle) {
        let Some(gone) = self.links.by_handle.remove(&link) else { return };
        self.spread.link_gone(link);
        self.push_pull.link_gone(link);
        self.watching.probes.link_gone(link);
        if let Some(row) = self.view.find(&gone.key).filter(|_| self.links.to(&gone.key).is_none()) {
            self.watching.probe_next(row);
        }
    }

    fn on_heard(&mut self, now: Time, link: PeerHandle) {
        let Some(heard) = self.links.by_handle.get_mut(&link) else { return };
        heard.heard_at = now;
        if let Some(phi) = &mut heard.phi {
            phi.arrived(now);
        }
        let key = heard.key;
        self.take_back(now);
        let Some(row) = self.view.find(&key) else { return };
        self.set_reached(row);
        if self.view.get(row).is_some_and(|member| member.unanswered > 0 || member.state() != MemberState::Alive) {
            self.alive(now, row);
        }
    }

    /// A statement of this node's own was signed.
    fn on_signed(&mut self, now: Time, statement: Statement) {
        match statement {
            Statement::Record(record) => self.on_own_record(now, record),
            Statement::Entries(entries) => self.on_own_entries(now, entries),
            Statement::Accusation(accusation) => self.on_own_accusation(accusation),
        }
    }

    fn on_own_record(&mut self, now: Time, record: Arc<SignedRecord>) {
        let class = self.own.record_signed();
        match self.view.find(&self.own.key) {
            Some(row) => self.view.set_record(row, record.clone()),
            // There is always room for the first member.
            None => drop(self.view.add(now, record.clone(), MemberState::Alive, None, true)),
        }
        self.outputs.push_back(MemberOutput::Keep(Statement::Record(record.clone())));
        self.spread.add(class, Statement::Record(record), None);
    }

    fn on_own_entries(&mut self, now: Time, entries: Arc<SignedEntries>) {
        let is_news = self.own.entries_signed();
        self.outputs.push_back(MemberOutput::Keep(Statement::Entries(entries.clone())));
        let Some(row) = self.view.find(&self.own.key) else { return };
        if let Ok(removed) = self.view.set_entries(row, entries.clone()) {
            self.forget_all(&removed);
            if is_news {
                self.spread_entries(now, row, entries, None);
            }
        }
    }

    fn on_own_accusation(&mut self, accusation: SignedAccusation) {
        self.watching.accused();
        let Some(row) = self.view.find(&accusation.subject()) else { return };
        self.watching.cases.sign(row, &accusation);
        if self.watching.cases.runs(row) {
            self.spread.add(Class::Suspicion, Statement::Accusation(accusation), None);
        }
    }

    /// Runs at the end of every input: does everything that has become due or possible.
    fn settle(&mut self, now: Time) {
        self.forget_the_gone(now);
        self.conflicts.retain(|_, until| *until > now);
        self.watch(now);
        self.compare(now);
        if self.own.refute(now) {
            self.watching.awareness.refuted();
        }
        while let Some(unsigned) = self.own.poll_sign(now, self.wall_ms) {
            self.outputs.push_back(MemberOutput::Sign(unsigned));
        }
        self.send_news(now);
    }

    /// Forgets members that have been dead or away for too long.
    fn forget_the_gone(&mut self, now: Time) {
        while let Some((since, row)) = self.view.longest_gone() {
            if now.since(since) < self.config.forget_after {
                return;
            }
            let removed = self.view.remove(row).map(|key| (row, key));
            self.forget_all(removed.as_slice());
        }
    }

    /// Members were removed from the view: nothing may be left of them, because their rows are given again.
    fn forget_all(&mut self, removed: &[(Row, PublicKey)]) {
        for (row, key) in removed {
            self.watching.forget(*row);
            self.spread.forget(key);
        }
    }

    /// Sends news to some links, if a round is due.
    fn send_news(&mut self, now: Time) {
        if self.spread.is_empty() {
            self.round_at = None;
            return;
        }
        let interval = self.config.gossip_interval;
        if *self.round_at.get_or_insert(now) > now {
            return;
        }
        self.round_at = Some(now + interval);
        let mut links = self.gossip_links(now);
        let all = links.clone();
        let sends = self.config.retransmits(self.view.present());
        for _ in 0..self.config.gossip_nodes {
            if links.is_empty() {
                break;
            }
            let place = self.below(links.len());
            self.send_news_to(now, links.swap_remove(place), sends);
        }
        self.spread.settle(&all);
    }

    fn send_news_to(&mut self, now: Time, link: PeerHandle, sends: u32) {
        let budget = self.links.by_handle.get_mut(&link).map(|link| &mut link.news_out);
        if !budget.is_some_and(|budget| budget.is_within(now)) {
            return;
        }
        let statements = self.spread.take(link, sends);
        let bytes: usize = statements.iter().map(crate::codec::Encode::encoded_len).sum();
        if let Some(link) = self.links.by_handle.get_mut(&link) {
            link.news_out.spend(now, bytes as u64);
        }
        if !statements.is_empty() {
            self.send(link, MemberMessage::News(statements));
        }
    }

    /// The links that get news: not those of members that have been dead for long.
    fn gossip_links(&self, now: Time) -> Vec<PeerHandle> {
        let wanted = |key: &PublicKey| {
            let member = self.view.find(key).and_then(|row| self.view.get(row));
            let dead = member.filter(|member| member.state() == MemberState::Dead);
            dead.is_none_or(|dead| dead.unchanged_for(now) < self.config.gossip_to_the_dead)
        };
        self.links.by_handle.iter().filter(|(_, link)| wanted(&link.key)).map(|(handle, _)| handle).collect()
    }

    /// A member has answered this node itself.
    fn set_reached(&mut self, row: Row) {
        self.view.set_reached(row);
    }

    fn send(&mut self, link: PeerHandle, message: MemberMessage) {
        self.outputs.push_back(MemberOutput::Send { link, message });
    }

    fn tell(&mut self, row: Row, change: MemberChange) {
        if let Some(member) = self.view.get(row).map(Member::key) {
            self.outputs.push_back(MemberOutput::Event(MemberEvent { member, change }));
        }
    }

    /// A random number from 0 to below `bound`, all about equally likely; 0 if `bound` is 0.
    fn below(&mut self, bound: usize) -> usize {
        let product = u128::from(self.chance.next_u64()) * (bound as u128);
        usize::try_from(product >> 64).unwrap_or_default()
    }

    /// A random span below this one.
    fn chance_within(&mut self, span: Duration) -> Duration {
        let micros = usize::try_from(span.as_micros()).unwrap_or(usize::MAX);
        Duration::from_micros(self.below(micros) as u64)
    }

    fn info(&self, member: &Member) -> MemberInfo {
        let has_left = member.key() == self.own.key && self.own.has_left();
        MemberInfo {
            state: if has_left { MemberState::Left } else { member.state() },
            since: member.since(),
            record: member.record.clone(),
            entries: member.entries.clone(),
            reached: member.is_reached(),
        }
    }
}
