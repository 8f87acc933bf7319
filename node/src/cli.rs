//! Everything that may be typed: every command, flag and environment variable. This file only parses;
//! `setup.rs` finds the values that were not typed, and `settings.rs` decides what a value means in the end.
//!
//! Deliberately absent: secrets as values. Keys are named by file, never by flag or environment.

use std::ffi::OsString;
use std::net::SocketAddr;
use std::path::PathBuf;
use std::time::Duration;

use clap::builder::BoolishValueParser;
use clap::{Args, CommandFactory as _, FromArgMatches as _, Parser, Subcommand};
use clap_complete::Shell;
use libp2p::Multiaddr;
use protocol::gossip::{Digest, Redundancy, RelayPolicy};
use protocol::items::keys::PublicKey;
use protocol::items::network::NetworkId;

pub use self::asked::{
    AskArgs, BlockCommand, BlocksArgs, BoundsArgs, DoctorArgs, GetArgs, KeyCommand, MembersArgs, MembersCommand,
    PayloadArgs, PeersArgs, PeersCommand, PoolArgs, SendArgs, SetArgs, StatusArgs, TraceArgs, TxCommand,
};
use self::setup::effective::Effective;
use self::setup::show::ConfigArgs;
use crate::config::memory::Memory;
use crate::config::rates::RPC_CALLS_DEFAULT;
pub use crate::config::{PEERS_MAX, PEERS_OUT_DEFAULT};
pub use crate::net::addresses::typed;
use crate::observe::logging::{self, LogFormat};

mod arrange;
mod asked;
pub mod client;
mod environment;
pub mod exit;
pub mod members;
pub mod pages;
pub mod reach;
mod settings;
pub mod setup;
pub mod values;

/// The usual number of gossip peers that dial this node.
pub const PEERS_IN_DEFAULT: u16 = 64;

const AFTER_RUN: &str = "\
Examples:
  node                                     run on the network `dev`, with a key and data dir of its own
  node --bootstrap /ip4/192.0.2.7/tcp/30400/p2p/12D3KooW… --producers 64-HEX-DIGITS
                                           join a network, and take the blocks of this key only
  node --data-dir /tmp/b --listen /ip4/127.0.0.1/tcp/0 --rpc-addr 127.0.0.1:0
  node --produce-every 5s --open-producers make blocks, and take anyone's
  node status                              ask the running node how it is
  node --data-dir /tmp/b status            ask the one that lives there
  node tx send --payload 'hello'           send a transaction through it
  node init --network test                 make data dir, key and a commented node.toml
  node trace                               how the last items came, and from which peer
  node config                              every setting, and where its value comes from
  node doctor                              is this machine in good order for a node?
  node bounds                              the most memory that a node can take, bound by bound

Exit codes: 0 clean, 1 runtime failure, 2 usage, 3 data dir locked, 4 address in use, 5 key problem, 6 store problem, \
70 panic; 130, 143 or 129 when a second SIGINT, SIGTERM or SIGHUP forced the end.

A flag wins over its environment variable, that over the file of --config, and that over the default. An empty variable \
counts as unset. A flag without a value takes one all the same: --no-rpc=false.";

/// A Hearsay node: carries signed transactions and blocks to every other node.
///
/// Without a command it runs a node, like `node run`. The other commands ask a running node.
#[derive(Clone, Debug, Parser)]
#[command(name = "node", version, long_version = pages::LONG_VERSION, after_long_help = AFTER_RUN, args_conflicts_with_subcommands = true)]
pub struct Cli {
    /// The command. Without one, a node runs.
    #[command(subcommand)]
    pub command: Option<Command>,
    /// Settings of the run.
    #[command(flatten)]
    pub run: RunArgs,
    /// Where the settings of the run come from; nothing for commands that have none.
    #[arg(skip)]
    pub effective: Effective,
}

