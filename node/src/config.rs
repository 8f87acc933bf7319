//! What a node runs with: resolved and checked, whatever it came from. Also the meaning of each value that is typed.

use std::net::{Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use libp2p::Multiaddr;
use libp2p::identity::Keypair;
use protocol::gossip::{Reconciliation, RelayPolicy};
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::validator::Producers;

use crate::cli::RunArgs;
use crate::handler::Deadlines;
use crate::identity::Identity;
use crate::transport::Links;

/// A node's settings.
#[derive(Clone, Debug)]
pub struct Config {
    /// The network to join.
    pub network: NetworkId,
    /// The libp2p identity.
    pub identity: Keypair,
    /// The same key, for signing blocks.
    pub key: SecretKey,
    /// Where the store and `rpc.json` go; `None` if the node is ephemeral and no directory was given.
    pub data_dir: Option<PathBuf>,
    /// Keep nothing: the store is in memory, even with a data dir.
    pub ephemeral: bool,
    /// Which bodies of old blocks are given up.
    pub prune: Prune,
    /// Addresses to listen on; port 0 chooses a free one.
    pub listen: Vec<Multiaddr>,
    /// First addresses to dial, with or without `/p2p/…`; tried forever.
    pub bootstrap: Vec<Multiaddr>,
    /// Peers to stay connected to, over and above the limits.
    pub reserved_peers: Vec<Multiaddr>,
    /// Dial nobody but the reserved peers: no discovery.
    pub reserved_only: bool,
    /// Gossip peers that may have dialled us.
    pub max_peers_in: usize,
    /// Gossip peers that we dial and keep.
    pub max_peers_out: usize,
    /// Exempt loopback addresses from the limits per address block and from shared strikes.
    pub loopback_exempt: bool,
    /// What connections wait for at most; the default for every node that is run by its program.
    pub deadlines: Deadlines,
    /// How items travel.
    pub relay: RelayPolicy,
    /// How what got lost on the way is made good.
    pub reconciliation: Reconciliation,
    /// Whose blocks count.
    pub producers: Producers,
    /// Make a block of the mempool this often.
    pub produce_every: Option<Duration>,
    /// Where the RPC listens; `None` for none.
    pub rpc_addr: Option<SocketAddr>,
    /// Take blocks of any producer from whoever may submit them.
    pub rpc_any_producer: bool,
    /// Where to write a trace.
    pub trace: Option<PathBuf>,
    /// What TCP connections go over in place of bare sockets; `None` for every node that is run by its program.
    pub links: Option<Arc<dyn Links>>,
}

/// Which bodies of old blocks are given up; none without a limit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Prune {
    /// The oldest while all take more than so many bytes.
    pub bytes: Option<u64>,
    /// Those that were stored longer ago than so many seconds.
    pub seconds: Option<u64>,
}

/// Where a node listens if nothing else is said: all interfaces, TCP and QUIC.
pub const LISTEN_DEFAULT: [&str; 2] = ["/ip4/0.0.0.0/tcp/30400", "/ip4/0.0.0.0/udp/30400/quic-v1"];

/// Where the RPC listens if nothing else is said.
pub const RPC_ADDR_DEFAULT: &str = "127.0.0.1:30401";

impl Config {
    /// Puts together what was typed, the key, and the data dir that is held (`None` for none).
    #[must_use]
    pub fn resolve(args: RunArgs, identity: &Identity, data_dir: Option<PathBuf>) -> Self {
        // What contradicts itself was refused when the command line was read.
        let relay = args.relay_policy().unwrap_or(args.relay);
        let producers = if args.open_producers {
            Producers::Open
        } else {
            Producers::Allowed(Arc::new(args.producers.into_iter().collect()))
        };
        Self {
            network: args.place.network,
            identity: identity.keypair(),
            key: identity.secret_key(),
            data_dir,
            ephemeral: args.ephemeral,
            prune: Prune { bytes: args.prune_bytes, seconds: args.prune_age.map(|age| age.as_secs()) },
            listen: args.listen,
            bootstrap: args.bootstrap,
            reserved_peers: args.reserved_peer,
            reserved_only: args.reserved_only,
            max_peers_in: usize::from(args.max_peers_in),
            max_peers_out: usize::from(args.max_peers_out),
            loopback_exempt: args.exempt_loopback,
            deadlines: Deadlines::default(),
            relay,
            reconciliation: Reconciliation {
                interval: args.reconcile_interval.into(),
                digest: args.reconcile_digest,
            },
            producers,
            produce_every: args.produce_every,
            rpc_addr: (!args.no_rpc).then_some(args.rpc_addr),
            rpc_any_producer: args.rpc_any_producer,
            trace: args.trace,
            links: None,
        }
    }
}

