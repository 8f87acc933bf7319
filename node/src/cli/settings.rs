//! Turns what was typed into a node's settings.

use std::path::PathBuf;
use std::sync::Arc;

use protocol::gossip::Reconciliation;
use protocol::items::validator::Producers;

use super::RunArgs;
use crate::config::deadlines::Deadlines;
use crate::config::identity::Identity;
use crate::config::rates::Rates;
use crate::config::{Config, Prune};

impl RunArgs {
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
            membership: self.members.settings(),
            application: None,
            links: None,
        }
    }
}