/// A command.
#[derive(Clone, Debug, Subcommand)]
pub enum Command {
    /// Run a node (as without a command).
    #[command(after_long_help = AFTER_RUN)]
    Run(Box<RunArgs>),
    /// Make the data dir, the key, and a commented node.toml with every setting.
    ///
    /// Settings that are given with it stand in the file. An existing file is never replaced, and an existing key is used.
    Init(Box<RunArgs>),
    /// Print every setting of a run, and where its value comes from; needs no running node.
    Config(Box<ConfigArgs>),
    /// Make or show the node's key.
    #[command(subcommand)]
    Key(KeyCommand),
    /// Show the state of a running node.
    Status(StatusArgs),
    /// List the gossip peers of a running node; add, remove, ban one.
    Peers(PeersArgs),
    /// List the banned peers and addresses of a running node.
    Bans(AskArgs),
    /// List the members of the network, as a running node sees them, or show one.
    Members(MembersArgs),
    /// Set an entry of a running node, which all members get to know.
    Set(SetArgs),
    /// Look up an entry of a member.
    Get(GetArgs),
    /// Compute sum, average, median and the like of an entry over all members.
    Aggregate {
        /// The entry's key, such as height, peers or rtt
        #[arg(value_name = "NAME")]
        name: String,
        /// Which node to ask.
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Tell the network that a running node leaves; it relays on until it is stopped.
    Leave(AskArgs),
    /// Show how a transaction or a block came to a running node, and where it went; or list the last ones.
    Trace(TraceArgs),
    /// List the evidence against producers that signed two blocks for one height.
    Evidence(AskArgs),
    /// Check whether this machine, and the node on it, are in good order.
    Doctor(Box<DoctorArgs>),
    /// List what limits the memory of a node, and the most that it can take; needs no running node.
    Bounds(BoundsArgs),
    /// Change what a running node logs.
    Log {
        /// The filter, as --log takes it, such as debug or warn,node=debug
        #[arg(value_name = "FILTER", value_parser = logging::parse_filter)]
        filter: String,
        /// Which node to ask.
        #[command(flatten)]
        ask: AskArgs,
    },
    /// Print the completions of a shell.
    Completions {
        /// The shell
        #[arg(value_name = "SHELL", value_enum)]
        shell: Shell,
    },
    /// Write the manual pages, one for each command.
    Man {
        /// The directory to write them to
        #[arg(long, value_name = "DIR")]
        out: PathBuf,
    },
    /// Send or look up a transaction through a running node.
    #[command(subcommand)]
    Tx(TxCommand),
    /// Publish or look up a block through a running node.
    #[command(subcommand)]
    Block(BlockCommand),
}

/// Settings of a run.
#[derive(Clone, Debug, Args)]
pub struct RunArgs {
    /// Addresses of nodes to join through, with or without /p2p/PEER-ID
    ///
    /// Repeat the flag, or separate addresses by commas. The node tries them forever.
    #[arg(long, env = "NODE_BOOTSTRAP", value_name = "ADDR", value_delimiter = ',', value_parser = typed::parse_dial)]
    pub bootstrap: Vec<Multiaddr>,

