//! Clocks and timers of emulated links, in nanoseconds of `CLOCK_MONOTONIC`, which all processes of a machine read
//! alike.
//!
//! tokio's timers count milliseconds and round up, and so does the wait of its driver: they fire up to 2 ms late, half
//! of a near link's delay. [`Machine`] has a kernel timer for each direction of a connection that waits for something
//! (timerfd, as exact as the scheduler: some 60 us), whose readiness tokio's driver reports like a socket's. So there
//! is no thread and no second queue of timers, and what falls due together wakes the process once.

use std::future::Future as _;
use std::io;
use std::pin::Pin;
use std::task::{Context, Poll};
use std::time::Duration;

use node::clock::monotonic_ns;
use tokio::time::{Instant, Sleep, sleep_until};

#[cfg(target_os = "linux")]
pub use machine::Machine;

/// A clock with timers.
pub trait Pace: Clone + Send + Unpin {
    /// What waits for it.
    type Timer: Timer;

    /// Now, in nanoseconds of `CLOCK_MONOTONIC`.
    fn now_ns(&self) -> u64;

    /// A timer, for one direction of one connection.
    fn timer(&self) -> Self::Timer;
}

/// Waits for one moment at a time.
pub trait Timer: Send + Unpin {
    /// Ready once `at_ns` has passed. A later call with another moment replaces the first.
    ///
    /// # Errors
    /// If the system has no more timers.
    fn poll_until(&mut self, cx: &mut Context<'_>, at_ns: u64) -> Poll<io::Result<()>>;
}

/// tokio's clock: late by up to 2 ms, and virtual where that is.
#[derive(Clone, Copy, Debug)]
pub struct Tokio {
    zero_ns: u64,
    start: Instant,
}

/// A timer of [`Tokio`].
#[derive(Debug)]
pub struct TokioTimer {
    pace: Tokio,
    set: Option<(u64, Pin<Box<Sleep>>)>,
}

impl Tokio {
    /// The clock, from now on.
    #[must_use]
    pub fn start() -> Self {
        Self { zero_ns: monotonic_ns(), start: Instant::now() }
    }
}

/// The best clock that the system has.
#[must_use]
pub fn best() -> impl Pace<Timer: 'static> + 'static {
    #[cfg(target_os = "linux")]
    {
        Machine
    }
    #[cfg(not(target_os = "linux"))]
    {
        Tokio::start()
    }
}

impl Pace for Tokio {
    type Timer = TokioTimer;

    fn now_ns(&self) -> u64 {
        self.zero_ns.saturating_add(u64::try_from(self.start.elapsed().as_nanos()).unwrap_or(u64::MAX))
    }

    fn timer(&self) -> TokioTimer {
        TokioTimer { pace: *self, set: None }
    }
}

impl Timer for TokioTimer {
    fn poll_until(&mut self, cx: &mut Context<'_>, at_ns: u64) -> Poll<io::Result<()>> {
        if self.pace.now_ns() >= at_ns {
            return Poll::Ready(Ok(()));
        }
        let deadline = self.pace.start + Duration::from_nanos(at_ns.saturating_sub(self.pace.zero_ns));
        let (set, sleep) = self.set.get_or_insert_with(|| (at_ns, Box::pin(sleep_until(deadline))));
        if *set != at_ns {
            sleep.as_mut().reset(deadline);
            *set = at_ns;
        }
        sleep.as_mut().poll(cx).map(Ok)
    }
}

#[cfg(target_os = "linux")]
mod machine {
    use std::io;
    use std::os::fd::{AsFd as _, AsRawFd, RawFd};
    use std::task::{Context, Poll, ready};

    use nix::sys::time::TimeSpec;
    use nix::sys::timerfd::{ClockId, Expiration, TimerFd, TimerFlags, TimerSetTimeFlags};
    use node::clock::monotonic_ns;
    use tokio::io::Interest;
    use tokio::io::unix::AsyncFd;

    use super::{Pace, Timer};

    const NS_PER_S: u64 = 1_000_000_000;

    /// The machine's clock, with a kernel timer wherever something is waited for.
    #[derive(Clone, Copy, Debug, Default)]
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

    impl AsRawFd for Fd {
        fn as_raw_fd(&self) -> RawFd {
            self.0.as_fd().as_raw_fd()
        }
    }

    impl Pace for Machine {
        type Timer = MachineTimer;

        fn now_ns(&self) -> u64 {
            monotonic_ns()
        }

        fn timer(&self) -> MachineTimer {
            MachineTimer::default()
        }
    }

    impl Armed {
        fn new() -> io::Result<Self> {
            let flags = TimerFlags::TFD_NONBLOCK | TimerFlags::TFD_CLOEXEC;
            let timer = Fd(TimerFd::new(ClockId::CLOCK_MONOTONIC, flags)?);
            #[expect(
                deprecated,
                reason = "its successor is unsafe, for the sake of types that don't own their descriptor"
            )]
            let timer = AsyncFd::with_interest(timer, Interest::READABLE)?;
            Ok(Self { timer, at_ns: 0 })
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
                let timer = &armed.timer.get_ref().0;
                timer.set(Expiration::OneShot(at), TimerSetTimeFlags::TFD_TIMER_ABSTIME)?;
                armed.at_ns = at_ns;
            }
            loop {
                // It is never read: setting it anew takes back what it has told, and its readiness is told at edges.
                let mut ready = ready!(armed.timer.poll_read_ready(cx))?;
                if monotonic_ns() >= at_ns {
                    return Poll::Ready(Ok(()));
                }
                ready.clear_ready();
            }
        }
    }
}
