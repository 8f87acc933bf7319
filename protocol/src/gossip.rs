//! The engine: inputs go in through [`Gossip::handle`], outputs come out of [`Gossip::poll_output`], and one
//! deadline leaves through [`Gossip::poll_timeout`].
//!
//! **The drain rule**: after every input, call `poll_output` until it returns `None` before the next input.
//!
//! This file owns the machines and what they share, dispatches inputs, and settles what became due. Each folder
//! below decides for its part: `links` (one peer), `intake` (from a body to a verdict), `relay` (which peers to
//! push to), `fetch` (which peers to ask), `sync` (headers and blocks), `repair` (what relay did not bring),
//! `members` (who is alive) and `aggregate` (numbers over all members). The state of a machine
//! is private to its folder. An item that arrives goes through the cheapest steps first: decode, hash,
//! compare with what was seen before, the sender's budget, signature, validator, accept, relay.

pub mod aggregate;
mod api;
pub mod fetch;
mod intake;
pub mod inventory;
pub(crate) mod limits;
mod links;
pub mod members;
mod occupancy;
mod relay;
pub mod repair;
mod sync;

use alloc::boxed::Box;
use alloc::collections::VecDeque;
use alloc::sync::Arc;
use alloc::vec::Vec;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use self::aggregate::running::Aggregates;
pub use self::api::{
    AddressGroup, ArrivalCause, ArrivalWay, Direction, DisconnectReason, Event, Input, ItemId, MempoolInfo,
    Output, PeerHandle, PeerInfo, Refusal, Stats, Submission, SyncInfo, TransactionStatus,
};
use self::fetch::debts::Owed;
use self::fetch::lengths::Lengths;
use self::fetch::request::RequestTracker;
use self::intake::acknowledged::Acknowledged;
use self::intake::betrayals::Betrayals;
use self::intake::checks::Checks;
use self::intake::first::Firsts;
use self::inventory::Inventory;
use self::links::cost::cost;
use self::links::peer::Peer;
use self::links::peers::Peers;
use self::members::Membership;
#[cfg(feature = "simulator")]
pub use self::occupancy::Ahead;
pub use self::occupancy::room::{self, Room};
pub use self::occupancy::{Occupancy, bounds};
use self::relay::Relay;
pub use self::relay::policy::{
    AuthorTree, Digest, Reconciliation, Redundancy, RelayPolicy, RelayPolicyError, Rumor,
};
use self::repair::conversations::Conversations;
use self::sync::behind::Watch;
pub use self::sync::behind::{Behind, Cause, Hold};
use self::sync::blocks::Vouched;
use self::sync::catch_up::CatchUp;
use self::sync::evidence::Evidence;
use self::sync::loads::Loads;
use crate::items::block::Block;
pub use crate::items::equivocation::Equivocation;
use crate::items::hash::{BlockId, TxId};
use crate::items::network::NetworkId;
use crate::items::transaction::Height;
use crate::items::validator::{Producers, StandardValidator, Validator};
use crate::ledger::chain::Chain;
use crate::ledger::mempool::Mempool;
use crate::ledger::orphan::OrphanPool;
use crate::limits::{ACKNOWLEDGED_MAX, CHECK_BYTES_PER_PEER_MAX, CHECKS_PER_PEER_MAX, FILTER_BYTES_MAX};
use crate::seeded::SeededState;
use crate::time::Time;
use crate::wire::message::{Message, Tip};

/// What an engine is told once, at its start.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network it belongs to.
    pub network: NetworkId,
    /// How it relays.
    pub relay: RelayPolicy,
    /// How it reconciles.
    pub reconciliation: Reconciliation,
    /// The producers whose blocks it accepts from the network.
    pub producers: Producers,
}

