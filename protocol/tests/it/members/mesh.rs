//! A few membership machines on virtual time, with links of equal delay between them, dials that need no link, and
//! cuts. Messages cross a link at once or not at all, in order. Signatures are really made and checked.

use std::collections::{BTreeMap, BTreeSet};

use bytes::Bytes;
use protocol::codec::{Decode as _, Encode as _};
use protocol::gossip::members::{
    Identity, MemberChange, MemberEvent, MemberInfo, MemberInput, MemberMessage, MemberOutput, MemberState,
    Members, MembersConfig, ProbeId, Reach,
};
use protocol::gossip::{AddressGroup, PeerHandle};
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::member::accusation::SignedAccusation;
use protocol::items::member::record::SignedRecord;
use protocol::items::member::{Instance, Statement, Unsigned};
use protocol::time::{Duration, Time};
use protocol::wire::message::Digest;

use crate::harness::network;

/// Parameters with which a week passes quickly.
pub fn slow() -> MembersConfig {
    let (ping_interval, hour) = (Duration::from_secs(600), Duration::from_secs(3_600));
    MembersConfig { ping_interval, probe_interval: hour, push_pull_interval: hour, ..MembersConfig::wan() }
}

/// The wall clock when virtual time begins.
pub const EPOCH_MS: u64 = 1_800_000_000_000;

/// How long a message or a dial takes in one direction.
const DELAY: Duration = Duration::from_millis(40);

/// The secret key of a member with this number.
pub fn secret(number: u32) -> SecretKey {
    let mut seed = [77; 32];
    seed[..4].copy_from_slice(&number.to_be_bytes());
    SecretKey::from_seed(&seed)
}

/// An address that stands for the node with this number.
pub fn address(node: usize) -> Bytes {
    Bytes::copy_from_slice(&(node as u32).to_be_bytes())
}

/// What happens later.
#[derive(Debug)]
enum Later {
    Input {
        node: usize,
        input: MemberInput,
    },
    /// A message over a link, from one node to another.
    Message {
        from: usize,
        to: usize,
        message: MemberMessage,
    },
    /// A ping or dial arrives, and its answer.
    Ask {
        from: usize,
        to: usize,
        probe: ProbeId,
        accusation: Option<SignedAccusation>,
    },
    Answer {
        from: usize,
        to: usize,
        probe: ProbeId,
        answered: bool,
    },
}

/// One node.
#[derive(Debug)]
pub struct Node {
    pub members: Members,
    pub secret: SecretKey,
    /// Where it really is: the number that its address stands for.
    pub place: usize,
    /// A node that is down sends nothing and answers nothing. One that is stopped does so until it runs on.
    pub down: bool,
    pub stopped: bool,
    /// Events, with their times.
    pub events: Vec<(Time, MemberEvent)>,
    /// Statements that it signed, and that it was to keep.
    pub signed: Vec<(Time, Statement)>,
    pub kept: Vec<Statement>,
    /// Dials that it made.
    pub dials: Vec<(Time, PublicKey)>,
    /// Links that the machine wanted closed.
    pub disconnected: Vec<PeerHandle>,
    /// Bytes of statements that it sent.
    pub sent_bytes: usize,
    /// Inputs that wait while it is stopped.
    waiting: Vec<MemberInput>,
}

/// The nodes and what is between them.
#[derive(Debug)]
pub struct Mesh {
    pub now: Time,
    pub nodes: Vec<Node>,
    config: MembersConfig,
    /// By time, and in the order in which it was scheduled.
    queue: BTreeMap<(Time, u64), Later>,
    sequence: u64,
    /// The handle by which a node knows its link to another one.
    links: BTreeMap<(usize, usize), PeerHandle>,
    next_link: u32,
    /// Pairs between which nothing passes, in this direction.
    cut: BTreeSet<(usize, usize)>,
}

impl Mesh {
    /// This number of nodes without links.
    pub fn new(config: MembersConfig, nodes: usize) -> Self {
        let mut mesh = Self {
            now: Time::from_micros(1_000_000),
            nodes: Vec::new(),
            config,
            queue: BTreeMap::new(),
            sequence: 0,
            links: BTreeMap::new(),
            next_link: 0,
            cut: BTreeSet::new(),
        };
        for number in 0..nodes {
            mesh.add(number as u32, vec![]);
        }
        mesh
    }

