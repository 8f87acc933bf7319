//! The whole engine by operations: peers that come, say anything, and go; checks and look-ups that return late;
//! time that goes forwards and backwards.
//!
//! After each operation, every bounded structure is within its bound. Nothing is sent to a peer that is gone.
//! Every accepted item is valid and accepted once. The honest peer, which says only true things, is blamed for
//! nothing, whatever the others say.

#[path = "engine/world.rs"]
mod world;

use std::collections::{BTreeMap, BTreeSet, VecDeque};
use std::sync::Arc;

use bytes::Bytes;
use protocol::gossip::repair::sketch::{Encoder, symbols_to_bytes};
use protocol::gossip::{
    AddressGroup, AuthorTree, Config, Direction, DisconnectReason, Event, Gossip, Input, ItemId, Output,
    PeerHandle, Reconciliation, RelayPolicy, Rumor,
};
use protocol::items::block::{Block, Header, SignedHeader, transactions_root};
use protocol::items::hash::{BlockId, RouteId, RouteKind, TxId};
use protocol::items::keys::PublicKey;
use protocol::items::transaction::SignedTransaction;
use protocol::items::validator::Producers;
use protocol::items::verify::VerifyJob;
use protocol::ledger::durable::Load;
use protocol::time::{Duration, Time};
use protocol::wire::codec::{Decode as _, Encode as _};
use protocol::wire::message::{Digest, Hello, InvEntry, Lane, Message, Reconcile, Tip, TxRef};

use self::world::{World, key, spoilt_header, world};
use super::cursor::Cursor;

/// The number of peers at a time. The first one is honest.
const PEERS: usize = 5;
/// Jobs that have not returned yet. The driver would not have more for so few peers.
const JOBS_MAX: usize = 512;

struct Run<'a> {
    world: &'static World,
    cursor: Cursor<'a>,
    engine: Gossip,
    now: Time,
    /// The handle at each place.
    peers: [Option<PeerHandle>; PEERS],
    handles: u32,
    jobs: VecDeque<VerifyJob>,
    loads: VecDeque<Load>,
    undrained: Vec<(PeerHandle, Lane, usize)>,
    accepted: BTreeSet<ItemId>,
    left: BTreeMap<PeerHandle, DisconnectReason>,
}

/// Works through an input until its end.
pub fn check(input: &[u8]) {
    let mut cursor = Cursor(input);
    let relay = match cursor.below(5) {
        0 => RelayPolicy::Announce,
        1 => RelayPolicy::Flood,
        2 => RelayPolicy::Rumor(Rumor::default()),
        _ => RelayPolicy::AuthorTree(AuthorTree::default()),
    };
    let world = world();
    let producers = Producers::Allowed(Arc::new([key(200).public(), key(201).public()].into()));
    let reconciliation = Reconciliation::default();
    let config = Config { network: world.network.clone(), relay, reconciliation, producers };
    let engine = Gossip::new(config, [cursor.byte(); 32]);
    let mut run = Run {
        world,
        cursor,
        engine,
        now: Time::from_micros(1_000_000),
        peers: [None; PEERS],
        handles: 0,
        jobs: VecDeque::new(),
        loads: VecDeque::new(),
        undrained: Vec::new(),
        accepted: BTreeSet::new(),
        left: BTreeMap::new(),
    };
    while !run.cursor.is_empty() {
        run.step();
    }
    run.settle();
}

