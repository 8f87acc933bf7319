//! The thread that owns the store, and the driver's handle to it.
//!
//! Group commit: if a caller waits for records, they are committed after [`AWAITED_WAIT`], together with
//! everything that was submitted before. If no caller waits, they are committed after [`GROUP_WAIT`], or when
//! there are many of them. Submissions that arrive during a commit go into the next one, whole submissions at a
//! time. Answers to users see everything that was submitted before the question. A load, which peers cause, does
//! not cause an earlier commit.
//!
//! Deliberately absent: a refusal of records. They are facts about the engine's state and can't be taken back.
//! Instead a driver looks at [`Writer::backlog_bytes`] and stops reading the network.

mod queue;
mod worker;

use std::io;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use protocol::items::hash::TxId;
use protocol::ledger::durable::{Load, Loaded, Record};
use rand::RngExt as _;
use tokio::sync::{mpsc, oneshot, watch};

use self::queue::{Question, Queue, Turn};
use self::worker::Worker;
use super::error::StoreError;
use super::peers::KnownPeer;
use super::{FoundTransaction, Note, PruneTarget, Pruned, Store, Totals};
use crate::clock::Clock;

/// How long records for which no caller waits may wait for others. If a crash loses them, they are only what came
/// from the network, and other nodes have it. At 20 transactions a second this makes one commit of 30 transactions
/// instead of 30 commits of one: for each transaction some 2 KB are written instead of 34. Each group draws its
/// own wait, from half of this up to all of it. All nodes of a network get an item at about the same time. If they
/// share a disk or a machine, they should not commit at the same time as well.
pub const GROUP_WAIT: Duration = Duration::from_secs(2);

/// How long records for which a caller waits may wait. Callers that submit at the same time share a commit. Relay
/// began at the same moment, and is done before the disk is busy. (On 2 cores with 50 nodes, relay was 0.4 ms
/// faster because of that.)
pub const AWAITED_WAIT: Duration = Duration::from_millis(1);

/// From this number of bytes on a group waits for no more: a group of this size is as cheap for
/// each byte as a larger one.
pub const GROUP_BYTES_ENOUGH: usize = 1024 * 1024;

/// After this number of bytes a group accepts no further submission: two of the largest blocks. A commit of this
/// size takes some 100 ms. This is the most that an acknowledgement waits besides its own commit.
pub const GROUP_BYTES_MAX: usize = 8 * 1024 * 1024;

/// From this number of submitted and uncommitted bytes on, a driver should read nothing from the
/// network: four full groups.
pub const BACKLOG_BYTES_MAX: usize = 4 * GROUP_BYTES_MAX;

/// Questions that wait for an answer. More are refused.
pub const QUESTIONS_MAX: usize = 1_024;

/// Whether a caller waits for records to be committed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Awaited {
    /// A caller waits.
    Yes,
    /// No caller waits: the records may wait for others.
    No,
}

/// The driver's handle. When it is dropped, it commits what was submitted and ends the thread, as
/// [`Writer::close`] does.
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
    /// The highest number returned by [`Writer::submit`] whose records, and all before them, are kept for good.
    pub committed: u64,
    /// Why nothing more is kept, if so. Submissions after `committed` may be kept or not.
    pub failure: Option<Arc<StoreError>>,
    /// How much is kept.
    pub totals: Totals,
    /// How much was written since the start.
    pub written: Written,
}

/// Commits since the start.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Written {
    /// How many.
    pub commits: u64,
    /// The records in them.
    pub records: u64,
    /// Bytes of these records, as they count for the backlog.
    pub bytes: u64,
    /// The time that they took.
    pub took: Duration,
}

/// The answer to [`Writer::load`].
#[derive(Debug)]
pub struct Answer {
    /// The question.
    pub load: Load,
    /// The result.
    pub loaded: Result<Loaded, StoreError>,
}

/// Too many questions wait, so this one was not accepted.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the store has {QUESTIONS_MAX} questions to answer: ask again later")]
pub struct WriterBusy;

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    wake: Condvar,
    clock: Clock,
    wait: Duration,
}

