//! The arguments of the commands that ask a running node, of those for keys, and of `node bounds`.
//!
//! Deliberately absent: the list of all commands (`cli.rs`), and the output (`client`).

use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, Subcommand};
use libp2p::Multiaddr;
use protocol::items::hash::TxId;
use protocol::limits::{PAYLOAD_BYTES_MAX, VALID_UNTIL_AHEAD_MAX};

use super::{PEERS_MAX, PEERS_OUT_DEFAULT, PlaceArgs, RunArgs, typed, values};
use crate::config::memory::Memory;
use crate::rpc::lists::{BLOCKS_LISTED, BLOCKS_LISTED_MAX, PENDING_LISTED, PENDING_LISTED_MAX};
use crate::rpc::trace::{TRACES_LISTED, TRACES_LISTED_MAX};

/// Which running node to ask, and how to print the answer.
#[derive(Clone, Debug, Args)]
pub struct AskArgs {
    /// Where the node lives.
    #[command(flatten)]
    pub place: PlaceArgs,

    /// The node's RPC address, instead of the one in its rpc.json
    #[arg(long, env = "NODE_RPC", value_name = "HOST:PORT", value_parser = values::parse_rpc)]
    pub rpc: Option<String>,

    /// How long to wait for each answer, such as 3s; `tx send` waits for two
    #[arg(long, env = "NODE_TIMEOUT", value_name = "TIME", default_value = "15s", value_parser = values::parse_interval)]
    pub timeout: Duration,

    /// Print JSON
    #[arg(long, env = "NODE_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

const DOCTOR_HELP: &str = "\
It looks at the settings that a run would have: flags, environment variables, and the file of --config or node.toml. It \
asks the node that runs in the data dir, if there is one, and checks the machine in either case. It changes nothing.

Examples:
  node doctor                              the machine, and the node of the default data dir
  node doctor --bootstrap /dns4/boot.example.org/tcp/30400
                                           also whether that address can be reached

Exit status: 0 nothing fails, 1 something does. Warnings do not change it.";

/// `node doctor`.
#[derive(Clone, Debug, Args)]
#[command(after_long_help = DOCTOR_HELP)]
pub struct DoctorArgs {
    /// The settings, as for a run.
    #[command(flatten)]
    pub run: RunArgs,

    /// The node's RPC address, instead of the one in its rpc.json
    #[arg(long, env = "NODE_RPC", value_name = "HOST:PORT", value_parser = values::parse_rpc)]
    pub rpc: Option<String>,

    /// How long to wait for each answer of the node, such as 3s
    #[arg(long, env = "NODE_TIMEOUT", value_name = "TIME", default_value = "15s", value_parser = values::parse_interval)]
    pub timeout: Duration,

