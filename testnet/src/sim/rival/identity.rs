//! Who a member is to the rival: the identity of its own example of an agent, a socket address and a number that
//! grows. So a member that was declared down comes back by itself, under a higher number, as foca's documents
//! recommend. Deliberately absent: keys. The rival signs nothing.

use std::net::{IpAddr, Ipv4Addr, SocketAddr};

use foca::Identity;
use serde::{Deserialize, Serialize};

/// A member's address, and the number of this life of it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize)]
pub struct RivalId {
    addr: SocketAddr,
    /// Seconds since 1970 at the start, and one more for each time that others took it for dead.
    bump: u64,
}

/// All members listen on the same port.
const PORT: u16 = 30_411;

/// Members have the addresses 10.0.0.0 and up.
const FIRST_ADDRESS: u32 = 10 << 24;

impl RivalId {
    /// The identity of a node.
    #[must_use]
    pub fn new(node: usize, bump: u64) -> Self {
        let address = FIRST_ADDRESS.wrapping_add(node as u32);
        Self { addr: SocketAddr::from((Ipv4Addr::from_bits(address), PORT)), bump }
    }

    /// An address alone, of a node that may or may not be there. Any other identity with this address wins.
    #[must_use]
    pub fn known(node: usize) -> Self {
        Self::new(node, 0)
    }

    /// The number of the node.
    #[must_use]
    pub fn node(&self) -> Option<usize> {
        match self.addr.ip() {
            IpAddr::V4(ip) => ip.to_bits().checked_sub(FIRST_ADDRESS).map(|node| node as usize),
            IpAddr::V6(_) => None,
        }
    }

    /// A number that grows with each refutation, of a suspicion or of a death.
    #[must_use]
    pub const fn refutations(&self, incarnation: foca::Incarnation) -> u64 {
        self.bump << foca::Incarnation::BITS | incarnation as u64
    }
}

impl Identity for RivalId {
    type Addr = SocketAddr;

    fn renew(&self) -> Option<Self> {
        Some(Self { addr: self.addr, bump: self.bump.wrapping_add(1) })
    }

    fn addr(&self) -> SocketAddr {
        self.addr
    }

    fn win_addr_conflict(&self, adversary: &Self) -> bool {
        self.bump > adversary.bump
    }
}
