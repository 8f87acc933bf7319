//! What a node prints when it is ready: where it is reached, and how others join it.

use std::collections::BTreeSet;

use libp2p::Multiaddr;
use libp2p::multiaddr::Protocol;
use protocol::items::validator::Producers;

use crate::config::Config;
use crate::config::data_dir::RpcInfo;
use crate::observe::logging::{self, LogFormat};

/// What an operator wants to know when a node has started.
pub(super) struct Banner {
    network: String,
    /// The producers whose blocks it accepts from the network.
    blocks: String,
    /// The producer flags that a joining node needs to accept this node's blocks.
    producers: String,
    data: String,
    key: String,
    bootstrap: usize,
    rpc: Option<String>,
}

impl Banner {
    /// The banner of a node with these settings and this key. `key` says how the key was obtained; `rpc` is
    /// where the RPC listens.
    pub(super) fn new(config: &Config, key: String, rpc: Option<String>) -> Self {
        Self {
            network: config.network.to_string(),
            blocks: blocks(config),
            producers: producers(config),
            data: config
                .data_dir
                .as_ref()
                .map_or_else(|| "in memory".to_owned(), |path| path.display().to_string()),
            key,
            bootstrap: config.bootstrap.len(),
            rpc,
        }
    }

    /// Prints it to stderr, as text or as one line of JSON.
    pub(super) fn print(&self, info: &RpcInfo, format: LogFormat) {
        let version = env!("CARGO_PKG_VERSION");
        if format.is_for_programs() {
            let (listen, rpc) = (info.listen.join(","), self.rpc.as_deref().unwrap_or("none"));
            let (network, data, key, peer_id) = (&self.network, &self.data, &self.key, &info.peer_id);
            let blocks = &self.blocks;
            tracing::info!(version, network, data, key, peer_id, listen, rpc, blocks, "ready");
            return;
        }
        let network = if self.network == "dev" { String::new() } else { format!("--network {} ", self.network) };
        let mut lines = vec![format!("node {version} · network {} · data {}", self.network, self.data)];
        lines.push(format!("key      {}", self.key));
        lines.push(format!("public   {}", info.public_key));
        lines.push(format!("peer id  {}", info.peer_id));
        lines.extend(info.listen.iter().map(|address| format!("listen   {address}")));
        lines.push(format!(
            "rpc      {}",
            self.rpc.as_ref().map_or("none".to_owned(), |at| format!("http://{at}"))
        ));
        lines.extend(self.rpc.as_ref().map(|at| format!("page     http://{at}/ in a browser on this machine")));
        lines.push(format!("blocks   {}", self.blocks));
        lines.push(match self.bootstrap {
            0 => "boot     no --bootstrap address: waiting to be joined".to_owned(),
            count => {
                format!("boot     dialling {count} bootstrap {}", if count == 1 { "address" } else { "addresses" })
            }
        });
        lines.push(match reachable(&info.listen) {
            Some(address) => {
                format!("ready    join me with: node {network}--bootstrap {address}{}", self.producers)
            }
            None => "ready    listening nowhere: nobody can join through this node".to_owned(),
        });
        for line in lines {
            logging::to_stderr(&line);
        }
    }
}

/// The producers whose blocks the node accepts from the network. If it accepts none, how to change that.
fn blocks(config: &Config) -> String {
    match &config.producers {
        Producers::Open => "of every producer".to_owned(),
        Producers::Allowed(keys) if keys.is_empty() => {
            "none from the network is taken: name producers with --producers, or take all with --open-producers"
                .to_owned()
        }
        Producers::Allowed(keys) => {
            format!("of {} {}", keys.len(), if keys.len() == 1 { "producer" } else { "producers" })
        }
    }
}

/// The flags with which a node accepts the blocks that this one accepts and makes.
fn producers(config: &Config) -> String {
    let Producers::Allowed(keys) = &config.producers else { return " --open-producers".to_owned() };
    let own = config.produce_every.map(|_| config.key.public());
    let keys: BTreeSet<_> = keys.iter().copied().chain(own).collect();
    if keys.is_empty() {
        return String::new();
    }
    let keys: Vec<String> = keys.iter().map(ToString::to_string).collect();
    format!(" --producers {}", keys.join(","))
}

/// The address to give to others. One that other machines can reach comes before loopback, and TCP before QUIC.
fn reachable(listen: &[String]) -> Option<&String> {
    let rank = |text: &&String| {
        let address: Option<Multiaddr> = text.parse().ok();
        let has = |wanted: fn(&Protocol<'_>) -> bool| {
            address.as_ref().is_some_and(|at| at.iter().any(|part| wanted(&part)))
        };
        let loopback = has(|part| match part {
            Protocol::Ip4(ip) => ip.is_loopback(),
            Protocol::Ip6(ip) => ip.is_loopback(),
            _ => false,
        });
        (loopback, !has(|part| matches!(part, Protocol::Tcp(_))))
    };
    listen.iter().min_by_key(rank)
}