    /// Print JSON
    #[arg(long, env = "NODE_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

impl DoctorArgs {
    /// Which running node to ask.
    #[must_use]
    pub fn ask(&self) -> AskArgs {
        AskArgs { place: self.run.place.clone(), rpc: self.rpc.clone(), timeout: self.timeout, json: self.json }
    }
}

/// `node status`.
#[derive(Clone, Debug, Args)]
pub struct StatusArgs {
    /// Go on, and print a line for each change of the tip and of the peers
    #[arg(long)]
    pub follow: bool,

    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `node peers`.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct PeersArgs {
    /// An order about one peer. Without one, all peers are listed.
    #[command(subcommand)]
    pub command: Option<PeersCommand>,

    /// Go on, and print a line for each peer that comes or goes
    #[arg(long)]
    pub follow: bool,

    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `node peers …`.
#[derive(Clone, Debug, Subcommand)]
pub enum PeersCommand {
    /// Keep a connection to the node at an address, also after a restart.
    Add {
        /// Forget it when the node ends
        #[arg(long)]
        forget: bool,
        /// Its address, with or without /p2p/PEER-ID
        #[arg(value_name = "ADDR", value_parser = typed::parse_dial)]
        address: Multiaddr,
        /// Which node to ask.
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Disconnect a peer, and forget that it was added.
    Remove {
        /// Its peer id, or the address that was added
        #[arg(value_name = "PEER-ID", value_parser = values::parse_removed)]
        who: String,
        /// Which node to ask.
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Ban a peer, or all peers at an IP address.
    Ban {
        /// A peer id, or an IP address
        #[arg(value_name = "WHO", value_parser = values::parse_subject)]
        who: String,
        /// How long, such as 2h; at most a year
        #[arg(long, value_name = "TIME", default_value = "1day", value_parser = values::parse_interval)]
        time: Duration,
        /// Which node to ask.
        #[command(flatten)]
        ask: AskArgs,
    },
    /// End a ban.
    Unban {
        /// A peer id, or an IP address
        #[arg(value_name = "WHO", value_parser = values::parse_subject)]
        who: String,
        /// Which node to ask.
        #[command(flatten)]
        ask: AskArgs,
    },
}

/// `node members`.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct MembersArgs {
    /// `show`, to see one member. Without it, all members are listed.
    #[command(subcommand)]
    pub command: Option<MembersCommand>,

    /// Go on, and print a line for each change
    #[arg(long)]
    pub watch: bool,

    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `node members …`.
#[derive(Clone, Debug, Subcommand)]
pub enum MembersCommand {
    /// Show a member: its record, its entries, and who accuses it.
    Show {
        /// Its peer id, or its public key
        #[arg(value_name = "ID")]
        id: String,
        /// Which node to ask.
        #[command(flatten)]
        ask: AskArgs,
    },
}

/// `node set`.
#[derive(Clone, Debug, Args)]
pub struct SetArgs {
    /// The entry's key, at most 64 bytes
    #[arg(value_name = "KEY")]
    pub key: String,

    /// Its value, as text
    #[arg(
        value_name = "VALUE",
        required_unless_present = "remove",
        conflicts_with = "remove",
        allow_hyphen_values = true
    )]
    pub value: Option<String>,

    /// Remove the entry
    #[arg(long)]
    pub remove: bool,

    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `node get`.
#[derive(Clone, Debug, Args)]
pub struct GetArgs {
    /// The entry's key
    #[arg(value_name = "KEY")]
    pub key: String,

    /// The member that has it, by its peer id or its public key, instead of the node itself
    #[arg(long, value_name = "ID")]
    pub member: Option<String>,

    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `node tx …`.
#[derive(Clone, Debug, Subcommand)]
pub enum TxCommand {
    /// Sign a transaction and hand it to a running node; prints its id.
    Send(Box<SendArgs>),
    /// List the pending transactions of a running node, page by page.
    Pool(PoolArgs),
    /// Look up a transaction; fails if the node doesn't know it.
    Get {
        /// The transaction's id, 64 hexadecimal digits
        #[arg(value_name = "ID")]
        id: TxId,
        /// Which node to ask.
        #[command(flatten)]
        ask: AskArgs,
    },
}

/// `node block …`.
#[derive(Clone, Debug, Subcommand)]
pub enum BlockCommand {
    /// Hand an encoded block to a running node; prints its id.
    Publish {
        /// The encoded block, as bytes or in hexadecimal; - is standard input
        #[arg(value_name = "FILE")]
        file: PathBuf,
        /// Which node to ask.
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Look up a block; fails if the node doesn't keep its body.
    Get {
        /// The block's height on the best chain, or its id of 64 hexadecimal digits
        #[arg(value_name = "HEIGHT|ID", value_parser = values::parse_block)]
        id: String,
        /// Which node to ask.
        #[command(flatten)]
        ask: AskArgs,
    },
    /// List blocks of the best chain, the highest first.
    List(BlocksArgs),
}

/// `node block list`.
#[derive(Clone, Debug, Args)]
pub struct BlocksArgs {
    /// The highest block; without it, the tip
    #[arg(long, value_name = "HEIGHT")]
    pub from: Option<u64>,

    /// How many
    #[arg(long, value_name = "N", default_value_t = BLOCKS_LISTED,
          value_parser = clap::value_parser!(u32).range(1..=BLOCKS_LISTED_MAX as i64))]
    pub count: u32,

    /// Go on, and print a line for each block that is accepted
    #[arg(long, conflicts_with = "from")]
    pub follow: bool,

    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `node tx pool`.
#[derive(Clone, Debug, Args)]
pub struct PoolArgs {
    /// The id after which the page begins; without it, the first page
    #[arg(long, value_name = "ID")]
    pub after: Option<TxId>,

    /// How many
    #[arg(long, value_name = "N", default_value_t = PENDING_LISTED,
          value_parser = clap::value_parser!(u32).range(1..=PENDING_LISTED_MAX as i64))]
    pub count: u32,

    /// Go on, and print a line for each transaction that is accepted
    #[arg(long)]
    pub follow: bool,

    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `node trace`.
#[derive(Clone, Debug, Args)]
pub struct TraceArgs {
    /// The item's id, or its first 8 to 16 digits; without it, the last items are listed
    #[arg(value_name = "ID", value_parser = values::parse_sought)]
    pub id: Option<String>,

    /// Print a picture for Graphviz
    #[arg(long, requires = "id", conflicts_with = "json")]
    pub dot: bool,

    /// How many to list
    #[arg(long, value_name = "N", default_value_t = TRACES_LISTED, conflicts_with = "id",
          value_parser = clap::value_parser!(u32).range(1..=TRACES_LISTED_MAX as i64))]
    pub count: u32,

    /// Go on, and print a line for each item that is accepted
    #[arg(long, conflicts_with = "id")]
    pub follow: bool,

    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `node tx send`.
#[derive(Clone, Debug, Args)]
pub struct SendArgs {
    /// The payload.
    #[command(flatten)]
    pub payload: PayloadArgs,

    /// Sign with the key in this file instead of the data dir's
    #[arg(long, alias = "key", env = "NODE_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// A number that makes it distinct from others of the same author; random if not given
    #[arg(long, value_name = "N")]
    pub nonce: Option<u64>,

    /// For how many blocks it stays valid, counted from the highest block that the node knows
    #[arg(long, env = "NODE_VALID_FOR", value_name = "BLOCKS", default_value_t = 1_000,
          value_parser = clap::value_parser!(u64).range(1..=VALID_UNTIL_AHEAD_MAX))]
    pub valid_for: u64,

    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// The payload of a transaction, given in one of three ways.
#[derive(Clone, Debug, Args)]
#[group(required = true, multiple = false)]
pub struct PayloadArgs {
    /// This text
    #[arg(long, value_name = "TEXT", allow_hyphen_values = true)]
    pub payload: Option<String>,

