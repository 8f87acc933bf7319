//! A few engines on virtual time, with links of equal delay between them, and raw peers that a test plays itself.
//! Messages cross a link as encoded bytes, so every test also exercises the codec.

mod members;

use std::collections::{BTreeMap, BTreeSet, BinaryHeap};
use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::{
    Config, Direction, DisconnectReason, Event, Gossip, Input, ItemId, Output, PeerHandle, Reconciliation,
    RelayPolicy, Submission,
};
use protocol::items::block::{Block, Header, transactions_root};
use protocol::items::hash::{BlockId, TxId};
use protocol::items::keys::{PublicKey, SecretKey};
use protocol::items::network::NetworkId;
use protocol::items::transaction::{SignedTransaction, Transaction};
use protocol::items::validator::{Producers, Validator};
use protocol::items::verify::{Verdict, VerifyJob};
use protocol::time::{Duration, Time};
use protocol::wire::codec::{Decode as _, Encode as _};
use protocol::wire::message::{Hello, Lane, Message, Tip};

use crate::kept::Kept;

pub fn network() -> NetworkId {
    "test".parse().expect("a good name")
}

pub fn key(number: u8) -> SecretKey {
    SecretKey::from_seed(&[number; 32])
}

pub fn producer() -> SecretKey {
    key(200)
}

/// Another allowed producer.
pub fn rogue() -> SecretKey {
    key(201)
}

pub fn transaction(author: u8, nonce: u64, payload_len: usize) -> Arc<SignedTransaction> {
    let transaction = Transaction {
        author: key(author).public(),
        nonce,
        valid_until: 1_000,
        payload: vec![author; payload_len].into(),
    };
    Arc::new(transaction.sign(&key(author), &network()).expect("a payload within bounds"))
}

pub fn block(parent: Tip, transactions: &[Arc<SignedTransaction>], timestamp_ms: u64) -> Arc<Block> {
    block_by(&producer(), parent, transactions, timestamp_ms)
}

pub fn block_by(
    producer: &SecretKey,
    parent: Tip,
    transactions: &[Arc<SignedTransaction>],
    timestamp_ms: u64,
) -> Arc<Block> {
    let ids: Vec<TxId> = transactions.iter().map(|transaction| transaction.id()).collect();
    let header = Header {
        height: parent.height + 1,
        parent: parent.id,
        producer: producer.public(),
        timestamp_ms,
        transactions_root: transactions_root(&ids),
        count: ids.len() as u32,
    };
    let transactions = transactions.iter().map(|transaction| transaction.encoded().clone()).collect();
    Arc::new(Block { header: header.sign(producer, &network()), transactions })
}

pub fn tip_of(block: &Block) -> Tip {
    Tip { height: block.header.header().height, id: block.header.id() }
}

pub fn genesis() -> Tip {
    Tip { height: 0, id: network().genesis() }
}

/// A message on its way, or something else that happens later.
#[derive(Debug)]
enum Later {
    Frame { node: usize, from: PeerHandle, bytes: Bytes },
    Input { node: usize, input: Input },
}

#[derive(Debug)]
struct Scheduled {
    at: Time,
    sequence: u64,
    what: Later,
}

/// All events of a mesh, for tests that compare or inspect.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sent {
    pub at: Time,
    pub node: usize,
    pub to: PeerHandle,
    pub lane: Lane,
    pub bytes: Bytes,
}

/// How signatures are checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checking {
    /// They are really checked, in 100 microseconds.
    Real,
    /// They are not checked, and all count as good. For tests that need tens of thousands.
    Assumed,
    /// They are not checked yet. The jobs wait in [`Mesh::jobs`].
    Held,
}

pub struct Mesh {
    config: Config,
    pub now: Time,
    pub latency: Duration,
    pub nodes: Vec<Gossip>,
    pub events: Vec<Vec<Event>>,
    pub sent: Vec<Sent>,
    /// All messages, in order: node, its peer, whether the node sent it, and the message.
    pub traffic: Vec<(usize, PeerHandle, bool, Bytes)>,
    pub disconnects: Vec<(usize, PeerHandle, DisconnectReason)>,
    pub reads: Vec<(usize, PeerHandle, bool)>,
    /// Whether queued bytes leave at once. If not, a test drains by hand.
    pub draining: bool,
    /// How signature checks are handled.
    pub checking: Checking,
    /// Jobs that wait, with [`Checking::Held`].
    pub jobs: Vec<VerifyJob>,
    /// The number of signatures to check, of all nodes.
    pub signatures: usize,
    /// Whether durable storage answers.
    pub loading: bool,
    /// The contents of each node's durable storage.
    pub kept: Vec<Kept>,
    /// The highest use of each bounded structure, if that is watched. No bound may be passed then.
    pub fullest: Option<BTreeMap<&'static str, usize>>,
    /// What the nodes' machines of members wanted.
    pub wanted: members::Wanted,
    /// Whether the engines take part in membership.
    members: bool,
    /// Nodes that send and answer nothing.
    silent: BTreeSet<usize>,
    /// The validators of nodes that have their own.
    rules: BTreeMap<usize, Arc<dyn Validator>>,
    links: BTreeMap<(usize, PeerHandle), Option<(usize, PeerHandle)>>,
    inboxes: BTreeMap<(usize, PeerHandle), Vec<Message>>,
    queue: BinaryHeap<Scheduled>,
    sequence: u64,
    next_peer: u32,
}

