//! The metrics of a node: one registry, and the handles with which its parts count.
//!
//! * **A scrape never waits for the loop.** Counters and histograms are shared with the threads that count. The state of
//!   the engine is a copy that the loop leaves once a second ([`State`]). So a stuck loop can be seen from outside.
//! * **Names** begin with `hearsay_`, and end with their unit. libp2p's own metrics are below `hearsay_libp2p_`.
//! * **Labels have few values.** Each label's values are a list in the code: message kinds, reasons, directions. No
//!   value comes from a peer, so no peer can make the list of time series longer.
//!
//! Deliberately absent: figures of single peers and single items (`admin_peers` and a trace have them), and any judgement
//! of what is good (`deploy/prometheus/alerts.yml`).

mod items;
mod libp2p;
mod link;
mod process;
mod rpc;
mod sheet;
mod state;
pub mod traffic;
mod verify;

use std::path::PathBuf;
use std::sync::{Arc, Mutex, PoisonError};

use prometheus_client::encoding::text;
use prometheus_client::metrics::histogram::{Histogram, exponential_buckets};
use prometheus_client::metrics::info::Info;
use prometheus_client::registry::{Registry, Unit};

use crate::clock::wall_ms;

pub use self::items::{FIRST_SIGHTS_MAX, Items};
pub use self::libp2p::SwarmMeter;
pub use self::link::LinkTraffic;
pub use self::rpc::RpcMeter;
pub use self::state::{Queue, State};
pub use self::traffic::{DRIVER_KINDS, Traffic, Way};
pub use self::verify::VerifyMeter;

/// The start of all names.
const PREFIX: &str = "hearsay";

/// What `/metrics` answers with, by the OpenMetrics specification.
pub const CONTENT_TYPE: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// The metrics of one node. Clones count into the same ones.
#[derive(Clone, Debug)]
pub struct Metrics {
    registry: Arc<Registry>,
    state: Arc<Mutex<State>>,
    /// Items on their way through the node.
    pub items: Items,
    /// Messages.
    pub traffic: Arc<Traffic>,
    /// Signature checks.
    pub verify: VerifyMeter,
    /// The HTTP listener.
    pub rpc: RpcMeter,
    /// libp2p's swarm.
    pub swarm: SwarmMeter,
    /// How late a timer of the loop ticks, in seconds.
    pub loop_lag: Histogram,
}

impl Metrics {
    /// All metrics, at zero. `store` is the store's file, whose size is told.
    #[must_use]
    pub fn new(store: Option<PathBuf>) -> Self {
        let mut registry = Registry::with_prefix(PREFIX);
        let build = Info::new([("version", env!("CARGO_PKG_VERSION"))]);
        registry.register("build", "The version of the program", build);
        let state = Arc::new(Mutex::new(State::default()));
        // 1 ms to 16 s. A loop that ticks in time is late by less than the first.
        let loop_lag = Histogram::new(exponential_buckets(0.001, 2.0, 15));
        let help = "How late the loop's timer of 200 ms ticks";
        registry.register_with_unit("loop_lag", help, Unit::Seconds, loop_lag.clone());
        let traffic = Arc::new(Traffic::default());
        registry.register_collector(Box::new(Arc::clone(&traffic)));
        registry.register_collector(Box::new(state::Latest(Arc::clone(&state))));
        registry.register_collector(Box::new(process::Process { store, started_ms: wall_ms() }));
        let items = Items::register(&mut registry);
        let verify = VerifyMeter::register(&mut registry);
        let rpc = RpcMeter::register(&mut registry);
        let swarm = SwarmMeter::register(&mut registry);
        Self { registry: Arc::new(registry), state, items, traffic, verify, rpc, swarm, loop_lag }
    }

    /// The loop's state from now on.
    pub fn set_state(&self, state: State) {
        // Both sides hold the lock while a few words are copied.
        *self.state.lock().unwrap_or_else(PoisonError::into_inner) = state;
    }

    /// All metrics in the text format of OpenMetrics.
    #[must_use]
    pub fn encode(&self) -> String {
        let mut text = String::new();
        // To write into a text can't fail. If it did, the text would have no end mark, and the scraper refuse it.
        let _ = text::encode(&mut text, &self.registry);
        text
    }
}

impl Default for Metrics {
    fn default() -> Self {
        Self::new(None)
    }
}