    /// Nodes that are all linked with each other.
    pub fn full(config: MembersConfig, nodes: usize) -> Self {
        let mut mesh = Self::new(config, nodes);
        for one in 0..nodes {
            for other in 0..one {
                mesh.link(one, other);
            }
        }
        mesh
    }

    /// Nodes in a ring, each linked with the next ones.
    pub fn ring(config: MembersConfig, nodes: usize, reach: usize) -> Self {
        let mut mesh = Self::new(config, nodes);
        for one in 0..nodes {
            for step in 1..=reach {
                mesh.link(one, (one + step) % nodes);
            }
        }
        mesh
    }

    /// Adds a node with the key of this number, and returns its place.
    pub fn add(&mut self, key: u32, kept: Vec<Statement>) -> usize {
        let place = self.nodes.len();
        let secret = secret(key);
        let mut seed = [0; 32];
        seed[..8].copy_from_slice(&(place as u64 + 1).to_be_bytes());
        let identity = Identity {
            key: secret.public(),
            instance: Instance((place as u64 + 1).to_be_bytes()),
            version: 2,
            agent: "test".into(),
            reach: Reach::Addresses(vec![address(place)]),
            kept,
        };
        let members = Members::new(self.config, identity, seed);
        self.nodes.push(Node {
            members,
            secret,
            place,
            down: false,
            stopped: false,
            events: vec![],
            signed: vec![],
            kept: vec![],
            dials: vec![],
            disconnected: vec![],
            sent_bytes: 0,
            waiting: vec![],
        });
        self.input(place, MemberInput::Timeout);
        place
    }

    pub fn key(&self, node: usize) -> PublicKey {
        self.nodes[node].secret.public()
    }

    /// Opens a link between two nodes, each in an address group of its own.
    pub fn link(&mut self, one: usize, other: usize) {
        if self.links.contains_key(&(one, other)) {
            return;
        }
        for (node, peer) in [(one, other), (other, one)] {
            let link = PeerHandle(self.next_link);
            self.next_link += 1;
            self.links.insert((node, peer), link);
            let group = Some(AddressGroup(peer as u64));
            let key = self.key(peer);
            self.input(node, MemberInput::LinkUp { link, key, group });
        }
    }

    /// Closes the link between two nodes.
    pub fn unlink(&mut self, one: usize, other: usize) {
        for (node, peer) in [(one, other), (other, one)] {
            if let Some(link) = self.links.remove(&(node, peer)) {
                self.input(node, MemberInput::LinkDown { link });
            }
        }
    }

    /// Closes all links of a node.
    pub fn isolate(&mut self, node: usize) {
        for peer in 0..self.nodes.len() {
            self.unlink(node, peer);
        }
    }

    pub fn are_linked(&self, one: usize, other: usize) -> bool {
        self.links.contains_key(&(one, other))
    }

    /// Lets nothing pass between two nodes any more. Their link stays, and is silent.
    pub fn cut(&mut self, one: usize, other: usize) {
        self.cut.extend([(one, other), (other, one)]);
    }

    pub fn heal(&mut self, one: usize, other: usize) {
        self.cut.remove(&(one, other));
        self.cut.remove(&(other, one));
    }

    /// A node dies without a word. Its links are closed by the others at once, as TCP does when a process ends.
    pub fn kill(&mut self, node: usize) {
        self.nodes[node].down = true;
        self.isolate(node);
    }

    /// A node stops running for a while. What arrives waits.
    pub fn stop(&mut self, node: usize) {
        self.nodes[node].stopped = true;
    }

    /// It runs on: first its timer, then what waited.
    pub fn go_on(&mut self, node: usize) {
        self.nodes[node].stopped = false;
        self.input(node, MemberInput::Timeout);
        for input in std::mem::take(&mut self.nodes[node].waiting) {
            self.input(node, input);
        }
    }

    pub fn wall_ms(&self) -> u64 {
        EPOCH_MS + self.now.as_micros() / 1_000
    }

    /// Runs until this span has passed.
    pub fn run(&mut self, span: Duration) {
        let until = self.now + span;
        loop {
            let timer = self.next_timer();
            let queued = self.queue.first_key_value().map(|((at, _), _)| *at);
            let Some(at) = [timer.map(|(at, _)| at), queued].into_iter().flatten().min() else { break };
            if at > until {
                break;
            }
            self.now = self.now.max(at);
            match queued.filter(|queued| *queued <= at) {
                Some(_) => {
                    let (_, what) = self.queue.pop_first().expect("it was there");
                    self.happen(what);
                }
                None => {
                    let (_, node) = timer.expect("nothing else is due");
                    self.input(node, MemberInput::Timeout);
                    let next = self.nodes[node].members.poll_timeout(self.now);
                    assert!(next.is_none_or(|next| next > self.now), "node {node} wants to be woken without end");
                }
            }
        }
        self.now = until;
    }

