//! Time that moves by itself, for tests of what waits for a time.

use std::pin::{Pin, pin};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex};
use std::task::{Context, Poll, Wake, Waker};

use futures::future::{join_all, select};
use node::clock::rates::Timing;
use protocol::time::{Duration, Time};

/// A clock that moves only when all tasks wait: straight to the next time that one waits for.
#[derive(Clone, Default)]
pub(crate) struct Virtual(Arc<Mutex<Moment>>);

#[derive(Default)]
struct Moment {
    now: Time,
    timers: Vec<(Time, Waker)>,
}

pub(crate) struct Until(Virtual, Time);

#[derive(Default)]
struct Woken(AtomicBool);

impl Wake for Woken {
    fn wake(self: Arc<Self>) {
        self.0.store(true, Ordering::Relaxed);
    }
}

impl Timing for Virtual {
    type Until = Until;

    fn now(&self) -> Time {
        self.0.lock().expect("no thread panicked").now
    }

    fn until(&self, at: Time) -> Until {
        Until(self.clone(), at)
    }
}

impl Future for Until {
    type Output = ();

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<()> {
        let mut moment = self.0.0.lock().expect("no thread panicked");
        if moment.now >= self.1 {
            return Poll::Ready(());
        }
        // A task that looks again waits once.
        moment.timers.retain(|(at, waker)| *at != self.1 || !waker.will_wake(cx.waker()));
        moment.timers.push((self.1, cx.waker().clone()));
        Poll::Pending
    }
}

impl Virtual {
    pub(crate) async fn sleep(&self, time: Duration) {
        self.until(self.now() + time).await;
    }

    /// Runs a task until it ends.
    pub(crate) fn run<T>(&self, task: impl Future<Output = T>) -> T {
        let (mut task, woken) = (pin!(task), Arc::new(Woken::default()));
        let waker = Waker::from(Arc::clone(&woken));
        loop {
            if let Poll::Ready(value) = task.as_mut().poll(&mut Context::from_waker(&waker)) {
                return value;
            }
            while !woken.0.swap(false, Ordering::Relaxed) {
                let mut moment = self.0.lock().expect("no thread panicked");
                let next = moment.timers.iter().map(|(at, _)| *at).min().expect("all wait, and none for a time");
                moment.now = moment.now.max(next);
                let (due, later) = std::mem::take(&mut moment.timers).into_iter().partition(|(at, _)| *at <= next);
                moment.timers = later;
                drop(moment);
                let due: Vec<(Time, Waker)> = due;
                due.into_iter().for_each(|(_, waker)| waker.wake());
            }
        }
    }

    /// Runs tasks that never end, for this time.
    pub(crate) fn run_for(&self, time: Duration, tasks: Vec<Pin<Box<dyn Future<Output = ()> + '_>>>) {
        self.run(async { drop(select(pin!(join_all(tasks)), pin!(self.sleep(time))).await) });
    }
}