impl Writer {
    /// Starts the thread. The answers to loads come through the receiver, one for each load that was accepted.
    ///
    /// # Errors
    /// The system's error, if no thread can be started.
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
        let (queue, wake) = (Mutex::default(), Condvar::new());
        let shared = Arc::new(Shared { queue, wake, clock: Clock::start(), wait });
        let (answers, receiver) = mpsc::unbounded_channel();
        let (sender, progress) = watch::channel(Kept { totals: store.totals(), ..Kept::default() });
        let worker = Worker { store, shared: Arc::clone(&shared), answers: answers.clone(), progress: sender };
        let thread = thread::Builder::new().name("store".to_owned()).spawn(move || worker.run())?;
        Ok((Self { shared, answers, progress, thread: Some(thread) }, receiver))
    }

    /// Takes records to keep, in order, and returns the number to wait for in [`Writer::progress`].
    /// Never waits. Without records it returns the number of the last ones that were given, for which a
    /// caller may wait as well.
    pub fn submit(&self, records: Vec<Record>, awaited: Awaited) -> u64 {
        let wait = self.shared.wait.mul_f64(rand::rng().random_range(0.5..=1.0));
        let now = self.shared.clock.now();
        let (number, look) = self.shared.lock().submit(records, awaited, wait, now);
        if look {
            self.shared.wake.notify_one();
        }
        number
    }

    /// Tells how far the store has come, each time it has come further.
    #[must_use]
    pub fn progress(&self) -> watch::Receiver<Kept> {
        self.progress.clone()
    }

    /// Bytes submitted and not committed. From [`BACKLOG_BYTES_MAX`] on, nothing should be read from the network.
    #[must_use]
    pub fn backlog_bytes(&self) -> usize {
        self.shared.lock().backlog_bytes()
    }

    /// Asks for a block or its transactions' ids, committed or not, or for the committed state of anything else.
    /// The answer comes through the receiver of [`Writer::start`].
    ///
    /// # Errors
    /// [`WriterBusy`]; then no answer comes.
    pub fn load(&self, load: Load) -> Result<(), WriterBusy> {
        let queued = self.shared.lock().queued(&load);
        let Some(loaded) = queued else { return self.ask(Question::Load(load)) };
        // If the receiver is gone, the answer is not wanted.
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

    /// Commits what was submitted, answers what was asked, closes the store, and waits for all of this.
    ///
    /// # Errors
    /// The reason, if not everything was kept.
    pub fn close(mut self) -> Result<(), Arc<StoreError>> {
        self.finish();
        let failure = self.progress.borrow().failure.clone();
        failure.map_or(Ok(()), Err)
    }

    fn finish(&mut self) {
        let Some(thread) = self.thread.take() else { return };
        self.shared.lock().close();
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
        self.shared.lock().ask(question)?;
        self.shared.wake.notify_one();
        Ok(())
    }
}

impl Drop for Writer {
    fn drop(&mut self) {
        self.finish();
    }
}

impl Shared {
    /// Waits for something to do; `None` when the handle is gone and no work is left.
    fn next(&self, committed: u64) -> Option<Turn> {
        let mut queue = self.lock();
        loop {
            let turn = queue.turn(committed, self.clock.now());
            if !turn.group.is_empty() || !turn.questions.is_empty() {
                return Some(turn);
            }
            let due = queue.due();
            queue = match due {
                None if queue.is_closing() => return None,
                None => self.wake.wait(queue).unwrap_or_else(PoisonError::into_inner),
                Some(due) => {
                    let left = self.clock.until(due);
                    self.wake.wait_timeout(queue, left).unwrap_or_else(PoisonError::into_inner).0
                }
            };
        }
    }

    /// Plain data that no half-done change can spoil, so a poisoned lock can still be used.
    fn lock(&self) -> MutexGuard<'_, Queue> {
        self.queue.lock().unwrap_or_else(PoisonError::into_inner)
    }
}
