//! How a node lets others reach it: what it believes about that, relays, and the router.
//!
//! Deliberately absent: the rules themselves (`net/behaviour/nat`), and the addresses that the operator names
//! (`members.rs`).

use clap::ValueEnum;
use libp2p::Multiaddr;

/// Settings of reachability.
#[derive(Clone, Debug, Default)]
pub struct Reach {
    /// What the node believes about itself.
    pub reachability: Reachability,
    /// Addresses of relays, each with its `/p2p/…`. They are preferred to those that are found.
    pub relays: Vec<Multiaddr>,
    /// Whether it is a relay for others.
    pub relay_server: bool,
    /// Whether it asks the router to forward its ports.
    pub upnp: bool,
}

/// What a node believes about whether others can dial it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Reachability {
    /// It asks others to try, and takes a relay if they fail
    #[default]
    Auto,
    /// Others can: it asks nobody, and takes no relay
    Public,
    /// Others cannot: it asks nobody, and takes a relay at once
    Private,
}
