//! The simulator: thousands of the node's own engines in virtual time, in one thread, exact.

pub mod adversary;
pub mod batch;
pub mod checker;
pub mod fault;
pub mod heal;
pub mod host;
pub mod ledger;
pub mod link;
pub mod measure;
pub mod models;
pub mod pages;
pub mod queue;
pub mod rounds;
pub mod runner;
pub mod scenario;
pub mod simulation;
pub mod spread;
pub mod stored;
pub mod swarm;
pub mod sweep;
pub mod trace;
pub mod verdicts;
pub mod wire;
pub mod withholders;