    pub fn secs(&mut self, secs: u64) {
        self.run(Duration::from_secs(secs));
    }

    /// Gives a node an input now, and carries out what it wants.
    pub fn input(&mut self, node: usize, input: MemberInput) {
        if self.nodes[node].down {
            return;
        }
        if self.nodes[node].stopped {
            return self.nodes[node].waiting.push(input);
        }
        let (now, wall_ms) = (self.now, self.wall_ms());
        self.nodes[node].members.handle(now, wall_ms, input);
        self.drain(node);
    }

    /// Sets an entry of a node.
    pub fn set_entry(&mut self, node: usize, key: &str, value: &[u8]) {
        self.nodes[node].members.check_entry(key, Some(value)).expect("within bounds");
        let value = Some(Bytes::copy_from_slice(value));
        self.input(node, MemberInput::SetEntry { key: key.into(), value });
    }

    /// A peer of a test's own says something to a node over their link.
    pub fn say(&mut self, from: usize, to: usize, message: MemberMessage) {
        let link = self.links[&(to, from)];
        self.input(to, MemberInput::Received { link, message });
    }

    /// The same, and returns what the node sends back at once.
    pub fn say_and_hear(&mut self, from: usize, to: usize, message: MemberMessage) -> Vec<MemberMessage> {
        let link = self.links[&(to, from)];
        let (now, wall_ms) = (self.now, self.wall_ms());
        let members = &mut self.nodes[to].members;
        members.handle(now, wall_ms, MemberInput::Received { link, message });
        let outputs = std::iter::from_fn(|| members.poll_output());
        let sent = outputs.filter_map(|output| match output {
            MemberOutput::Send { link: to, message } if to == link => Some(message),
            _ => None,
        });
        sent.collect()
    }

    /// Sets the mode of the comparisons that a node begins.
    pub fn set_mode(&mut self, node: usize, mode: Digest) {
        self.nodes[node].members.set_push_pull_mode(mode);
    }

    /// How a node sees another one.
    pub fn sees(&self, node: usize, other: usize) -> Option<MemberState> {
        self.nodes[node].members.member(&self.key(other)).map(|member| member.state)
    }

    pub fn info(&self, node: usize, other: usize) -> MemberInfo {
        self.nodes[node].members.member(&self.key(other)).expect("a member")
    }

    /// Whether all of these nodes see each other alive.
    pub fn all_alive(&self, nodes: &[usize]) -> bool {
        let pairs = nodes.iter().flat_map(|one| nodes.iter().map(move |other| (*one, *other)));
        let mut seen = pairs.map(|(one, other)| self.sees(one, other));
        seen.all(|state| state == Some(MemberState::Alive))
    }

    /// How often a node was told of a change of another one.
    pub fn count(&self, node: usize, other: usize, change: MemberChange) -> usize {
        let wanted = MemberEvent { member: self.key(other), change };
        self.nodes[node].events.iter().filter(|(_, event)| *event == wanted).count()
    }

    /// Records that a node signed.
    pub fn records_signed(&self, node: usize) -> usize {
        let signed = &self.nodes[node].signed;
        signed.iter().filter(|(_, statement)| matches!(statement, Statement::Record(_))).count()
    }

    fn next_timer(&self) -> Option<(Time, usize)> {
        let awake = self.nodes.iter().enumerate().filter(|(_, node)| !node.down && !node.stopped);
        let timers = awake.filter_map(|(number, node)| Some((node.members.poll_timeout(self.now)?, number)));
        timers.min()
    }

    fn later(&mut self, delay: Duration, what: Later) {
        self.sequence += 1;
        self.queue.insert((self.now + delay, self.sequence), what);
    }

    fn drain(&mut self, node: usize) {
        while let Some(output) = self.nodes[node].members.poll_output() {
            self.carry_out(node, output);
        }
    }

