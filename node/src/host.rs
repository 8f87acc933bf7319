//! The engine's host: gives the engine inputs and the time, and carries out those of its
//! outputs that need no network.
//!
//! **The drain rule.** After each input all outputs are taken before the next input goes in. Inputs that arise
//! meanwhile wait in a queue. Messages, verdicts and the like that wait one behind the other go in together, as
//! one input ([`INPUTS_TOGETHER_MAX`]): a busy node has dozens of them at a time. [`EngineHost::next_effect`] is
//! the one place where the engine is fed and drained, so no order of calls can break the rule.
//!
//! The records of one input are handed to the store together, when the input's outputs are drained. An answer to a
//! submission carries the number of the commit that makes it safe. The trace gets every event here.
//!
//! Deliberately absent: connections, and which connection has which handle (`net/behaviour.rs`); and when
//! something is deleted or sampled (the service, which has its own ends of the store's writer and of the trace).

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use libp2p::PeerId;
use protocol::gossip::members::{MemberInput, MemberOutput};
use protocol::gossip::{
    self, DisconnectReason, Gossip, Input, ItemId, Output, PeerHandle, Refusal, Submission, TransactionStatus,
};
use protocol::items::hash::BlockId;
use protocol::items::keys::SecretKey;
use protocol::items::member::epoch::Epoch;
use protocol::items::member::ticket::Ticket;
use protocol::items::member::{Statement, Unsigned};
use protocol::items::network::NetworkId;
use protocol::items::verify::{JobId, Verdict, VerifyJob};
use protocol::ledger::chain::RestoreError;
use protocol::ledger::durable::{Load, Record, Restored};
use protocol::limits::BATCH_SIGNATURES_MAX;
use protocol::time::{Duration, Time};
use protocol::wire::codec::Encode as _;
use protocol::wire::message::{GoodbyeReason, Lane, Message};
use tracing::warn;

use crate::clock::{Clock, wall_ms};
use crate::config::application::items::Event;
use crate::config::manners::Manners;
use crate::observe::metrics::Metrics;
use crate::observe::passages::Passages;
use crate::observe::recorder::Recorder;
use crate::observe::trace::What;
use crate::rpc::feeds::Feeds;
use crate::store::{Awaited, Note, Writer};

/// Inputs that go in together. As many as a batch of signatures brings verdicts. The bytes that they make the
/// engine send are bounded by each peer's credit. Beside these there are some four outputs for each transaction,
/// of some 150 bytes: 40 KiB.
pub const INPUTS_TOGETHER_MAX: usize = BATCH_SIGNATURES_MAX;

/// An output of the engine that needs the network or the service.
#[derive(Debug)]
pub enum Effect {
    /// Send a message.
    Send {
        /// The receiver.
        peer: PeerHandle,
        /// The lane.
        lane: Lane,
        /// The message.
        message: Message,
    },
    /// Disconnect a peer.
    Disconnect {
        /// The peer.
        peer: PeerHandle,
        /// The reason.
        reason: DisconnectReason,
    },
    /// Read a peer's lanes, or stop reading them.
    Read {
        /// The peer.
        peer: PeerHandle,
        /// Whether to read.
        allowed: bool,
    },
    /// Check signatures.
    Verify(VerifyJob),
    /// Answer a submission.
    Submitted {
        /// The item.
        item: ItemId,
        /// The result.
        result: Result<Submission, Refusal>,
        /// The item is safe when the writer has made the commit with this number.
        safe_at: u64,
    },
    /// Say that an item of a peer was refused.
    Refused {
        /// The peer.
        peer: PeerHandle,
        /// The item.
        item: ItemId,
        /// The reason.
        refusal: Refusal,
    },
    /// Say that a peer told why it closes the connection.
    Goodbye {
        /// The peer.
        peer: PeerHandle,
        /// The reason that it gives.
        reason: GoodbyeReason,
    },
    /// A request of the membership machine: `Ping`, `Dial`, `Connect` or `Event`.
    Members(Box<MemberOutput>),
    /// Tell the service about an event that is worth a line in the log.
    Event(gossip::Event),
}