impl Mesh {
    pub fn new(count: usize, relay: RelayPolicy) -> Self {
        Self::with_seed(count, relay, 1)
    }

    pub fn with_seed(count: usize, relay: RelayPolicy, seed: u8) -> Self {
        Self::reconciling(count, relay, Reconciliation::OFF, seed)
    }

    pub fn reconciling(count: usize, relay: RelayPolicy, reconciliation: Reconciliation, seed: u8) -> Self {
        let producers = Producers::Allowed(Arc::new([producer().public(), rogue().public()].into()));
        let config = Config { network: network(), relay, reconciliation, producers };
        let node = |number: usize| {
            let mut bytes = [seed; 32];
            bytes[0] = number as u8;
            Gossip::new(config.clone(), bytes)
        };
        let nodes = (0..count).map(node).collect();
        Self {
            config,
            now: Time::from_micros(1_000_000),
            latency: Duration::from_millis(10),
            nodes,
            events: vec![Vec::new(); count],
            sent: Vec::new(),
            traffic: Vec::new(),
            disconnects: Vec::new(),
            reads: Vec::new(),
            draining: true,
            checking: Checking::Real,
            jobs: Vec::new(),
            signatures: 0,
            loading: true,
            kept: (0..count).map(|_| Kept::default()).collect(),
            fullest: None,
            wanted: members::Wanted::default(),
            members: false,
            silent: BTreeSet::new(),
            rules: BTreeMap::new(),
            links: BTreeMap::new(),
            inboxes: BTreeMap::new(),
            queue: BinaryHeap::new(),
            sequence: 0,
            next_peer: 0,
        }
    }

    /// Joins two nodes; `a` dials. Returns each one's handle for the other.
    pub fn connect(&mut self, a: usize, b: usize) -> (PeerHandle, PeerHandle) {
        let (at_a, at_b) = (self.handle(), self.handle());
        self.links.insert((a, at_a), Some((b, at_b)));
        self.links.insert((b, at_b), Some((a, at_a)));
        self.input(
            a,
            Input::PeerConnected { peer: at_a, direction: Direction::Outbound, group: None, key: self.proved(b) },
        );
        self.input(
            b,
            Input::PeerConnected { peer: at_b, direction: Direction::Inbound, group: None, key: self.proved(a) },
        );
        (at_a, at_b)
    }

    /// A ring with chords: every node dials the next ones at distances 1, 2 and 5.
    pub fn connect_all(&mut self) {
        let count = self.nodes.len();
        for node in 0..count {
            for distance in [1, 2, 5] {
                let other = (node + distance) % count;
                if other != node && count > 2 * distance {
                    self.connect(node, other);
                }
            }
        }
    }

    /// A peer of `node` that the test plays. It has not sent Hello.
    pub fn raw(&mut self, node: usize, direction: Direction) -> PeerHandle {
        let peer = self.handle();
        self.links.insert((node, peer), None);
        self.input(node, Input::PeerConnected { peer, direction, group: None, key: None });
        peer
    }

    /// A raw peer whose connection has proved a key.
    pub fn raw_with_key(&mut self, node: usize, key: PublicKey) -> PeerHandle {
        let peer = self.handle();
        self.links.insert((node, peer), None);
        let direction = Direction::Inbound;
        self.input(node, Input::PeerConnected { peer, direction, group: None, key: Some(key) });
        peer
    }

    /// A raw peer that has sent Hello.
    pub fn greeted(&mut self, node: usize) -> PeerHandle {
        let peer = self.raw(node, Direction::Inbound);
        self.say(node, peer, Message::Hello(Hello::new(&network(), genesis())));
        self.heard(node, peer);
        peer
    }

