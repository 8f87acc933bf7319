//! Signature checks: up to one full batch at once on the caller's thread, more on separate threads.
//!
//! To hand a check to another thread costs two wake-ups and changes of context, which is more than a lone check
//! costs. So the caller checks what one turn brings, as long as that is one batch. Bursts and blocks go to the pool.
//! What is waiting is checked together ([`check_together`]); nothing waits for more. The pool's queue is bounded,
//! and leaves jobs with the caller when it is full: the caller waits, and nothing is dropped. Each checking thread
//! remembers the keys that it decompressed last. Deliberately absent: what may be in one batch, and what is done if
//! one fails; that is in [`protocol::items::verify`].

use std::collections::VecDeque;
use std::fmt;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;
use std::time::{Duration, Instant};

use lru::LruCache;
use protocol::items::keys::{PublicKey, VerifyingKey};
use protocol::items::verify::{JobId, Verdict, VerifyJob, check_together};
use protocol::limits::BATCH_SIGNATURES_MAX;
use tokio::sync::mpsc;

use crate::observe::metrics::VerifyMeter;

/// The most threads, however many cores there are.
pub const THREADS_MAX: usize = 4;

/// Jobs that wait. Jobs of one signature take at most some 50 µs each: a fifth of a second of work for one thread.
pub const QUEUE_JOBS_MAX: usize = 4_096;

/// Signatures that the caller checks itself at once: one full batch. They delay it by about a millisecond; by three
/// if the batch fails, or if each is of another link on trial, so that none can be checked with another.
pub const HERE_SIGNATURES_MAX: usize = BATCH_SIGNATURES_MAX;

/// Jobs that a thread takes at once under load: one full batch of jobs of one signature.
const SHARE_JOBS_MAX: usize = BATCH_SIGNATURES_MAX;

/// Signatures after which a thread takes no further job at once, so that parts of blocks are spread over the
/// threads, and each verdict is soon told: four full batches, some 5 ms.
const SHARE_SIGNATURES_MAX: usize = 4 * BATCH_SIGNATURES_MAX;

/// Keys that a thread remembers. A decompressed key takes some 200 bytes: 800 KiB a thread.
pub const KEYS_MAX: usize = 4_096;

/// Verdicts of jobs that were checked together. A caller that does not need the time iterates over it.
#[derive(Debug, Default)]
pub struct Verdicts {
    /// The jobs, with their verdicts.
    pub of: Vec<(JobId, Verdict)>,
    /// How long the check of all of them took.
    pub took: Duration,
}

/// The threads. When this is dropped, they end after the jobs in hand.
#[derive(Debug)]
pub struct VerifyPool {
    shared: Arc<Shared>,
    threads: usize,
    checker: Checker,
}

/// What one thread needs for its checks.
struct Checker {
    keys: Keys,
    meter: VerifyMeter,
    /// The coefficients of batches come from it.
    secret: [u8; 32],
}

/// The public keys that were used last, in the form that checks need.
#[derive(Debug)]
struct Keys(LruCache<PublicKey, Option<VerifyingKey>>);

#[derive(Debug)]
struct Shared {
    queue: Mutex<Queue>,
    ready: Condvar,
}

#[derive(Debug, Default)]
struct Queue {
    jobs: VecDeque<VerifyJob>,
    closed: bool,
}

impl IntoIterator for Verdicts {
    type Item = (JobId, Verdict);
    type IntoIter = std::vec::IntoIter<Self::Item>;

    fn into_iter(self) -> Self::IntoIter {
        self.of.into_iter()
    }
}

impl VerifyPool {
    /// Starts one thread for each core, at least one and at most [`THREADS_MAX`]. Verdicts come through the
    /// receiver. It never holds more of them than there were jobs outstanding.
    ///
    /// # Errors
    /// The system's error, if no thread can be started.
    pub fn start() -> std::io::Result<(Self, mpsc::UnboundedReceiver<Verdicts>)> {
        Self::start_with(&VerifyMeter::unseen())
    }