/// The engine, with everything that it needs to run.
pub struct EngineHost {
    gossip: Gossip,
    clock: Clock,
    /// `None` once the node stops.
    writer: Option<Arc<Writer>>,
    recorder: Recorder,
    metrics: Metrics,
    passages: Passages,
    feeds: Feeds,
    manners: Option<Arc<dyn Manners>>,
    /// Signs this node's statements as a member.
    signer: Option<(SecretKey, NetworkId)>,
    /// Statements of this node for which the store had no room yet: the last of each kind.
    unkept: BTreeMap<Note, Vec<u8>>,
    /// The inputs that the engine gets next.
    inputs: VecDeque<Input>,
    /// Whether the last input's outputs are still to be taken.
    draining: bool,
    /// The records of the input under way, and its answers to submissions.
    records: Vec<Record>,
    submitted: Vec<(ItemId, Result<Submission, Refusal>)>,
    /// Answers to submissions that are ready to be sent.
    answers: VecDeque<Effect>,
}

impl EngineHost {
    /// A host for an engine.
    #[must_use]
    pub fn new(gossip: Gossip, clock: Clock, writer: Arc<Writer>, recorder: Recorder) -> Self {
        Self {
            gossip,
            clock,
            writer: Some(writer),
            recorder,
            metrics: Metrics::default(),
            passages: Passages::default(),
            feeds: Feeds::default(),
            manners: None,
            signer: None,
            unkept: BTreeMap::new(),
            inputs: VecDeque::new(),
            draining: false,
            records: Vec::new(),
            submitted: Vec::new(),
            answers: VecDeque::new(),
        }
    }

    /// The same, which signs what this node says as a member.
    #[must_use]
    pub fn with_signer(mut self, key: SecretKey, network: NetworkId) -> Self {
        self.signer = Some((key, network));
        self
    }

    /// The same, which counts in these metrics.
    #[must_use]
    pub fn with_metrics(mut self, metrics: Metrics) -> Self {
        self.metrics = metrics;
        self
    }

    /// The same, which records the passages of items here.
    #[must_use]
    pub fn with_passages(mut self, passages: Passages) -> Self {
        self.passages = passages;
        self
    }

    /// The same, which tells subscribers what happens.
    #[must_use]
    pub fn with_feeds(mut self, feeds: Feeds) -> Self {
        self.feeds = feeds;
        self
    }

    /// The same, with bad manners if there are any.
    #[must_use]
    pub fn with_manners(mut self, manners: Option<Arc<dyn Manners>>) -> Self {
        self.manners = manners;
        self
    }

    /// Starts the engine from what an earlier run kept. Must come before everything else.
    ///
    /// # Errors
    /// Those of the engine.
    pub fn restore(&mut self, restored: Restored) -> Result<(), RestoreError> {
        self.draining = true;
        self.gossip.restore(self.clock.now(), restored)
    }

    /// Takes an input. It reaches the engine with one of the next calls of [`EngineHost::next_effect`].
    pub fn input(&mut self, input: Input) {
        self.note_entry(&input);
        self.inputs.push_back(input);
    }

    /// A verdict about signatures is here. Their check took this long, with those that were checked together.
    pub fn verdict(&mut self, job: JobId, verdict: Verdict, took: Duration) {
        self.passages.checked(self.clock.now(), job, took);
        self.input(Input::Verified { job, verdict });
    }

    /// Everything up to this commit is kept.
    pub fn committed(&mut self, up_to: u64) {
        self.passages.committed(self.clock.now(), up_to);
    }

    /// What is to be done next; `None` once all inputs are processed.
    pub fn next_effect(&mut self) -> Option<Effect> {
        loop {
            if let Some(answer) = self.answers.pop_front() {
                return Some(answer);
            }
            if !self.draining {
                let first = self.inputs.front()?;
                let together = if is_small(first) {
                    self.inputs.iter().take(INPUTS_TOGETHER_MAX).take_while(|input| is_small(input)).count()
                } else {
                    1
                };
                self.gossip.handle_all(self.clock.now(), self.inputs.drain(..together));
                self.draining = true;
            }
            match self.gossip.poll_output() {
                Some(output) => {
                    if let Some(effect) = self.take(output) {
                        return Some(effect);
                    }
                }
                None => {
                    self.draining = false;
                    self.hand_over();
                }
            }
        }
    }

    /// When the engine wants [`Input::Timeout`].
    #[must_use]
    pub fn next_timeout(&self) -> Option<Time> {
        self.gossip.poll_timeout()
    }

    /// The engine, for questions.
    #[must_use]
    pub const fn gossip(&self) -> &Gossip {
        &self.gossip
    }

