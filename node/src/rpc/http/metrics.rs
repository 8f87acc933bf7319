//! `GET /metrics`: the node's metrics in the text format of OpenMetrics. Everybody on the machine may read them.
//!
//! A scrape takes no place at the loop: all figures are shared, or copies. It takes some hundred microseconds of the
//! listener's thread.

use std::sync::Arc;

use axum::http::header::{CACHE_CONTROL, CONTENT_TYPE};
use axum::response::{IntoResponse as _, Response};
use tokio::sync::mpsc;

use super::events::Streams;
use super::health::{Criterion, Health};
use crate::observe::metrics::{self, Metrics};
use crate::rpc::command::Command;

/// The path of the metrics.
pub const METRICS: &str = "/metrics";

/// What a scrape looks at.
#[derive(Clone, Debug)]
pub(super) struct Scrape {
    pub(super) metrics: Metrics,
    pub(super) health: Arc<Health>,
    pub(super) commands: mpsc::Sender<Command>,
    pub(super) streams: Streams,
}

impl Scrape {
    /// The answer to one scrape.
    pub(super) fn answer(&self) -> Response {
        self.look();
        let headers = [(CONTENT_TYPE, metrics::CONTENT_TYPE), (CACHE_CONTROL, "no-store")];
        (headers, self.metrics.encode()).into_response()
    }

    /// Sets the gauges that are known to the listener alone.
    fn look(&self) {
        let (rpc, readiness) = (&self.metrics.rpc, self.health.readiness());
        rpc.ready.set(i64::from(readiness.ready));
        for (name, criterion) in Criterion::ALL {
            rpc.condition(name, readiness.reasons.iter().any(|reason| reason.criterion == criterion));
        }
        rpc.beat_age.set(self.health.since_beat().as_secs_f64());
        let waiting = self.commands.max_capacity().saturating_sub(self.commands.capacity());
        rpc.commands.set(whole(waiting));
        let sockets = rpc.websockets.get();
        rpc.streams.set(whole(self.streams.open_now()).saturating_sub(sockets).max(0));
    }
}

fn whole(count: usize) -> i64 {
    i64::try_from(count).unwrap_or(i64::MAX)
}
