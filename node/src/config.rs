//! What a node runs with: resolved and checked, whatever it came from.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use protocol::gossip::{Reconciliation, RelayPolicy};
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::validator::Producers;

pub mod cookie;
pub mod data_dir;
pub mod deadlines;
pub mod identity;
pub mod links;

use self::deadlines::Deadlines;
use self::links::Links;

/// A node's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network to join.
    pub network: NetworkId,
    /// The libp2p identity.
    pub identity: Keypair,
    /// The same key, for signing blocks.
    pub key: SecretKey,
    /// Where the store and `rpc.json` go; `None` if the node is ephemeral and no directory was given.
    pub data_dir: Option<PathBuf>,
    /// Keep nothing: the store is in memory, even with a data dir.
    pub ephemeral: bool,
    /// Which bodies of old blocks are given up.
    pub prune: Prune,
    /// Addresses to listen on; port 0 chooses a free one.
    pub listen: Vec<Multiaddr>,
    /// First addresses to dial, with or without `/p2p/…`; tried forever.
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
    /// What connections wait for at most; the default for every node that is run by its program.
    pub deadlines: Deadlines,
    /// How items travel.
    pub relay: RelayPolicy,
    /// How what got lost on the way is made good.
    pub reconciliation: Reconciliation,
    /// Whose blocks count.
    pub producers: Producers,
    /// Make a block of the mempool this often.
    pub produce_every: Option<Duration>,
    /// Where the RPC listens; `None` for none.
    pub rpc_addr: Option<SocketAddr>,
    /// Take blocks of any producer from whoever may submit them.
    pub rpc_any_producer: bool,
    /// Where to write a trace.
    pub trace: Option<PathBuf>,
    /// What TCP connections go over in place of bare sockets; `None` for every node that is run by its program.
    pub links: Option<Arc<dyn Links>>,
}

/// Which bodies of old blocks are given up; none without a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prune {
    /// The oldest while all take more than so many bytes.
    pub bytes: Option<u64>,
    /// Those that were stored longer ago than so many seconds.
    pub seconds: Option<u64>,
}
