//! Reachability of nodes behind routers that translate addresses: libp2p's behaviours for it, as one behaviour of the
//! node, with the bounds that they lack.
//!
//! * **Tests** (AutoNAT v2, `tests.rs`): others are asked to dial this node at its public addresses, and this node
//!   dials others that ask.
//! * **Circuits** (circuit relay v2): a node that others cannot dial keeps a *reservation* at a relay. Others reach it
//!   through the relay. Every node can be such a client; a relay is one that was told to be (`server.rs`).
//! * **Hole punching** (DCUtR, `punch.rs`): both ends of a circuit dial each other at the same moment, and so get a
//!   direct connection. The gossip slot moves to it (`peers.rs`).
//! * **UPnP**: the router is asked to forward the ports. Only if the operator wants it, because it sends multicast to
//!   the local network and changes the router.
//!
//! What these show is judged in `verdict.rs`. Deliberately absent: when something is asked for, and what is told to
//! people; the service does both (`service/network/reach.rs`).

mod punch;
pub mod server;
mod tests;
pub mod verdict;

use libp2p::swarm::NetworkBehaviour;
use libp2p::swarm::behaviour::toggle::Toggle;
use libp2p::{PeerId, relay, upnp};

pub(crate) use self::punch::CIRCUITS_REMEMBERED_MAX;
use self::punch::Punch;
pub(crate) use self::tests::{CANDIDATES_MAX, DIAL_BACKS_MAX};
use self::tests::{DialBacks, Tests};
use crate::config::reach::{Reach, Reachability};

/// All that concerns reachability.
#[derive(NetworkBehaviour)]
pub(crate) struct Nat {
    pub(crate) client: relay::client::Behaviour,
    pub(crate) server: Toggle<relay::Behaviour>,
    /// Off if the operator has told what is so.
    pub(crate) tests: Toggle<Tests>,
    pub(crate) dial_backs: Toggle<DialBacks>,
    pub(crate) punch: Punch,
    pub(crate) upnp: Toggle<upnp::tokio::Behaviour>,
}

impl Nat {
    /// The behaviour for these settings. With `alone` the node has nothing to do with strangers: it tests nobody, and
    /// asks nobody for a test.
    pub(crate) fn new(local: PeerId, settings: &Reach, client: relay::client::Behaviour, alone: bool) -> Self {
        let server = settings.relay_server.then(|| server::behaviour(local));
        let tests = (!alone && settings.reachability == Reachability::Auto).then(Tests::new);
        Self {
            client,
            server: Toggle::from(server),
            tests: Toggle::from(tests),
            dial_backs: Toggle::from((!alone).then(DialBacks::new)),
            punch: Punch::new(local),
            upnp: Toggle::from(settings.upnp.then(upnp::tokio::Behaviour::default)),
        }
    }
}