/// The engine. See the module's head for how to drive it.
#[derive(Debug)]
pub struct Gossip {
    config: Config,
    validator: Arc<dyn Validator>,
    hasher: SeededState,
    peers: Peers,
    requests: RequestTracker,
    inventory: Inventory,
    mempool: Mempool,
    chain: Chain,
    orphans: OrphanPool,
    loads: Loads,
    watch: Watch,
    acknowledged: Acknowledged,
    evidence: Evidence,
    firsts: Firsts,
    conversations: Conversations,
    relay: Relay,
    /// Random numbers. Each end of a link draws its own, so that both ends don't send at the same moment.
    chance: ChaCha8Rng,
    checks: Checks,
    betrayals: Betrayals,
    catching_up: CatchUp,
    lengths: Lengths,
    /// `None` if the node takes no part in membership.
    membership: Option<Box<Membership>>,
    /// `None` if the node takes part in no aggregate over links.
    aggregates: Option<Box<Aggregates>>,
    outputs: VecDeque<Output>,
    /// Calls of [`Gossip::handle`] and [`Gossip::handle_all`] until now.
    calls: u64,
    stats: Stats,
}

impl Gossip {
    /// An engine with the standard rules. All chance comes from `seed`.
    #[must_use]
    pub fn new(config: Config, seed: [u8; 32]) -> Self {
        let validator = StandardValidator::new(config.producers.clone());
        Self::with_validator(config, seed, Arc::new(validator))
    }

    /// The same engine with other room for what it remembers. Call this before the first input, and before
    /// [`Gossip::restore`]. [`Gossip::occupancy`] still reports the protocol's limits.
    #[must_use]
    pub fn with_room(mut self, room: &Room) -> Self {
        self.mempool = Mempool::new(room.mempool_bytes);
        self.chain = Chain::with_limits(self.config.network.genesis(), room.chain);
        self.inventory = Inventory::with_limits(self.hasher.clone(), room.ids);
        self.orphans = OrphanPool::with_size(room.orphan_bytes);
        self.firsts = Firsts::new(&self.hasher, room.filter_bytes);
        self.acknowledged = Acknowledged::with_size(room.acknowledged);
        self
    }

    /// Swaps the buffer of outputs for another one. A caller may do so before and after an input in place of
    /// [`Gossip::poll_output`]. Both times, the buffer that goes in must be empty, and the outputs are in the buffer
    /// that comes out after the input. So a simulator lends thousands of engines one buffer in turn. Otherwise each
    /// would keep its own, of some 900 bytes, for its next input.
    #[cfg(feature = "simulator")]
    pub const fn swap_outputs(&mut self, outputs: &mut VecDeque<Output>) {
        core::mem::swap(&mut self.outputs, outputs);
    }

    /// An engine with a chain's own rules.
    #[must_use]
    pub fn with_validator(config: Config, seed: [u8; 32], validator: Arc<dyn Validator>) -> Self {
        let mut rng = ChaCha8Rng::from_seed(seed);
        let hasher = SeededState::draw(&mut rng);
        let mut tracker_seed = [0; 32];
        rng.fill_bytes(&mut tracker_seed);
        let mut rumor_seed = [0; 32];
        rng.fill_bytes(&mut rumor_seed);
        let mut route_seed = [0; 32];
        rng.fill_bytes(&mut route_seed);
        let relay = Relay::new(config.relay, &hasher, rumor_seed, route_seed);
        Self {
            validator,
            peers: Peers::default(),
            requests: RequestTracker::new(tracker_seed),
            inventory: Inventory::new(hasher.clone()),
            mempool: Mempool::default(),
            chain: Chain::new(config.network.genesis()),
            orphans: OrphanPool::new(),
            loads: Loads::default(),
            watch: Watch::default(),
            acknowledged: Acknowledged::with_size(ACKNOWLEDGED_MAX),
            evidence: Evidence::default(),
            firsts: Firsts::new(&hasher, FILTER_BYTES_MAX),
            conversations: Conversations::default(),
            relay,
            chance: rng,
            checks: Checks::default(),
            betrayals: Betrayals::new(hasher.clone()),
            catching_up: CatchUp::default(),
            lengths: Lengths::default(),
            membership: None,
            aggregates: None,
            outputs: VecDeque::new(),
            calls: 0,
            stats: Stats::default(),
            hasher,
            config,
        }
    }

