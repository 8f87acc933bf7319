//! The HTTP listener: its connections, its streams, and the calls of each method.

use std::sync::atomic::AtomicU64;

use prometheus_client::metrics::counter::Counter;
use prometheus_client::metrics::family::Family;
use prometheus_client::metrics::gauge::Gauge;
use prometheus_client::registry::{Registry, Unit};

type Labels = [(&'static str, &'static str); 1];

/// Counts what the listener does. The listener sets the gauges when it is asked for the metrics.
#[derive(Clone, Debug)]
pub struct RpcMeter {
    /// Connections that have a place.
    pub connections: Gauge,
    /// Connections so far.
    pub accepted: Counter,
    /// Connections that were told that all places are taken, so far.
    pub turned_away: Counter,
    /// Requests that had to wait for their turn, so far.
    pub slowed: Counter,
    /// Requests that were refused because their turn did not come in time, so far.
    pub refused: Counter,
    /// Open streams of events.
    pub streams: Gauge,
    /// Open WebSockets.
    pub websockets: Gauge,
    /// Subscriptions of all WebSockets.
    pub subscriptions: Gauge,
    /// Events that slow readers of subscriptions have lost.
    pub lost: Counter,
    /// Questions and orders that wait for the loop.
    pub commands: Gauge,
    /// Whether the node is ready: 1 or 0.
    pub ready: Gauge,
    /// How long ago the loop last reported that it is live, in seconds.
    pub beat_age: Gauge<f64, AtomicU64>,
    unmet: Family<Labels, Gauge>,
    calls: Family<Labels, Counter>,
}

impl RpcMeter {
    pub(super) fn register(registry: &mut Registry) -> Self {
        let meter = Self {
            connections: Gauge::default(),
            accepted: Counter::default(),
            turned_away: Counter::default(),
            slowed: Counter::default(),
            refused: Counter::default(),
            streams: Gauge::default(),
            websockets: Gauge::default(),
            subscriptions: Gauge::default(),
            lost: Counter::default(),
            commands: Gauge::default(),
            ready: Gauge::default(),
            beat_age: Gauge::default(),
            unmet: Family::default(),
            calls: Family::default(),
        };
        registry.register("rpc_connections", "Connections to the HTTP listener", meter.connections.clone());
        registry.register("rpc_accepted", "Connections that the HTTP listener accepted", meter.accepted.clone());
        let help = "Connections that the HTTP listener turned away because all places were taken";
        registry.register("rpc_turned_away", help, meter.turned_away.clone());
        let help = "Requests that waited for their turn because clients asked for more calls than there are";
        registry.register("rpc_slowed", help, meter.slowed.clone());
        let help = "Requests that were refused because their turn did not come in time";
        registry.register("rpc_refused", help, meter.refused.clone());
        registry.register("rpc_streams", "Open streams of events", meter.streams.clone());
        registry.register("rpc_websockets", "Open WebSockets", meter.websockets.clone());
        registry.register("rpc_subscriptions", "Subscriptions of all WebSockets", meter.subscriptions.clone());
        let help = "Events that slow subscribers have lost";
        registry.register("rpc_events_lost", help, meter.lost.clone());
        registry.register("rpc_commands", "Questions and orders that wait for the loop", meter.commands.clone());
        registry.register("ready", "Whether the node is ready, as /readyz tells it", meter.ready.clone());
        registry.register("unmet", "Conditions of being ready, 1 if not met", meter.unmet.clone());
        let help = "How long ago the loop last reported that it is live";
        registry.register_with_unit("loop_beat_age", help, Unit::Seconds, meter.beat_age.clone());
        registry.register("rpc_calls", "Calls, by method", meter.calls.clone());
        meter
    }

    /// A method that exists. It is shown from now on.
    pub fn method(&self, name: &'static str) {
        drop(self.calls.get_or_create(&[("method", name)]));
    }

    /// A method was called.
    pub fn called(&self, name: &'static str) {
        self.calls.get_or_create(&[("method", name)]).inc();
    }

    /// Whether a condition of being ready is not met.
    pub fn condition(&self, name: &'static str, unmet: bool) {
        self.unmet.get_or_create(&[("condition", name)]).set(i64::from(unmet));
    }
}
