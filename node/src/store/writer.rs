//! The thread that owns the store, and the driver's handle to it.
//!
//! Group commit: what somebody waits for is committed after [`AWAITED_WAIT`], and with it all that was submitted before;
//! what nobody waits for, after [`GROUP_WAIT`] or when it is much. Whatever was submitted while a commit ran goes into the next
//! one, whole submissions at a time. Answers to users see everything that was submitted before the question; a load, which peers cause, has nothing committed
//! sooner. Deliberately absent:
//! a refusal of records. They are facts about the engine's state and can't be taken back; a driver looks at
//! [`Writer::backlog_bytes`] and stops reading the network instead.

use std::collections::{HashMap, VecDeque};
use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use protocol::items::block::Block;
use protocol::items::hash::{BlockId, TxId};
use protocol::ledger::durable::{Load, Loaded, Record};
use protocol::time::Time;
use rand::RngExt as _;
use tokio::sync::{mpsc, oneshot, watch};

use super::error::StoreError;
use super::peers::KnownPeer;
use super::{FoundTransaction, Note, PruneTarget, Pruned, Store, Totals};
use crate::clock::Clock;

/// How long records that nobody waits for may wait for others. A crash loses no more than that of what came from the
/// network, and other nodes have it. At 20 transactions a second one commit of 30 instead of 30 of one: some 2 KB written
/// for each instead of 34. Drawn anew for each group, down to half of it: all nodes of a network get an item at about the
/// same time, and where they share a disk or a machine they are not to commit at the same time as well.
pub const GROUP_WAIT: Duration = Duration::from_secs(2);

/// How long records that somebody waits for may wait: whoever submits at the same time shares a commit, and relay, which
/// began at the same moment, is done before the disk is busy (on 2 cores with 50 nodes it was 0.4 ms faster for that).
pub const AWAITED_WAIT: Duration = Duration::from_millis(1);

/// Bytes from which on nobody waits for more of them: a group of that size is as cheap for each byte as a larger one.
pub const GROUP_BYTES_ENOUGH: usize = 1024 * 1024;

/// Bytes after which a group takes no further submission: two of the largest blocks. A commit of that size takes some
/// 100 ms, which is what an acknowledgement waits for at most besides its own.
pub const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

/// Bytes submitted and not committed from which on a driver should read nothing from the network: four full groups.
pub const BACKLOG_BYTES_MAX: usize = 4 * GROUP_BYTES_MAX;

/// Questions that wait for an answer. More are refused.
pub const QUESTIONS_MAX: usize = 1_024;

/// Whether somebody waits for records to be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// Somebody does.
    Yes,
    /// Nobody does: they may wait for others.
    No,
}

/// What a record takes besides the bytes of its items: the record itself and its place in the queue.
const RECORD_BYTES: usize = 64;

/// The driver's handle. Dropping it commits what was submitted and ends the thread, as [`Writer::close`] does.
#[derive(Debug)]
pub struct Writer {
    shared: Arc<Shared>,
    answers: mpsc::UnboundedSender<Answer>,
    progress: watch::Receiver<Kept>,
    thread: Option<JoinHandle<()>>,
}

/// How far the store has come.
#[derive(Clone, Debug, Default)]
pub struct Kept {
    /// The highest number given out by [`Writer::submit`] whose records, and all before them, are kept for good.
    pub committed: u64,
    /// Why nothing more is kept, if so. What was submitted after `committed` may be kept or not.
    pub failure: Option<Arc<StoreError>>,
    /// How much is kept.
    pub totals: Totals,
}

/// The answer to [`Writer::load`].
#[derive(Debug)]
pub struct Answer {
    /// What was asked.
    pub load: Load,
    /// What was found.
    pub loaded: Result<Loaded, StoreError>,
}

/// So many questions wait that this one was not taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store has {QUESTIONS_MAX} questions to answer: ask again later")]
pub struct WriterBusy;

#[derive(Debug)]
struct Shared {
    state: Mutex<State>,
    wake: Condvar,
    clock: Clock,
    wait: Duration,
}

#[derive(Debug, Default)]
struct State {
    submissions: VecDeque<Submission>,
    /// Bytes of submissions that are not committed, those in hand included.
    backlog_bytes: usize,
    submitted: u64,
    /// When the submissions that aren't committed are to be.
    due: Option<Time>,
    questions: VecDeque<(u64, Question)>,
    /// Blocks in submissions that are not committed.
    blocks: HashMap<BlockId, Waiting>,
    failed: bool,
    closing: bool,
}

/// A block in a submission, and the ids of its transactions.
#[derive(Debug)]
struct Waiting {
    block: Arc<Block>,
    ids: Arc<[TxId]>,
}

