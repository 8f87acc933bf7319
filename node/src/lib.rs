//! The Hearsay node: a libp2p driver around the gossip engine. It holds no gossip rule.

pub mod clock;
pub mod command;
pub mod config;
pub mod trace;