    /// Addresses to listen on; port 0 takes a free one
    #[arg(long, env = "NODE_LISTEN", value_name = "ADDR", value_delimiter = ',',
          default_values = values::LISTEN_DEFAULT, value_parser = typed::parse_listen)]
    pub listen: Vec<Multiaddr>,

    /// Where the node lives: network and data dir.
    #[command(flatten)]
    pub place: PlaceArgs,

    /// Read settings from this file; the default is node.toml in the data dir, if it is there
    ///
    /// Each setting has its flag's name as its key. `node init` writes a file with all of them.
    #[arg(long, env = "NODE_CONFIG_FILE", value_name = "FILE")]
    pub config: Option<PathBuf>,

    /// Use the key in this file instead of the data dir's
    ///
    /// The file must exist: `node key generate --out FILE` makes one. A mistyped path never makes a new key.
    #[arg(long, env = "NODE_KEY_FILE", value_name = "FILE")]
    pub key_file: Option<PathBuf>,

    /// Keep key and data in memory only
    ///
    /// The key is new at each start, unless --key-file is given. No rpc.json is written, so the other commands
    /// need --rpc. With --data-dir as well, that directory gets LOCK and, while the node runs, rpc.json and the
    /// cookie, but neither key nor store.
    #[arg(long, env = "NODE_EPHEMERAL", value_parser = BoolishValueParser::new())]
    pub ephemeral: bool,

    /// Delete the bodies of the oldest blocks while all bodies take more than this, such as
    /// 10GiB; the newest 288 stay
    #[arg(long, env = "NODE_PRUNE_BYTES", value_name = "BYTES", value_parser = values::parse_bytes)]
    pub prune_bytes: Option<u64>,

    /// Delete the bodies of blocks that were stored longer ago than this, such as 30d; the newest 288 stay
    ///
    /// Only time for which the node runs counts, so a clock that is set wrongly deletes nothing.
    #[arg(long, env = "NODE_PRUNE_AGE", value_name = "TIME", value_parser = values::parse_age)]
    pub prune_age: Option<Duration>,

    /// How much memory to use: mempool, blocks and ids in memory, pages of the store, members and peers
    ///
    /// The amount is a target under a steady load, and no limit: `node bounds` tells what everything comes to if all is
    /// full at once. --max-peers-in and --members-max win over the numbers that go with it.
    #[arg(long, env = "NODE_MEMORY", value_name = "MEMORY", value_enum, default_value_t)]
    pub memory: Memory,

    /// How many gossip peers may have dialled this node
    #[arg(long, env = "NODE_MAX_PEERS_IN", value_name = "N", default_value_t = PEERS_IN_DEFAULT,
          value_parser = clap::value_parser!(u16).range(..=i64::from(PEERS_MAX)))]
    pub max_peers_in: u16,

    /// How many gossip peers this node dials and keeps; with 0 it dials only the reserved peers, and
    /// accepts no --bootstrap
    #[arg(long, env = "NODE_MAX_PEERS_OUT", value_name = "N", default_value_t = PEERS_OUT_DEFAULT,
          value_parser = clap::value_parser!(u16).range(..=i64::from(PEERS_MAX)))]
    pub max_peers_out: u16,

    /// The most bytes to send to all peers in a second, such as 2MiB/s or 20mbit; at least 64KiB/s
    ///
    /// All bytes count, not only those of items. A quarter of a second's bytes may be saved up. A low limit makes
    /// items late: docs/OPERATING.md says by how much.
    #[arg(long, env = "NODE_MAX_UPLOAD", value_name = "RATE", value_parser = values::parse_rate)]
    pub max_upload: Option<u64>,

    /// The most bytes to read from all peers in a second, such as 2MiB/s or 20mbit; at least 64KiB/s
    #[arg(long, env = "NODE_MAX_DOWNLOAD", value_name = "RATE", value_parser = values::parse_rate)]
    pub max_download: Option<u64>,

    /// Peers to stay connected to, beyond the limits
    #[arg(long, env = "NODE_RESERVED_PEER", value_name = "ADDR", value_delimiter = ',',
          value_parser = typed::parse_dial)]
    pub reserved_peer: Vec<Multiaddr>,

    /// Dial only the reserved peers: no discovery
    #[arg(long, env = "NODE_RESERVED_ONLY", value_parser = BoolishValueParser::new())]
    pub reserved_only: bool,

    /// Exempt loopback peers from the limits per address range
    ///
    /// For test networks on one machine, whose nodes would otherwise count as one crowd. Without this, at
    /// most 8 inbound connections come from one IPv4 address, and peers of one address group share the
    /// memory of withheld items.
    #[arg(long, env = "NODE_EXEMPT_LOOPBACK", value_parser = BoolishValueParser::new())]
    pub exempt_loopback: bool,

    /// How items travel: author-tree (push along the tree learned for each author), announce (ask for the body),
    /// flood (push it), rumor (push it to a few peers a round) or none (reconciliation alone)
    ///
    /// author-tree can be given a redundancy, like --redundancy: author-tree:redundancy=0.5. rumor has settings
    /// too. Without any it is rumor:fanout=3,round=1s,nodes=1000,feedback=on. It sends an item to `fanout` random
    /// peers each round, up to 4 times the digits of `nodes`, the expected size of the network. With feedback it
    /// stops when most of a round's peers had the item.
    #[arg(long, env = "NODE_RELAY", value_name = "POLICY", default_value_t = RelayPolicy::default())]
    pub relay: RelayPolicy,

    /// How many duplicates to accept for each useful body, 0 to 2; with author-tree only
    ///
    /// Resilience costs duplicates. With 1, most items come by two paths, and the failure of one is not felt. The
    /// node keeps or asks for as many links as this needs.
    #[arg(long, env = "NODE_REDUNDANCY", value_name = "R")]
    pub redundancy: Option<Redundancy>,

    /// How often to compare mempool and tip with a random peer; 0s for never
    ///
    /// The cost of a comparison grows with the difference. Without comparisons, a new peer is told of the whole
    /// mempool, and lost items stay lost.
    #[arg(long, env = "NODE_RECONCILE_INTERVAL", value_name = "TIME", default_value = "1s",
          value_parser = values::parse_interval_or_zero)]
    pub reconcile_interval: Duration,

    /// The direction of items in these comparisons: push-pull (both), push (give) or pull (take)
    #[arg(long, env = "NODE_RECONCILE_DIGEST", value_name = "DIGEST", default_value_t = Digest::default())]
    pub reconcile_digest: Digest,

    /// Where the RPC listens; loopback only, port 0 takes a free one
    #[arg(long, env = "NODE_RPC_ADDR", value_name = "IP:PORT", default_value = values::RPC_ADDR_DEFAULT,
          value_parser = values::parse_rpc_addr)]
    pub rpc_addr: SocketAddr,

    /// Run without the RPC; wins over --rpc-addr
    #[arg(long, env = "NODE_NO_RPC", value_parser = BoolishValueParser::new())]
    pub no_rpc: bool,

    /// The most calls a second for all clients of the RPC without the cookie together; 0 for no limit
    ///
    /// Clients that ask for more are slowed down, and share what there is: each connection gets the same. Answers and
    /// batches cost more the longer they are. The owner, who has the cookie, is not slowed down.
    #[arg(long, env = "NODE_RPC_CALLS", value_name = "N", default_value_t = RPC_CALLS_DEFAULT,
          value_parser = values::parse_calls)]
    pub rpc_calls: u32,

    /// Let `block_publish` accept blocks of any producer
    ///
    /// Without this, --producers applies to these blocks as it does to blocks from the network. The caller needs
    /// the cookie in either case.
    #[arg(long, env = "NODE_RPC_ANY_PRODUCER", value_parser = BoolishValueParser::new())]
    pub rpc_any_producer: bool,

    /// Public keys of the producers whose blocks are accepted, 64 hexadecimal digits each
    ///
    /// Only blocks signed by these keys are accepted from the network. Without this and without
    /// --open-producers, none is.
    #[arg(
        long,
        env = "NODE_PRODUCERS",
        value_name = "HEX",
        value_delimiter = ',',
        conflicts_with = "open_producers"
    )]
    pub producers: Vec<PublicKey>,

    /// Accept blocks of all producers: for open test networks only
    #[arg(long, env = "NODE_OPEN_PRODUCERS", value_parser = BoolishValueParser::new())]
    pub open_producers: bool,

    /// Make a block from the mempool this often, such as 5s
    ///
    /// It is signed with the node's own key. The other nodes must have this key among their --producers.
    #[arg(long, env = "NODE_PRODUCE_EVERY", value_name = "TIME", value_parser = values::parse_interval)]
    pub produce_every: Option<Duration>,

    /// Write a trace of every submission, sight and send to this file
    #[arg(long, env = "NODE_TRACE", value_name = "FILE")]
    pub trace: Option<PathBuf>,

    /// How often the trace is written to its file, at most every 50ms; for programs that read it while the node runs
    #[arg(long, env = "NODE_TRACE_FLUSH", value_name = "TIME", default_value = "1s",
          value_parser = values::parse_interval)]
    pub trace_flush: Duration,

    /// Do not record in memory how the last items came and where they went
    ///
    /// `node trace`, the methods trace_get and trace_list, and the page then cannot tell of an item's way.
    #[arg(long, env = "NODE_NO_ITEM_TRACES", value_parser = BoolishValueParser::new())]
    pub no_item_traces: bool,

    /// What to log, such as debug or `warn,node=debug`
    #[arg(long, env = "NODE_LOG", value_name = "FILTER", default_value = logging::FILTER_DEFAULT,
          value_parser = logging::parse_filter)]
    pub log: String,

    /// How to log to stderr; auto is pretty, with colours only on a terminal without NO_COLOR
    #[arg(long, env = "NODE_LOG_FORMAT", value_name = "FORMAT", value_enum, default_value_t)]
    pub log_format: LogFormat,

    /// Reachability.
    #[command(flatten)]
    pub reach: reach::ReachArgs,

    /// Membership.
    #[command(flatten)]
    pub members: members::MembersArgs,
}