    fn carry_out(&mut self, node: usize, output: MemberOutput) {
        match output {
            MemberOutput::Send { link, message } => self.send(node, link, message),
            MemberOutput::Verify { link, via, statement } => {
                let key = statement.signer().decompress();
                let good = key.is_some_and(|key| statement.verify(&key, &network()));
                let input = MemberInput::Checked { link, via, statement, good };
                self.later(Duration::from_micros(100), Later::Input { node, input });
            }
            MemberOutput::Sign(unsigned) => {
                let statement = self.sign(node, unsigned);
                self.nodes[node].signed.push((self.now, statement.clone()));
                self.later(
                    Duration::from_micros(50),
                    Later::Input { node, input: MemberInput::Signed(statement) },
                );
            }
            MemberOutput::Keep(statement) => self.nodes[node].kept.push(statement),
            MemberOutput::Ping { probe, link } => match self.peer(node, link) {
                Some(to) => self.later(DELAY, Later::Ask { from: node, to, probe, accusation: None }),
                None => {
                    self.later(DELAY, Later::Input { node, input: MemberInput::Probed { probe, answered: false } })
                }
            },
            MemberOutput::Dial { probe, record, accusation } => {
                self.nodes[node].dials.push((self.now, record.key()));
                // An answer proves the key, so another node at this address is no answer.
                let found = self.at_address(&record).filter(|to| self.key(*to) == record.key());
                match found {
                    Some(to) => {
                        self.later(DELAY, Later::Ask { from: node, to, probe, accusation });
                    }
                    None => self.later(
                        DELAY,
                        Later::Input { node, input: MemberInput::Probed { probe, answered: false } },
                    ),
                }
            }
            MemberOutput::Connect { record } => {
                if let Some(to) = self.at_address(&record).filter(|to| !self.is_cut(node, *to)) {
                    self.link(node, to);
                }
            }
            MemberOutput::Disconnect { link, .. } => self.nodes[node].disconnected.push(link),
            MemberOutput::Event(event) => self.nodes[node].events.push((self.now, event)),
        }
    }

    fn sign(&self, node: usize, unsigned: Unsigned) -> Statement {
        unsigned.sign(&self.nodes[node].secret, &network()).expect("within bounds")
    }

    fn send(&mut self, node: usize, link: PeerHandle, message: MemberMessage) {
        let Some(to) = self.peer(node, link) else { return };
        let statements = match &message {
            MemberMessage::News(statements) | MemberMessage::Wanted(statements) => statements.as_slice(),
            MemberMessage::Difference(difference) => difference.statements.as_slice(),
            _ => &[],
        };
        self.nodes[node].sent_bytes += statements.iter().map(|statement| statement.encoded_len()).sum::<usize>();
        // News crosses as bytes, so that every test also exercises the codec.
        for statement in statements {
            assert_eq!(Statement::from_bytes(&statement.to_bytes().into()).as_ref(), Ok(statement));
        }
        self.later(DELAY, Later::Message { from: node, to, message });
    }

    fn peer(&self, node: usize, link: PeerHandle) -> Option<usize> {
        let mut found = self.links.iter().filter(|((one, _), other)| *one == node && **other == link);
        found.next().map(|((_, peer), _)| *peer)
    }

    /// The node that is at an address of a record now.
    fn at_address(&self, record: &SignedRecord) -> Option<usize> {
        let addresses = record.record().addresses;
        self.nodes.iter().position(|node| addresses.contains(&address(node.place)))
    }

    fn is_cut(&self, from: usize, to: usize) -> bool {
        self.nodes[from].down || self.nodes[to].down || self.cut.contains(&(from, to))
    }

    fn happen(&mut self, what: Later) {
        match what {
            Later::Input { node, input } => self.input(node, input),
            Later::Message { from, to, message } => {
                if let Some(link) = self.links.get(&(to, from)).copied().filter(|_| !self.is_cut(from, to)) {
                    self.input(to, MemberInput::Received { link, message });
                }
            }
            Later::Ask { from, to, probe, accusation } => {
                if self.is_cut(from, to) || self.nodes[to].stopped {
                    return;
                }
                if let Some(link) = self.links.get(&(to, from)).copied() {
                    self.input(to, MemberInput::Heard { link });
                }
                if let Some(accusation) = accusation {
                    self.input(to, MemberInput::Accused(accusation));
                }
                self.later(DELAY, Later::Answer { from: to, to: from, probe, answered: true });
            }
            Later::Answer { from, to, probe, answered } => {
                if self.is_cut(from, to) {
                    return;
                }
                if let Some(link) = self.links.get(&(to, from)).copied() {
                    self.input(to, MemberInput::Heard { link });
                }
                self.input(to, MemberInput::Probed { probe, answered });
            }
        }
    }
}
