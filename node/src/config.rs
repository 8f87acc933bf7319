//! What a node runs with: resolved and checked, whatever it came from.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use protocol::gossip::RelayPolicy;
use protocol::keys::SecretKey;
use protocol::network::NetworkId;
use protocol::validator::Producers;

/// A node's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network to join.
    pub network: NetworkId,
    /// The libp2p identity.
    pub identity: Keypair,
    /// The same key, for signing blocks.
    pub key: SecretKey,
    /// Where `rpc.json` goes; `None` if the node is ephemeral.
    pub data_dir: Option<PathBuf>,
    /// Addresses to listen on; port 0 chooses a free one.
    pub listen: Vec<Multiaddr>,
    /// First addresses to dial, with or without `/p2p/…`; tried for ever.
    pub bootstrap: Vec<Multiaddr>,
    /// Peers to stay connected to, over and above the limits.
    pub reserved_peers: Vec<Multiaddr>,
    /// Dial nobody but the reserved peers: no discovery.
    pub reserved_only: bool,
    /// Gossip peers that may have dialled us.
    pub max_peers_in: usize,
    /// Gossip peers that we dial and keep.
    pub max_peers_out: usize,
    /// Exempt loopback addresses from the limits per address block and from shared strikes.
    pub loopback_exempt: bool,
    /// How items travel.
    pub relay: RelayPolicy,
    /// Whose blocks count.
    pub producers: Producers,
    /// Make a block of the mempool this often.
    pub produce_every: Option<Duration>,
    /// Where the RPC listens; `None` for none.
    pub rpc_addr: Option<SocketAddr>,
    /// Where to write a trace.
    pub trace: Option<PathBuf>,
}
