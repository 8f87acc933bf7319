//! The flags of membership: one for each parameter, under its name in
//! [`MembersConfig`]. A flag that is not given leaves the preset's value.
//!
//! Deliberately absent: the values that are allowed. [`MembersConfig::validate`] names the one that is not.

use std::fmt;
use std::time::Duration;

use clap::{Args, ValueEnum};
use libp2p::Multiaddr;
use protocol::gossip::aggregate::built_in::AggregatesConfig;
use protocol::gossip::members::{Detector, MembersConfig, MembersConfigError};

use super::typed;
use crate::config::members::{Membership, Part};
use crate::net::addresses::{dialable, split_peer};

/// Flags of membership.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Membership")]
pub struct MembersArgs {
    /// Whether to take part in membership
    #[arg(long, env = "NODE_MEMBERSHIP", value_name = "PART", value_enum, default_value_t)]
    pub membership: Part,

    /// Addresses at which other members can reach this node
    ///
    /// Without this, the node tells those that it listens on.
    #[arg(long, env = "NODE_EXTERNAL_ADDR", value_name = "ADDR", value_delimiter = ',', value_parser = parse_external)]
    pub external_addr: Vec<Multiaddr>,

    /// The values of the parameters below that are not given
    #[arg(long, env = "NODE_MEMBERS_PRESET", value_name = "PRESET", value_enum, default_value_t)]
    pub members_preset: Preset,

    /// The time between two pings of an idle peer
    #[arg(long, env = "NODE_PING_INTERVAL", value_name = "TIME", value_parser = parse_time)]
    pub ping_interval: Option<Duration>,

    /// The time between two probes of members that are no peers
    #[arg(long, env = "NODE_PROBE_INTERVAL", value_name = "TIME", value_parser = parse_time)]
    pub probe_interval: Option<Duration>,

    /// How long to wait for the answer to a ping or a probe
    #[arg(long, env = "NODE_PROBE_TIMEOUT", value_name = "TIME", value_parser = parse_time)]
    pub probe_timeout: Option<Duration>,

    /// How many members are asked to try a member that gives no answer
    #[arg(long, env = "NODE_INDIRECT_CHECKS", value_name = "N")]
    pub indirect_checks: Option<u8>,

    /// How long a suspicion lasts at least, in multiples of log10(members + 1) seconds
    #[arg(long, env = "NODE_SUSPICION_MULT", value_name = "N")]
    pub suspicion_mult: Option<u8>,

    /// How long it lasts at most, in multiples of that
    #[arg(long, env = "NODE_SUSPICION_MAX_TIMEOUT_MULT", value_name = "N")]
    pub suspicion_max_timeout_mult: Option<u8>,

    /// How often a piece of news is sent, in multiples of log10(members + 1)
    #[arg(long, env = "NODE_RETRANSMIT_MULT", value_name = "N")]
    pub retransmit_mult: Option<u8>,

    /// The time between two sendings of news
    #[arg(long, env = "NODE_GOSSIP_INTERVAL", value_name = "TIME", value_parser = parse_time)]
    pub gossip_interval: Option<Duration>,

    /// How many peers get news each time
    #[arg(long, env = "NODE_GOSSIP_NODES", value_name = "N")]
    pub gossip_nodes: Option<u8>,

    /// For how long a dead member still gets news
    #[arg(long, env = "NODE_GOSSIP_TO_THE_DEAD", value_name = "TIME", value_parser = parse_time)]
    pub gossip_to_the_dead: Option<Duration>,

    /// The time between two comparisons of the members with a peer
    #[arg(long, env = "NODE_PUSH_PULL_INTERVAL", value_name = "TIME", value_parser = parse_time)]
    pub push_pull_interval: Option<Duration>,

    /// How far timeouts grow while this node itself is in trouble
    #[arg(long, env = "NODE_AWARENESS_MAX_MULTIPLIER", value_name = "N")]
    pub awareness_max_multiplier: Option<u8>,

    /// How long a dead member is remembered
    #[arg(long, env = "NODE_FORGET_AFTER", value_name = "TIME", value_parser = parse_time)]
    pub forget_after: Option<Duration>,

    /// The bytes of news a second that one peer may bring, and is sent
    #[arg(long, env = "NODE_MEMBERS_BUDGET", value_name = "BYTES/S")]
    pub members_budget: Option<u32>,

