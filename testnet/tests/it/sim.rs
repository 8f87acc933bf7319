//! The simulator: its world, its links, its faults and its checkers.

mod attackers;
mod bulk_link;
mod checkers;
mod converged;
mod determinism;
mod faults;
mod partition;
mod queue;
mod runs;
mod scenario;
pub(crate) mod simulated;
mod slow_uplink;
mod unseen_loss;
