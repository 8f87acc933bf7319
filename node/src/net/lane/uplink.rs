//! What the bulk lanes to all peers share: the uplink's [pace](super::pace), the turns, and encoded frames.
//!
//! The body that began first goes first, but [older blocks](super::turns) after all others. So the first peer
//! has the body much earlier than if all copies left side by side. It can pass the body on early, and the last
//! peer has it no later. A peer has no turn while its window has no room or its stream accepts nothing. So a
//! slow peer delays no other.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Waker};

use protocol::items::transaction::Height;
use protocol::time::Time;
use protocol::wire::message::Message;

use super::encoded::{EncodedFrame, Frames};
use super::pace::Pace;
use super::turns::Turns;
use crate::clock::rates::bulk_rate;

/// The uplink of a node.
#[derive(Debug, Default)]
pub struct Uplink {
    state: Mutex<State>,
}

#[derive(Debug, Default)]
struct State {
    pace: Pace,
    frames: Frames,
    /// Waiting turns, in no order: at most one for each connection.
    waiting: Vec<(u64, Waker)>,
    /// The turn that was granted last, unless it has been given up.
    granted: Option<u64>,
    turns: Turns,
    next_id: u64,
}

/// A peer at the uplink.
#[derive(Debug)]
pub(super) struct Member {
    uplink: Arc<Uplink>,
    id: u64,
}

/// A body's place among those that are being sent; given up when dropped.
#[derive(Debug)]
pub(super) struct Turn {
    uplink: Arc<Uplink>,
    number: u64,
}

/// Whether a chunk may be written.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Leave {
    Now,
    /// No turn is before it. The chunk may be written at this time.
    At(Time),
    /// Other turns are before it. The task will be woken.
    Later,
}

impl Uplink {
    /// An uplink about which nothing is known.
    #[must_use]
    pub fn new() -> Arc<Self> {
        Arc::default()
    }

    /// The same, if uploads are limited to `limit` bytes a second.
    #[must_use]
    pub fn within(limit: Option<u64>) -> Arc<Self> {
        let Some(limit) = limit else { return Self::new() };
        let state = State { pace: Pace::within(bulk_rate(limit)), ..State::default() };
        Arc::new(Self { state: Mutex::new(state) })
    }

    pub(super) fn join(self: &Arc<Self>) -> Member {
        let id = self.lock().next_id();
        Member { uplink: Arc::clone(self), id }
    }

    /// A large message's frame, encoded once.
    pub(super) fn frame(&self, message: &Message) -> Arc<EncodedFrame> {
        self.lock().frames.of(message)
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    const fn next_id(&mut self) -> u64 {
        self.next_id = self.next_id.wrapping_add(1);
        self.next_id
    }

    fn wait(&mut self, number: u64, cx: &Context<'_>) {
        match self.waiting.iter_mut().find(|(waiting, _)| *waiting == number) {
            Some((_, waker)) => waker.clone_from(cx.waker()),
            None => self.waiting.push((number, cx.waker().clone())),
        }
    }

    /// Removes a turn; true if there was one that others may have waited for.
    fn remove(&mut self, number: u64) -> bool {
        let before = self.waiting.len();
        self.waiting.retain(|(waiting, _)| *waiting != number);
        let granted = self.granted.take_if(|granted| *granted == number).is_some();
        granted || self.waiting.len() < before
    }
}

impl Member {
    /// A body begins. `height` is that of a block.
    pub(super) fn begin(&self, height: Option<Height>) -> Turn {
        let number = self.uplink.lock().turns.begin(height);
        Turn { uplink: Arc::clone(&self.uplink), number }
    }

    /// Asks to write a chunk.
    pub(super) fn ask(&self, turn: &Turn, now: Time, cx: &Context<'_>) -> Leave {
        let mut state = self.uplink.lock();
        let first = state.waiting.iter().all(|(waiting, _)| *waiting >= turn.number);
        if !first && state.pace.leaving() != Some(self.id) {
            state.wait(turn.number, cx);
            return Leave::Later;
        }
        match state.pace.ready(self.id, now) {
            Ok(()) => {
                state.remove(turn.number);
                state.granted = Some(turn.number);
                Leave::Now
            }
            Err(at) => {
                state.wait(turn.number, cx);
                Leave::At(at)
            }
        }
    }

    /// As [`Pace::wrote`].
    pub(super) fn wrote(&self, bytes: usize, ahead: usize, quiet: bool, now: Time) {
        self.uplink.lock().pace.wrote(self.id, bytes, ahead, quiet, now);
    }

    /// As [`Pace::acked`].
    pub(super) fn acked(&self, bytes: u64, written: Time, quiet: bool, now: Time) -> Option<u64> {
        self.uplink.lock().pace.acked(self.id, bytes, written, quiet, now)
    }
}

impl Drop for Member {
    fn drop(&mut self) {
        self.uplink.lock().pace.forget(self.id);
    }
}

impl Turn {
    /// Lets others go first until it asks again.
    pub(super) fn give_up(&self) {
        let mut state = self.uplink.lock();
        if state.remove(self.number)
            && let Some((_, waker)) = state.waiting.iter().min_by_key(|(number, _)| *number)
        {
            waker.wake_by_ref();
        }
    }
}

impl Drop for Turn {
    fn drop(&mut self) {
        self.give_up();
    }
}