    /// The trace.
    #[must_use]
    pub const fn recorder(&self) -> &Recorder {
        &self.recorder
    }

    /// How the last items came, and where they went.
    #[must_use]
    pub const fn passages(&self) -> &Passages {
        &self.passages
    }

    /// The metrics.
    #[must_use]
    pub const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// Whether the engine gets a message that a peer sent. Without bad manners it gets all.
    #[must_use]
    pub fn hears(&self, message: &Message) -> bool {
        self.manners.as_ref().is_none_or(|manners| manners.hears(message))
    }

    /// The message that is sent in place of one of the engine's. Without bad manners it is the same.
    #[must_use]
    pub fn says(&self, message: Message) -> Option<Message> {
        let Some(manners) = &self.manners else { return Some(message) };
        manners.says(message)
    }

    /// A peer has connected, or connects again: its handle is new.
    pub fn met(&mut self, peer: PeerHandle, id: PeerId, outbound: bool) {
        self.passages.met(peer, id);
        self.recorder.record(What::PeerUp { peer: peer.0, peer_id: id.to_string(), outbound });
    }

    /// A peer sent a message: notes it in the trace, the metrics and the passages.
    pub fn received(&mut self, peer: PeerHandle, message: &Message) {
        let now = self.clock.now();
        self.recorder.received(peer, message);
        self.metrics.items.received(message, now, wall_ms);
        self.passages.received(now, peer, message);
    }

    /// A message is on its way to a peer: notes it in the trace and the passages.
    pub fn sent(&mut self, peer: PeerHandle, message: &Message) {
        self.recorder.sent(peer, message);
        self.passages.sent(self.clock.now(), peer, message);
    }

    /// The clock.
    #[must_use]
    pub const fn clock(&self) -> Clock {
        self.clock
    }

    /// The engine's time.
    #[must_use]
    pub fn now(&self) -> Time {
        self.clock.now()
    }

    /// Asks the store for something. The answer comes to the service. False if no answer will come.
    #[must_use]
    pub fn load(&self, load: Load) -> bool {
        self.writer.as_ref().is_some_and(|writer| writer.load(load).is_ok())
    }

    /// From now on nothing is kept.
    pub fn stop_keeping(&mut self) {
        self.writer = None;
    }

    /// Carries out what the host itself can, and passes on the rest.
    fn take(&mut self, output: Output) -> Option<Effect> {
        match output {
            Output::Send { peer, lane, message } => Some(Effect::Send { peer, lane, message }),
            Output::Verify(job) => {
                self.passages.checking(&job);
                Some(Effect::Verify(job))
            }
            Output::Disconnect { peer, reason } => Some(Effect::Disconnect { peer, reason }),
            Output::Read { peer, allowed } => Some(Effect::Read { peer, allowed }),
            Output::Members(wanted) => self.on_members(*wanted),
            Output::SignTicket(epoch) => {
                self.sign_ticket(epoch);
                None
            }
            Output::Event(event) => {
                self.report(&event);
                self.on_event(event)
            }
            Output::Store(record) => {
                self.passages.keeping(&record);
                self.records.push(record);
                None
            }
            Output::Load(load) => {
                if !self.load(load.clone()) {
                    self.inputs.push_back(Input::Loaded(load.nothing()));
                }
                None
            }
        }
    }

    /// An item enters here.
    fn note_entry(&mut self, input: &Input) {
        let (item, bytes) = match input {
            Input::SubmittedTransaction(entered) => (ItemId::Transaction(entered.id()), entered.encoded().len()),
            Input::SubmittedBlock(block) | Input::ProducedBlock(block) => {
                (ItemId::Block(block.header.id()), block.encoded_len())
            }
            _ => return,
        };
        self.passages.submitted(self.clock.now(), item, bytes);
    }

    /// Tells the trace, the metrics, the passages and the subscribers.
    fn report(&mut self, event: &gossip::Event) {
        let now = self.clock.now();
        self.recorder.event(event);
        self.metrics.items.event(event, now);
        self.passages.event(now, event);
        match *event {
            gossip::Event::Accepted { item, within, bytes, .. } => {
                let header = |id: &BlockId| self.gossip.block(id).map(|block| block.header);
                self.feeds.accepted(item, bytes, within, header);
            }
            gossip::Event::TipChanged { tip, disconnected } => self.feeds.tip(tip, disconnected),
            _ => {}
        }
        self.tell_items(event);
    }

