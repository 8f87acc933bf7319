//! The Hearsay node: a libp2p driver around the gossip engine. It holds no gossip rule.

mod answers;
pub mod behaviour;
pub mod clock;
pub mod command;
pub mod config;
pub mod discovery;
pub mod framing;
pub mod handler;
pub mod lane;
pub mod limits;
mod listen;
pub mod reason;
pub mod recorder;
pub mod sample;
pub mod service;
mod swarm;
pub mod trace;
pub mod transport;
pub mod verify;
