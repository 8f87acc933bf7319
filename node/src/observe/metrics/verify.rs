//! Signature checks: how many, how long they take, and how many signatures are bad. All threads count into the same
//! metrics.

use std::time::Duration;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::registry::{Registry, Unit};
use protocol::items::verify::{Tally, Verdict, VerifyJob};

/// Counts signature checks.
#[derive(Clone, Debug)]
pub struct VerifyMeter {
    valid: Counter,
    invalid: Counter,
    signatures: Counter,
    batches: Counter,
    alone: Counter,
    round: Histogram,
}

impl VerifyMeter {
    /// A meter that is shown nowhere.
    #[must_use]
    pub fn unseen() -> Self {
        Self::register(&mut Registry::default())
    }

    pub(super) fn register(registry: &mut Registry) -> Self {
        let jobs = Family::<[(&'static str, &'static str); 1], Counter>::default();
        registry.register(
            "verify_jobs",
            "Items and statements whose signatures were checked, by verdict",
            jobs.clone(),
        );
        let of = |verdict| jobs.get_or_create(&[("verdict", verdict)]).clone();
        let (valid, invalid) = (of("valid"), of("invalid"));
        let (signatures, batches, alone) = (Counter::default(), Counter::default(), Counter::default());
        registry.register("verify_signatures", "Signatures in these jobs", signatures.clone());
        registry.register("verify_batches", "Checks of several signatures at once", batches.clone());
        registry.register("verify_alone", "Signatures that were checked alone", alone.clone());
        // 50 µs, which is one signature, to 1.6 s.
        let round = Histogram::new(exponential_buckets(0.000_05, 2.0, 16));
        let help = "Time of one round of checks: all jobs that a thread takes at once";
        registry.register_with_unit("verify_round", help, Unit::Seconds, round.clone());
        Self { valid, invalid, signatures, batches, alone, round }
    }

    /// A round of checks is done.
    pub fn done(&self, jobs: &[VerifyJob], tally: &Tally, took: Duration) {
        if jobs.is_empty() {
            return;
        }
        let valid = tally.verdicts.iter().filter(|verdict| **verdict == Verdict::Valid).count();
        self.valid.inc_by(valid as u64);
        self.invalid.inc_by(tally.verdicts.len().saturating_sub(valid) as u64);
        self.signatures.inc_by(jobs.iter().fold(0, |sum: u64, job| sum.saturating_add(job.signatures() as u64)));
        self.batches.inc_by(tally.batches as u64);
        self.alone.inc_by(tally.alone as u64);
        self.round.observe(took.as_secs_f64());
    }
}