    /// Takes one input. Drain [`Gossip::poll_output`] before the next call. Time may stand still or jump back.
    /// Nothing breaks then, but deadlines wait for the clock to catch up.
    pub fn handle(&mut self, now: Time, input: Input) {
        self.handle_all(now, core::iter::once(input));
    }

    /// Takes several inputs of the same moment, in their order, as if they were one. Due work is done once, after
    /// the last input. Transactions that are pushed to the same peer leave in one message.
    ///
    /// A busy driver saves most of the cost of small inputs with this. Give it some dozens of inputs at most,
    /// because the outputs of all of them are held until they are drained.
    pub fn handle_all(&mut self, now: Time, inputs: impl IntoIterator<Item = Input>) {
        debug_assert!(self.outputs.is_empty(), "the outputs of the last input are to be drained first");
        self.calls = self.calls.wrapping_add(1);
        for input in inputs {
            self.take_input(now, input);
        }
        self.settle(now);
    }

    /// The next output, or `None` when the last input is done.
    #[must_use]
    pub fn poll_output(&mut self) -> Option<Output> {
        let output = self.outputs.pop_front();
        if output.is_none() {
            // The next outputs start at the front again, in memory that is already in the cache.
            self.outputs.clear();
        }
        output
    }

    /// When the engine needs [`Input::Timeout`] next.
    #[must_use]
    pub fn poll_timeout(&self) -> Option<Time> {
        let fetching = Time::earlier(self.catching_up.next_deadline(), self.requests.next_deadline());
        let passing_on = Time::earlier(self.relay.next_deadline(), self.conversations.next_deadline());
        let others = Time::earlier(self.orphans.next_deadline(), Time::earlier(fetching, passing_on));
        let machines = Time::earlier(self.members_deadline(), self.aggregates_deadline());
        let peers = Time::earlier(self.peers.next_deadline(), machines);
        Time::earlier(peers, others)
    }

    /// The end of the best chain.
    #[must_use]
    pub fn tip(&self) -> Tip {
        self.chain.tip()
    }

    /// How far this node is behind what its peers told it.
    #[must_use]
    pub fn sync(&self) -> SyncInfo {
        let told = self.peers.iter().filter_map(|(_, peer)| peer.chain.tip());
        SyncInfo {
            tip: self.chain.tip().height,
            best_header: self.chain.best_header().height,
            best_peer: told.map(|tip| tip.height).max().unwrap_or_default(),
        }
    }

    /// The lowest height from which on every body of the best chain is kept, in memory or durable storage.
    #[must_use]
    pub const fn kept_from(&self) -> Height {
        self.loads.kept_from()
    }

    /// How full the mempool is.
    #[must_use]
    pub fn mempool(&self) -> MempoolInfo {
        MempoolInfo { transactions: self.mempool.len(), bytes: self.mempool.bytes() }
    }

    /// What is known of a transaction.
    #[must_use]
    pub fn transaction(&self, id: &TxId) -> Option<TransactionStatus> {
        if let Some(transaction) = self.mempool.get(id) {
            return Some(TransactionStatus::Pending(transaction.clone()));
        }
        let (height, block) = self.chain.confirmed(id)?;
        let transaction = self.chain.transaction_in(&block, id);
        let known_as_first = self.is_known_as_first(height);
        Some(TransactionStatus::Confirmed { block, height, known_as_first, transaction })
    }

    /// A block whose body is in memory. Durable storage may have older ones.
    #[must_use]
    pub fn block(&self, id: &BlockId) -> Option<Arc<Block>> {
        self.chain.body(id)
    }

