//! Who may pass next, and when: the arithmetic of one limit. Sans-IO.
//!
//! A bucket holds at most [`burst`] bytes and fills at the rate. Each connection that wants to pass asks for up to
//! one [`piece`], and those who wait are served by fair queueing: a request starts where the connection's last one
//! ended, but not before the *virtual time*, the start of the request that was served last. The request that ends
//! first is served first. So connections that always want to pass take turns, whatever the lengths of their
//! pieces, and of those that begin together, the one with the shortest message goes first.
//!
//! A connection that was silent may start [`LEAD_BYTES`] before the virtual time. So the few bytes of a ping pass
//! before the next pieces of connections that use all they get. It can use this lead once: then its own requests
//! have caught up.
//!
//! One that is first and does not come for `PATIENCE` does not hold up the others. Its task may be waiting for
//! something else.
//!
//! Deliberately absent: tasks and wakers (`rates.rs`).

use std::collections::{BTreeSet, HashMap};

use protocol::time::{Duration, Time};

/// How far before the virtual time a connection that was silent may start.
pub const LEAD_BYTES: u64 = 8 * 1024;

/// How long a request that is first may take to pass before others pass it.
const PATIENCE: Duration = Duration::from_millis(100);

/// The shortest and the longest piece.
const PIECE_MIN: u64 = 2 * 1024;
const PIECE_MAX: u64 = 16 * 1024;

/// Millionths of a byte. In these a microsecond brings a whole number of units at any rate, so nothing is lost by
/// rounding.
const UNITS: u64 = 1_000_000;

/// The most bytes that a limit of `rate` bytes a second saves up: those of a quarter of a second.
#[must_use]
pub const fn burst(rate: u64) -> u64 {
    let quarter = rate / 4;
    if quarter < PIECE_MAX { PIECE_MAX } else { quarter }
}

/// The most bytes that a connection passes at once: those of a millisecond, but from 2 KiB to 16 KiB.
#[must_use]
pub const fn piece(rate: u64) -> u64 {
    let ms = rate / 1_000;
    if ms < PIECE_MIN {
        PIECE_MIN
    } else if ms > PIECE_MAX {
        PIECE_MAX
    } else {
        ms
    }
}

/// Whether a request may pass.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leave {
    /// It passes, and its ticket is used up.
    Now,
    /// It may pass at this time, unless another one passes before it.
    At(Time),
}

/// One direction of a node.
#[derive(Clone, Debug)]
pub struct Shares {
    rate: u64,
    /// Saved bytes, in millionths.
    saved: u64,
    at: Time,
    /// The start of the request that was served last.
    virtual_time: u64,
    /// Where the last request of each connection ends.
    ends: HashMap<u64, u64>,
    /// The tickets of the requests that wait, by their ends. At most one for each direction of a stream.
    waiting: BTreeSet<(u64, u64)>,
    /// The same requests, by ticket.
    requests: HashMap<u64, Request>,
    next: u64,
}

/// What a connection asked for.
#[derive(Clone, Copy, Debug)]
struct Request {
    start: u64,
    end: u64,
}

impl Request {
    /// What it costs, in millionths of a byte.
    const fn cost(&self) -> u64 {
        self.end.saturating_sub(self.start).saturating_mul(UNITS)
    }
}

impl Shares {
    /// A limit of `rate` bytes a second, with a full bucket.
    #[must_use]
    pub fn new(rate: u64, now: Time) -> Self {
        let saved = burst(rate).saturating_mul(UNITS);
        let (ends, waiting, requests) = (HashMap::new(), BTreeSet::new(), HashMap::new());
        Self { rate: rate.max(1), saved, at: now, virtual_time: LEAD_BYTES, ends, waiting, requests, next: 0 }
    }

    /// The most bytes that a connection passes at once.
    #[must_use]
    pub fn piece(&self) -> usize {
        usize::try_from(piece(self.rate)).unwrap_or(usize::MAX)
    }

    /// A new connection's number.
    pub fn join(&mut self) -> u64 {
        self.number()
    }

    /// A connection is gone. Its requests have been given up before.
    pub fn part(&mut self, connection: u64) {
        self.ends.remove(&connection);
    }

    /// A connection asks for `bytes`. Returns the ticket of its request.
    pub fn ask(&mut self, connection: u64, bytes: i64) -> u64 {
        // More than the bucket holds would never pass.
        let bytes = u64::try_from(bytes).unwrap_or(0).min(burst(self.rate));
        let earliest = self.virtual_time.saturating_sub(LEAD_BYTES);
        let end = self.ends.entry(connection).or_default();
        let start = earliest.max(*end);
        let request = Request { start, end: start.saturating_add(bytes) };
        *end = request.end;
        let ticket = self.number();
        self.waiting.insert((request.end, ticket));
        self.requests.insert(ticket, request);
        ticket
    }

    /// Whether a request may pass.
    pub fn leave(&mut self, ticket: u64, now: Time) -> Leave {
        self.fill(now);
        let Some(request) = self.requests.get(&ticket).copied() else { return Leave::Now };
        let first = self.first().filter(|first| *first != ticket).and_then(|first| self.requests.get(&first));
        // Bytes for the first one stay saved, so it still passes when it comes.
        let ahead =
            first.map_or(0, |first| first.cost().saturating_add(PATIENCE.as_micros().saturating_mul(self.rate)));
        let wanted = request.cost().saturating_add(ahead).min(burst(self.rate).saturating_mul(UNITS));
        if let Some(missing) = wanted.checked_sub(self.saved).filter(|missing| *missing > 0) {
            return Leave::At(self.at + Duration::from_micros(missing.div_ceil(self.rate)));
        }
        self.saved = self.saved.saturating_sub(request.cost());
        self.virtual_time = self.virtual_time.max(request.start);
        self.give_up(ticket);
        Leave::Now
    }

    /// A request is not wanted any more.
    pub fn give_up(&mut self, ticket: u64) {
        if let Some(request) = self.requests.remove(&ticket) {
            self.waiting.remove(&(request.end, ticket));
        }
    }

    /// The ticket that is first.
    #[must_use]
    pub fn first(&self) -> Option<u64> {
        self.waiting.first().map(|(_, ticket)| *ticket)
    }

    /// Requests that wait.
    #[must_use]
    pub fn len(&self) -> usize {
        self.waiting.len()
    }

    /// Whether no request waits.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.waiting.is_empty()
    }

    fn number(&mut self) -> u64 {
        self.next = self.next.wrapping_add(1);
        self.next
    }

    fn fill(&mut self, now: Time) {
        let gained = now.since(self.at).as_micros().saturating_mul(self.rate);
        self.saved = self.saved.saturating_add(gained).min(burst(self.rate).saturating_mul(UNITS));
        self.at = self.at.max(now);
    }
}
