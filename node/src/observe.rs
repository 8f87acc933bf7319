//! What the node lets people and instruments see: its logs, its status lines, its trace.
//!
//! Everything here only records or puts into words. It knows neither the network nor the engine's state, and decides
//! nothing. What is worth saying, and when, is the service's.

pub(crate) mod errors;
pub mod logging;
pub mod progress;
pub mod recorder;
pub mod sample;
pub mod seldom;
pub mod status_line;
pub mod trace;
pub mod units;
