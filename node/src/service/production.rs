//! Makes blocks, where the node is a producer: whether one is made now, and of what.
//!
//! None is made while the network is known to be further. A node that knows addresses of peers waits a while for the
//! first one, because that may know higher blocks.

use protocol::gossip::{Gossip, Hold};
use protocol::items::block::Block;
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::limits::BLOCK_BYTES_MAX;
use protocol::time::{Duration, Time};
use tracing::{debug, info};

/// A node that knows addresses of peers waits so long for the first one before it produces blocks.
const ALONE_WAIT: Duration = Duration::from_secs(30);

/// The state.
#[derive(Debug)]
pub(super) struct Production {
    /// This node knows addresses of peers, and has not produced since it met one.
    expects_peers: bool,
    /// A block that was due was not produced.
    holding: bool,
}

impl Production {
    pub(super) const fn new(expects_peers: bool) -> Self {
        Self { expects_peers, holding: false }
    }

    /// Whether a block that is due is made. `alone`: no peer has said Hello, which tells of its tip.
    pub(super) fn may(&mut self, gossip: &Gossip, alone: bool, now: Time) -> bool {
        match gossip.may_produce(now) {
            // The next block is on its way, from another producer: that is worth no line.
            Err(Hold::Behind { tip, best_known }) if best_known <= tip.saturating_add(1) => return false,
            Err(hold) => return self.hold(&hold.to_string()),
            Ok(()) if alone && self.expects_peers && now < Time::ZERO + ALONE_WAIT => {
                return self.hold("no peer was reached yet, and one may know higher blocks");
            }
            Ok(()) => self.expects_peers &= alone,
        }
        if std::mem::take(&mut self.holding) {
            info!("blocks are produced again");
        }
        true
    }

    fn hold(&mut self, why: &str) -> bool {
        if !std::mem::replace(&mut self.holding, true) {
            info!("no block is produced for now: {why}");
        }
        false
    }
}

/// A block of the mempool, an empty one if that is empty.
pub(super) fn make(gossip: &Gossip, key: &SecretKey, network: &NetworkId, timestamp_ms: u64) -> Block {
    let (header, transactions) = gossip.block_template(key.public(), timestamp_ms, BLOCK_BYTES_MAX);
    let header = header.sign(key, network);
    debug!(height = header.header().height, transactions = transactions.len(), "produced a block");
    Block { header, transactions }
}
