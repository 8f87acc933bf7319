//! Limits in bytes a second for everything that a node sends to and receives from peers. Each direction has its own
//! limit, which all connections share.
//!
//! 1. **It holds.** In any span of time, what is sent is at most the rate times the span, plus [`burst`]. When
//!    receiving, each connection may be one [`piece`] ahead: a node learns how much came only by reading it.
//! 2. **It is fair.** Every connection that has something to send gets the same share, however many streams it
//!    has. One that used less than its share lately goes first (`shares.rs`).
//! 3. **Short messages go first.** The bulk lanes are paced to [`bulk_rate`], nine tenths of the limit. So control
//!    messages, and the pings and probes of membership among them, find the limit free and do not wait behind
//!    bodies.
//!
//! On TCP all bytes count, below noise: handshakes, multiplexing and libp2p's own protocols are included, TCP and IP
//! headers are not. libp2p's QUIC has no seam below its encryption. So there the bytes of streams are counted, with
//! [`QUIC_PACKET_OVERHEAD`] for each packet that they fill at least; QUIC's handshake is not counted.
//!
//! A receiver can only stop reading. What the kernel takes meanwhile, up to `net.ipv4.tcp_rmem` for each
//! connection, is counted when it is read.
//!
//! The RPC shares out its calls by the same arithmetic ([`Shared`], and `rpc/http/turns.rs`).
//!
//! Deliberately absent: a limit of bytes for the RPC, which is on loopback, and limits on name lookups.

use std::collections::HashMap;
use std::future::{Future, poll_fn};
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker, ready};

use protocol::time::Time;
use tokio::time::Sleep;

use self::shares::{Leave, Shares};
use crate::clock::Clock;

mod paced;
pub mod shares;

pub use self::paced::Paced;
pub use self::shares::{burst, piece};

/// What a packet of QUIC costs besides the bytes of its streams: a short header of 10 to 13 bytes, a tag of 16, the
/// head of a stream frame of 3 to 12, and half of an acknowledgement of some 30, because every second packet is
/// acknowledged.
pub const QUIC_PACKET_OVERHEAD: u64 = 50;

/// Bytes of streams in a packet, at the least size to which QUIC falls back, 1,200 bytes.
const QUIC_PACKET_BYTES: u64 = 1_150;

/// The rate of all bulk lanes together when uploads are limited to `limit` bytes a second: nine tenths.
#[must_use]
pub const fn bulk_rate(limit: u64) -> u64 {
    limit / 10 * 9
}

/// A clock with timers: the machine's, or a test's.
pub trait Timing: Clone + Send + Sync + Unpin + 'static {
    /// Waits until a time.
    type Until: Future<Output = ()> + Send + Unpin;

    /// Now.
    fn now(&self) -> Time;

    /// Ready once `at` has come.
    fn until(&self, at: Time) -> Self::Until;
}

impl Timing for Clock {
    type Until = Pin<Box<Sleep>>;

    fn now(&self) -> Time {
        Self::now(self)
    }

    fn until(&self, at: Time) -> Self::Until {
        Box::pin(tokio::time::sleep(Self::until(self, at)))
    }
}

/// How the bytes of a connection are counted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Cost {
    /// As they are.
    Plain,
    /// As QUIC's, with the overhead of its packets.
    Quic,
}

impl Cost {
    fn of(self, bytes: usize) -> i64 {
        let bytes = bytes as u64;
        let more = match self {
            Self::Plain => 0,
            Self::Quic => bytes.div_ceil(QUIC_PACKET_BYTES).saturating_mul(QUIC_PACKET_OVERHEAD),
        };
        i64::try_from(bytes.saturating_add(more)).unwrap_or(i64::MAX)
    }
}

/// Both limits of a node, for its transport.
#[derive(Clone, Debug)]
pub struct RateLimits<T: Timing> {
    upload: Option<Arc<Limit<T>>>,
    download: Option<Arc<Limit<T>>>,
}

impl<T: Timing> RateLimits<T> {
    /// The limits of a node that starts now, in bytes a second; `None` for no limit.
    #[must_use]
    pub fn new(upload: Option<u64>, download: Option<u64>, timing: &T) -> Self {
        let limit = |rate| Arc::new(Limit::new(rate, timing.clone()));
        Self { upload: upload.map(limit), download: download.map(limit) }
    }

    /// A connection that begins.
    #[must_use]
    pub fn connection(&self, cost: Cost) -> Connection<T> {
        let join =
            |limit: &Arc<Limit<T>>| Arc::new(Member { number: limit.lock().join(), limit: Arc::clone(limit) });
        Connection { cost, upload: self.upload.as_ref().map(join), download: self.download.as_ref().map(join) }
    }
}

/// A connection at the limits. Its streams share its place.
#[derive(Clone, Debug)]
pub struct Connection<T: Timing> {
    cost: Cost,
    upload: Option<Arc<Member<T>>>,
    download: Option<Arc<Member<T>>>,
}

impl<T: Timing> Connection<T> {
    /// Puts the limits over a stream of this connection.
    pub fn pace<S>(&self, stream: S) -> Paced<S, T> {
        let flow = |member: &Option<Arc<Member<T>>>| {
            member.as_ref().map(|member| Flow::new(Arc::clone(member), self.cost))
        };
        Paced::new(stream, flow(&self.upload), flow(&self.download))
    }
}

/// A limit of its own that callers share fairly. It counts what they ask for, in units in place of bytes.
#[derive(Clone, Debug)]
pub struct Shared<T: Timing> {
    limit: Arc<Limit<T>>,
    burst: u64,
}

