//! The node's tests, through its public door: one binary, one module a behaviour.

mod command_line;
mod data_dir;
mod key_file;
mod lifecycle;
mod rpc;
mod settings;
mod support;
//! The node, tested through its public door. One file for each behaviour.

mod discovery;
mod framing;
mod harness;
mod lanes;
mod limits;
mod puppet;
mod service;
mod verification;
