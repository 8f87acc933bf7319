//! The instrument's behaviour through its public interface.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod cli;
mod dashboard;
mod local;
mod random;
mod report;
mod sim;
mod topology;
mod wan;
mod workload;