impl Run<'_> {
    fn step(&mut self) {
        match self.cursor.below(32) {
            0 | 1 => self.connect(),
            2 => {
                let place = self.cursor.below(PEERS);
                self.disconnect(place);
            }
            3 => self.expire(),
            4 => self.now = Time::from_micros(self.now.as_micros().saturating_add(self.cursor.scaled() >> 20)),
            5 => {
                self.now =
                    Time::from_micros(self.now.as_micros().saturating_add(u64::from(self.cursor.byte()) * 1_000))
            }
            6 => {
                self.now =
                    Time::from_micros(self.now.as_micros().saturating_sub(u64::from(self.cursor.byte()) * 10_000))
            }
            7..=9 => self.verdict(),
            10 => self.loaded(),
            11 => self.drained(),
            12 => self.submit(),
            13 => self.measured(),
            14..=17 => self.honest(),
            _ => self.hostile(),
        }
        self.within_bounds();
    }

    /// At the end everything returns, and time passes until nothing is left to do at once.
    fn settle(&mut self) {
        while !self.jobs.is_empty() {
            self.verdict();
        }
        while !self.loads.is_empty() {
            self.loaded();
        }
        for place in 0..PEERS {
            self.disconnect(place);
        }
        (0..32).for_each(|_| self.expire());
        self.within_bounds();
    }

    fn connect(&mut self) {
        let (place, how) = (self.cursor.below(PEERS), self.cursor.byte());
        self.disconnect(place);
        self.handles += 1;
        let peer = PeerHandle(self.handles);
        self.peers[place] = Some(peer);
        let direction = if how & 1 == 0 { Direction::Inbound } else { Direction::Outbound };
        let group = (how & 6 != 0).then_some(AddressGroup(u64::from(how >> 1 & 3)));
        self.input(Input::PeerConnected { peer, direction, group, key: None });
        // The honest peer always greets, because hardly anything is of interest without a greeting.
        if place == 0 || how & 8 == 0 {
            let mut hello = Hello::new(&self.world.network, Tip { height: 0, id: self.world.network.genesis() });
            if place > 0 && how & 16 != 0 {
                hello.tip.height = self.cursor.scaled();
            }
            self.say(place, Message::Hello(hello));
        }
    }

    fn disconnect(&mut self, place: usize) {
        if let Some(peer) = self.peers[place].take() {
            self.input(Input::PeerDisconnected { peer });
            self.undrained.retain(|(to, ..)| *to != peer);
        }
    }

    /// Time moves to the engine's deadline, and the engine handles it.
    fn expire(&mut self) {
        let Some(deadline) = self.engine.poll_timeout() else { return };
        self.now = self.now.max(deadline);
        let mut again = 0;
        while self.engine.poll_timeout().is_some_and(|deadline| deadline <= self.now) {
            self.input(Input::Timeout);
            again += 1;
            assert!(again < 100, "the deadline stands still");
        }
    }

    fn verdict(&mut self) {
        let at = self.cursor.below(self.jobs.len().min(256));
        let Some(job) = self.jobs.remove(at) else { return };
        let verdict = job.run(PublicKey::decompress);
        self.input(Input::Verified { job: job.id, verdict });
    }

    fn loaded(&mut self) {
        let Some(load) = self.loads.pop_front() else { return };
        self.input(Input::Loaded(load.nothing()));
    }

    fn drained(&mut self) {
        for (peer, lane, bytes) in std::mem::take(&mut self.undrained) {
            self.input(Input::Drained { peer, lane, bytes });
        }
    }

    fn measured(&mut self) {
        let Some(peer) = self.peers[self.cursor.below(PEERS)] else { return };
        let lowest = Duration::from_micros(self.cursor.scaled());
        self.input(Input::RoundTrip { peer, lowest });
    }

    fn submit(&mut self) {
        let input = match self.cursor.below(4) {
            0 => Input::SubmittedBlock(self.block()),
            1 => Input::ProducedBlock(self.good_block()),
            2 => Input::SubmittedTransaction(self.transaction()),
            _ => Input::SubmittedTransaction(self.good_transaction()),
        };
        self.input(input);
    }

    /// The honest peer says something true.
    fn honest(&mut self) {
        let message = match self.cursor.below(6) {
            0 => self.inv(true),
            1 => Message::Transactions {
                via: None,
                bodies: vec![self.living_transaction().encoded().clone().into()],
            },
            2 => Message::BlockHeader { header: Box::new(self.good_block().header), pushed: false },
            3 => Message::Block(self.good_block()),
            4 => self.headers(),
            _ => Message::GetHeaders(vec![self.world.network.genesis()]),
        };
        self.say(0, message);
    }

    /// Another peer says anything.
    fn hostile(&mut self) {
        let place = 1 + self.cursor.below(PEERS - 1);
        let message = match self.cursor.below(20) {
            0 => self.inv(false),
            1 => {
                let via = (self.cursor.byte() & 1 == 0).then(|| self.route());
                let bodies =
                    (0..1 + self.cursor.below(4)).map(|_| self.transaction().encoded().clone().into()).collect();
                Message::Transactions { via, bodies }
            }
            2 => Message::GetData { graft: self.cursor.byte() & 1 == 0, wanted: self.names() },
            3 => Message::NotFound { transactions: self.names(), blocks: vec![self.good_block().header.id()] },
            4 => {
                let pushed = self.cursor.byte() & 1 == 0;
                Message::BlockHeader { header: Box::new(self.block().header), pushed }
            }
            5 => Message::Block(self.block()),
            6 => Message::GetBlock { graft: self.cursor.byte() & 1 == 0, id: self.good_block().header.id() },
            7 => Message::GetHeaders((0..self.cursor.below(4)).map(|_| self.block().header.id()).collect()),
            8 => self.headers(),
            9 => {
                // A forged end after honest headers.
                let Message::Headers(mut headers) = self.headers() else { return };
                headers.extend(headers.last().copied().map(|last| self.forged_after(&last)));
                Message::Headers(headers)
            }
            10 => Message::Prune((0..self.cursor.below(4)).map(|_| self.route()).collect()),
            11 => Message::Graft((0..self.cursor.below(4)).map(|_| self.route()).collect()),
            12 => Message::Had((0..self.cursor.below(4)).map(|_| self.transaction().id().short()).collect()),
            13 => self.open(),
            14 => {
                let number = self.cursor.u32() % 4;
                let symbols = Bytes::copy_from_slice(self.cursor.take(33));
                Message::Reconcile(Box::new(Reconcile::Symbols { number, symbols }))
            }
            15 => {
                let ids = (0..self.cursor.below(6)).map(|_| self.transaction().id().short()).collect();
                Message::Reconcile(Box::new(Reconcile::Offer { number: self.cursor.u32() % 4, ids }))
            }
            16 => Message::Reconcile(Box::new(Reconcile::List { number: self.cursor.u32() % 4, after: None })),
            _ => {
                let len = usize::from(self.cursor.byte());
                let bytes = Bytes::copy_from_slice(self.cursor.take(len));
                let Ok(message) = Message::from_bytes(&bytes) else { return };
                message
            }
        };
        self.say(place, message);
    }

    fn open(&mut self) -> Message {
        let salt = [self.cursor.byte(); 16];
        let held = self.cursor.below(24);
        let ids: Vec<TxId> = self.world.transactions.iter().take(held).map(|item| item.id()).collect();
        let symbols =
            Encoder::new(salt, &ids).map(|mut set| symbols_to_bytes(set.symbols(0, 16))).unwrap_or_default();
        Message::Reconcile(Box::new(Reconcile::Open {
            number: self.cursor.u32() % 4,
            digest: Digest::PushPull,
            size: self.cursor.scaled() as u32,
            tip: Tip { height: 0, id: self.world.network.genesis() },
            salt,
            symbols: symbols.into(),
        }))
    }

    fn inv(&mut self, honest: bool) -> Message {
        let count = 1 + self.cursor.below(6);
        let entries = (0..count).map(|_| {
            let transaction = match honest {
                true => self.living_transaction(),
                false => self.transaction(),
            };
            let age_ms = if honest { 0 } else { self.cursor.scaled() as u32 };
            InvEntry { transaction: TxRef::Short(transaction.id().short()), age_ms }
        });
        Message::Inv(entries.collect())
    }

    fn names(&mut self) -> Vec<TxRef> {
        let count = self.cursor.below(5);
        let names = (0..count).map(|_| match self.cursor.byte() & 1 {
            0 => TxRef::Short(self.transaction().id().short()),
            _ => TxRef::Full(self.transaction().id()),
        });
        names.collect()
    }

    /// Headers of one branch in order, between any two places.
    fn headers(&mut self) -> Message {
        let branch = if self.cursor.byte() & 1 == 0 { 0..10 } else { 10..18 };
        let blocks = self.world.blocks.get(branch).unwrap_or_default();
        let from = self.cursor.below(blocks.len());
        let count = 1 + self.cursor.below(8);
        Message::Headers(blocks.iter().skip(from).take(count).map(|block| block.header).collect())
    }

    fn forged_after(&mut self, parent: &SignedHeader) -> SignedHeader {
        let header = Header {
            height: parent.header().height + 1,
            parent: parent.id(),
            producer: key(200).public(),
            timestamp_ms: u64::from(self.cursor.byte()),
            transactions_root: transactions_root(&[]),
            count: 0,
        };
        spoilt_header(&header.sign(&key(200), &self.world.network))
    }

    fn route(&mut self) -> RouteId {
        let kind = if self.cursor.byte() & 1 == 0 { RouteKind::Transaction } else { RouteKind::Block };
        RouteId::of(kind, &key(self.cursor.byte() % 8).public().0)
    }

    fn transaction(&mut self) -> Arc<SignedTransaction> {
        match self.cursor.byte() {
            bad @ 0..16 => self.world.forged[usize::from(bad) % self.world.forged.len()].clone(),
            good => self.world.transactions[usize::from(good) % self.world.transactions.len()].clone(),
        }
    }

    fn good_transaction(&mut self) -> Arc<SignedTransaction> {
        self.world.transactions[self.cursor.below(self.world.transactions.len())].clone()
    }

    /// A transaction that no honest node has a reason to refuse for good.
    fn living_transaction(&mut self) -> Arc<SignedTransaction> {
        self.world.transactions[self.cursor.below(24)].clone()
    }

    fn block(&mut self) -> Arc<Block> {
        match self.cursor.byte() {
            bad @ 0..24 => self.world.bad_blocks[usize::from(bad) % self.world.bad_blocks.len()].clone(),
            good => self.world.blocks[usize::from(good) % self.world.blocks.len()].clone(),
        }
    }

    fn good_block(&mut self) -> Arc<Block> {
        self.world.blocks[self.cursor.below(self.world.blocks.len())].clone()
    }

    fn say(&mut self, place: usize, message: Message) {
        if let Some(peer) = self.peers[place] {
            self.input(Input::Received { peer, message });
        }
    }

    fn input(&mut self, input: Input) {
        self.engine.handle(self.now, input);
        let mut gone = Vec::new();
        while let Some(output) = self.engine.poll_output() {
            match output {
                Output::Send { peer, lane, message } => {
                    assert!(self.peers.contains(&Some(peer)), "{peer:?} is gone");
                    self.undrained.push((peer, lane, message.encoded_len()));
                }
                Output::Verify(job) => self.jobs.push_back(job),
                Output::Load(load) => self.loads.push_back(load),
                Output::Disconnect { peer, reason } => gone.push((peer, reason)),
                Output::Event(event) => self.event(&event),
                Output::Store(_) | Output::Read { .. } | Output::Members(_) | Output::SignTicket(_) => {}
            }
        }
        assert!(self.jobs.len() <= JOBS_MAX, "{} jobs", self.jobs.len());
        for (peer, reason) in gone {
            let place = self.peers.iter().position(|handle| *handle == Some(peer));
            let place = place.unwrap_or_else(|| panic!("{peer:?} is gone already"));
            assert!(self.left.insert(peer, reason).is_none(), "{peer:?} is left twice");
            if place == 0 {
                self.blames_nobody_honest(reason);
            }
            self.disconnect(place);
        }
    }

    fn blames_nobody_honest(&self, reason: DisconnectReason) {
        let misbehaved = matches!(
            reason,
            DisconnectReason::InvalidSignature
                | DisconnectReason::InvalidBlock
                | DisconnectReason::MalformedItem
                | DisconnectReason::BrokenHeaders
                | DisconnectReason::BrokenTotals
        );
        assert!(!misbehaved, "an honest peer is left: {reason}");
    }

    fn event(&mut self, event: &Event) {
        if let Event::Accepted { item, .. } = event {
            if let ItemId::Transaction(id) = item {
                assert!(!self.world.is_forged(id), "a forged transaction was accepted");
            }
            if let ItemId::Block(id) = item {
                assert!(self.accepted.insert(ItemId::Block(*id)), "{id:?} was accepted twice");
                assert!(self.is_good(id), "{id:?} is no block of the world");
            }
        }
    }

    fn is_good(&self, id: &BlockId) -> bool {
        self.world.blocks.iter().any(|block| block.header.id() == *id)
    }

    fn within_bounds(&self) {
        self.engine.occupancy(&mut |seen| {
            assert!(seen.used <= seen.limit, "{}: {} of {}", seen.what, seen.used, seen.limit);
        });
    }
}
