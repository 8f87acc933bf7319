//! The node, tested through its public door. One file for each behaviour.

mod discovery;
mod framing;
mod harness;
mod lanes;
mod limits;
mod propagation;
mod puppet;
mod service;
mod verification;
