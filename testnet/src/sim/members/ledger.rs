//! What happened to the members of a run: the record from which the report is made. It knows the truth, which no member
//! knows: which nodes run, which are paused, and which can reach each other.
//!
//! * **A false accusation** is one that was signed against a member that ran and could be reached: it was not paused, no
//!   partition separated the two, and no one-way cut lay between them.
//! * **A false death** is an opinion: one member took another one for dead that ran and could be reached, in the same
//!   sense. If a one-way cut lay between the two, others could still ask for it, so such deaths are counted beside. A
//!   member that went on after a pause less than a second ago counts as paused: its answers are on their way.
//! * **Traffic** counts during the load.
//! * **Liars** are nobody here: what they believe, sign and send does not count, nor what is believed of them.

use std::collections::BTreeSet;

use bytes::Bytes;
use protocol::gossip::members::{MemberChange, MemberMessage};
use protocol::time::{Duration, Time};
use protocol::wire::frame::PLACE_BYTES;

use super::lies::Lies;
use super::spread::{Sights, Spread};

/// The answers of a member are there this long after its pause: the longest round trip of the worlds here, three times.
const ANSWERS_AFTER: Duration = Duration::from_secs(1);

/// What a ping and its answer take on the wire: twice a message of 10 bytes in a frame of 2, with the 12 bytes of
/// yamux and the 18 of noise around it.
pub const PING_BYTES: u64 = 2 * (10 + 2 + 12 + 18);

/// What the place in an answer takes: a byte string of 42 bytes.
pub const PLACED_BYTES: u64 = 2 + PLACE_BYTES as u64;

/// What a short dial takes in both directions: the handshakes of noise (some 500 bytes), and identify, which libp2p
/// does on each connection.
pub const SHORT_DIAL_BYTES: u64 = 3 * 1_024;

/// What keeps two members from reaching each other.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Between {
    /// Nothing does.
    Nothing,
    /// A cut, in one direction or in both.
    Cut,
    /// A partition.
    Partition,
}

/// Something that was sent for membership.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Sent {
    /// A message of these bytes.
    Message(Kind, u64),
    /// A ping of ours, to be answered.
    Ping,
    /// The place that goes with the answer to a ping.
    Place,
    /// A short dial.
    Dial,
}

/// The kind of a message.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// News.
    News,
    /// A part of a comparison.
    Comparison,
    /// A probe that a peer is asked for, and its answer.
    Request,
    /// A ping, or its answer, where it is a message of its own.
    Ping,
}

impl From<&MemberMessage> for Kind {
    fn from(message: &MemberMessage) -> Self {
        match message {
            MemberMessage::News(_) => Self::News,
            MemberMessage::Digests(_)
            | MemberMessage::Difference(_)
            | MemberMessage::Wanted(_)
            | MemberMessage::Sketch(_)
            | MemberMessage::SketchDifference(_) => Self::Comparison,
            MemberMessage::ProbeRequest { .. } | MemberMessage::ProbeAnswer { .. } => Self::Request,
        }
    }
}

/// Bytes that were sent during the load.
#[derive(Clone, Copy, Debug, Default)]
pub struct Traffic {
    /// By news.
    pub news: u64,
    /// By comparisons.
    pub comparisons: u64,
    /// By requests for probes.
    pub requests: u64,
    /// By pings.
    pub pings: u64,
    /// By short dials.
    pub dials: u64,
}

impl Traffic {
    /// All of it.
    #[must_use]
    pub const fn sum(&self) -> u64 {
        self.news + self.comparisons + self.requests + self.pings + self.dials
    }
}

/// A moment from which on all members are to see each other alive, and when each did.
#[derive(Clone, Debug)]
pub struct Whole {
    /// The moment.
    pub from: Time,
    /// By member.
    pub at: Vec<Option<Time>>,
}