    /// The bytes of this file, at most 64 KiB; - is standard input
    #[arg(long, value_name = "FILE")]
    pub file: Option<PathBuf>,

    /// This many random bytes
    #[arg(long, value_name = "BYTES", value_parser = clap::value_parser!(u32).range(..=PAYLOAD_BYTES_MAX as i64))]
    pub random: Option<u32>,
}

/// `node bounds`.
#[derive(Clone, Debug, Args)]
pub struct BoundsArgs {
    /// For how many gossip peers that dialled the node; the default goes with --memory
    #[arg(long, env = "NODE_MAX_PEERS_IN", value_name = "N",
          value_parser = clap::value_parser!(u16).range(..=i64::from(PEERS_MAX)))]
    pub max_peers_in: Option<u16>,

    /// For how many gossip peers that the node dials
    #[arg(long, env = "NODE_MAX_PEERS_OUT", value_name = "N", default_value_t = PEERS_OUT_DEFAULT,
          value_parser = clap::value_parser!(u16).range(..=i64::from(PEERS_MAX)))]
    pub max_peers_out: u16,

    /// For which amount of memory
    #[arg(long, env = "NODE_MEMORY", value_name = "MEMORY", value_enum, default_value_t)]
    pub memory: Memory,

    /// Print JSON
    #[arg(long, env = "NODE_JSON", value_parser = BoolishValueParser::new())]
    pub json: bool,
}

impl From<&RunArgs> for BoundsArgs {
    /// The bounds of a node with these settings.
    fn from(args: &RunArgs) -> Self {
        Self {
            max_peers_in: Some(args.max_peers_in),
            max_peers_out: args.max_peers_out,
            memory: args.memory,
            json: false,
        }
    }
}

/// `node key …`.
#[derive(Clone, Debug, Subcommand)]
pub enum KeyCommand {
    /// Make a key; an existing file is never replaced.
    Generate {
        /// Where the node lives.
        #[command(flatten)]
        place: PlaceArgs,
        /// Write to this file instead of the data dir
        #[arg(long, value_name = "FILE")]
        out: Option<PathBuf>,
        /// Print JSON
        #[arg(long, env = "NODE_JSON", value_parser = BoolishValueParser::new())]
        json: bool,
    },
    /// Show a key's public half and peer id.
    Show {
        /// Where the node lives.
        #[command(flatten)]
        place: PlaceArgs,
        /// Show the key in this file instead of the data dir's
        #[arg(long, env = "NODE_KEY_FILE", value_name = "FILE")]
        key_file: Option<PathBuf>,
        /// Print JSON
        #[arg(long, env = "NODE_JSON", value_parser = BoolishValueParser::new())]
        json: bool,
    },
}
