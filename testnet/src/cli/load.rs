//! The flags that real and simulated runs share. A flag that isn't given has no value here. Each command has its
//! defaults.

use std::time::Duration;

use clap::Args;
use protocol::gossip::{Digest, Reconciliation, RelayPolicy, RelayPolicyError};

use crate::text;
use crate::topology::Topology;
use crate::workload::{AUTHORS_MAX, Length, Load, Skew, TX_RATE_MAX};

/// The default number of neighbours of each node in a fixed graph.
pub(super) const DEGREE: usize = 8;

/// The default time that real runs wait for items that have not arrived.
pub(super) const DRAIN: Duration = Duration::from_secs(10);

/// Network and load.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct LoadArgs {
    /// How nodes are connected. Not fixed: kademlia (each knows only the first one's address; simulated:
    /// kademlia:8). Fixed: regular:N (a random graph in which each has N neighbours), kademlia:N (each dials N, as
    /// Kademlia's tables would choose them), small-world:N,P (a ring of N near neighbours each, edges rewired with
    /// probability P), complete, or a FILE of edges (two node numbers on each line, from 0) [default: kademlia;
    /// compared, simulated and for other engines: regular:8]
    #[arg(long, value_name = "TOPOLOGY")]
    pub topology: Option<Topology>,
    /// The same as --topology regular:N
    #[arg(long, value_name = "N", conflicts_with = "topology", value_parser = clap::value_parser!(u64).range(1..=100_000))]
    pub degree: Option<u64>,
    /// How the nodes relay items: author-tree (also author-tree:redundancy=0.5), announce, flood, rumor (also
    /// rumor:fanout=3,round=1s,nodes=1000,feedback=on; nodes are those of the run unless given), or none, which
    /// leaves everything to reconciliation [default: author-tree]
    #[arg(long, value_name = "POLICY", value_parser = parse_relay)]
    pub relay: Option<String>,
    /// How often each node compares its mempool and tip with a random peer; 0s means never [default: 1s]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub reconcile_interval: Option<Duration>,
    /// The direction in which items go in these comparisons: push-pull, push or pull [default: push-pull]
    #[arg(long, value_name = "DIGEST")]
    pub reconcile_digest: Option<Digest>,
    /// Transactions a second [default: 20]
    #[arg(long, alias = "rate", value_name = "RATE", value_parser = parse_rate)]
    pub tx_rate: Option<f64>,
    /// Encoded bytes of each transaction, signature included [default: 256]
    #[arg(long, value_name = "BYTES")]
    pub tx_bytes: Option<usize>,
    /// How long to submit [default: 30s]
    #[arg(long, value_name = "TIME", conflicts_with = "txs", value_parser = parse_time)]
    pub duration: Option<Duration>,
    /// Submit this number of transactions instead
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    pub txs: Option<u64>,
    /// How long to wait afterwards for items that have not arrived; ends early when every node has everything
    /// [default: 10s]
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub drain: Option<Duration>,
    /// Number of authors; each has a home node, where its transactions enter [default: 10]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=AUTHORS_MAX as u64))]
    pub authors: Option<u64>,
    /// How unequally the authors write: none or zipf:S [default: none]
    #[arg(long, value_name = "SKEW")]
    pub author_skew: Option<Skew>,
    /// Share of transactions whose author writes only this one [default: 0]
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    pub one_time_authors: Option<f64>,
    /// Share of transactions that enter away from their author's home [default: 0]
    #[arg(long, value_name = "SHARE", value_parser = parse_share)]
    pub stray: Option<f64>,
    /// Make a block at this interval, at one node drawn from the seed; without this there are no blocks
    #[arg(long, value_name = "TIME", value_parser = parse_time)]
    pub block_interval: Option<Duration>,
    /// Encoded bytes of each block, filled with transactions that nobody has seen; without this, blocks hold the
    /// mempool
    #[arg(long, value_name = "BYTES")]
    pub block_bytes: Option<usize>,
    /// Nodes to kill at random moments of the load, never the block producer [default: 0]
    #[arg(long, value_name = "N")]
    pub kill: Option<usize>,
    /// Kill all of them at this moment of the load
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "kill")]
    pub kill_at: Option<Duration>,
}

