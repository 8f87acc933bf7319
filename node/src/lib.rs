//! The Hearsay node: a libp2p driver around the gossip engine. It holds no gossip rule.

mod answers;
pub mod behaviour;
pub mod cli;
pub mod client;
pub mod clock;
pub mod command;
pub mod config;
pub mod data_dir;
pub mod discovery;
pub mod framing;
pub mod handler;
pub mod identity;
pub mod lane;
pub mod limits;
mod listen;
pub mod logging;
pub mod progress;
pub mod reason;
pub mod recorder;
pub mod rpc;
pub mod run;
pub mod sample;
pub mod service;
mod swarm;
pub mod trace;
pub mod transport;
pub mod verify;
