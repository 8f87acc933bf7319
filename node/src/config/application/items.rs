//! The place where a program that runs a node in its own process hears of accepted items, and of the chain's end.
//!
//! * **The loop never waits.** Each reader has a queue of its own. If nobody reads, no event is made.
//! * **A queue is bounded in events and in bytes.** A reader that is further behind loses the oldest events, and is told
//!   how many were lost in their place.
//! * **Nothing is repeated.** A reader hears what happens after it was opened.
//!
//! The bytes are those of the items. An event shares them with the node, so most of them take no more memory, as long
//! as the node holds the item itself.
//!
//! Deliberately absent: what others are told over the network (`rpc/feeds.rs`), and members.

use std::collections::VecDeque;
use std::future::poll_fn;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError, Weak};
use std::task::{Context, Poll, Waker};

use futures::Stream;
use futures::stream::unfold;
use protocol::items::block::Block;
use protocol::items::hash::BlockId;
use protocol::items::transaction::{Height, SignedTransaction};
use protocol::limits::BLOCK_BYTES_MAX;
use protocol::wire::codec::Encode as _;

/// Events that wait for one reader: at 200 transactions a second those of 5 s.
pub const ITEM_EVENTS_MAX: usize = 1_024;

/// Bytes of the items of these events: four of the largest blocks, 16 MiB.
pub const ITEM_EVENTS_BYTES_MAX: usize = 4 * BLOCK_BYTES_MAX;

/// What a reader is told.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Event {
    /// A transaction was accepted by itself: it is valid, and it is in the mempool. Those that only a block brought are
    /// told with the block.
    Transaction(Arc<SignedTransaction>),
    /// A block was accepted: it is valid, and so are its ancestors. It may be of another branch than the best.
    Block(Arc<Block>),
    /// The best chain has a new end. One event may stand for several new blocks. For each of them
    /// [`Validator::connected`](protocol::items::validator::Validator::connected) was called and [`Event::Block`] was
    /// told before.
    Tip {
        /// The height of its last block.
        height: Height,
        /// The id of its last block.
        id: BlockId,
        /// How many blocks of the old best chain are not on the new one.
        stale: usize,
    },
    /// This number of events is missing here, of any kind. The reader was too slow, or an item was given up before it
    /// could be told.
    Lost(u64),
}

/// All readers.
#[derive(Clone, Debug, Default)]
pub struct Items(Arc<Hub>);

#[derive(Debug, Default)]
struct Hub {
    /// How many readers there are, so that nothing is locked if there are none.
    count: AtomicUsize,
    readers: Mutex<Readers>,
}

#[derive(Debug, Default)]
struct Readers {
    queues: Vec<Weak<Mutex<Queue>>>,
    ended: bool,
}

/// What waits for one reader.
#[derive(Debug, Default)]
struct Queue {
    events: VecDeque<(Event, usize)>,
    bytes: usize,
    lost: u64,
    ended: bool,
    waker: Option<Waker>,
}

/// One reader of events. It may be dropped at any time.
#[derive(Debug)]
pub struct Events {
    queue: Arc<Mutex<Queue>>,
    hub: Arc<Hub>,
}

impl Items {
    /// Opens a reader.
    #[must_use]
    pub fn subscribe(&self) -> Events {
        let mut readers = lock(&self.0.readers);
        let queue = Arc::new(Mutex::new(Queue { ended: readers.ended, ..Queue::default() }));
        // Readers that were dropped are forgotten here, so that they can't pile up while nothing is told.
        readers.queues.retain(|queue| queue.strong_count() > 0);
        readers.queues.push(Arc::downgrade(&queue));
        self.0.count.fetch_add(1, Ordering::Relaxed);
        Events { queue, hub: Arc::clone(&self.0) }
    }

    /// Tells an event, which is made only if somebody reads. If it can't be made, it counts as lost.
    pub fn tell(&self, make: impl FnOnce() -> Option<Event>) {
        if self.0.count.load(Ordering::Relaxed) == 0 {
            return;
        }
        let event = make();
        lock(&self.0.readers).queues.retain(|queue| {
            let Some(queue) = queue.upgrade() else { return false };
            let waker = lock(&queue).push(event.clone());
            waker.into_iter().for_each(Waker::wake);
            true
        });
    }

    /// Nothing more will be told: readers hear what waits for them, and then the end.
    pub fn end(&self) {
        let mut readers = lock(&self.0.readers);
        readers.ended = true;
        for queue in readers.queues.drain(..).filter_map(|queue| queue.upgrade()) {
            let mut queue = lock(&queue);
            queue.ended = true;
            queue.waker.take().into_iter().for_each(Waker::wake);
        }
    }
}

impl Events {
    /// The next event. `None` once the node has ended and everything was told. Nothing is lost if the future is dropped.
    pub async fn next(&mut self) -> Option<Event> {
        poll_fn(|cx| self.poll(cx)).await
    }

    /// The same as a stream.
    pub fn into_stream(self) -> impl Stream<Item = Event> + Send {
        unfold(self, |mut events| async move { events.next().await.map(|event| (event, events)) })
    }

    fn poll(&mut self, cx: &Context<'_>) -> Poll<Option<Event>> {
        let mut queue = lock(&self.queue);
        if queue.lost > 0 {
            return Poll::Ready(Some(Event::Lost(std::mem::take(&mut queue.lost))));
        }
        if let Some((event, bytes)) = queue.events.pop_front() {
            queue.bytes -= bytes;
            return Poll::Ready(Some(event));
        }
        if queue.ended {
            return Poll::Ready(None);
        }
        queue.waker = Some(cx.waker().clone());
        Poll::Pending
    }
}

impl Drop for Events {
    fn drop(&mut self) {
        self.hub.count.fetch_sub(1, Ordering::Relaxed);
    }
}

impl Queue {
    /// Takes an event in, and gives up the oldest that have no room. `None` is an event that is lost already: it counts
    /// as older than those that wait, though it is newer.
    fn push(&mut self, event: Option<Event>) -> Option<Waker> {
        match event {
            None => self.lost = self.lost.saturating_add(1),
            Some(event) => {
                let bytes = event.bytes();
                self.bytes += bytes;
                self.events.push_back((event, bytes));
            }
        }
        while self.events.len() > ITEM_EVENTS_MAX || self.bytes > ITEM_EVENTS_BYTES_MAX {
            let Some((_, bytes)) = self.events.pop_front() else { break };
            self.bytes -= bytes;
            self.lost = self.lost.saturating_add(1);
        }
        self.waker.take()
    }
}

impl Event {
    /// The encoded bytes of its item.
    fn bytes(&self) -> usize {
        match self {
            Self::Transaction(transaction) => transaction.encoded().len(),
            Self::Block(block) => block.encoded_len(),
            Self::Tip { .. } | Self::Lost(_) => 0,
        }
    }
}

/// No change of these is left half done, so a poisoned lock can still be used.
fn lock<T>(shared: &Mutex<T>) -> MutexGuard<'_, T> {
    shared.lock().unwrap_or_else(PoisonError::into_inner)
}