/// An address for the RPC.
///
/// # Errors
/// If it is no `IP:PORT`, or not on loopback: whoever reaches the RPC may send transactions through it.
pub fn parse_rpc_addr(text: &str) -> Result<SocketAddr, String> {
    let address: SocketAddr =
        text.parse().map_err(|_| "an IP address and a port are wanted, such as 127.0.0.1:30401".to_owned())?;
    if !address.ip().is_loopback() {
        return Err(format!(
            "whoever reaches the RPC may send transactions, so it listens on loopback only: use 127.0.0.1:{} and a tunnel",
            address.port()
        ));
    }
    Ok(address)
}

/// The address of a node's RPC as a client names it: `HOST:PORT`, with or without `http://` before it.
///
/// # Errors
/// If nobody could be asked there. A wrong address would otherwise look like a node that doesn't answer.
pub fn parse_rpc(text: &str) -> Result<String, String> {
    const FORM: &str = "write HOST:PORT or http://HOST:PORT, such as 127.0.0.1:30401";
    let (scheme, rest) = text.split_once("://").unwrap_or(("http", text));
    if scheme != "http" {
        return Err(format!("the RPC speaks plain HTTP, and no {scheme}: {FORM}"));
    }
    let rest = rest.strip_suffix('/').unwrap_or(rest);
    let (host, port) = rest.rsplit_once(':').ok_or_else(|| format!("a host and a port are wanted: {FORM}"))?;
    let is_name =
        !host.is_empty() && host.chars().all(|c| c.is_ascii_alphanumeric() || matches!(c, '.' | '-' | '_'));
    let in_brackets = host.strip_prefix('[').and_then(|rest| rest.strip_suffix(']'));
    if !is_name && in_brackets.is_none_or(|ip| ip.parse::<Ipv6Addr>().is_err()) {
        return Err(format!(
            "{host:?} is no host, which is a name, an IPv4 address, or an IPv6 address in brackets: {FORM}"
        ));
    }
    // Rust reads a sign before a number, a URL doesn't.
    if port.starts_with('+') || !port.parse().is_ok_and(|port: u16| port > 0) {
        return Err(format!("{port:?} is no port, which is a number from 1 to 65535: {FORM}"));
    }
    Ok(text.strip_suffix('/').unwrap_or(text).to_owned())
}

/// A number of bytes, such as `500MB`, `10GiB` or `1048576`.
///
/// # Errors
/// If it is none.
pub fn parse_bytes(text: &str) -> Result<u64, String> {
    let digits = text.find(|c: char| !c.is_ascii_digit()).unwrap_or(text.len());
    let (number, unit) = text.split_at(digits);
    let factor = match unit.trim() {
        "" | "B" => 1,
        "kB" => 1_000,
        "MB" => 1_000_000,
        "GB" => 1_000_000_000,
        "KiB" => 1 << 10,
        "MiB" => 1 << 20,
        "GiB" => 1 << 30,
        _ => return Err("the units are kB, MB, GB, KiB, MiB and GiB: write 10GiB".to_owned()),
    };
    let number: u64 = number.parse().map_err(|_| "a number of bytes is wanted, such as 10GiB".to_owned())?;
    number.checked_mul(factor).ok_or_else(|| "that is more than any disk holds".to_owned())
}

/// The shortest interval: a timer has no finer grain.
pub const INTERVAL_MIN: Duration = Duration::from_millis(1);
/// The longest interval. Beyond some hundred years the machine's clock can't be added to.
pub const INTERVAL_MAX: Duration = Duration::from_secs(365 * 24 * 60 * 60);
/// The least age at which something is deleted; ages are counted in seconds.
pub const AGE_MIN: Duration = Duration::from_secs(1);
/// The highest age at which something is deleted.
pub const AGE_MAX: Duration = Duration::from_secs(100 * 365 * 24 * 60 * 60);

/// An interval as [`parse_interval`] reads it, or `0s` for never.
///
/// # Errors
/// If it is none, or out of bounds.
pub fn parse_interval_or_zero(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(Duration::ZERO) => Ok(Duration::ZERO),
        _ => parse_interval(text).map_err(|error| format!("{error}, or 0s for never")),
    }
}

/// Time between two ticks, such as `5s` or `500ms`.
///
/// # Errors
/// If it is none, or out of [`INTERVAL_MIN`] to [`INTERVAL_MAX`].
pub fn parse_interval(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(interval) if interval > INTERVAL_MAX => Err("at most 365d: write 5s or 500ms".to_owned()),
        Ok(interval) if interval < INTERVAL_MIN => {
            Err("the interval must be longer than zero, 1ms at least".to_owned())
        }
        Ok(interval) => Ok(interval),
        Err(error) => Err(format!("{error}: write 5s or 500ms")),
    }
}

/// An age, such as `30d`.
///
/// # Errors
/// If it is none, or out of [`AGE_MIN`] to [`AGE_MAX`].
pub fn parse_age(text: &str) -> Result<Duration, String> {
    match humantime::parse_duration(text) {
        Ok(age) if age > AGE_MAX => Err("at most 36500d: write 30d".to_owned()),
        Ok(age) if age < AGE_MIN => Err("at least 1s: write 30d".to_owned()),
        Ok(age) => Ok(age),
        Err(error) => Err(format!("{error}: write 30d or 12h")),
    }
}
