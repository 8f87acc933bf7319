//! Hearsay's instrument: it launches real nodes on one machine, loads them, reads their traces and reports how
//! items spread. Everything random in it follows from the seed of the run.
//!
//! Deliberately absent: any gossip rule. The measured nodes run in their own processes, the `node` binary or a
//! worker around the same library, and are observed from outside.

pub mod cli;
pub mod dashboard;
pub mod engine;
pub mod local;
pub mod random;
pub mod report;
pub mod sim;
pub mod text;
pub mod topology;
pub mod wan;
pub mod workload;
