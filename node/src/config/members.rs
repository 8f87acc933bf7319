//! How a node takes part in membership, and with which parameters.
//!
//! Deliberately absent: the values that are allowed ([`MembersConfig::validate`]).

use clap::ValueEnum;
use libp2p::Multiaddr;
use protocol::gossip::aggregate::built_in::AggregatesConfig;
use protocol::gossip::members::MembersConfig;

/// Settings of membership.
#[derive(Clone, Debug, Default)]
pub struct Membership {
    /// Whether the node takes part.
    pub part: Part,
    /// The parameters.
    pub parameters: MembersConfig,
    /// The addresses that its record has. Without any, it has those that the node finds out.
    pub external: Vec<Multiaddr>,
    /// The aggregates over links that it takes part in. None without membership.
    pub aggregates: AggregatesConfig,
}

/// Whether a node takes part in membership.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Part {
    /// It takes part
    #[default]
    On,
    /// It takes part, and its record has no addresses
    Quiet,
    /// It doesn't know members, and is none
    Off,
}
