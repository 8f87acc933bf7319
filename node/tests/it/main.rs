//! The node's tests, through its public door: one binary, one module a behaviour.

mod bulk_pace;
mod bulk_window;
mod command_line;
mod data_dir;
mod discovery;
mod framing;
mod harness;
mod hostile;
mod hostile_client;
mod key_file;
mod lane_speed;
mod lanes;
mod lifecycle;
mod limits;
mod progress;
mod propagation;
mod puppet;
mod raw;
mod rpc;
mod service;
mod settings;
mod support;
mod transports;
mod uplink_model;
mod verification;
