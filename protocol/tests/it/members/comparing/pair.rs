//! Two machines and what they say to each other, without a network between them. Signatures count as good.

use std::collections::{BTreeMap, VecDeque};

use protocol::codec::Encode as _;
use protocol::gossip::members::{
    Difference, Identity, MemberInput, MemberMessage, MemberOutput, MemberState, Members, MembersConfig, Reach,
    Via,
};
use protocol::gossip::{AddressGroup, PeerHandle};
use protocol::items::hash::ShortId;
use protocol::items::keys::PublicKey;
use protocol::items::member::entries::{Entries, Entry};
use protocol::items::member::record::{MemberRecord, Presence};
use protocol::items::member::{Instance, Statement, Unsigned};
use protocol::time::{Duration, Time};
use protocol::wire::message::Digest;

use crate::harness::network;
use crate::members::mesh::{EPOCH_MS, secret};

pub const HIGHEST: ShortId = ShortId([255; 8]);

/// One machine. Members whose numbers are in `dead` don't answer it.
pub struct Machine {
    pub members: Members,
    pub dead: Vec<PublicKey>,
    /// These neither answer nor refuse.
    pub silent: Vec<PublicKey>,
    /// Something arrives on this link all the time, so that it does not find itself alone.
    pub heard: Option<PeerHandle>,
    /// Its links belong to no address group.
    pub without_groups: bool,
    number: u32,
    links: u32,
    /// What it said, by link.
    said: VecDeque<(PeerHandle, MemberMessage)>,
    /// Members that it dialled.
    pub dialled: Vec<PublicKey>,
    pub disconnected: usize,
}

/// The numbers of three machines, in the order of their keys.
pub fn numbers() -> [u32; 3] {
    let mut numbers = [1, 2, 3];
    numbers.sort_by_key(|number| secret(*number).public().0);
    numbers
}

impl Machine {
    pub fn new(number: u32) -> Self {
        Self::knowing(number, MembersConfig::wan().members_max)
    }

    /// One that knows at most this many members.
    pub fn knowing(number: u32, members_max: u32) -> Self {
        let identity = Identity {
            key: secret(number).public(),
            instance: Instance([number as u8; 8]),
            version: 2,
            agent: String::new(),
            reach: Reach::Addresses(vec![]),
            kept: vec![],
        };
        let config = MembersConfig { members_max, ..MembersConfig::wan() };
        Self {
            members: Members::new(config, identity, [number as u8; 32]),
            dead: vec![],
            silent: vec![],
            heard: None,
            without_groups: false,
            number,
            links: 0,
            said: VecDeque::new(),
            dialled: vec![],
            disconnected: 0,
        }
    }

    pub fn key(&self) -> PublicKey {
        secret(self.number).public()
    }

    /// Gives it an input, and everything that follows from it at once.
    pub fn input(&mut self, now: Time, input: MemberInput) {
        let wall_ms = EPOCH_MS + now.as_micros() / 1_000;
        let mut inputs = VecDeque::from([input]);
        while let Some(input) = inputs.pop_front() {
            self.members.handle(now, wall_ms, input);
            while let Some(output) = self.members.poll_output() {
                match output {
                    MemberOutput::Send { link, message } => self.said.push_back((link, message)),
                    MemberOutput::Sign(unsigned) => {
                        let signed = unsigned.sign(&secret(self.number), &network()).expect("within bounds");
                        inputs.push_back(MemberInput::Signed(signed));
                    }
                    MemberOutput::Verify { link, via, statement } => {
                        inputs.push_back(MemberInput::Checked { link, via, statement, good: true });
                    }
                    MemberOutput::Dial { probe, record, .. } => {
                        self.dialled.push(record.key());
                        if self.silent.contains(&record.key()) {
                            continue;
                        }
                        let answered = !self.dead.contains(&record.key());
                        inputs.push_back(MemberInput::Probed { probe, answered });
                    }
                    MemberOutput::Ping { probe, .. } => {
                        inputs.push_back(MemberInput::Probed { probe, answered: true });
                    }
                    MemberOutput::Disconnect { .. } => self.disconnected += 1,
                    _ => {}
                }
            }
        }
    }