    /// A raw peer of an address group that has sent Hello.
    pub fn greeted_in(&mut self, node: usize, group: u64) -> PeerHandle {
        let peer = self.handle();
        self.links.insert((node, peer), None);
        let group = Some(protocol::gossip::AddressGroup(group));
        self.input(node, Input::PeerConnected { peer, direction: Direction::Inbound, group, key: None });
        self.say(node, peer, Message::Hello(Hello::new(&network(), genesis())));
        self.heard(node, peer);
        peer
    }

    /// Sends a message from a raw peer at once.
    pub fn say(&mut self, node: usize, from: PeerHandle, message: Message) {
        let bytes = Bytes::from(message.to_bytes());
        self.receive(node, from, &bytes);
    }

    /// The messages that a raw peer has received since the last call.
    pub fn heard(&mut self, node: usize, peer: PeerHandle) -> Vec<Message> {
        self.inboxes.remove(&(node, peer)).unwrap_or_default()
    }

    pub fn submit(&mut self, node: usize, transaction: &Arc<SignedTransaction>) {
        self.input(node, Input::SubmittedTransaction(transaction.clone()));
    }

    pub fn publish(&mut self, node: usize, block: &Arc<Block>) {
        self.input(node, Input::SubmittedBlock(block.clone()));
    }

    /// Ends a node and starts it again from its stored data. It has no peers then.
    pub fn restart(&mut self, node: usize) {
        self.links.retain(|(at, _), to| *at != node && to.is_none_or(|(to, _)| to != node));
        // Answers to the old engine's questions must not reach the new one.
        self.queue.retain(|scheduled| !matches!(scheduled.what, Later::Input { node: of, .. } if of == node));
        let mut seed = [9; 32];
        seed[0] = u8::try_from(node).expect("few");
        self.nodes[node] = match self.rules.get(&node) {
            Some(rules) => Gossip::with_validator(self.config.clone(), seed, rules.clone()),
            None => Gossip::new(self.config.clone(), seed),
        };
        let restored = self.kept[node].restored();
        self.nodes[node].restore(self.now, restored).expect("it was kept by a node");
        self.drain(node);
    }

    /// Gives a node its own validator, and restarts it with it.
    pub fn rule(&mut self, node: usize, rules: Arc<dyn Validator>) {
        self.rules.insert(node, rules);
        self.restart(node);
    }

    /// Feeds an input and drains the outputs.
    pub fn input(&mut self, node: usize, input: Input) {
        self.nodes[node].handle(self.now, input);
        self.watch(node);
        self.drain(node);
    }

    /// Feeds several inputs as one, and drains the outputs.
    pub fn input_all(&mut self, node: usize, inputs: Vec<Input>) {
        self.nodes[node].handle_all(self.now, inputs);
        self.watch(node);
        self.drain(node);
    }

    fn drain(&mut self, node: usize) {
        while let Some(output) = self.nodes[node].poll_output() {
            self.output(node, output);
        }
    }

    /// Checks how full every structure is, before the outputs are taken.
    fn watch(&mut self, node: usize) {
        let Some(fullest) = &mut self.fullest else { return };
        self.nodes[node].occupancy(&mut |seen| {
            assert!(seen.used <= seen.limit, "{seen:?}");
            let most = fullest.entry(seen.what).or_default();
            *most = seen.used.max(*most);
        });
    }

    /// Lets `span` pass.
    pub fn run_for(&mut self, span: Duration) {
        let end = self.now + span;
        loop {
            let deadlines = self.nodes.iter().enumerate();
            let deadline = deadlines.filter_map(|(node, gossip)| Some((gossip.poll_timeout()?, node))).min();
            let next = self.queue.peek().map(|scheduled| scheduled.at);
            match (deadline, next) {
                (Some((at, node)), _) if at <= end && next.is_none_or(|next| at <= next) => {
                    self.now = self.now.max(at);
                    self.input(node, Input::Timeout);
                }
                (_, Some(at)) if at <= end => {
                    let scheduled = self.queue.pop().expect("just peeked at");
                    self.now = self.now.max(scheduled.at);
                    match scheduled.what {
                        Later::Frame { node, from, bytes } => self.receive(node, from, &bytes),
                        Later::Input { node, input } => self.input(node, input),
                    }
                }
                _ => break,
            }
        }
        self.now = end;
    }

    pub fn run_secs(&mut self, secs: u64) {
        self.run_for(Duration::from_secs(secs));
    }

    pub fn accepted(&self, node: usize, item: ItemId) -> bool {
        self.events[node]
            .iter()
            .any(|event| matches!(event, Event::Accepted { item: found, .. } if *found == item))
    }

