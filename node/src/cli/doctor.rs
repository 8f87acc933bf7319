//! The arguments of `node doctor`: those of a run that decide what a machine must offer.

use std::net::SocketAddr;
use std::path::PathBuf;

use clap::Args;
use libp2p::Multiaddr;

use super::{AskArgs, PEERS_IN_DEFAULT, PEERS_MAX, PEERS_OUT_DEFAULT, typed, values};

const DOCTOR_HELP: &str = "\
Give it the flags of the run, or run it with the same environment variables. It asks the node that runs in the data dir,
if there is one, and checks the machine in either case. It changes nothing.

Examples:
  node doctor                              the machine, and the node of the default data dir
  node doctor --bootstrap /dns4/boot.example.org/tcp/30400
                                           also whether that address can be reached

Exit status: 0 nothing fails, 1 something does. Warnings do not change it.";

/// `node doctor`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = DOCTOR_HELP)]
pub struct DoctorArgs {
    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,

    /// Addresses of nodes to join through: their names are resolved, and TCP connections opened
    #[arg(long, env = "NODE_BOOTSTRAP", value_name = "ADDR", value_delimiter = ',', value_parser = typed::parse_dial)]
    pub bootstrap: Vec<Multiaddr>,

    /// The same for reserved peers
    #[arg(long, env = "NODE_RESERVED_PEER", value_name = "ADDR", value_delimiter = ',',
          value_parser = typed::parse_dial)]
    pub reserved_peer: Vec<Multiaddr>,

    /// Addresses to listen on
    #[arg(long, env = "NODE_LISTEN", value_name = "ADDR", value_delimiter = ',',
          default_values = values::LISTEN_DEFAULT, value_parser = typed::parse_listen)]
    pub listen: Vec<Multiaddr>,

    /// Where the RPC listens
    #[arg(long, env = "NODE_RPC_ADDR", value_name = "ADDR", default_value = values::RPC_ADDR_DEFAULT,
          value_parser = values::parse_rpc_addr)]
    pub rpc_addr: SocketAddr,

    /// The key file, if it is not the data dir's
    #[arg(long, env = "NODE_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// How many gossip peers may have dialled the node
    #[arg(long, env = "NODE_MAX_PEERS_IN", value_name = "N", default_value_t = PEERS_IN_DEFAULT,
          value_parser = clap::value_parser!(u16).range(..=i64::from(PEERS_MAX)))]
    pub max_peers_in: u16,

    /// How many gossip peers the node dials and keeps
    #[arg(long, env = "NODE_MAX_PEERS_OUT", value_name = "N", default_value_t = PEERS_OUT_DEFAULT,
          value_parser = clap::value_parser!(u16).range(..=i64::from(PEERS_MAX)))]
    pub max_peers_out: u16,
}
