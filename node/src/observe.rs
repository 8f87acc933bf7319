//! What the node shows to people and instruments: its logs, its status lines, its trace, its metrics.
//!
//! Everything here only records, or makes text. It knows neither the network nor the engine's state, and decides
//! nothing. The service decides what is worth reporting, and when.

pub(crate) mod errors;
pub mod logging;
pub mod metrics;
pub mod passages;
pub mod progress;
pub mod recorder;
pub mod sample;
pub mod seldom;
pub mod status_line;
pub mod trace;
pub mod units;