    pub fn submission(&self, node: usize, item: ItemId) -> Option<Submission> {
        self.events[node].iter().find_map(|event| match event {
            Event::Submitted { item: found, result: Ok(submission) } if *found == item => Some(*submission),
            _ => None,
        })
    }

    pub fn nodes_with(&self, item: ItemId) -> usize {
        (0..self.nodes.len()).filter(|node| self.accepted(*node, item)).count()
    }

    pub fn disconnected(&self, node: usize, peer: PeerHandle) -> Option<DisconnectReason> {
        self.disconnects.iter().find(|entry| (entry.0, entry.1) == (node, peer)).map(|entry| entry.2)
    }

    /// The messages that were sent, decoded.
    pub fn conversation(&self) -> impl Iterator<Item = (&Sent, Message)> {
        self.sent.iter().map(|sent| (sent, Message::from_bytes(&sent.bytes).expect("our own encoding")))
    }

    fn handle(&mut self) -> PeerHandle {
        self.next_peer += 1;
        PeerHandle(self.next_peer)
    }

    fn receive(&mut self, node: usize, from: PeerHandle, bytes: &Bytes) {
        if !self.silent.contains(&node) && self.links.contains_key(&(node, from)) {
            let message = Message::from_bytes(bytes).expect("an encoding of ours");
            self.traffic.push((node, from, false, bytes.clone()));
            self.input(node, Input::Received { peer: from, message });
        }
    }

    fn later(&mut self, delay: Duration, what: Later) {
        self.sequence += 1;
        self.queue.push(Scheduled { at: self.now + delay, sequence: self.sequence, what });
    }

    fn output(&mut self, node: usize, output: Output) {
        match output {
            Output::Send { peer, lane, message } => {
                let bytes = Bytes::from(message.to_bytes());
                self.traffic.push((node, peer, true, bytes.clone()));
                self.sent.push(Sent { at: self.now, node, to: peer, lane, bytes: bytes.clone() });
                if self.draining {
                    let drained = Input::Drained { peer, lane, bytes: bytes.len() };
                    self.later(Duration::ZERO, Later::Input { node, input: drained });
                }
                match self.links.get(&(node, peer)).filter(|_| !self.silent.contains(&node)) {
                    Some(Some((to, handle))) => {
                        let (to, handle) = (*to, *handle);
                        self.later(self.latency, Later::Frame { node: to, from: handle, bytes });
                    }
                    Some(None) => self.inboxes.entry((node, peer)).or_default().push(message),
                    None => {}
                }
            }
            Output::Verify(job) if self.checking == Checking::Held => {
                self.signatures += job.signatures();
                self.jobs.push(job);
            }
            Output::Verify(job) => {
                self.signatures += job.signatures();
                let verdict = match self.checking {
                    Checking::Assumed => Verdict::Valid,
                    _ => job.run(PublicKey::decompress),
                };
                let verified = Input::Verified { job: job.id, verdict };
                self.later(Duration::from_micros(100), Later::Input { node, input: verified });
            }
            Output::Disconnect { peer, reason } => {
                self.disconnects.push((node, peer, reason));
                if let Some(Some((other, handle))) = self.links.remove(&(node, peer)) {
                    self.links.remove(&(other, handle));
                    let gone = Input::PeerDisconnected { peer: handle };
                    self.later(self.latency, Later::Input { node: other, input: gone });
                }
                self.later(Duration::ZERO, Later::Input { node, input: Input::PeerDisconnected { peer } });
            }
            Output::Store(record) => self.kept[node].keep(record),
            Output::Load(load) => {
                let loaded = Input::Loaded(self.kept[node].load(&load));
                if self.loading {
                    self.later(Duration::from_micros(100), Later::Input { node, input: loaded });
                }
            }
            Output::Read { peer, allowed } => self.reads.push((node, peer, allowed)),
            Output::Event(event) => self.events[node].push(event),
            Output::Members(output) => self.member_output(node, *output),
            Output::SignTicket(epoch) => self.sign_ticket(node, epoch),
        }
    }
}

pub fn tx(transaction: &SignedTransaction) -> ItemId {
    ItemId::Transaction(transaction.id())
}

pub fn block_item(id: BlockId) -> ItemId {
    ItemId::Block(id)
}

impl PartialEq for Scheduled {
    fn eq(&self, other: &Self) -> bool {
        self.sequence == other.sequence
    }
}

impl Eq for Scheduled {}

impl PartialOrd for Scheduled {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Scheduled {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (other.at, other.sequence).cmp(&(self.at, self.sequence))
    }
}
