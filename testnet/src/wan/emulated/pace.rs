//! Clocks and timers of emulated links, in nanoseconds of `CLOCK_MONOTONIC`. All processes of a machine read the
//! same time from it.
//!
//! tokio's timers count whole milliseconds and round up, and its driver's wait does so too. So they fire up to 2
//! ms late, which is half of a near link's delay. [`Machine`] has a kernel timer (timerfd) for each direction of a
//! connection that waits for something. It is as exact as the scheduler, and tokio's driver reports its readiness
//! like a socket's. So there is no thread and no second queue of timers, and timers that are due together wake the
//! process once.

use std::io;
use std::os::fd::{AsFd as _, AsRawFd, RawFd};
use std::task::{Context, Poll, ready};

use nix::sys::time::TimeSpec;
use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
use node::clock::monotonic_ns;
use tokio::io::Interest;
use tokio::io::unix::AsyncFd;

use crate::wan::NS_PER_S;

/// A clock with timers.
pub trait Pace: Clone + Send + Unpin {
    /// Its timer.
    type Timer: Timer;

    /// Now, in nanoseconds of `CLOCK_MONOTONIC`.
    fn now_ns(&self) -> u64;

    /// A timer, for one direction of one connection.
    fn timer(&self) -> Self::Timer;
}

/// Waits for one moment at a time.
pub trait Timer: Send + Unpin {
    /// Ready once `at_ns` has passed. A later call with another time replaces the first.
    ///
    /// # Errors
    /// If the system has no more timers.
    fn poll_until(&mut self, cx: &mut Context<'_>, at_ns: u64) -> Poll<io::Result<()>>;
}

/// The machine's clock. Its timers work inside a runtime.
#[derive(Clone, Copy, Debug)]
pub struct Machine;

/// A timer of [`Machine`]. The kernel's is made when it is first needed.
#[derive(Debug, Default)]
pub struct MachineTimer(Option<Armed>);

#[derive(Debug)]
struct Armed {
    timer: AsyncFd<Fd>,
    at_ns: u64,
}

#[derive(Debug)]
struct Fd(TimerFd);

impl Pace for Machine {
    type Timer = MachineTimer;

    fn now_ns(&self) -> u64 {
        monotonic_ns()
    }

    fn timer(&self) -> MachineTimer {
        MachineTimer::default()
    }
}

impl Timer for MachineTimer {
    fn poll_until(&mut self, cx: &mut Context<'_>, at_ns: u64) -> Poll<io::Result<()>> {
        if monotonic_ns() >= at_ns {
            return Poll::Ready(Ok(()));
        }
        let armed = match &mut self.0 {
            Some(armed) => armed,
            none => none.insert(Armed::new()?),
        };
        if armed.at_ns != at_ns {
            let at = TimeSpec::new((at_ns / NS_PER_S) as i64, (at_ns % NS_PER_S) as i64);
            armed.timer.get_ref().0.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
            armed.at_ns = at_ns;
        }
        loop {
            // It is never read: setting it again clears its readiness, and tokio sees only edges.
            let mut ready = ready!(armed.timer.poll_read_ready(cx))?;
            if monotonic_ns() >= at_ns {
                return Poll::Ready(Ok(()));
            }
            ready.clear_ready();
        }
    }
}

impl Armed {
    fn new() -> io::Result<Self> {
        let timer =
            Fd(TimerFd::new(ClockId::CLOCK_MONOTONIC, TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC)?);
        #[expect(
            deprecated,
            reason = "its successor is unsafe, for the sake of types that don't own their descriptor; this one does"
        )]
        let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
        Ok(Self { timer, at_ns: 0 })
    }
}

impl AsRawFd for Fd {
    fn as_raw_fd(&self) -> RawFd {
        self.0.as_fd().as_raw_fd()
    }
}
