//! The network: everything between libp2p and the engine, and everything about peers that is no gossip rule.
//!
//! Bytes come and go through `transport` and `lane`. libp2p calls `behaviour` and `handler`. `slots`, `limits` and
//! `bans` decide which nodes may be peers. `discovery` decides which addresses to dial.

pub mod addresses;
pub mod bans;
pub mod behaviour;
pub mod discovery;
pub mod framing;
pub mod handler;
pub mod lane;
pub mod limits;
pub mod reason;
pub mod slots;
pub mod swarm;
pub mod transport;
