//! The simulator: its world, its links, what breaks in it and who watches.

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
mod unseen_loss;
