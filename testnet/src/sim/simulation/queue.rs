//! The event queue: the next event, in the order of time. Events at the same time keep the order of scheduling.
//! The queue knows no node and no meaning of an event.
//!
//! Near times lie in slices of [`SLICE_MICROS`], which are sorted when their turn comes. Far times lie in a heap.
//! A heap alone would touch about twenty distant cache lines for each of a million waiting events.
//!
//! A slice is a list of chunks of `CHUNK_EVENTS`. A `Vec` would grow by doubling: it would copy its events, and have
//! up to twice the places that they need. When a slice's turn comes, its events are copied once, to be sorted, and
//! its chunks are free for other slices. More than `KEPT_CHUNKS` free ones are given back: otherwise a million nodes
//! would hold some gigabytes for events that are long over.

use std::cmp::Reverse;
use std::collections::BinaryHeap;

use protocol::time::Time;

/// The length of a slice: 256 µs hold some hundred events of ten thousand busy nodes, which are sorted within the
/// cache.
pub const SLICE_MICROS: u64 = 256;

/// The number of slices ahead. With their length, that is a second. Most messages and timers are nearer.
pub const SLICES: usize = 4_096;

/// Events of a chunk: 3 KiB of events of 48 bytes.
const CHUNK_EVENTS: usize = 64;

/// Free chunks that are kept: 4,096 of 3 KiB are 13 MB.
const KEPT_CHUNKS: usize = 4_096;

/// Events that a sorted slice may have to keep its memory for the next one: as many as those of the chunks.
const KEPT_EVENTS: usize = CHUNK_EVENTS * KEPT_CHUNKS;

/// Events in order. Two events never compare equal, because the sequence number decides.
#[derive(Debug)]
pub struct EventQueue<E> {
    /// The slice whose turn it is, last event first.
    current: Vec<Queued<E>>,
    /// Events that were scheduled for it, or for an earlier time, after it was sorted.
    late: BinaryHeap<Reverse<Queued<E>>>,
    /// The slices after it, in a ring, each in chunks.
    ring: Vec<Vec<Chunk<E>>>,
    /// Chunks that are not in use.
    free: Vec<Chunk<E>>,
    in_ring: usize,
    far: BinaryHeap<Reverse<Queued<E>>>,
    /// The number of the current slice since time began.
    slice: u64,
    next_sequence: u64,
}

/// Some events of a slice, in the order in which they were scheduled.
type Chunk<E> = Vec<Queued<E>>;

#[derive(Debug)]
struct Queued<E> {
    at: Time,
    sequence: u64,
    event: E,
}

impl<E> Default for EventQueue<E> {
    fn default() -> Self {
        Self {
            current: Vec::new(),
            late: BinaryHeap::new(),
            ring: (0..SLICES).map(|_| Vec::new()).collect(),
            free: Vec::new(),
            in_ring: 0,
            far: BinaryHeap::new(),
            slice: 0,
            next_sequence: 0,
        }
    }
}

impl<E> EventQueue<E> {
    /// Schedules an event. Later calls come after earlier ones at the same time.
    pub fn push(&mut self, at: Time, event: E) {
        let queued = Queued { at, sequence: self.next_sequence, event };
        self.next_sequence += 1;
        self.place(queued);
    }

    /// Takes the next event.
    pub fn pop(&mut self) -> Option<(Time, E)> {
        while self.current.is_empty() && self.late.is_empty() {
            if !self.turn() {
                return None;
            }
        }
        let late = match (self.late.peek(), self.current.last()) {
            (Some(Reverse(late)), Some(next)) => late < next,
            (late, _) => late.is_some(),
        };
        let next = if late { self.late.pop().map(|Reverse(late)| late) } else { self.current.pop() };
        next.map(|queued| (queued.at, queued.event))
    }

    /// Events that come soon, the next one first: some of those that are already sorted.
    pub fn soon(&self) -> impl Iterator<Item = &E> {
        self.current.iter().rev().map(|queued| &queued.event)
    }

    /// Events that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.current.len() + self.late.len() + self.in_ring + self.far.len()
    }

    /// Whether none waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }

    fn place(&mut self, queued: Queued<E>) {
        let slice = slice_of(queued.at);
        if slice <= self.slice {
            self.late.push(Reverse(queued));
        } else if slice - self.slice < SLICES as u64 {
            self.in_ring += 1;
            let chunks = &mut self.ring[place_of(slice)];
            match chunks.last_mut().filter(|chunk| chunk.len() < CHUNK_EVENTS) {
                Some(chunk) => chunk.push(queued),
                None => {
                    let mut chunk = self.free.pop().unwrap_or_else(|| Vec::with_capacity(CHUNK_EVENTS));
                    chunk.push(queued);
                    chunks.push(chunk);
                }
            }
        } else {
            self.far.push(Reverse(queued));
        }
    }

    /// Moves on to the next slice that may hold something. False if nothing waits.
    fn turn(&mut self) -> bool {
        match self.far.peek() {
            Some(Reverse(first)) if self.in_ring == 0 => self.slice = slice_of(first.at),
            None if self.in_ring == 0 => return false,
            _ => self.slice += 1,
        }
        if self.current.capacity() > KEPT_EVENTS {
            self.current = Vec::new();
        }
        let mut chunks = std::mem::take(&mut self.ring[place_of(self.slice)]);
        self.current.reserve(chunks.iter().map(Vec::len).sum());
        for chunk in &mut chunks {
            self.current.append(chunk);
        }
        let room = KEPT_CHUNKS.saturating_sub(self.free.len());
        self.free.extend(chunks.into_iter().take(room));
        self.in_ring -= self.current.len();
        self.current.sort_unstable_by(|a, b| b.cmp(a));
        while let Some(Reverse(first)) = self.far.peek()
            && slice_of(first.at) < self.slice + SLICES as u64
        {
            if let Some(Reverse(first)) = self.far.pop() {
                self.place(first);
            }
        }
        true
    }
}

const fn slice_of(at: Time) -> u64 {
    at.as_micros() / SLICE_MICROS
}

const fn place_of(slice: u64) -> usize {
    (slice % SLICES as u64) as usize
}

impl<E> PartialEq for Queued<E> {
    fn eq(&self, other: &Self) -> bool {
        self.cmp(other).is_eq()
    }
}

impl<E> Eq for Queued<E> {}

impl<E> PartialOrd for Queued<E> {
    fn partial_cmp(&self, other: &Self) -> Option<std::cmp::Ordering> {
        Some(self.cmp(other))
    }
}

impl<E> Ord for Queued<E> {
    fn cmp(&self, other: &Self) -> std::cmp::Ordering {
        (self.at, self.sequence).cmp(&(other.at, other.sequence))
    }
}
