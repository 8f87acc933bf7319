//! What is done to members in a simulation, and what they learn. The world carries it out (`simulation/members`), and
//! the report is made from the [`ledger`] (`measure/members`). Deliberately absent: any rule about members. `protocol`
//! has them.

pub mod cuts;
pub mod ledger;
pub mod plan;
pub mod spread;

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
}
