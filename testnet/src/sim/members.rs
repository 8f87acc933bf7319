//! What is done to members in a simulation, and what they learn. The world carries it out (`simulation/members`), and
//! the report is made from the [`ledger`] (`measure/members`). Deliberately absent: any rule about members. `protocol`
//! has them.

pub mod aggregates;
pub mod cuts;
pub mod ledger;
pub mod liars;
pub mod lies;
pub mod plan;
pub mod spread;

use bytes::Bytes;
use protocol::gossip::Digest;
use protocol::gossip::members::MembersConfig;

use self::plan::Preset;

/// What is needed to begin.
#[derive(Clone, Debug)]
pub struct Start {
    /// The parameters of membership.
    pub config: MembersConfig,
    /// The mode of the comparisons that members begin.
    pub digest: Digest,
    /// The parameters of the rival, if it watches in our machine's place.
    pub rival: Option<Preset>,
    /// Nodes that are not there at the beginning.
    pub late: Vec<usize>,
    /// Who lies, if anybody does.
    pub lying: Option<liars::Lying>,
}

/// The address that stands for a node. Those of numbers that no node has name nobody.
#[must_use]
pub fn address(node: usize) -> Bytes {
    Bytes::copy_from_slice(&(node as u64).to_be_bytes())
}

/// The number of the node that an address stands for.
#[must_use]
pub fn addressed(address: &[u8]) -> Option<usize> {
    usize::try_from(u64::from_be_bytes(address.try_into().ok()?)).ok()
}