    /// Tells readers in this process, who want the items themselves.
    fn tell_items(&self, event: &gossip::Event) {
        let items = self.feeds.items();
        match *event {
            gossip::Event::Accepted { item: ItemId::Transaction(id), within: None, .. } => {
                items.tell(|| match self.gossip.transaction(&id)? {
                    TransactionStatus::Pending(transaction) => Some(Event::Transaction(transaction)),
                    TransactionStatus::Confirmed { transaction, .. } => transaction.map(Event::Transaction),
                });
            }
            gossip::Event::Accepted { item: ItemId::Block(id), .. } => {
                items.tell(|| self.gossip.block(&id).map(Event::Block));
            }
            gossip::Event::TipChanged { tip, disconnected } => {
                items.tell(|| Some(Event::Tip { height: tip.height, id: tip.id, stale: disconnected }));
            }
            _ => {}
        }
    }

    /// Signs and keeps. The rest needs the network or the service.
    fn on_members(&mut self, wanted: MemberOutput) -> Option<Effect> {
        match wanted {
            MemberOutput::Sign(unsigned) => self.sign(unsigned),
            MemberOutput::Keep(statement) => self.keep(&statement),
            other => return Some(Effect::Members(Box::new(other))),
        }
        None
    }

    fn sign(&mut self, unsigned: Unsigned) {
        let Some((key, network)) = &self.signer else { return };
        match unsigned.sign(key, network) {
            Ok(statement) => {
                self.inputs.push_back(Input::Members(Box::new(MemberInput::Signed(statement))));
            }
            Err(error) => warn!(%error, "this node can't say what it is to others: its statement is too long"),
        }
    }

    fn sign_ticket(&mut self, epoch: Epoch) {
        if let Some((key, network)) = &self.signer {
            let ticket = Ticket::sign(key, network, &epoch);
            self.inputs.push_back(Input::SignedTicket { epoch, ticket });
        }
    }

    /// Keeps a statement of this node. Until the store has room, the last one of its kind waits.
    fn keep(&mut self, statement: &Statement) {
        let (note, bytes) = match statement {
            Statement::Record(record) => (Note::MemberRecord, record.encoded()),
            Statement::Entries(entries) => (Note::MemberEntries, entries.encoded()),
            Statement::Accusation(_) => return,
        };
        self.unkept.insert(note, bytes.to_vec());
    }

    fn hand_over_statements(&mut self) {
        let Some(writer) = &self.writer else { return };
        self.unkept.retain(|note, bytes| writer.save_note(*note, bytes.clone()).is_err());
    }

    /// Each event that is passed on costs a turn of the libp2p swarm, so events that only
    /// the trace needs end here.
    fn on_event(&mut self, event: gossip::Event) -> Option<Effect> {
        match event {
            gossip::Event::Submitted { item, result } => {
                self.submitted.push((item, result));
                None
            }
            gossip::Event::Refused { item, from: Some(peer), refusal } => {
                Some(Effect::Refused { peer, item, refusal })
            }
            gossip::Event::Goodbye { peer, reason } => Some(Effect::Goodbye { peer, reason }),
            gossip::Event::TipChanged { .. }
            | gossip::Event::SubmissionsExpired { .. }
            | gossip::Event::Equivocation(_) => Some(Effect::Event(event)),
            _ => None,
        }
    }

    /// Hands the records of one input over together, and its answers with the number of their commit.
    fn hand_over(&mut self) {
        self.hand_over_statements();
        let (records, submitted) = (std::mem::take(&mut self.records), std::mem::take(&mut self.submitted));
        if records.is_empty() && submitted.is_empty() {
            return;
        }
        let Some(writer) = &self.writer else { return };
        let awaited = if submitted.is_empty() { Awaited::No } else { Awaited::Yes };
        let safe_at = writer.submit(records, awaited);
        self.passages.handed_over(safe_at);
        let answers = submitted.into_iter().map(|(item, result)| Effect::Submitted { item, result, safe_at });
        self.answers.extend(answers);
    }
}

/// Whether an input may go in together with others: those of which a busy node has many.
const fn is_small(input: &Input) -> bool {
    matches!(input, Input::Received { .. } | Input::Verified { .. } | Input::Drained { .. })
}
