//! When to ping a peer on the control lane, and what its pongs say.
//!
//! One ping at a time. A pong must have the nonce of the ping under way, so a peer can't answer before
//! it was asked. It can fake a longer round trip, never a shorter one. Deliberately absent: clock,
//! chance and the lane itself.

use std::sync::{Mutex, PoisonError};

use protocol::time::{Duration, Time};
use protocol::wire::frame::{Nonce, Place};

use crate::net::reason::CloseReason;

/// If we look later than this after a ping expired, this side stood still, and the pong may be on its way to us.
/// The pong then gets as much time again.
const LOOKED_LATE: Duration = Duration::from_secs(1);

/// The first ping comes this soon after our Hello, because requests to the peer should know its round trip. It does
/// not come at once, because then it would wait behind what both sides say to greet each other.
const FIRST_PING: Duration = Duration::from_secs(1);

/// Where this node is, for the pongs of all its connections. It is unknown until the first peer was measured, and on a
/// node that takes no part in membership.
#[derive(Debug, Default)]
pub struct OwnPlace(Mutex<Option<Place>>);

impl OwnPlace {
    /// It is there now.
    pub(crate) fn set(&self, place: Place) {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some(place);
    }

    /// Where it is, if that is known.
    pub(crate) fn get(&self) -> Option<Place> {
        *self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The pings of one connection.
#[derive(Debug)]
pub(crate) struct Pings {
    interval: Duration,
    timeout: Duration,
    stage: Stage,
}

#[derive(Clone, Copy, Debug)]
enum Stage {
    /// The next ping is due at this time.
    Due(Time),
    /// This one waits for its pong.
    Asked { nonce: Nonce, at: Time, until: Time },
}

impl Pings {
    /// The first ping is due after one interval, or after [`FIRST_PING`] if that is sooner.
    pub(crate) fn start(now: Time, interval: Duration, timeout: Duration) -> Self {
        Self { interval, timeout, stage: Stage::Due(now + interval.min(FIRST_PING)) }
    }

    /// The nonce of a ping to send now, if one is due.
    pub(crate) fn ask(&mut self, now: Time, nonce: impl FnOnce() -> Nonce) -> Option<Nonce> {
        match self.stage {
            Stage::Due(due) if due <= now => {
                let nonce = nonce();
                self.stage = Stage::Asked { nonce, at: now, until: now + self.timeout };
                Some(nonce)
            }
            Stage::Due(_) | Stage::Asked { .. } => None,
        }
    }

    /// The next ping is due now, unless one waits for its pong.
    pub(crate) fn hurry(&mut self, now: Time) {
        if let Stage::Due(due) = &mut self.stage {
            *due = now.min(*due);
        }
    }

    /// A pong came. Returns how long it took.
    ///
    /// # Errors
    /// If no ping with this nonce waits for a pong.
    pub(crate) fn answered(&mut self, nonce: Nonce, now: Time) -> Result<Duration, CloseReason> {
        match self.stage {
            Stage::Asked { nonce: asked, at, .. } if asked == nonce => {
                self.stage = Stage::Due(now + self.interval);
                Ok(now.since(at))
            }
            Stage::Asked { .. } | Stage::Due(_) => Err(CloseReason::BadPong),
        }
    }

    /// Whether a ping has waited for its pong for too long, though there is nothing to read.
    pub(crate) fn is_overdue(&mut self, now: Time) -> bool {
        match &mut self.stage {
            Stage::Asked { until, .. } if *until <= now => {
                let late = now.since(*until) > LOOKED_LATE;
                if late {
                    *until = now + LOOKED_LATE;
                }
                !late
            }
            Stage::Asked { .. } | Stage::Due(_) => false,
        }
    }

    /// We did not read for this long, which is not the peer's fault.
    pub(crate) fn excuse(&mut self, pause: Duration) {
        if let Stage::Asked { until, .. } = &mut self.stage {
            *until = *until + pause;
        }
    }

    /// When there is something to do: to send a ping, or to give one up.
    pub(crate) const fn deadline(&self) -> Time {
        match self.stage {
            Stage::Due(at) | Stage::Asked { until: at, .. } => at,
        }
    }
}
