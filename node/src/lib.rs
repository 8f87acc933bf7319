//! The Hearsay node: a libp2p driver around the gossip engine. It holds no gossip rule.

pub mod cli;
pub mod clock;
pub mod config;
pub mod host;
pub mod net;
pub mod observe;
pub mod rpc;
pub mod run;
pub mod service;
pub mod store;