impl<T: Timing> Shared<T> {
    /// A limit of `rate` units a second, with [`burst`] of them saved up.
    #[must_use]
    pub fn new(rate: u64, timing: T) -> Self {
        Self { limit: Arc::new(Limit::new(rate, timing)), burst: burst(rate) }
    }

    /// A new caller. It is forgotten when this is dropped.
    #[must_use]
    pub fn join(&self) -> Sharer<T> {
        let member = Member { number: self.limit.lock().join(), limit: Arc::clone(&self.limit) };
        Sharer { member: Arc::new(member), burst: self.burst }
    }
}

/// One caller's place at a [`Shared`] limit.
#[derive(Debug)]
pub struct Sharer<T: Timing> {
    member: Arc<Member<T>>,
    burst: u64,
}

impl<T: Timing> Sharer<T> {
    /// Waits until this caller may take this number of units, and takes them. If the future is dropped before, what it
    /// still waited for is not taken.
    pub async fn take(&self, units: u64) {
        let mut left = units;
        while left > 0 {
            let piece = left.min(self.burst);
            let mut flow = Flow::new(Arc::clone(&self.member), Cost::Plain);
            let bytes = i64::try_from(piece).unwrap_or(i64::MAX);
            poll_fn(|cx| flow.poll_ticket(cx, bytes)).await;
            left -= piece;
        }
    }
}

/// One direction of a node.
#[derive(Debug)]
struct Limit<T> {
    timing: T,
    state: Mutex<State>,
}

#[derive(Debug)]
struct State {
    shares: Shares,
    /// The tasks of those that wait: at most one for each direction of a stream.
    wakers: HashMap<u64, Waker>,
}

/// A connection's place in one direction. It is given back when the last of its streams is gone.
#[derive(Debug)]
struct Member<T: Timing> {
    limit: Arc<Limit<T>>,
    number: u64,
}

impl<T: Timing> Limit<T> {
    fn new(rate: u64, timing: T) -> Self {
        let shares = Shares::new(rate, timing.now());
        Self { timing, state: Mutex::new(State { shares, wakers: HashMap::new() }) }
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        // A thread that panicked leaves nothing half done.
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn join(&mut self) -> u64 {
        self.shares.join()
    }

    /// Whoever is first now may have a time at which it can go.
    fn wake_first(&self) {
        if let Some(waker) = self.shares.first().and_then(|ticket| self.wakers.get(&ticket)) {
            waker.wake_by_ref();
        }
    }
}

impl<T: Timing> Drop for Member<T> {
    fn drop(&mut self) {
        self.limit.lock().shares.part(self.number);
    }
}

/// One direction of one stream.
struct Flow<T: Timing> {
    member: Arc<Member<T>>,
    cost: Cost,
    /// Bytes that were paid for and have not passed. Below zero, that have passed and are not paid for.
    paid: i64,
    ticket: Option<u64>,
    timer: Option<(Time, T::Until)>,
}

impl<T: Timing> Flow<T> {
    fn new(member: Arc<Member<T>>, cost: Cost) -> Self {
        Self { member, cost, paid: 0, ticket: None, timer: None }
    }

    /// Pays for `bytes`, but for no more than a piece. Ready with the bytes that may pass now.
    fn poll_pay(&mut self, cx: &mut Context<'_>, bytes: usize) -> Poll<usize> {
        let piece = self.member.limit.lock().shares.piece();
        let wanted = bytes.min(piece);
        // A writer that has less than it wants takes what it has, so that it pays for whole pieces.
        if self.paid <= 0 && wanted > 0 {
            let missing = self.cost.of(wanted).saturating_sub(self.paid);
            ready!(self.poll_ticket(cx, missing));
            self.paid = self.paid.saturating_add(missing);
        }
        Poll::Ready(usize::try_from(self.paid).unwrap_or(0).min(wanted).max(1))
    }

    /// Pays for what has passed before.
    fn poll_settle(&mut self, cx: &mut Context<'_>) -> Poll<usize> {
        if self.paid < 0 {
            ready!(self.poll_ticket(cx, self.paid.saturating_neg()));
            self.paid = 0;
        }
        Poll::Ready(self.member.limit.lock().shares.piece())
    }

    fn passed(&mut self, bytes: usize) {
        self.paid = self.paid.saturating_sub(self.cost.of(bytes));
    }

    fn poll_ticket(&mut self, cx: &mut Context<'_>, bytes: i64) -> Poll<()> {
        let limit = Arc::clone(&self.member.limit);
        loop {
            let now = limit.timing.now();
            let mut state = limit.lock();
            let ticket = *self.ticket.get_or_insert_with(|| state.shares.ask(self.member.number, bytes));
            match state.shares.leave(ticket, now) {
                Leave::Now => {
                    state.wakers.remove(&ticket);
                    state.wake_first();
                    self.ticket = None;
                    self.timer = None;
                    return Poll::Ready(());
                }
                Leave::At(at) => {
                    state.wakers.insert(ticket, cx.waker().clone());
                    drop(state);
                    if self.timer.as_ref().is_none_or(|(set, _)| *set != at) {
                        self.timer = Some((at, limit.timing.until(at)));
                    }
                    let Some((_, timer)) = &mut self.timer else { return Poll::Pending };
                    ready!(Pin::new(timer).poll(cx));
                    self.timer = None;
                }
            }
        }
    }
}

impl<T: Timing> Drop for Flow<T> {
    fn drop(&mut self) {
        if let Some(ticket) = self.ticket {
            let mut state = self.member.limit.lock();
            state.shares.give_up(ticket);
            state.wakers.remove(&ticket);
            state.wake_first();
        }
    }
}