/// Where a node lives.
#[derive(Clone, Debug, Args)]
pub struct PlaceArgs {
    /// The network's name
    #[arg(long, env = "NODE_NETWORK", value_name = "NAME", default_value = "dev")]
    pub network: NetworkId,

    /// Where the key, the store, the lock, the cookie and rpc.json are; used as it is
    ///
    /// The default is the user's data directory (XDG), then hearsay/NETWORK.
    #[arg(long, env = "NODE_DATA_DIR", value_name = "DIR")]
    pub data_dir: Option<PathBuf>,
}

impl Cli {
    /// Reads what was typed, and the environment. If that makes no sense, ends the program with a usage error.
    /// Also ends it after printing help or the version.
    #[must_use]
    pub fn read() -> Self {
        Self::read_from(std::env::args_os()).unwrap_or_else(|error| error.exit())
    }

    /// Parses these words in the same way; the first is the program's name.
    ///
    /// # Errors
    /// A usage error, or the output of `--help` and `--version`.
    pub fn read_from(words: impl IntoIterator<Item = OsString>) -> Result<Self, clap::Error> {
        let command = environment::without_empty(Self::command());
        let words = arrange::arrange(&command, words.into_iter().collect())?;
        let asks = words.get(1).is_some_and(|word| command.find_subcommand(word).is_some());
        // Variables of a run do not concern another command, whatever nonsense they hold.
        let command = if asks { command.mut_args(|arg| arg.env(None::<&str>)) } else { command };
        let (matches, effective) = setup::read(command, &words)?;
        let cli = Self { effective, ..Self::from_arg_matches(&matches)? };
        match &cli.command {
            None => cli.run.check()?,
            Some(Command::Run(args) | Command::Init(args)) => args.check()?,
            Some(Command::Config(args)) if args.command.is_none() => args.run.check()?,
            Some(Command::Doctor(args)) => args.run.check()?,
            Some(_) => {}
        }
        Ok(cli)
    }

    /// A warning line for each variable that is set and looks like a setting of this program, but is none.
    #[must_use]
    pub fn strange_variables(set: impl IntoIterator<Item = OsString>) -> Vec<String> {
        environment::strange(&Self::command(), set)
    }
}