    /// The most members that are known
    #[arg(long, env = "NODE_MEMBERS_MAX", value_name = "N")]
    pub members_max: Option<u32>,

    /// How failed peers are detected: swim (unanswered pings), phi or phi:THRESHOLD (unusually long silence)
    #[arg(long, env = "NODE_DETECTOR", value_name = "DETECTOR")]
    pub detector: Option<Detector>,

    /// Aggregates to estimate over links, beside the exact ones: off, all, or some of bytes, height, mempool, peers,
    /// rtt, uptime and size, with commas
    ///
    /// Each number costs 177 bytes a second. An estimate needs several nodes that take part, and a block now and then.
    /// There are none with --membership off.
    #[arg(long, env = "NODE_AGGREGATES", value_name = "NAMES", default_value_t)]
    pub aggregates: AggregatesConfig,
}

/// Values for all parameters.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
pub enum Preset {
    /// For nodes in one building
    Lan,
    /// For nodes that are spread over the internet
    #[default]
    Wan,
}

impl fmt::Display for Preset {
    fn fmt(&self, formatter: &mut fmt::Formatter<'_>) -> fmt::Result {
        formatter.write_str(match self {
            Self::Lan => "lan",
            Self::Wan => "wan",
        })
    }
}

impl MembersArgs {
    /// The parameters: the preset's, and in their place those that were given.
    ///
    /// # Errors
    /// Names the first parameter that can't be used, and what is allowed.
    pub fn parameters(&self) -> Result<MembersConfig, MembersConfigError> {
        let parameters = self.given();
        parameters.validate()?;
        Ok(parameters)
    }

    /// The settings. Values that can't be used were refused when the command line was read.
    #[must_use]
    pub fn settings(self) -> Membership {
        let (parameters, aggregates) = (self.given(), self.aggregates);
        Membership { part: self.membership, parameters, external: self.external_addr, aggregates }
    }

    /// The values of the parameters that are not given.
    #[must_use]
    pub const fn preset(&self) -> MembersConfig {
        match self.members_preset {
            Preset::Lan => MembersConfig::lan(),
            Preset::Wan => MembersConfig::wan(),
        }
    }

    fn given(&self) -> MembersConfig {
        let preset = self.preset();
        MembersConfig {
            ping_interval: time(self.ping_interval, preset.ping_interval),
            probe_interval: time(self.probe_interval, preset.probe_interval),
            probe_timeout: time(self.probe_timeout, preset.probe_timeout),
            indirect_checks: self.indirect_checks.unwrap_or(preset.indirect_checks),
            suspicion_mult: self.suspicion_mult.unwrap_or(preset.suspicion_mult),
            suspicion_max_timeout_mult: self
                .suspicion_max_timeout_mult
                .unwrap_or(preset.suspicion_max_timeout_mult),
            retransmit_mult: self.retransmit_mult.unwrap_or(preset.retransmit_mult),
            gossip_interval: time(self.gossip_interval, preset.gossip_interval),
            gossip_nodes: self.gossip_nodes.unwrap_or(preset.gossip_nodes),
            gossip_to_the_dead: time(self.gossip_to_the_dead, preset.gossip_to_the_dead),
            push_pull_interval: time(self.push_pull_interval, preset.push_pull_interval),
            awareness_max_multiplier: self.awareness_max_multiplier.unwrap_or(preset.awareness_max_multiplier),
            forget_after: time(self.forget_after, preset.forget_after),
            members_budget: self.members_budget.unwrap_or(preset.members_budget),
            members_max: self.members_max.unwrap_or(preset.members_max),
            detector: self.detector.unwrap_or(preset.detector),
        }
    }
}

fn time(given: Option<Duration>, preset: protocol::time::Duration) -> protocol::time::Duration {
    given.map_or(preset, Into::into)
}

/// A time such as `5s`. Which times are allowed, each parameter says itself.
fn parse_time(text: &str) -> Result<Duration, String> {
    humantime::parse_duration(text).map_err(|error| format!("{error}: write 5s or 500ms"))
}

/// An address that other nodes dial when a record has it.
fn parse_external(text: &str) -> Result<Multiaddr, String> {
    let address = typed::parse_dial(text)?;
    dialable(split_peer(&address).0).ok_or_else(|| {
        "members dial no names that they were told: write /ip4/ADDRESS/tcp/PORT or /ip4/ADDRESS/udp/PORT/quic-v1, \
         or the same with ip6"
            .to_owned()
    })
}
