//! What a trace records about the process, once a second: its bytes, its processor time, its memory,
//! and how late its timers are.

pub(super) mod metering;

use std::sync::Arc;
use std::time::Duration;

use super::timers::Lateness;
use crate::net::transport::WireBytes;
use crate::observe::metrics::traffic::Traffic;
use crate::observe::recorder::Recorder;
use crate::observe::sample;
use crate::observe::trace::What;

/// The state.
#[derive(Debug)]
pub(super) struct Sampling {
    recorder: Recorder,
    wire: Arc<WireBytes>,
    traffic: Arc<Traffic>,
    /// `None` if there is no trace.
    lateness: Option<Lateness>,
}

impl Sampling {
    /// Begins to measure, if there is a trace, and hands it to the system this often.
    pub(super) fn start(
        recorder: &Recorder,
        wire: &Arc<WireBytes>,
        traffic: &Arc<Traffic>,
        flush: Duration,
    ) -> Self {
        let lateness = recorder.is_on().then(|| Lateness::start(recorder.clone(), flush));
        Self { recorder: recorder.clone(), wire: Arc::clone(wire), traffic: Arc::clone(traffic), lateness }
    }

    /// Takes a sample.
    pub(super) fn sample(&self, peers: usize) {
        self.recorder.record(What::Read(self.traffic.read_by_cause()));
        self.recorder.record(What::Sample {
            wire_in: self.wire.read(),
            wire_out: self.wire.written(),
            cpu_us: sample::cpu_us(),
            rss_peak: sample::rss_peak(),
            peers: peers as u64,
            lateness_us: self.lateness.as_ref().map(Lateness::take).unwrap_or_default(),
        });
        self.recorder.flush();
    }

    /// The last sample, and the end of the trace.
    pub(super) fn end(&self, peers: usize) {
        if self.recorder.is_on() {
            self.sample(peers);
        }
        self.recorder.record(What::End);
        self.recorder.flush();
    }
}