    /// Opens a link to a member, and returns what is said at once.
    pub fn link(&mut self, now: Time, key: PublicKey) -> (PeerHandle, Vec<MemberMessage>) {
        let link = PeerHandle(self.links);
        self.links += 1;
        self.said.clear();
        let group = (!self.without_groups).then_some(AddressGroup(u64::from(self.links)));
        self.input(now, MemberInput::LinkUp { link, key, group });
        (link, self.said_to(link))
    }

    pub fn unlink(&mut self, now: Time, link: PeerHandle) {
        self.input(now, MemberInput::LinkDown { link });
    }

    /// A peer says something; returns what the machine says to it then.
    pub fn hear(&mut self, now: Time, link: PeerHandle, message: MemberMessage) -> Vec<MemberMessage> {
        self.input(now, MemberInput::Received { link, message });
        self.said_to(link)
    }

    fn said_to(&mut self, link: PeerHandle) -> Vec<MemberMessage> {
        let said = std::mem::take(&mut self.said);
        // News is not what these tests are about.
        let comparison = |message: &MemberMessage| !matches!(message, MemberMessage::News(_));
        said.into_iter().filter(|(to, message)| *to == link && comparison(message)).map(|(_, m)| m).collect()
    }

    /// It learns statements from an earlier run.
    pub fn learn<'a>(&mut self, now: Time, statements: impl IntoIterator<Item = &'a Statement>) {
        for statement in statements {
            let (via, statement) = (Via::Kept { answered: false }, statement.clone());
            self.input(now, MemberInput::Checked { link: None, via, statement, good: true });
        }
    }

    /// It compares with a peer that knows and wants nothing. So it expects no differences in its next comparison.
    pub fn settle(&mut self, now: Time) {
        let [_, _, last] = numbers();
        let (link, mut said) = self.link(now, secret(last).public());
        while !said.is_empty() {
            let [MemberMessage::Digests(digests)] = said.as_slice() else { panic!("{said:?}") };
            let difference = Difference { until: digests.to, statements: vec![], wanted: vec![] };
            said = self.hear(now, link, MemberMessage::Difference(difference));
        }
        self.unlink(now, link);
    }

    /// Lets time pass until something is true, at most half an hour.
    pub fn wait(&mut self, mut now: Time, done: impl Fn(&Self) -> bool) -> Time {
        let end = now + Duration::from_secs(1_800);
        while !done(self) {
            now = self.members.poll_timeout(now).expect("a timer").max(now + Duration::from_micros(1));
            assert!(now < end, "it does not become true");
            if let Some(link) = self.heard {
                self.input(now, MemberInput::Heard { link });
            }
            self.input(now, MemberInput::Timeout);
        }
        now
    }

    /// Lets time pass until all members in `dead` that it knows are dead for it.
    pub fn bury(&mut self, now: Time) -> Time {
        for key in self.dead.clone() {
            let (link, _) = self.link(now, key);
            self.unlink(now, link);
        }
        let alive = |machine: &Self, key: &PublicKey| {
            machine.members.member(key).is_some_and(|member| member.state != MemberState::Dead)
        };
        self.wait(now, |machine| !machine.dead.iter().any(|key| alive(machine, key)))
    }

    /// What it knows: for each member the incarnation, the time of issue, the version of the entries, and the state.
    pub fn view(&self) -> BTreeMap<PublicKey, (u64, u64, u64, MemberState)> {
        let members = self.members.members();
        let known = members.map(|member| {
            let (record, entries) = (member.record, member.entries);
            let version = entries.map_or(0, |entries| entries.version());
            (record.key(), (record.incarnation(), record.issued_ms(), version, member.state))
        });
        known.collect()
    }
}

