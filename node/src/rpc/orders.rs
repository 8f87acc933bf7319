//! Orders of the node's owner about peers: dial one, disconnect one, ban, and end a ban.
//!
//! Deliberately absent: how they are carried out (the service), and names of hosts: those are given when the node is
//! started.

use std::net::IpAddr;
use std::str::FromStr;
use std::time::Duration;

use libp2p::{Multiaddr, PeerId};

/// How long a ban lasts if no time is named: a day.
pub const ORDERED_BAN_TIME: Duration = Duration::from_secs(24 * 3_600);

/// The longest ban that can be ordered: a year.
pub const ORDERED_BAN_LONGEST: Duration = Duration::from_secs(365 * 24 * 3_600);

/// An order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Order {
    /// Keep a connection to the node at an address.
    Add {
        /// The address, with or without `/p2p`.
        address: Multiaddr,
        /// Whether the next runs are to keep it as well.
        kept: bool,
    },
    /// Disconnect this peer, and no longer dial it as one that was added.
    Remove(PeerId),
    /// The same for an address that was added.
    RemoveAddress(Multiaddr),
    /// Disconnect a peer, or all peers at an address, and let none back in for a time.
    Ban(Subject, Duration),
    /// End a ban.
    Unban(Subject),
}

/// Whom a ban keeps out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Subject {
    /// A peer.
    Peer(PeerId),
    /// Every peer at an address; with IPv6, every peer in its `/64`.
    Address(IpAddr),
}

/// Why an order was not carried out.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum OrderError {
    /// Not a peer or an address.
    #[error("a peer id or an IP address is wanted, and nothing was done")]
    NoSubject,
    /// The address can't be dialled.
    #[error(
        "this address can't be dialled at run time, and nothing was done: write /ip4/ADDRESS/tcp/PORT or \
         /ip4/ADDRESS/udp/PORT/quic-v1, or the same with ip6, with or without /p2p/PEER-ID behind it"
    )]
    NoAddress,
    /// It is this node's own id.
    #[error("this is the node itself, and nothing was done")]
    Ourselves,
    /// There are too many added peers.
    #[error("as many peers were added as may be, and nothing was done: remove one first")]
    TooMany,
    /// No such peer.
    #[error(
        "no such peer is connected, and none was added; nothing was done: `node peers` lists the connected ones"
    )]
    NoPeer,
    /// Loopback addresses are exempt.
    #[error("with --exempt-loopback no loopback address can be banned, and nothing was done: ban the peer")]
    Exempt,
    /// There is no such ban.
    #[error("there is no such ban, and nothing was done: `node bans` lists all")]
    NoBan,
    /// The time is out of range.
    #[error("a ban lasts from 1 second to a year, and nothing was done")]
    BadTime,
}

impl FromStr for Subject {
    type Err = OrderError;

    fn from_str(text: &str) -> Result<Self, OrderError> {
        let address = text.strip_suffix("/64").unwrap_or(text);
        if let Ok(ip) = address.parse() {
            return Ok(Self::Address(ip));
        }
        text.parse().map(Self::Peer).map_err(|_| OrderError::NoSubject)
    }
}