    /// What is known of a peer.
    #[must_use]
    pub fn peer(&self, handle: PeerHandle) -> Option<PeerInfo> {
        let peer = self.peers.get(&handle)?;
        Some(PeerInfo {
            direction: peer.direction,
            ready: peer.ready,
            tip: peer.chain.tip(),
            delivered: peer.delivered,
            first_transaction: peer.first_transaction,
            first_block: peer.first_block,
            strikes: self.requests.strikes(handle),
            response: self.requests.response(handle),
        })
    }

    /// Counters since the start.
    #[must_use]
    pub const fn stats(&self) -> Stats {
        self.stats
    }

    /// Dispatches an input to the machine that it concerns.
    fn take_input(&mut self, now: Time, input: Input) {
        match input {
            Input::PeerConnected { peer, direction, group, key } => {
                self.on_connected(now, peer, direction, group);
                self.meet_member(peer, key, group);
            }
            Input::PeerDisconnected { peer } => self.drop_peer(now, peer),
            Input::Received { peer, message } => self.on_message(now, peer, message),
            Input::SubmittedTransaction(transaction) => self.on_submitted_transaction(now, &transaction),
            Input::SubmittedBlock(block) => self.on_submitted_block(now, &block, Vouched::No),
            Input::ProducedBlock(block) => self.on_submitted_block(now, &block, Vouched::Yes),
            Input::Verified { job, verdict } => self.on_verified(now, job, verdict),
            Input::Loaded(loaded) => self.on_loaded(now, loaded),
            Input::Pruned { kept_from } => self.loads.pruned(kept_from),
            Input::Drained { peer, lane, bytes } => {
                if let Some(peer) = self.peers.get_mut(&peer) {
                    peer.credit.refill(lane, bytes);
                }
            }
            Input::RoundTrip { peer, lowest } => self.requests.measured(peer, lowest),
            Input::WallClock { ms } => self.set_wall_clock(now, ms),
            Input::Members(input) => self.on_members_input(now, *input),
            Input::SignedTicket { epoch, ticket } => self.on_signed_ticket(&epoch, &ticket),
            Input::Timeout => {}
        }
    }

    /// Dispatches a message to the machine that it concerns. The machine decides what the message means.
    fn on_message(&mut self, now: Time, from: PeerHandle, message: Message) {
        self.hear_member(now, from);
        let Some(peer) = self.peers.get_mut(&from) else { return };
        peer.budget.spend(now, cost(&message));
        match (peer.ready, message) {
            (false, Message::Hello(hello)) => self.on_hello(now, from, &hello),
            (true, Message::Hello(_)) => self.disconnect(now, from, DisconnectReason::SecondHello),
            (true, Message::Inv(entries)) => self.on_inv(now, from, &entries),
            (true, Message::GetData { graft, wanted }) => {
                self.on_wanted(from, graft, &wanted);
                self.owe(now, from, wanted.into_iter().map(Owed::Transaction));
            }
            (true, Message::NotFound { transactions, blocks }) => {
                self.on_not_found(now, from, transactions, blocks)
            }
            (true, Message::Transactions { via, bodies }) => self.on_transactions(now, from, via, bodies),
            (true, Message::Prune(routes)) => self.on_prune(from, &routes),
            (true, Message::Graft(routes)) => self.on_graft(from, &routes),
            (true, Message::BlockHeader { header, pushed }) => self.on_block_header(now, from, &header, pushed),
            (true, Message::GetBlock { graft, id }) => {
                self.on_block_wanted(from, graft, &id);
                self.owe(now, from, core::iter::once(Owed::Block(id)));
            }
            (true, Message::Block(block)) => self.on_block(now, from, &block),
            (true, Message::GetHeaders(locator)) => self.on_headers_wanted(from, locator),
            (true, Message::Headers(headers)) => self.on_headers(now, from, &headers),
            (true, Message::Had(ids)) => self.on_had(from, &ids),
            (true, Message::Reconcile(message)) => self.on_reconcile(now, from, *message),
            (true, Message::Members(message)) => self.on_members_message(now, from, *message),
            (true, Message::Aggregates(message)) => self.on_aggregates(now, from, &message),
            // A goodbye may come in place of a Hello. Only the first goodbye counts.
            (_, Message::Goodbye(reason)) => {
                if !core::mem::replace(&mut peer.said_goodbye, true) {
                    self.tell(Event::Goodbye { peer: from, reason });
                }
            }
            (false, _) => self.disconnect(now, from, DisconnectReason::BeforeHello),
        }
    }