/// Two machines, of which the first begins comparisons; and what they said.
pub struct Pair {
    pub asker: Machine,
    pub other: Machine,
    pub now: Time,
    pub said: Vec<MemberMessage>,
}

impl Pair {
    pub fn new(mode: Digest) -> Self {
        let [first, second, _] = numbers();
        Self::of(mode, Machine::new(first), Machine::new(second))
    }

    pub fn of(mode: Digest, mut asker: Machine, mut other: Machine) -> Self {
        let now = Time::from_micros(1_000_000);
        for machine in [&mut asker, &mut other] {
            machine.members.set_push_pull_mode(mode);
            machine.input(now, MemberInput::Timeout);
        }
        Self { asker, other, now, said: vec![] }
    }

    /// Links the two, and carries what they say until they are silent; then the link is closed.
    pub fn compare(&mut self) {
        self.said.clear();
        // What is due meanwhile is not compared with this peer.
        for machine in [&mut self.asker, &mut self.other] {
            machine.input(self.now, MemberInput::Timeout);
        }
        let (asks, asked) = self.asker.link(self.now, self.other.key());
        let (answers, mut back) = self.other.link(self.now, self.asker.key());
        let mut there = asked;
        while !there.is_empty() || !back.is_empty() {
            self.said.extend(there.iter().chain(&back).cloned());
            let (heard, answered) = (std::mem::take(&mut there), std::mem::take(&mut back));
            for message in heard {
                back.extend(self.other.hear(self.now, answers, message));
            }
            for message in answered {
                there.extend(self.asker.hear(self.now, asks, message));
            }
        }
        self.asker.unlink(self.now, asks);
        self.other.unlink(self.now, answers);
    }

    /// Bytes of the comparison, without those of statements.
    pub fn bytes(&self) -> usize {
        let bytes = |message: &MemberMessage| {
            let statements = match message {
                MemberMessage::Difference(difference) => difference.statements.as_slice(),
                MemberMessage::Wanted(statements) => statements.as_slice(),
                _ => &[],
            };
            message.encoded_len() - statements.iter().map(|statement| statement.encoded_len()).sum::<usize>()
        };
        self.said.iter().map(bytes).sum()
    }

    pub fn sketches(&self) -> usize {
        self.said.iter().filter(|message| matches!(message, MemberMessage::Sketch(_))).count()
    }

    /// Members that were listed because all of a range were.
    pub fn listed_whole(&self) -> usize {
        let listed = |message: &MemberMessage| match message {
            MemberMessage::Digests(digests) if digests.whole => digests.members.len(),
            _ => 0,
        };
        self.said.iter().map(listed).sum()
    }
}

/// A member's record. A higher version is newer; `left` says that it leaves.
pub fn record(number: u32, version: u64, left: bool) -> Statement {
    let record = MemberRecord {
        key: secret(number).public(),
        instance: Instance([5; 8]),
        // Every second version raises the incarnation. All are too old to be news.
        incarnation: EPOCH_MS - 1_000_000 + version / 2,
        issued_ms: EPOCH_MS - 1_000_000 + version,
        version: 2,
        agent: String::new(),
        addresses: if left { vec![] } else { vec![number.to_be_bytes().to_vec().into()] },
        relays: vec![],
        presence: if left { Presence::Left } else { Presence::Alive },
    };
    Unsigned::Record(record).sign(&secret(number), &network()).expect("within bounds")
}

/// A member's entries in a version.
pub fn entries(number: u32, version: u64) -> Statement {
    let entries = vec![Entry { key: "k".into(), value: vec![version as u8].into(), version }];
    let entries = Entries { owner: secret(number).public(), version, entries };
    Unsigned::Entries(entries).sign(&secret(number), &network()).expect("within bounds")
}

/// Records of this many members from a number on.
pub fn crowd(from: u32, count: u32) -> Vec<Statement> {
    (from..from + count).map(|number| record(number, 0, false)).collect()
}
