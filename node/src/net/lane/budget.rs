//! The bytes that the half-read bulk frames of all peers may use together.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, Waker};

use protocol::limits::BULK_FRAME_BYTES_MAX;

/// Bytes of half-read bulk frames of all peers together: 16 of the largest, 64 MiB.
pub const BULK_BUDGET_BYTES: usize = 16 * BULK_FRAME_BYTES_MAX;
/// The bytes that the half-read bulk frames of all peers may use. A frame's declared length is reserved before its
/// body is read, so that a peer that has begun can finish. A peer that comes too late waits.
#[derive(Debug)]
pub struct BulkBudget {
    state: Mutex<BudgetState>,
}

#[derive(Debug)]
struct BudgetState {
    free: usize,
    waiting: Vec<Waker>,
    /// The holders of shares, one for each connection. They must hurry when another connection waits.
    holding: Vec<(u64, Waker)>,
    next_id: u64,
}

/// A share of a [`BulkBudget`]. It is given back when dropped.
#[derive(Debug)]
pub(crate) struct Reservation {
    pub(super) budget: Arc<BulkBudget>,
    bytes: usize,
    id: u64,
}

impl BulkBudget {
    /// A budget of `bytes`.
    #[must_use]
    pub fn new(bytes: usize) -> Arc<Self> {
        Arc::new(Self {
            state: Mutex::new(BudgetState { free: bytes, waiting: Vec::new(), holding: Vec::new(), next_id: 0 }),
        })
    }

    /// Takes `bytes`, or makes sure that the task is woken when some are given back.
    pub(crate) fn poll_reserve(self: &Arc<Self>, cx: &Context<'_>, bytes: usize) -> Poll<Reservation> {
        let mut state = self.lock();
        if state.free >= bytes {
            state.free -= bytes;
            let id = state.next_id;
            state.next_id = id.wrapping_add(1);
            state.holding.push((id, cx.waker().clone()));
            return Poll::Ready(Reservation { budget: Arc::clone(self), bytes, id });
        }
        if !state.waiting.iter().any(|waker| waker.will_wake(cx.waker())) {
            state.waiting.push(cx.waker().clone());
            state.holding.iter().for_each(|(_, waker)| waker.wake_by_ref());
        }
        Poll::Pending
    }

    pub(super) fn contended(&self) -> bool {
        !self.lock().waiting.is_empty()
    }

    fn lock(&self) -> MutexGuard<'_, BudgetState> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Reservation {
    fn drop(&mut self) {
        let mut state = self.budget.lock();
        state.free = state.free.saturating_add(self.bytes);
        state.holding.retain(|(id, _)| *id != self.id);
        state.waiting.drain(..).for_each(Waker::wake);
    }
}
