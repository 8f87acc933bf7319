//! Makes blocks, if the node is a producer: decides whether a block is made now, and what is in it.
//!
//! No block is made while the network is known to be further. A node that knows addresses of peers waits a while
//! for the first peer, because that peer may know higher blocks. After that it waits [`MET_WAIT`] more. The peer's
//! greeting names only the tip that the peer has checked, and a higher block may still be in verification there.
//! Without this wait, a producer that lost its store can sign a second block for the height of its own last one.
//!
//! No block is made while the last one is being checked. The tip is still its parent then, so a second block would
//! be for the same height.

use protocol::gossip::{Gossip, Hold, ItemId};
use protocol::items::block::Block;
use protocol::items::hash::BlockId;
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::Height;
use protocol::limits::BLOCK_BYTES_MAX;
use protocol::time::{Duration, Time};
use tracing::{debug, info};

/// How long a node that knows addresses of peers waits for the first peer before it produces blocks.
const ALONE_WAIT: Duration = Duration::from_secs(30);

/// How long such a node waits after it met its first peer. The largest block, of 4 MiB, has some 24,500 signatures
/// of about 50 µs each: 1.2 s of one core. Once they are checked, the peer announces the block.
const MET_WAIT: Duration = Duration::from_secs(2);

/// The state.
#[derive(Debug)]
pub(super) struct Production {
    /// This node knows addresses of peers, and has not produced a block since it met a peer.
    expects_peers: bool,
    /// When it met its first peer.
    met: Option<Time>,
    /// A block that was due was not produced.
    holding: bool,
    /// The last block that was made, while the engine has not decided on it.
    undecided: Option<(BlockId, Height)>,
}

impl Production {
    pub(super) const fn new(expects_peers: bool) -> Self {
        Self { expects_peers, met: None, holding: false, undecided: None }
    }

    /// Whether a block that is due is made. `alone` means that no peer has said Hello, which would tell its tip.
    pub(super) fn may(&mut self, gossip: &Gossip, alone: bool, now: Time) -> bool {
        if self.undecided.is_some_and(|(_, height)| gossip.tip().height < height) {
            return false;
        }
        match gossip.may_produce(now) {
            // The next block is on its way, from another producer. That needs no line in the log.
            Err(Hold::Behind { tip, best_known }) if best_known <= tip.saturating_add(1) => return false,
            Err(hold) => return self.hold(&hold.to_string()),
            Ok(()) if self.expects_peers && alone && now < Time::ZERO + ALONE_WAIT => {
                return self.hold("no peer was reached yet, and one may know higher blocks");
            }
            Ok(()) if self.expects_peers && !alone && now < *self.met.get_or_insert(now) + MET_WAIT => {
                return self.hold("the first peer was met a moment ago, and may be checking higher blocks");
            }
            Ok(()) => self.expects_peers &= alone,
        }
        if std::mem::take(&mut self.holding) {
            info!("blocks are produced again");
        }
        true
    }

    /// A block was made, and goes to the engine.
    pub(super) fn made(&mut self, block: &Block) {
        self.undecided = Some((block.header.id(), block.header.header().height));
    }

    /// The engine has decided on an item.
    pub(super) fn decided(&mut self, item: ItemId) {
        if self.undecided.is_some_and(|(id, _)| item == ItemId::Block(id)) {
            self.undecided = None;
        }
    }

    fn hold(&mut self, why: &str) -> bool {
        if !std::mem::replace(&mut self.holding, true) {
            info!("no block is produced for now: {why}");
        }
        false
    }
}

/// A block from the mempool; an empty block if the mempool is empty.
pub(super) fn make(gossip: &Gossip, key: &SecretKey, network: &NetworkId, timestamp_ms: u64) -> Block {
    let (header, transactions) = gossip.block_template(key.public(), timestamp_ms, BLOCK_BYTES_MAX);
    let header = header.sign(key, network);
    debug!(height = header.header().height, transactions = transactions.len(), "produced a block");
    Block { header, transactions }
}
