//! Members: which nodes of the network are alive, as far as this node knows. It follows the family of SWIM,
//! Lifeguard, Serf and Cassandra, for an open network in which anybody may lie.
//!
//! These files only compute. Each is a small part with no messages and no timers of its own:
//!
//! * [`logarithm`]: logarithms in fixed point.
//! * [`config`]: all parameters, with presets for a LAN and for a WAN.
//! * [`suspicion`]: how long a suspicion lasts, and when a node checks for itself.
//! * [`health`]: how far a node trusts its own timeouts.
//! * [`phi`]: the accrual detector.
//! * [`coordinates`]: estimates of round trips between any two members.

pub mod config;
pub mod coordinates;
pub mod health;
pub(super) mod limits;
pub mod logarithm;
pub mod phi;
pub mod suspicion;

pub use self::config::{Detector, DetectorError, MembersConfig, MembersConfigError};
pub use self::coordinates::{Coordinates, LatencyFilter, Unusable, Vivaldi};
pub use self::health::{Awareness, PauseGuard, Probe};
pub use self::phi::Phi;
pub use self::suspicion::Suspicion;
