//! Answers to questions on the RPC, as a node gives them. No item is kept, so none is ever found.

use node::observe::sample;
use node::rpc::command::{Command, PeerStatus, Status};
use node::rpc::lists::PoolPage;
use node::rpc::members::MembersError;
use node::rpc::orders::OrderError;
use tokio::sync::oneshot;

use super::Form;
use super::service::Service;

impl Service {
    /// Answers a question. Submissions are not questions.
    pub(super) fn answer(&self, question: Command) {
        match question {
            Command::Status { reply } => tell(reply, self.status()),
            Command::Peers { reply } => tell(reply, self.peers()),
            Command::Evidence { reply } => tell(reply, Vec::new()),
            Command::Members { reply } => tell(reply, Err(MembersError::Off)),
            Command::Member { reply, .. } => tell(reply, Err(MembersError::Off)),
            Command::Aggregate { reply, .. } => tell(reply, Err(MembersError::Off)),
            Command::SetEntry { reply, .. } | Command::Leave { reply } => tell(reply, Err(MembersError::Off)),
            Command::Transaction { reply, .. } => tell(reply, None),
            Command::Block { reply, .. } => tell(reply, None),
            Command::BlockAt { reply, .. } => tell(reply, None),
            Command::Blocks { reply, .. } => tell(reply, Vec::new()),
            Command::Pool { reply, .. } => tell(reply, PoolPage::default()),
            Command::Trace { reply, .. } => tell(reply, Ok(None)),
            Command::Traces { reply, .. } => tell(reply, Ok(Vec::new())),
            Command::Bans { reply } => tell(reply, Vec::new()),
            // The RPC of a baseline has no owner, so nobody can order this.
            Command::Order { reply, .. } => tell(reply, Err(OrderError::NoPeer)),
            Command::SubmitTransaction { .. } | Command::SubmitBlock { .. } => {}
        }
    }

    fn status(&self) -> Status {
        let (peers_in, peers_out) = self.links.ready();
        let (tip, (mempool_transactions, mempool_bytes)) = (self.ledger.tip(), self.ledger.waiting());
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            peer_id: self.swarm.local_peer_id().to_string(),
            public_key: self.config.key.public().to_string(),
            network: self.config.network.to_string(),
            relay: self.form.name().to_owned(),
            listen: self.addresses().iter().map(ToString::to_string).collect(),
            uptime_s: self.clock.uptime().as_secs_f64(),
            peers_in,
            peers_out,
            peers_out_target: self.config.reserved_peers.len(),
            tip_height: tip.height,
            tip_id: tip.id.to_string(),
            mempool_transactions,
            mempool_bytes,
            wire_in: self.wire.read(),
            wire_out: self.wire.written(),
            rss_peak: sample::rss_peak(),
            stats: self.counters,
            ..Status::default()
        }
    }

    fn peers(&self) -> Vec<PeerStatus> {
        let mut peers: Vec<_> = self.links.iter().collect();
        peers.sort_unstable_by_key(|(_, link)| link.number);
        let status = |(peer, link): (&libp2p::PeerId, &super::links::Link)| PeerStatus {
            peer_id: peer.to_string(),
            address: link.address.to_string(),
            inbound: !link.outbound,
            ready: link.is_ready(),
            delivered: link.delivered,
            connected_s: link.since.elapsed().as_secs_f64(),
            agent: link.agent.clone(),
            ..PeerStatus::default()
        };
        peers.into_iter().map(status).collect()
    }
}

impl Form {
    /// The name of the engine in reports.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Anonymous => "gossipsub",
            Self::Signed => "gossipsub-signed",
        }
    }
}

/// The caller may no longer be waiting. That harms nobody.
fn tell<T>(reply: oneshot::Sender<T>, answer: T) {
    let _ = reply.send(answer);
}
