//! Signature checks: a few at once on the caller's thread, more on separate threads.
//!
//! To hand a check to another thread costs two wake-ups and changes of context, which is more than a lone check
//! costs. So the caller does a few checks itself. Bursts and blocks go to the pool. The pool's queue is bounded,
//! and leaves jobs with the caller when it is full: the caller waits, and nothing is dropped. Each checking thread
//! remembers the keys that it decompressed last. Deliberately absent: batch equations. Each signature is checked
//! alone, by the strict rule.

use std::collections::VecDeque;
use std::num::NonZeroUsize;
use std::sync::{Arc, Condvar, Mutex, MutexGuard, PoisonError};
use std::thread;

use lru::LruCache;
use protocol::items::keys::{PublicKey, VerifyingKey};
use protocol::items::verify::{JobId, Verdict, VerifyJob};
use tokio::sync::mpsc;

/// The most threads, however many cores there are.
pub const THREADS_MAX: usize = 4;

/// Jobs that wait. Jobs of one signature take some 60 µs each: a quarter of a second of work for one thread.
pub const QUEUE_JOBS_MAX: usize = 4_096;

/// Signatures that the caller checks itself at once: at some 60 µs each they delay it by no
/// more than a millisecond.
pub const HERE_SIGNATURES_MAX: usize = 16;

/// Jobs that a thread takes at once under load: enough to save locks and wake-ups, too few to delay the others.
const BATCH_JOBS_MAX: usize = 32;

/// Keys that a thread remembers. A decompressed key takes some 200 bytes: 800 KiB a thread.
const KEYS_MAX: usize = 4_096;

/// Verdicts of jobs that were handed out together.
pub type Verdicts = Vec<(JobId, Verdict)>;

/// The threads. When this is dropped, they end after the jobs in hand.
#[derive(Debug)]
pub struct VerifyPool {
    shared: Arc<Shared>,
    threads: usize,
    keys: Keys,
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

impl VerifyPool {
    /// Starts one thread for each core, at least one and at most [`THREADS_MAX`]. Verdicts come through the
    /// receiver. It never holds more of them than there were jobs outstanding.
    ///
    /// # Errors
    /// The system's error, if no thread can be started.
    pub fn start() -> std::io::Result<(Self, mpsc::UnboundedReceiver<Verdicts>)> {
        let threads = thread::available_parallelism().map_or(1, NonZeroUsize::get).clamp(1, THREADS_MAX);
        let (verdicts, receiver) = mpsc::unbounded_channel();
        let shared = Arc::new(Shared { queue: Mutex::default(), ready: Condvar::new() });
        let pool = Self { shared, threads, keys: Keys::new() };
        for index in 0..threads {
            let shared = Arc::clone(&pool.shared);
            let verdicts = verdicts.clone();
            thread::Builder::new()
                .name(format!("verify-{index}"))
                .spawn(move || work(&shared, threads, &verdicts))?;
        }
        Ok((pool, receiver))
    }

    /// Checks all of `jobs` on this thread if they are few ([`HERE_SIGNATURES_MAX`]). Otherwise hands them to the
    /// pool, as [`VerifyPool::submit`] does, and returns nothing.
    pub fn check(&mut self, jobs: &mut VecDeque<VerifyJob>) -> Verdicts {
        let signatures = jobs.iter().fold(0, |sum: usize, job| sum.saturating_add(job.signatures()));
        if signatures > HERE_SIGNATURES_MAX {
            self.submit(jobs);
            return Verdicts::new();
        }
        jobs.drain(..).map(|job| self.keys.run(&job)).collect()
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

    /// How many threads there are.
    #[must_use]
    pub const fn threads(&self) -> usize {
        self.threads
    }
}

impl Keys {
    /// No keys yet. The library gets no bound, because it would allocate for a bound at once.
    /// [`Keys::get`] bounds it.
    fn new() -> Self {
        Self(LruCache::unbounded())
    }

    fn run(&mut self, job: &VerifyJob) -> (JobId, Verdict) {
        (job.id, job.run(|key| self.get(key)))
    }

    fn get(&mut self, key: &PublicKey) -> Option<VerifyingKey> {
        if let Some(known) = self.0.get(key) {
            return known.clone();
        }
        let decompressed = key.decompress();
        if self.0.len() >= KEYS_MAX {
            self.0.pop_lru();
        }
        self.0.put(*key, decompressed.clone());
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

fn work(shared: &Shared, threads: usize, verdicts: &mpsc::UnboundedSender<Verdicts>) {
    let mut keys = Keys::new();
    while let Some(jobs) = take(shared, threads) {
        let done = jobs.iter().map(|job| keys.run(job)).collect();
        if verdicts.send(done).is_err() {
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
    let share = queue.jobs.len().div_ceil(threads).clamp(1, BATCH_JOBS_MAX);
    Some(queue.jobs.drain(..share).collect())
}

/// The queue holds plain data that no half-done change can spoil, so a poisoned lock can still be used.
fn lock(queue: &Mutex<Queue>) -> MutexGuard<'_, Queue> {
    queue.lock().unwrap_or_else(PoisonError::into_inner)
}