    /// The same, which counts in this meter.
    ///
    /// # Errors
    /// As [`VerifyPool::start`].
    pub fn start_with(meter: &VerifyMeter) -> std::io::Result<(Self, mpsc::UnboundedReceiver<Verdicts>)> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).clamp(1, THREADS_MAX);
        let (verdicts, receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { queue: Mutex::default(), ready: Condvar::new() });
        let secret = rand::random();
        let pool = Self { shared, threads, checker: Checker::new(secret, meter.clone()) };
        for index in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let verdicts = verdicts.clone();
            let checker = Checker::new(secret, meter.clone());
            thread::Builder::new()
                .name(format!("verify-{index}"))
                .spawn(move || work(&shared, threads, checker, &verdicts))?;
        }
        Ok((pool, receiver))
    }

    /// Checks all of `jobs` on this thread if they are few ([`HERE_SIGNATURES_MAX`]). Otherwise hands them to the
    /// pool, as [`VerifyPool::submit`] does, and returns nothing.
    pub fn check(&mut self, jobs: &mut VecDeque<VerifyJob>) -> Verdicts {
        let signatures = jobs.iter().fold(0, |sum: usize, job| sum.saturating_add(job.signatures()));
        if signatures > HERE_SIGNATURES_MAX {
            self.submit(jobs);
            return Verdicts::default();
        }
        let verdicts = self.checker.check(jobs.make_contiguous());
        jobs.clear();
        verdicts
    }

    /// Takes jobs from the front of `jobs`, as many as the queue has room for. The rest must wait
    /// for the next verdicts.
    pub fn submit(&self, jobs: &mut VecDeque<VerifyJob>) {
        let mut queue = lock(&self.shared.queue);
        let room = QUEUE_JOBS_MAX.saturating_sub(queue.jobs.len()).min(jobs.len());
        queue.jobs.extend(jobs.drain(..room));
        drop(queue);
        match room {
            0 => {}
            1 => self.shared.ready.notify_one(),
            _ => self.shared.ready.notify_all(),
        }
    }

    /// Jobs that wait for a thread.
    #[must_use]
    pub fn waiting(&self) -> usize {
        lock(&self.shared.queue).jobs.len()
    }

    /// How many threads there are.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.threads
    }
}

impl Checker {
    fn new(secret: [u8; 32], meter: VerifyMeter) -> Self {
        Self { keys: Keys::new(), meter, secret }
    }

    fn check(&mut self, jobs: &[VerifyJob]) -> Verdicts {
        let began = Instant::now();
        let tally = check_together(jobs, &self.secret, |key| self.keys.get(key));
        let took = began.elapsed();
        self.meter.done(jobs, &tally, took);
        Verdicts { of: jobs.iter().map(|job| job.id).zip(tally.verdicts).collect(), took }
    }
}

/// Without the secret: a reader of a log must not learn how to make errors that cancel.
impl fmt::Debug for Checker {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Checker").field("keys", &self.keys.0.len()).finish_non_exhaustive()
    }
}

impl Keys {
    /// No keys yet. The library gets no bound, because it would allocate for a bound at once.
    /// [`Keys::get`] bounds it.
    fn new() -> Self {
        Self(LruCache::unbounded())
    }

    fn get(&mut self, key: &PublicKey) -> Option<VerifyingKey> {
        if let Some(known) = self.0.get(key) {
            return *known;
        }
        let decompressed = key.decompress();
        if self.0.len() >= KEYS_MAX {
            self.0.pop_lru();
        }
        self.0.put(*key, decompressed);
        decompressed
    }
}

impl Drop for VerifyPool {
    fn drop(&mut self) {
        let mut queue = lock(&self.shared.queue);
        queue.closed = true;
        queue.jobs.clear();
        drop(queue);
        self.shared.ready.notify_all();
    }
}

fn work(shared: &Shared, threads: usize, mut checker: Checker, verdicts: &mpsc::UnboundedSender<Verdicts>) {
    while let Some(jobs) = take(shared, threads) {
        if verdicts.send(checker.check(&jobs)).is_err() {
            return;
        }
    }
}

/// A fair share of the queue; `None` when the pool is closed.
fn take(shared: &Shared, threads: usize) -> Option<Vec<VerifyJob>> {
    let mut queue = lock(&shared.queue);
    while queue.jobs.is_empty() && !queue.closed {
        queue = shared.ready.wait(queue).unwrap_or_else(PoisonError::into_inner);
    }
    if queue.closed {
        return None;
    }
    let fair = queue.jobs.len().div_ceil(threads).clamp(1, SHARE_JOBS_MAX);
    let mut signatures: usize = 0;
    let share = queue.jobs.iter().take(fair).take_while(|job| {
        let room = signatures < SHARE_SIGNATURES_MAX;
        signatures = signatures.saturating_add(job.signatures());
        room
    });
    let share = share.count();
    Some(queue.jobs.drain(..share).collect())
}

/// The queue holds plain data that no half-done change can spoil, so a poisoned lock can still be used.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
