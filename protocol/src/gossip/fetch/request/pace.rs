//! How fast a peer answers, and from this how long a request to it may stay open. After RFC 6298 (smoothed
//! response, four deviations, doubling); the transfer time of what is queued is added separately.

use crate::limits::{
    REQUEST_EXPIRY_MAX, REQUEST_EXPIRY_MIN, REQUEST_QUEUE_MAX, REQUEST_RATE_INITIAL, REQUEST_RATE_MAX,
    REQUEST_RATE_MIN, REQUEST_RATE_SAMPLE_BYTES_MIN, REQUEST_RESPONSE_INITIAL,
};
use crate::time::{Duration, Time};

const MICROS_PER_SECOND: u64 = 1_000_000;

/// From this number on, another doubling changes nothing: 250 ms * 2^5 is over 5 s.
const DOUBLINGS_MAX: u32 = 5;

/// When a request was sent. `number` counts a tracker's requests, so that "before" holds when the clock jumps.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Asked {
    pub(super) at: Time,
    pub(super) number: u64,
}

/// A peer's measured pace.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    /// Smoothed response and its mean deviation; `None` before the first sample.
    response: Option<(Duration, Duration)>,
    /// Bytes a second.
    rate: u64,
    /// When the last body came that was long enough to measure a rate by.
    long_body_at: Time,
    doublings: u32,
    /// Requests below this number belong to a flight that is counted already.
    sampled_below: u64,
    doubled_below: u64,
}

impl Pace {
    pub(super) const fn new() -> Self {
        Self {
            response: None,
            rate: REQUEST_RATE_INITIAL,
            long_body_at: Time::ZERO,
            doublings: 0,
            sampled_below: 0,
            doubled_below: 0,
        }
    }

    /// Smoothed time from request to short body, less the body's own transfer.
    pub(super) fn response(&self) -> Option<Duration> {
        self.response.map(|(smoothed, _)| smoothed)
    }

    /// How long a request may stay open if `bytes`, its own included, are to be transferred until it is answered.
    pub(super) fn expiry(&self, bytes: u64) -> Duration {
        let response = match self.response {
            None => REQUEST_RESPONSE_INITIAL,
            // At least half the response: after many equal samples the deviation is next to nothing, and the next
            // small delay would be taken for withholding.
            Some((smoothed, deviation)) => smoothed + deviation.times(4).max(smoothed.divided_by(2)),
        };
        let whole = response + self.transfer(bytes);
        whole.times(1 << self.doublings).clamp(REQUEST_EXPIRY_MIN, REQUEST_EXPIRY_MAX)
    }

    /// Bytes that may be in flight before the peer is asked for no more.
    pub(super) const fn queue_bytes_max(&self) -> u64 {
        self.rate.saturating_mul(REQUEST_QUEUE_MAX.as_micros() / MICROS_PER_SECOND)
    }

    /// A request expired. Requests that are in flight together double the time once, even if all of them expire.
    /// `next_number` is the number of the next request.
    pub(super) fn expired(&mut self, asked: Asked, next_number: u64) {
        if asked.number >= self.doubled_below {
            self.doubled_below = next_number;
            self.doublings = (self.doublings + 1).min(DOUBLINGS_MAX);
        }
    }

    /// A body that had been asked for came, in time or late. A key is never asked twice of the same peer, so it is
    /// clear which request a late body answers. A late body shows best how slow the peer is.
    pub(super) fn served(&mut self, now: Time, asked: Asked, bytes: usize, next_number: u64) {
        self.doublings = 0;
        if bytes >= REQUEST_RATE_SAMPLE_BYTES_MIN {
            self.measure_rate(now, asked, bytes);
        } else if asked.number >= self.sampled_below {
            // One sample for each flight: the later bodies of a flight wait for the first, not for the peer.
            self.sampled_below = next_number;
            self.smooth(now.since(asked.at) - self.transfer(bytes as u64));
        }
    }

    fn smooth(&mut self, sample: Duration) {
        self.response = Some(match self.response {
            None => (sample, sample.divided_by(2)),
            Some((smoothed, deviation)) => {
                let off = if sample > smoothed { sample - smoothed } else { smoothed - sample };
                let deviation = (deviation.times(3) + off).divided_by(4);
                ((smoothed.times(7) + sample).divided_by(8), deviation)
            }
        });
    }

    /// A long body tells the rate by the time in which it had the link to itself. This time starts at the request
    /// or at the last long body, whichever is later; one response is subtracted if the request came later. Short
    /// bodies tell the response. If one body told both, its time could be split between them in any way.
    fn measure_rate(&mut self, now: Time, asked: Asked, bytes: usize) {
        let begun = asked.at.max(self.long_body_at);
        let idle = if begun == asked.at { self.response().unwrap_or(Duration::ZERO) } else { Duration::ZERO };
        self.long_body_at = now;
        let elapsed = now.since(begun);
        let micros = (elapsed - idle).max(elapsed.divided_by(8)).as_micros();
        let per_second = (bytes as u64).saturating_mul(MICROS_PER_SECOND);
        // If no time passed between two bodies, both came in one message, and the first of them told the rate.
        if let Some(sample) = per_second.checked_div(micros) {
            let sample = sample.clamp(REQUEST_RATE_MIN, REQUEST_RATE_MAX);
            self.rate = (self.rate.saturating_mul(3).saturating_add(sample)) / 4;
        }
    }

    fn transfer(&self, bytes: u64) -> Duration {
        Duration::from_micros(bytes.saturating_mul(MICROS_PER_SECOND) / self.rate.max(REQUEST_RATE_MIN))
    }
}
