//! The Hearsay node: a libp2p driver around the gossip engine. It holds no gossip rule.

pub mod cli;
pub mod client;
pub mod clock;
pub mod command;
pub mod config;
pub mod data_dir;
pub mod identity;
pub mod logging;
pub mod rpc;
pub mod run;
pub mod service;
pub mod trace;