    /// Runs at the end of every input: does everything that has become due or possible.
    fn settle(&mut self, now: Time) {
        while let Some((from, block)) = self.catching_up.next_released() {
            self.on_good_header(now, Some(from), &block, &[]);
        }
        if self.catching_up.take_advanced() {
            self.advance_window(now);
        }
        self.expire(now);
        self.catch_up_again(now);
        self.converse(now);
        self.end_stall(now);
        self.ask(now);
        self.watch_stall(now);
        self.watch_bodies(now);
        self.spread(now);
        self.settle_members(now);
        self.settle_aggregates(now);
        let touched = self.peers.take_touched();
        for handle in &touched {
            if self.peers.get(handle).is_some_and(Peer::has_work) {
                self.serve(now, *handle);
                self.advise(now, *handle);
                self.announce(now, *handle);
                self.pace(now, *handle);
            }
        }
        self.peers.settled(touched);
    }

    /// Drops what waited too long: requests (a strike each), orphans, peers without a Hello. Asks for the headers
    /// that couldn't be asked for before.
    fn expire(&mut self, now: Time) {
        self.judge_overdue(now);
        self.requests.release(now);
        for (handle, _) in self.requests.expire(now) {
            self.stats.requests_expired = self.stats.requests_expired.saturating_add(1);
            self.doubt_member(now, handle);
            self.leave_withholder(now, handle);
        }
        self.orphans.expire(now);
        self.peers.touch_due(now);
        if !self.peers.touched().any(|(_, peer)| !peer.ready || peer.chain.is_wanted()) {
            return;
        }
        let silent = self.peers.touched().filter(|(_, peer)| !peer.ready && peer.hello_deadline <= now);
        let mut silent: Vec<PeerHandle> = silent.map(|(handle, _)| handle).collect();
        silent.sort_unstable();
        for handle in silent {
            self.disconnect(now, handle, DisconnectReason::NoHello);
        }
        let wanted = self.peers.touched().filter(|(_, peer)| peer.may_be_asked() && !peer.chain.is_paused(now));
        let mut wanted: Vec<PeerHandle> = wanted.map(|(handle, _)| handle).collect();
        wanted.sort_unstable();
        for handle in wanted {
            self.ask_headers(now, handle);
        }
    }

    /// Stops or resumes reading from a peer, by its budget and its items in verification.
    fn pace(&mut self, now: Time, handle: PeerHandle) {
        let Some(peer) = self.peers.get_mut(&handle) else { return };
        let allowed = (peer.checks as usize) < CHECKS_PER_PEER_MAX
            && (peer.check_bytes as usize) < CHECK_BYTES_PER_PEER_MAX
            && peer.budget.is_within(now);
        if peer.reading != allowed {
            peer.reading = allowed;
            self.outputs.push_back(Output::Read { peer: handle, allowed });
        }
    }

    fn refuse(&mut self, item: ItemId, from: Option<PeerHandle>, refusal: Refusal) {
        self.stats.refused = self.stats.refused.saturating_add(1);
        self.outputs.push_back(Output::Event(Event::Refused { item, from, refusal }));
    }

    fn answer(&mut self, item: ItemId, result: Result<Submission, Refusal>) {
        self.outputs.push_back(Output::Event(Event::Submitted { item, result }));
    }

    fn tell(&mut self, event: Event) {
        self.outputs.push_back(Output::Event(event));
    }
}
