//! The node's tests, through its public door: one binary, one module a behaviour.

mod command_line;
mod data_dir;
mod key_file;
mod lifecycle;
mod rpc;
mod settings;
mod support;
