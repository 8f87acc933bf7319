//! How many open files the process may have, and how they are shared out.
//!
//! Peers and the store come first. The HTTP listener gets the rest, up to its own limit. At the start the soft
//! limit is raised as far as the hard one allows. Deliberately absent: a count of what is open now. A listener
//! that finds no descriptor left rests (`http/accept.rs`; for peers, libp2p's own listeners).

use std::io;

use nix::sys::resource::{Resource, getrlimit, setrlimit};

use crate::config::Config;
use crate::net::limits::{PENDING_MAX, connections_max};
use crate::rpc::http::CONNECTIONS_MAX;

/// The node asks for no more: 2 * 1,024 peers need some thousands.
pub const LIMIT_WANTED: u64 = 65_536;

/// macOS says that there is no hard limit, and accepts no more than this (`OPEN_MAX`).
const LIMIT_OF_OTHERS: u64 = 10_240;

/// For the store, the log, the trace, the runtimes, listeners, and names that are being resolved (some 40 are in
/// use). Also for 32 connections that wait for a place at the listener and 32 that it turns away.
pub const RESERVE: u64 = 128;

/// Even with too few descriptors the listener accepts a few connections, because an operator must be able to look.
pub const HTTP_MIN: u64 = 8;

/// What the process may open, and how this is shared out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Descriptors {
    /// The soft limit now.
    pub limit: u64,
    /// The soft limit before it was raised, if it was.
    pub raised_from: Option<u64>,
    /// The need of all peers that the settings allow, the reserve, and a full listener.
    pub needed: u64,
    /// Connections that the HTTP listener may have at a time.
    pub http: usize,
}

impl Descriptors {
    /// Raises the soft limit, and shares out the descriptors.
    ///
    /// # Errors
    /// If the system doesn't tell its limits. It is no error if a limit can't be raised.
    pub fn claim(config: &Config) -> io::Result<Self> {
        let (soft, hard) = getrlimit(Resource::RLIMIT_NOFILE)?;
        let higher = [LIMIT_WANTED, LIMIT_OF_OTHERS].map(|wanted| wanted.min(hard));
        let raised = higher
            .into_iter()
            .find(|&wanted| soft < wanted && setrlimit(Resource::RLIMIT_NOFILE, wanted, hard).is_ok());
        let limit = raised.unwrap_or(soft);
        Ok(Self { raised_from: raised.map(|_| soft), ..Self::share(limit, peers(config)) })
    }

    /// How `limit` descriptors are shared out when peers may take `peers` of them.
    #[must_use]
    pub fn share(limit: u64, peers: u64) -> Self {
        let first = peers.saturating_add(RESERVE);
        let left = limit.saturating_sub(first).clamp(HTTP_MIN, CONNECTIONS_MAX as u64);
        let needed = first.saturating_add(CONNECTIONS_MAX as u64);
        Self { limit, raised_from: None, needed, http: usize::try_from(left).unwrap_or(CONNECTIONS_MAX) }
    }

    /// Whether the limit is too low for the settings.
    #[must_use]
    pub const fn are_short(&self) -> bool {
        self.limit < self.needed
    }
}

/// What a node with these numbers of slots and of reserved peers needs in all.
#[must_use]
pub fn needed(peers_in: usize, peers_out: usize, reserved: usize) -> u64 {
    Descriptors::share(0, peers_of(peers_in, peers_out, reserved)).needed
}

/// Descriptors that peers may use: established connections, and those being set up, in each direction.
fn peers(config: &Config) -> u64 {
    peers_of(config.max_peers_in, config.max_peers_out, config.reserved_peers.len())
}

fn peers_of(peers_in: usize, peers_out: usize, reserved: usize) -> u64 {
    let (incoming, outgoing) = connections_max(peers_in, peers_out);
    (incoming + outgoing + reserved) as u64 + 2 * u64::from(PENDING_MAX)
}
