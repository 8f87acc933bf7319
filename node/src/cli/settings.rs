//! Turns what was typed into a node's settings, and refuses settings that contradict each other.

use std::path::PathBuf;
use std::sync::Arc;

use clap::CommandFactory as _;
use protocol::gossip::{AuthorTree, Reconciliation, RelayPolicy};
use protocol::items::validator::Producers;

use super::{Cli, RunArgs};
use crate::config::deadlines::Deadlines;
use crate::config::identity::Identity;
use crate::config::rates::Rates;
use crate::config::{Config, Prune};

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
        if !self.bootstrap.is_empty() && self.max_peers_out == 0 {
            return conflict(
                "with --max-peers-out 0 no address of --bootstrap is ever dialled: leave one of them out, or name the \
                 peer with --reserved-peer",
            );
        }
        if !self.bootstrap.is_empty() && self.reserved_only {
            return conflict(
                "with --reserved-only no address of --bootstrap is ever dialled: leave one of them out, or name the peer \
                 with --reserved-peer",
            );
        }
        self.reach.contradiction().map_or(Ok(()), conflict)
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

    /// The settings, from what was typed, the key, and the data dir that is held (`None` for none).
    #[must_use]
    pub fn settings(self, identity: &Identity, data_dir: Option<PathBuf>) -> Config {
        // Contradictions were refused when the command line was read.
        let relay = self.relay_policy().unwrap_or(self.relay);
        let producers = if self.open_producers {
            Producers::Open
        } else {
            Producers::Allowed(Arc::new(self.producers.into_iter().collect()))
        };
        Config {
            network: self.place.network,
            identity: identity.keypair(),
            key: identity.secret_key(),
            data_dir,
            ephemeral: self.ephemeral,
            prune: Prune { bytes: self.prune_bytes, seconds: self.prune_age.map(|age| age.as_secs()) },
            listen: self.listen,
            bootstrap: self.bootstrap,
            reserved_peers: self.reserved_peer,
            reserved_only: self.reserved_only,
            max_peers_in: usize::from(self.max_peers_in),
            max_peers_out: usize::from(self.max_peers_out),
            loopback_exempt: self.exempt_loopback,
            rates: Rates { upload: self.max_upload, download: self.max_download },
            deadlines: Deadlines::default(),
            relay,
            reconciliation: Reconciliation {
                interval: self.reconcile_interval.into(),
                digest: self.reconcile_digest,
            },
            producers,
            produce_every: self.produce_every,
            rpc_addr: (!self.no_rpc).then_some(self.rpc_addr),
            rpc_any_producer: self.rpc_any_producer,
            trace: self.trace,
            memory: self.memory,
            reach: self.reach.settings(),
            membership: self.members.settings(),
            application: None,
            manners: None,
            links: None,
        }
    }
}
