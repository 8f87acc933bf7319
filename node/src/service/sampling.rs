//! What a trace records about the process, once a second: its bytes, its processor time, its memory,
//! and how late its loop is.

use std::sync::Arc;
use std::time::Duration;

use super::timers::{LATENESS_INTERVAL, latenesses};
use crate::net::transport::WireBytes;
use crate::observe::recorder::Recorder;
use crate::observe::sample;
use crate::observe::trace::What;

/// The state.
#[derive(Debug)]
pub(super) struct Sampling {
    recorder: Recorder,
    wire: Arc<WireBytes>,
    late: Vec<u64>,
}

impl Sampling {
    pub(super) const fn new(recorder: Recorder, wire: Arc<WireBytes>) -> Self {
        Self { recorder, wire, late: Vec::new() }
    }

    /// The timer for lateness was late by this much.
    pub(super) fn on_lateness(&mut self, late: Duration) {
        self.late.extend(latenesses(late, LATENESS_INTERVAL));
    }

    /// Takes a sample.
    pub(super) fn sample(&mut self, peers: usize) {
        self.recorder.record(What::Sample {
            wire_in: self.wire.read(),
            wire_out: self.wire.written(),
            cpu_us: sample::cpu_us(),
            rss_peak: sample::rss_peak(),
            peers: peers as u64,
            lateness_us: std::mem::take(&mut self.late),
        });
        self.recorder.flush();
    }

    /// The last sample, and the end of the trace.
    pub(super) fn end(&mut self, peers: usize) {
        if self.recorder.is_on() {
            self.sample(peers);
        }
        self.recorder.record(What::End);
        self.recorder.flush();
    }
}
