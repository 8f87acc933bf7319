//! A node's settings, resolved and checked, from whichever source they came.

use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use protocol::gossip::{Reconciliation, RelayPolicy};
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::validator::{Producers, Validator};

pub mod application;
pub mod cookie;
pub mod data_dir;
pub mod deadlines;
pub mod file;
pub mod identity;
pub mod links;
pub mod manners;
pub mod members;
pub mod memory;
pub mod rates;
pub mod reach;

use self::application::Application;
use self::deadlines::Deadlines;
use self::links::Links;
use self::manners::Manners;
use self::members::Membership;
use self::memory::Memory;
use self::rates::Rates;
use self::reach::Reach;

/// The most gossip peers of one direction. `node bounds` tells what that many can take. Each needs a socket: the
/// usual limit of open files is 1,024.
pub const PEERS_MAX: u16 = 1_024;

/// The usual number of gossip peers that a node dials. Of those that dial it, it goes with the memory.
pub const PEERS_OUT_DEFAULT: u16 = 10;

/// The shortest interval: timers have no finer resolution.
pub const INTERVAL_MIN: Duration = Duration::from_millis(1);
/// The longest interval. The machine's clock fails if more than some hundred years are added to it.
pub const INTERVAL_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);

/// How often a trace is handed to the system. A sample is taken as often, so this costs nothing more.
pub const TRACE_FLUSH_DEFAULT: Duration = Duration::from_secs(1);

/// A node's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network to join.
    pub network: NetworkId,
    /// The libp2p identity.
    pub identity: Keypair,
    /// The same key, for signing blocks.
    pub key: SecretKey,
    /// The directory of the store and `rpc.json`; `None` if the node is ephemeral and no directory was given.
    pub data_dir: Option<PathBuf>,
    /// Keep nothing: the store is in memory, even with a data dir.
    pub ephemeral: bool,
    /// Which bodies of old blocks are deleted.
    pub prune: Prune,
    /// Addresses to listen on; port 0 chooses a free one.
    pub listen: Vec<Multiaddr>,
    /// First addresses to dial, with or without `/p2p/…`; tried forever.
    pub bootstrap: Vec<Multiaddr>,
    /// Peers to stay connected to, beyond the limits.
    pub reserved_peers: Vec<Multiaddr>,
    /// Dial only the reserved peers: no discovery.
    pub reserved_only: bool,
    /// The most gossip peers that dialled us.
    pub max_peers_in: usize,
    /// The most gossip peers that we dial and keep.
    pub max_peers_out: usize,
    /// Exempt loopback addresses from the limits per address range and from shared strikes.
    pub loopback_exempt: bool,
    /// How many bytes may pass in a second.
    pub rates: Rates,
    /// The most time that connections wait for each thing. Every node that is run by its program has the default.
    pub deadlines: Deadlines,
    /// The relay policy.
    pub relay: RelayPolicy,
    /// How items that were lost on the way are repaired.
    pub reconciliation: Reconciliation,
    /// The producers whose blocks are accepted.
    pub producers: Producers,
    /// A chain's own rules, in place of the standard ones; `None` for every node that is run by its program.
    pub validator: Option<Arc<dyn Validator>>,
    /// Make a block from the mempool this often.
    pub produce_every: Option<Duration>,
    /// The address on which the RPC listens; `None` for no RPC.
    pub rpc_addr: Option<SocketAddr>,
    /// The calls a second that all clients of the RPC without the cookie get together; `None` for no limit.
    pub rpc_calls: Option<u32>,
    /// Accept blocks of any producer from every client that may submit blocks.
    pub rpc_any_producer: bool,
    /// The file to which a trace is written.
    pub trace: Option<PathBuf>,
    /// How often the trace is handed to the system.
    pub trace_flush: Duration,
    /// Record in memory how the last items came and where they went.
    pub item_traces: bool,
    /// How much memory it is given.
    pub memory: Memory,
    /// How others reach it.
    pub reach: Reach,
    /// How the node takes part in membership.
    pub membership: Membership,
    /// The application that hears of members; `None` for every node that is run by its program.
    pub application: Option<Application>,
    /// Links for TCP connections in place of plain sockets; `None` for every node that is run by its program.
    pub links: Option<Arc<dyn Links>>,
    /// Bad manners; `None` for every node that is run by its program.
    pub manners: Option<Arc<dyn Manners>>,
}

/// Says why no address to join through would ever be dialled, if that is so.
#[must_use]
pub const fn contradiction(bootstrap: bool, max_peers_out: usize, reserved_only: bool) -> Option<&'static str> {
    match (bootstrap, max_peers_out, reserved_only) {
        (true, 0, _) => Some(
            "with --max-peers-out 0 no address of --bootstrap is ever dialled: leave one of them out, or name the peer \
             with --reserved-peer",
        ),
        (true, _, true) => Some(
            "with --reserved-only no address of --bootstrap is ever dialled: leave one of them out, or name the peer \
             with --reserved-peer",
        ),
        _ => None,
    }
}

/// Which bodies of old blocks are deleted; without a limit, none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prune {
    /// The oldest, while all bodies take more than this number of bytes.
    pub bytes: Option<u64>,
    /// Those that were stored longer ago than this number of seconds.
    pub seconds: Option<u64>,
}
