//! What the metrics tell of the loop's state: a copy of its numbers, once a second. So a scrape never asks the loop.

use std::time::Duration as StdDuration;

use protocol::time::{Duration, Time};

use crate::observe::metrics::{Metrics, Queue, State};
use crate::service::Service;

/// The time between two copies. One takes some microseconds, and with 16,384 members a tenth of a millisecond.
const STATE_EVERY: Duration = Duration::from_secs(1);

/// The metrics, and when the state was copied last.
#[derive(Debug)]
pub(in crate::service) struct Metering {
    metrics: Metrics,
    copied: Option<Time>,
}

impl Metering {
    pub(in crate::service) const fn new(metrics: Metrics) -> Self {
        Self { metrics, copied: None }
    }

    pub(in crate::service) const fn metrics(&self) -> &Metrics {
        &self.metrics
    }

    /// The loop's timer ticked this late.
    pub(in crate::service) fn late(&self, late: StdDuration) {
        self.metrics.loop_lag.observe(late.as_secs_f64());
    }

    fn is_due(&mut self, now: Time) -> bool {
        let due = self.copied.is_none_or(|copied| now.since(copied) >= STATE_EVERY);
        if due {
            self.copied = Some(now);
        }
        due
    }
}

impl Service {
    /// Copies the loop's state for the metrics, if that is due.
    pub(in crate::service) fn meter(&mut self, now: Time) {
        if self.metering.is_due(now) {
            self.metering.metrics.set_state(self.metered(now));
        }
    }

    fn metered(&self, now: Time) -> State {
        let behaviour = &self.swarm.behaviour().gossip;
        let gossip = behaviour.gossip();
        let (peers_in, peers_out) = self.ready_peers();
        let (sync, mempool) = (gossip.sync(), gossip.mempool());
        let kept = self.writer.progress().borrow().clone();
        State {
            stats: gossip.stats(),
            peers_in: peers_in as u64,
            peers_out: peers_out as u64,
            peers_out_target: self.config.max_peers_out as u64,
            peers_known: self.discovery.known() as u64,
            bans: behaviour.bans().counts(now).map(|count| count as u64),
            disconnects: behaviour.disconnects().clone(),
            tip: sync.tip,
            best_header: sync.best_header,
            told: sync.best_peer,
            kept_from: gossip.kept_from(),
            mempool_transactions: mempool.transactions as u64,
            mempool_bytes: mempool.bytes as u64,
            members: gossip.members().map_or([0; 4], |members| members.states().map(|count| count as u64)),
            wire: [self.wire.read(), self.wire.written()],
            queue: Queue {
                unchecked: self.unchecked.len() as u64,
                pool: self.pool.waiting() as u64,
                submissions: self.answers.waiting() as u64,
            },
            store_queue_bytes: self.writer.backlog_bytes() as u64,
            store_blocks: kept.totals.blocks,
            store_body_bytes: kept.totals.body_bytes,
            store_commits: kept.written.commits,
            store_records: kept.written.records,
            store_committed_bytes: kept.written.bytes,
            store_commit_seconds: kept.written.took.as_secs_f64(),
            uptime_seconds: self.clock.uptime().as_secs_f64(),
        }
    }
}
