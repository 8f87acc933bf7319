//! The simulator: its world, its links, its faults and its checkers.

mod attackers;
mod checkers;
mod converged;
mod determinism;
mod faults;
mod links;
mod members;
mod partition;
mod queue;
mod runs;
mod scenario;
pub(crate) mod simulated;
