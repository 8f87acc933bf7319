//! Turns what was typed into a node's settings, and refuses settings that contradict each other.

use clap::CommandFactory as _;
use protocol::gossip::{AuthorTree, RelayPolicy};

use super::{Cli, RunArgs};
use crate::config::contradiction;
use crate::embed::Node;
use crate::embed::builder::Builder;

impl RunArgs {
    /// Looks for settings that contradict each other.
    ///
    /// # Errors
    /// A usage error that names them.
    pub fn check(&self) -> Result<(), clap::Error> {
        let conflict =
            |message: &str| Err(Cli::command().error(clap::error::ErrorKind::ArgumentConflict, message));
        self.relay_policy()?;
        if let Err(error) = self.members.parameters() {
            return conflict(&error.to_string());
        }
        let max_peers_out = usize::from(self.max_peers_out);
        match contradiction(!self.bootstrap.is_empty(), max_peers_out, self.reserved_only) {
            Some(wrong) => conflict(wrong),
            None => self.reach.contradiction().map_or(Ok(()), conflict),
        }
    }

    /// The relay policy with its redundancy.
    ///
    /// # Errors
    /// A usage error if a redundancy is given for a policy that has none.
    pub fn relay_policy(&self) -> Result<RelayPolicy, clap::Error> {
        match (self.relay, self.redundancy) {
            (policy, None) => Ok(policy),
            (RelayPolicy::AuthorTree(_), Some(redundancy)) => {
                Ok(RelayPolicy::AuthorTree(AuthorTree { redundancy }))
            }
            (other, Some(_)) => {
                let message = format!("--redundancy is a setting of --relay author-tree, and {other} has none");
                Err(Cli::command().error(clap::error::ErrorKind::ArgumentConflict, message))
            }
        }
    }

    /// A node with the settings that were typed. Where its data dir is, if it is not typed, the caller decides.
    pub fn builder(self) -> Builder {
        // Contradictions were refused when the command line was read.
        let relay = self.relay_policy().unwrap_or(self.relay);
        let (interval, digest) = (self.reconcile_interval, self.reconcile_digest);
        let (membership, reach) = (self.members.settings(), self.reach.settings());
        let builder = Node::builder(&self.place.network)
            .ephemeral(self.ephemeral)
            .memory(self.memory)
            .listen(&self.listen)
            .bootstrap(&self.bootstrap)
            .reserved_peers(&self.reserved_peer)
            .reserved_only(self.reserved_only)
            .max_peers_in(self.max_peers_in)
            .max_peers_out(self.max_peers_out)
            .max_upload(self.max_upload)
            .max_download(self.max_download)
            .exempt_loopback(self.exempt_loopback)
            .relay(relay)
            .reconcile_interval(interval)
            .produce_every(self.produce_every)
            .rpc_addr((!self.no_rpc).then_some(self.rpc_addr))
            .rpc_calls(Some(self.rpc_calls).filter(|calls| *calls > 0))
            .rpc_any_producer(self.rpc_any_producer)
            .prune_bytes(self.prune_bytes)
            .prune_age(self.prune_age)
            .trace(self.trace)
            .with(move |config| {
                (config.trace_flush, config.item_traces) = (self.trace_flush, !self.no_item_traces)
            })
            .with(move |config| config.reconciliation.digest = digest)
            .with(move |config| (config.membership, config.reach) = (membership, reach));
        let builder =
            if self.open_producers { builder.open_producers() } else { builder.producers(self.producers) };
        let builder = match self.place.data_dir {
            Some(dir) => builder.data_dir(dir),
            None => builder,
        };
        match self.key_file {
            Some(file) => builder.key_file(file),
            None => builder,
        }
    }
}
