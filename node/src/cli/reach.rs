//! The flags of reachability. `--relay` is another thing: how items travel.
//!
//! Deliberately absent: `--external-addr` (`members.rs`), which names addresses and changes nothing else.

use clap::Args;
use clap::builder::BoolishValueParser;
use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;

use super::typed;
use crate::config::reach::{Reach, Reachability};

/// Flags of reachability.
#[derive(Clone, Debug, Default, Args)]
#[command(next_help_heading = "Reachability")]
pub struct ReachArgs {
    /// Whether others can dial this node: auto asks them to try, and takes a relay if they fail
    ///
    /// With public the node asks nobody and takes no relay, and with private it takes a relay at once.
    #[arg(long, env = "NODE_REACHABILITY", value_name = "REACHABILITY", value_enum, default_value_t)]
    pub reachability: Reachability,

    /// Relays through which others reach this node if they cannot dial it, each with /p2p/PEER-ID
    ///
    /// Without them, or if none of them answers, the node takes relays among the peers that it dials.
    #[arg(long, env = "NODE_RELAY_ADDR", value_name = "RELAY", value_delimiter = ',', value_parser = parse_relay)]
    pub relay_addr: Vec<Multiaddr>,

    /// Be a relay for nodes that others cannot dial: at most 32 of them, 16 circuits, and 1 MiB each way in 2 minutes
    /// for each circuit
    #[arg(long, env = "NODE_RELAY_SERVER", value_parser = BoolishValueParser::new())]
    pub relay_server: bool,

    /// Ask the router by UPnP to forward the ports; sends multicast to the local network
    #[arg(long, env = "NODE_UPNP", value_parser = BoolishValueParser::new())]
    pub upnp: bool,
}

impl ReachArgs {
    /// What contradicts itself, if anything does.
    #[must_use]
    pub fn contradiction(&self) -> Option<&'static str> {
        match self.reachability {
            Reachability::Public if !self.relay_addr.is_empty() => {
                Some("with --reachability public no relay of --relay-addr is ever asked: leave one of them out")
            }
            Reachability::Private if self.relay_server => Some(
                "with --reachability private nobody reaches this node to use it as a relay: leave out --relay-server",
            ),
            _ => None,
        }
    }

    /// The settings.
    #[must_use]
    pub fn settings(self) -> Reach {
        Reach {
            reachability: self.reachability,
            relays: self.relay_addr,
            relay_server: self.relay_server,
            upnp: self.upnp,
        }
    }
}

/// An address of a relay. Its id is part of the address at which others reach this node, so it is not found out.
fn parse_relay(text: &str) -> Result<Multiaddr, String> {
    let address = typed::parse_dial(text)?;
    if address.iter().any(|part| part == Protocol::P2pCircuit) {
        return Err("a relay is reached without another relay: write its own address".to_owned());
    }
    if !matches!(address.iter().last(), Some(Protocol::P2p(_))) {
        return Err(format!(
            "a relay's id is needed: write {address}/p2p/PEER-ID, as the relay's banner shows it"
        ));
    }
    if matches!(address.iter().next(), Some(Protocol::Dnsaddr(_))) {
        return Err("a relay is named by its address, not by records that hold one: write /dns/…".to_owned());
    }
    Ok(address)
}