/// The record of a run.
#[derive(Debug)]
pub struct Ledger {
    nodes: usize,
    load: (Time, Time),
    sights: Sights,
    paused: Vec<bool>,
    /// When each member's last pause ended.
    resumed: Vec<Option<Time>>,
    /// Crashes, joins and entries, in the order of time.
    pub crashes: Vec<Spread>,
    /// Members that joined late.
    pub joins: Vec<Spread>,
    /// Entries that were set, with their values.
    pub entries: Vec<(Spread, Bytes)>,
    /// The start of the run.
    pub begun: Whole,
    /// Heals of partitions.
    pub heals: Vec<Whole>,
    /// Members that ran and were taken for dead, counted for each observer: by observers that could reach them, and by
    /// others that a one-way cut kept from it.
    pub false_deaths: (u64, u64),
    /// The members that these deaths of the first kind were about.
    pub falsely_dead: BTreeSet<usize>,
    /// Accusations of members that ran and could be reached; and all others.
    pub accusations: (u64, u64),
    /// Records with a higher incarnation than this run of the member began with.
    pub refutations: u64,
    /// Bytes sent during the load.
    pub traffic: Traffic,
    /// What lies did, if there are liars.
    pub lies: Option<Lies>,
    /// By how much the estimates of round trips were wrong in the end.
    pub estimates: Vec<Duration>,
    /// When each member started last.
    started: Vec<Time>,
    /// The last incarnation of each member's present run.
    incarnations: Vec<Option<u64>>,
    /// How long members were there during the load, all together.
    lived: Duration,
    counted_to: Time,
}

impl Ledger {
    /// The record of `nodes` nodes, all down. Traffic counts from the first of these times to the second.
    #[must_use]
    pub fn new(nodes: usize, load: (Time, Time)) -> Self {
        Self {
            nodes,
            load,
            sights: Sights::new(nodes),
            paused: vec![false; nodes],
            resumed: vec![None; nodes],
            crashes: Vec::new(),
            joins: Vec::new(),
            entries: Vec::new(),
            begun: Whole { from: Time::ZERO, at: vec![None; nodes] },
            heals: Vec::new(),
            false_deaths: (0, 0),
            falsely_dead: BTreeSet::new(),
            accusations: (0, 0),
            refutations: 0,
            traffic: Traffic::default(),
            lies: None,
            estimates: Vec::new(),
            started: vec![Time::ZERO; nodes],
            incarnations: vec![None; nodes],
            lived: Duration::ZERO,
            counted_to: load.0,
        }
    }

    /// A node starts.
    pub fn started(&mut self, node: usize, now: Time) {
        self.count_lives(now);
        self.sights.start(node);
        self.incarnations[node] = None;
        self.started[node] = now;
    }

    /// A node crashes.
    pub fn crashed(&mut self, node: usize, now: Time) {
        if !self.sights.is_up(node) {
            return;
        }
        self.count_lives(now);
        self.sights.stop(node);
        self.paused[node] = false;
        self.crashes.push(Spread::new(node, now, self.nodes));
        let up: Vec<usize> = self.sights.up().collect();
        up.into_iter().for_each(|other| self.look(other, now));
    }

    /// A node is paused.
    pub fn paused(&mut self, node: usize) {
        self.paused[node] = true;
    }

    /// A node goes on.
    pub fn resumed(&mut self, node: usize, now: Time) {
        self.paused[node] = false;
        self.resumed[node] = Some(now);
    }

    /// A node is about to start that was not there so far.
    pub fn joins(&mut self, node: usize, now: Time) {
        self.joins.push(Spread::new(node, now, self.nodes));
    }

    /// A partition has healed.
    pub fn healed(&mut self, now: Time) {
        let whole = |node| self.sights.is_whole(node).then_some(now);
        self.heals.push(Whole { from: now, at: (0..self.nodes).map(whole).collect() });
    }

    /// A member sets its entry. Returns the value: a number that no other entry has.
    pub fn sets_entry(&mut self, node: usize, now: Time) -> Bytes {
        let value = Bytes::copy_from_slice(&(self.entries.len() as u64 + 1).to_be_bytes());
        self.entries.push((Spread::new(node, now, self.nodes), value.clone()));
        value
    }

    /// Whether this member has set an entry.
    #[must_use]
    pub fn waits_for_entry(&self, subject: usize) -> bool {
        self.entries.iter().any(|(spread, _)| spread.subject == subject)
    }

    /// A member holds this value of another one's entry. Whoever has a later value needs no earlier one.
    pub fn has_entry(&mut self, node: usize, subject: usize, value: &Bytes, now: Time) {
        let found = self.entries.iter_mut().filter(|(spread, set)| spread.subject == subject && set <= value);
        found.for_each(|(spread, _)| spread.has(node, now));
    }

    /// One member signs an accusation of another one.
    pub fn accused(&mut self, accuser: usize, subject: usize, between: Between) {
        if self.is_liar(accuser) {
            return;
        }
        let false_one = self.runs(subject) && between == Between::Nothing;
        self.accusations.0 += u64::from(false_one);
        self.accusations.1 += u64::from(!false_one);
    }

