//! A clock that moves only when all tasks wait. Then it moves straight to the next time that a task waits for.

use std::io;
use std::pin::pin;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use testnet::wan::emulated::pace::{Pace, Timer};

/// A clock that begins at 1 s, which is as good as any other time except zero.
#[derive(Clone, Debug)]
pub(crate) struct Virtual(Arc<Mutex<State>>);

#[derive(Debug)]
struct State {
    now_ns: u64,
    wanted_ns: Option<u64>,
}

/// Whether a task can continue without waiting.
#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

const BEGIN_NS: u64 = 1_000_000_000;

impl Virtual {
    pub(crate) fn start() -> Self {
        Self(Arc::new(Mutex::new(State { now_ns: BEGIN_NS, wanted_ns: None })))
    }

    /// Milliseconds since the beginning.
    pub(crate) fn ms(&self) -> f64 {
        (self.0.lock().unwrap().now_ns - BEGIN_NS) as f64 / 1e6
    }

    /// This number of nanoseconds after the beginning, by this clock.
    pub(crate) fn at_ns(&self, after_ns: u64) -> u64 {
        BEGIN_NS + after_ns
    }

    pub(crate) fn advance_ms(&self, ms: u64) {
        self.0.lock().unwrap().now_ns += ms * 1_000_000;
    }

    pub(crate) async fn sleep_ms(&self, ms: u64) {
        let (at_ns, mut timer) = (self.now_ns() + ms * 1_000_000, self.timer());
        std::future::poll_fn(|cx| timer.poll_until(cx, at_ns)).await.unwrap();
    }

    /// Runs until the end.
    pub(crate) fn run<T>(&self, future: impl Future<Output = T>) -> T {
        let mut future = pin!(future);
        let woken = Arc::new(Woken::default());
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            self.0.lock().unwrap().wanted_ns = None;
            if let Poll::Ready(value) = future.as_mut().poll(&mut Context::from_waker(&waker)) {
                return value;
            }
            if woken.0.swap(false, Ordering::Relaxed) {
                continue;
            }
            let mut state = self.0.lock().unwrap();
            state.now_ns = state.wanted_ns.expect("everybody waits, and nobody for a moment");
        }
    }
}

impl Pace for Virtual {
    type Timer = Self;

    fn now_ns(&self) -> u64 {
        self.0.lock().unwrap().now_ns
    }

    fn timer(&self) -> Self {
        self.clone()
    }
}

impl Timer for Virtual {
    fn poll_until(&mut self, _: &mut Context<'_>, at_ns: u64) -> Poll<io::Result<()>> {
        let mut state = self.0.lock().unwrap();
        if state.now_ns >= at_ns {
            return Poll::Ready(Ok(()));
        }
        state.wanted_ns = Some(state.wanted_ns.map_or(at_ns, |other| other.min(at_ns)));
        Poll::Pending
    }
}