#[derive(Debug)]
struct Submission {
    number: u64,
    bytes: usize,
    records: Vec<Record>,
}

/// Each is asked with the number of the submission that it must see.
#[derive(Debug)]
enum Question {
    Load(Load),
    Transaction(TxId, oneshot::Sender<Result<Option<FoundTransaction>, StoreError>>),
    SavePeers(Vec<KnownPeer>, oneshot::Sender<Result<(), StoreError>>),
    SaveNote(Note, Vec<u8>, oneshot::Sender<Result<(), StoreError>>),
    Prune(PruneTarget, oneshot::Sender<Result<Pruned, StoreError>>),
}

/// What the thread does next.
struct Turn {
    group: Vec<Submission>,
    questions: Vec<Question>,
}

impl Writer {
    /// Starts the thread. The answers to loads come through the receiver, one for each load that was taken.
    ///
    /// # Errors
    /// The system's, if it gives no thread.
    pub fn start(store: Box<dyn Store>) -> io::Result<(Self, mpsc::UnboundedReceiver<Answer>)> {
        Self::start_with(store, GROUP_WAIT)
    }

    /// The same with another [`GROUP_WAIT`].
    ///
    /// # Errors
    /// As [`Writer::start`].
    pub fn start_with(
        store: Box<dyn Store>,
        wait: Duration,
    ) -> io::Result<(Self, mpsc::UnboundedReceiver<Answer>)> {
        let (state, wake) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { state, wake, clock: Clock::start(), wait });
        let (answers, receiver) = mpsc::unbounded_channel();
        let (sender, progress) = watch::channel(Kept { totals: store.totals(), ..Kept::default() });
        let worker = Worker { store, shared: Arc::clone(&shared), answers: answers.clone(), progress: sender };
        let thread = thread::Builder::new().name("store".to_owned()).spawn(move || worker.run())?;
        Ok((Self { shared, answers, progress, thread: Some(thread) }, receiver))
    }

    /// Takes records to keep, in order, and returns the number to wait for in [`Writer::progress`]. Never waits. No
    /// records: the number of the last that were given, which somebody may wait for as well.
    pub fn submit(&self, records: Vec<Record>, awaited: Awaited) -> u64 {
        let now = self.shared.clock.now();
        let mut state = self.shared.lock();
        if !records.is_empty() {
            state.take(records);
            let spare = self.shared.wait.mul_f64(rand::rng().random_range(0.5..=1.0));
            state.due.get_or_insert(now + spare.into());
        }
        let number = state.submitted;
        if awaited == Awaited::Yes {
            let soon = now + AWAITED_WAIT.into();
            state.due = state.due.map(|due| due.min(soon));
        }
        // The thread is left asleep where it would only look at what is to wait.
        let first = state.submissions.len() == 1;
        let wanted = awaited == Awaited::Yes || first || state.is_enough();
        drop(state);
        if wanted {
            self.shared.wake.notify_one();
        }
        number
    }

    /// Tells how far the store has come, and each time it has come farther.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Kept> {
        self.progress.clone()
    }

    /// Bytes submitted and not committed. From [`BACKLOG_BYTES_MAX`] on, nothing should be read from the network.
    #[must_use]
    pub fn backlog_bytes(&self) -> usize {
        self.shared.lock().backlog_bytes
    }

    /// Asks for a block or its transactions' ids, committed or not, or for what is committed of anything else. The answer comes through the receiver
    /// of [`Writer::start`].
    ///
    /// # Errors
    /// [`WriterBusy`]; no answer comes then.
    pub fn load(&self, load: Load) -> Result<(), WriterBusy> {
        let queued = self.shared.lock().queued(&load);
        let Some(loaded) = queued else { return self.ask(Question::Load(load)) };
        // A receiver that is gone wants no answer.
        let _ = self.answers.send(Answer { load, loaded: Ok(loaded) });
        Ok(())
    }

    /// Looks for a transaction among all that was submitted.
    ///
    /// # Errors
    /// [`WriterBusy`].
    pub fn transaction(
        &self,
        id: TxId,
    ) -> Result<oneshot::Receiver<Result<Option<FoundTransaction>, StoreError>>, WriterBusy> {
        self.ask_for(|reply| Question::Transaction(id, reply))
    }

    /// See [`Store::save_peers`].
    ///
    /// # Errors
    /// [`WriterBusy`].
    pub fn save_peers(
        &self,
        peers: Vec<KnownPeer>,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, WriterBusy> {
        self.ask_for(|reply| Question::SavePeers(peers, reply))
    }

    /// See [`Store::save_note`].
    ///
    /// # Errors
    /// [`WriterBusy`].
    pub fn save_note(
        &self,
        note: Note,
        bytes: Vec<u8>,
    ) -> Result<oneshot::Receiver<Result<(), StoreError>>, WriterBusy> {
        self.ask_for(|reply| Question::SaveNote(note, bytes, reply))
    }

    /// See [`Store::prune`].
    ///
    /// # Errors
    /// [`WriterBusy`].
    pub fn prune(&self, target: PruneTarget) -> Result<oneshot::Receiver<Result<Pruned, StoreError>>, WriterBusy> {
        self.ask_for(|reply| Question::Prune(target, reply))
    }

    /// Commits what was submitted, answers what was asked, closes the store, and waits for all of that.
    ///
    /// # Errors
    /// Why not everything was kept.
    pub fn close(mut self) -> Result<(), Arc<StoreError>> {
        self.finish();
        let failure = self.progress.borrow().failure.clone();
        failure.map_or(Ok(()), Err)
    }

    fn finish(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.lock().closing = true;
        self.shared.wake.notify_one();
        if let Err(panic) = thread.join()
            && !thread::panicking()
        {
            std::panic::resume_unwind(panic);
        }
    }

    fn ask_for<T>(
        &self,
        question: impl FnOnce(oneshot::Sender<T>) -> Question,
    ) -> Result<oneshot::Receiver<T>, WriterBusy> {
        let (reply, answer) = oneshot::channel();
        self.ask(question(reply)).map(|()| answer)
    }

    fn ask(&self, question: Question) -> Result<(), WriterBusy> {
        let mut state = self.shared.lock();
        if state.questions.len() >= QUESTIONS_MAX {
            return Err(WriterBusy);
        }
        // Peers cause loads, and have nothing committed sooner: a block that isn't in the queue is in the store or nowhere,
        // and the engine has the newest headers in memory.
        let after = if matches!(question, Question::Load(_)) { 0 } else { state.submitted };
        state.questions.push_back((after, question));
        drop(state);
        self.shared.wake.notify_one();
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

struct Worker {
    store: Box<dyn Store>,
    shared: Arc<Shared>,
    answers: mpsc::UnboundedSender<Answer>,
    progress: watch::Sender<Kept>,
}

impl Worker {
    fn run(mut self) {
        loop {
            let committed = self.progress.borrow().committed;
            let Some(turn) = self.shared.next(committed) else { return };
            for question in turn.questions {
                self.answer(question);
            }
            if !turn.group.is_empty() {
                self.commit(turn.group);
            }
        }
    }

    fn commit(&mut self, group: Vec<Submission>) {
        let (mut number, mut bytes, mut records) = (0, 0_usize, Vec::new());
        for submission in group {
            number = submission.number;
            bytes = bytes.saturating_add(submission.bytes);
            records.extend(submission.records);
        }
        match self.store.commit(&records) {
            Ok(()) => {
                let mut state = self.shared.lock();
                state.backlog_bytes = state.backlog_bytes.saturating_sub(bytes);
                for record in &records {
                    if let Record::Block { block, .. } = record {
                        state.blocks.remove(&block.header.id());
                    }
                }
                drop(state);
                // Both at once: whoever waits for the one may read the other.
                let totals = self.store.totals();
                self.progress.send_modify(|kept| {
                    kept.committed = number;
                    kept.totals = totals;
                });
            }
            Err(error) => self.fail(error),
        }
    }

    /// Nothing more is kept. What waits is given up, so that the queue stays empty from now on.
    fn fail(&self, error: StoreError) {
        tracing::error!(%error, "the store failed");
        let mut state = self.shared.lock();
        state.failed = true;
        state.submissions.clear();
        state.due = None;
        state.backlog_bytes = 0;
        state.blocks.clear();
        drop(state);
        self.progress.send_modify(|progress| {
            progress.failure.get_or_insert_with(|| Arc::new(error));
        });
    }

    /// Whoever asked may be gone; then the answer goes nowhere.
    fn answer(&mut self, question: Question) {
        match question {
            Question::Load(load) => {
                let loaded = self.store.load(&load);
                let _ = self.answers.send(Answer { load, loaded });
            }
            Question::Transaction(id, reply) => {
                let found = self.store.transaction(&id);
                let _ = reply.send(self.told(found));
            }
            Question::SavePeers(peers, reply) => {
                let saved = self.store.save_peers(&peers);
                let _ = reply.send(self.told(saved));
            }
            Question::SaveNote(note, bytes, reply) => {
                let saved = self.store.save_note(note, &bytes);
                let _ = reply.send(self.told(saved));
            }
            Question::Prune(target, reply) => {
                let pruned = self.store.prune(target);
                self.tell_totals();
                let _ = reply.send(self.told(pruned));
            }
        }
    }

    /// What the asker is told: when it failed, the reason goes where all look for it.
    fn told<T>(&self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        match done {
            Err(error) if !matches!(error, StoreError::TooMany { .. }) => {
                self.fail(error);
                Err(StoreError::Poisoned)
            }
            done => done,
        }
    }

    fn tell_totals(&self) {
        let totals = self.store.totals();
        self.progress.send_modify(|progress| progress.totals = totals);
    }
}

impl Shared {
    /// Waits for something to do; `None` when the handle is gone and nothing is left.
    fn next(&self, committed: u64) -> Option<Turn> {
        let mut state = self.lock();
        loop {
            let turn = state.turn(committed, self.clock.now());
            if !turn.group.is_empty() || !turn.questions.is_empty() {
                return Some(turn);
            }
            let due = state.due;
            state = match due {
                None if state.closing => return None,
                None => self.wake.wait(state).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let left = self.clock.until(due);
                    self.wake.wait_timeout(state, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Plain data that no half-done change can spoil, so a poisoned lock is as good as any.
    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn take(&mut self, records: Vec<Record>) {
        self.submitted = self.submitted.saturating_add(1);
        if self.failed {
            return;
        }
        let bytes = records.iter().map(record_bytes).fold(0, usize::saturating_add);
        for record in &records {
            if let Record::Block { block, transactions } = record {
                let waiting = Waiting { block: Arc::clone(block), ids: Arc::clone(transactions) };
                self.blocks.insert(block.header.id(), waiting);
            }
        }
        self.backlog_bytes = self.backlog_bytes.saturating_add(bytes);
        self.submissions.push_back(Submission { number: self.submitted, bytes, records });
    }

    /// What a submission that is not committed has of what is asked for.
    fn queued(&self, load: &Load) -> Option<Loaded> {
        match load {
            Load::Block(id) => {
                let block = Arc::clone(&self.blocks.get(id)?.block);
                Some(Loaded::Block { id: *id, block: Some(block) })
            }
            Load::Contents(id) => {
                let ids = Arc::clone(&self.blocks.get(id)?.ids);
                Some(Loaded::Contents { id: *id, transactions: Some(ids) })
            }
            Load::HeadersAfter(_) | Load::First(_) => None,
        }
    }

    /// Whether so much waits that more makes no commit cheaper.
    const fn is_enough(&self) -> bool {
        self.backlog_bytes >= GROUP_BYTES_ENOUGH
    }

    /// Whether what was submitted is to be committed now.
    fn is_due(&self, committed: u64, now: Time) -> bool {
        let asked = self.questions.iter().any(|(after, _)| *after > committed);
        let old = self.due.is_some_and(|due| due <= now);
        self.closing || asked || old || self.is_enough()
    }

    /// The questions that need wait for nothing, and the next group, if it is time for one.
    fn turn(&mut self, committed: u64, now: Time) -> Turn {
        let ready = if self.failed { u64::MAX } else { committed };
        let mut questions = Vec::new();
        for _ in 0..self.questions.len() {
            match self.questions.pop_front() {
                Some((after, question)) if after <= ready => questions.push(question),
                Some(later) => self.questions.push_back(later),
                None => {}
            }
        }
        let (mut group, mut bytes) = (Vec::new(), 0_usize);
        if !self.is_due(committed, now) {
            return Turn { group, questions };
        }
        while bytes < GROUP_BYTES_MAX
            && let Some(submission) = self.submissions.pop_front()
        {
            bytes = bytes.saturating_add(submission.bytes);
            group.push(submission);
        }
        // What a full group left behind has waited already.
        self.due = self.due.filter(|_| !self.submissions.is_empty());
        Turn { group, questions }
    }
}

/// About the memory that a record takes in the queue, in bytes.
fn record_bytes(record: &Record) -> usize {
    let items = match record {
        Record::Pending(transaction) => transaction.encoded().len(),
        Record::Gone(ids) => ids.len().saturating_mul(32),
        Record::Block { block, transactions } => block
            .transactions
            .iter()
            .fold(transactions.len().saturating_mul(64), |sum, transaction| sum.saturating_add(transaction.len())),
        Record::Best { blocks, .. } => blocks.len().saturating_mul(32),
        Record::Returned(_) => 32,
        Record::Dropped(ids) => ids.len().saturating_mul(32),
    };
    items.saturating_add(RECORD_BYTES)
}