    /// A member has signed its record, of these bytes.
    pub fn signed(&mut self, node: usize, incarnation: u64, bytes: u64, now: Time) {
        let last = self.incarnations[node].replace(incarnation);
        if self.is_liar(node) || last.is_none_or(|last| incarnation <= last) {
            return;
        }
        self.refutations += 1;
        if let Some(lies) = &mut self.lies {
            lies.refuted(node, bytes, now);
        }
    }

    /// The incarnation of the last record that a member signed in its present run.
    #[must_use]
    pub fn incarnation(&self, node: usize) -> Option<u64> {
        self.incarnations.get(node).copied().flatten()
    }

    /// A member takes another one for dead.
    pub fn failed(&mut self, node: usize, subject: usize, between: Between, now: Time) {
        if self.is_liar(node) {
            return;
        }
        match between {
            Between::Nothing if self.runs(subject) && !self.has_just_resumed(subject, now) => {
                self.false_deaths.0 += 1;
                self.falsely_dead.insert(subject);
            }
            Between::Cut => self.false_deaths.1 += u64::from(self.runs(subject)),
            Between::Nothing | Between::Partition => {}
        }
        let crash = self.crashes.iter_mut().rev().find(|spread| spread.subject == subject);
        if let Some(crash) = crash.filter(|_| !self.sights.is_up(subject)) {
            crash.has(node, now);
        }
    }

    /// A member's opinion of another one has changed.
    pub fn event(&mut self, node: usize, subject: usize, change: MemberChange, now: Time) {
        let alive = match change {
            MemberChange::Joined | MemberChange::Returned => true,
            MemberChange::Suspected | MemberChange::Failed | MemberChange::Left => false,
            _ => return,
        };
        if self.sights.set(node, subject, alive) {
            self.look(node, now);
        }
        if change == MemberChange::Joined
            && let Some(join) = self.joins.iter_mut().find(|spread| spread.subject == subject)
        {
            join.has(node, now);
        }
    }

    /// A member has sent something.
    pub fn sent(&mut self, node: usize, sent: Sent, now: Time) {
        if now < self.load.0 || now >= self.load.1 || self.is_liar(node) {
            return;
        }
        let traffic = &mut self.traffic;
        match sent {
            Sent::Message(Kind::News, bytes) => traffic.news += bytes,
            Sent::Message(Kind::Comparison, bytes) => traffic.comparisons += bytes,
            Sent::Message(Kind::Request, bytes) => traffic.requests += bytes,
            Sent::Message(Kind::Ping, bytes) => traffic.pings += bytes,
            Sent::Ping => traffic.pings += PING_BYTES,
            Sent::Place => traffic.pings += PLACED_BYTES,
            Sent::Dial => traffic.dials += SHORT_DIAL_BYTES,
        }
    }

    /// The run is over.
    pub fn ended(&mut self, now: Time) {
        self.count_lives(now);
    }

    /// Nodes that are up, and were so at this time.
    #[must_use]
    pub fn living_since(&self, at: Time) -> Vec<usize> {
        self.honest().filter(|node| self.started[*node] <= at).collect()
    }

    /// Nodes that are up, without liars.
    pub fn honest(&self) -> impl Iterator<Item = usize> {
        self.sights.up().filter(|node| !self.is_liar(*node))
    }

    /// Whether an honest member is there, and not paused.
    #[must_use]
    pub fn runs(&self, node: usize) -> bool {
        self.sights.is_up(node) && !self.paused[node] && !self.is_liar(node)
    }

    fn has_just_resumed(&self, node: usize, now: Time) -> bool {
        self.resumed[node].is_some_and(|at| now.since(at) < ANSWERS_AFTER)
    }

    /// Seconds during the load, summed over the members that were there.
    #[must_use]
    pub fn lived_s(&self) -> f64 {
        self.lived.as_micros() as f64 / 1e6
    }

    fn is_liar(&self, node: usize) -> bool {
        self.lies.as_ref().is_some_and(|lies| lies.is_liar(node))
    }

    /// Whether a member sees all others alive since now.
    fn look(&mut self, node: usize, now: Time) {
        if !self.sights.is_whole(node) {
            return;
        }
        for whole in std::iter::once(&mut self.begun).chain(&mut self.heals) {
            whole.at[node].get_or_insert(now);
        }
    }

    fn count_lives(&mut self, now: Time) {
        let to = now.min(self.load.1);
        let span = to.since(self.counted_to);
        self.lived = self.lived + span.times(self.honest().count() as u64);
        self.counted_to = self.counted_to.max(to);
    }
}