impl LoadArgs {
    /// The load, with the usual values for flags that are not given.
    #[must_use]
    pub fn load(&self) -> Load {
        let usual = Load::default();
        let length = match (self.txs, self.duration) {
            (Some(count), _) => Length::Transactions(count),
            (None, Some(duration)) => Length::Duration(duration),
            (None, None) => usual.length,
        };
        Load {
            tx_rate: self.tx_rate.unwrap_or(usual.tx_rate),
            tx_bytes: self.tx_bytes.unwrap_or(usual.tx_bytes),
            length,
            authors: self.authors.and_then(|authors| usize::try_from(authors).ok()).unwrap_or(usual.authors),
            skew: self.author_skew.unwrap_or(usual.skew),
            one_time_authors: self.one_time_authors.unwrap_or(usual.one_time_authors),
            stray: self.stray.unwrap_or(usual.stray),
            block_interval: self.block_interval,
            block_bytes: self.block_bytes,
            kill: self.kill.unwrap_or(usual.kill),
            kill_at: self.kill_at,
            ..usual
        }
    }

    /// How the nodes reconcile. Without flags, they do it as they do by default.
    #[must_use]
    pub fn reconciliation(&self) -> Reconciliation {
        let usual = Reconciliation::default();
        Reconciliation {
            interval: self.reconcile_interval.map_or(usual.interval, Into::into),
            digest: self.reconcile_digest.unwrap_or(usual.digest),
        }
    }

    /// The topology, if one is given.
    #[must_use]
    pub fn topology(&self) -> Option<Topology> {
        let regular = self.degree.and_then(|degree| usize::try_from(degree).ok()).map(Topology::Regular);
        regular.or_else(|| self.topology.clone())
    }

    /// The given flags, as flags, keys of a scenario and values.
    pub(super) fn given(&self) -> Vec<(&'static str, &'static str, String)> {
        fn shown<T: ToString>(value: Option<&T>) -> Option<String> {
            value.map(T::to_string)
        }
        let time = |time: Option<Duration>| shown(time.map(text::Time).as_ref());
        let all = [
            ("--topology", "topology", shown(self.topology.as_ref())),
            ("--degree", "degree", shown(self.degree.as_ref())),
            ("--relay", "relay", self.relay.clone()),
            ("--reconcile-interval", "reconcile_interval", time(self.reconcile_interval)),
            ("--reconcile-digest", "reconcile_digest", shown(self.reconcile_digest.as_ref())),
            ("--tx-rate", "workload.tx_rate", shown(self.tx_rate.as_ref())),
            ("--tx-bytes", "workload.tx_bytes", shown(self.tx_bytes.as_ref())),
            ("--duration", "workload.duration", time(self.duration)),
            ("--txs", "workload.txs", shown(self.txs.as_ref())),
            ("--drain", "drain", time(self.drain)),
            ("--authors", "workload.authors", shown(self.authors.as_ref())),
            ("--author-skew", "workload.author_skew", shown(self.author_skew.as_ref())),
            ("--one-time-authors", "workload.one_time_authors", shown(self.one_time_authors.as_ref())),
            ("--stray", "workload.stray", shown(self.stray.as_ref())),
            ("--block-interval", "workload.block_interval", time(self.block_interval)),
            ("--block-bytes", "workload.block_bytes", shown(self.block_bytes.as_ref())),
            ("--kill", "workload.kill", shown(self.kill.as_ref())),
            ("--kill-at", "workload.kill_at", time(self.kill_at)),
        ];
        all.into_iter().filter_map(|(flag, key, value)| Some((flag, key, value?))).collect()
    }
}

fn parse_rate(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(rate) if (0.0..=TX_RATE_MAX).contains(&rate) => Ok(rate),
        _ => Err(format!("a number from 0 to {TX_RATE_MAX} is wanted")),
    }
}

/// A correct spelling. It stays a spelling, because the number of nodes that it means is known later.
fn parse_relay(text: &str) -> Result<String, RelayPolicyError> {
    text.parse::<RelayPolicy>().map(|_| text.to_owned())
}

fn parse_share(text: &str) -> Result<f64, String> {
    match text.parse::<f64>() {
        Ok(share) if (0.0..=1.0).contains(&share) => Ok(share),
        _ => Err("a share from 0 to 1 is wanted".to_owned()),
    }
}

pub(super) fn parse_time(text: &str) -> Result<Duration, String> {
    match text::parse_time(text)? {
        time if time <= Duration::from_secs(24 * 3600) => Ok(time),
        _ => Err("at most 24h is wanted".to_owned()),
    }
}

/// A share as a percentage.
pub(super) fn parse_percent(text: &str) -> Result<f64, String> {
    match text.strip_suffix('%').map(str::parse::<f64>) {
        Some(Ok(percent)) if (0.0..=100.0).contains(&percent) => Ok(percent / 100.0),
        _ => Err("0% to 100% is wanted, as 30%".to_owned()),
    }
}
