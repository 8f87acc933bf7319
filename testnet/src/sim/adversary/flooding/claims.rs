//! Nodes with claims that nobody can check: a mempool of any size, and ids that they made up.

use bytes::Bytes;
use protocol::gossip::PeerHandle;
use protocol::gossip::repair::sketch::SYMBOL_BYTES;
use protocol::items::hash::BlockId;
use protocol::time::{Duration, Time};
use protocol::wire::message::{Digest, Message, Reconcile, Tip};

use crate::sim::adversary::craft::{Craft, now as at_once};
use crate::sim::adversary::{Adversary, Sending};

/// Opens conversations and claims a mempool of a million transactions, so that its peers want a list of it. It
/// lists nothing.
#[derive(Debug)]
pub(in crate::sim::adversary) struct HugeOpen {
    pub(in crate::sim::adversary) craft: Craft,
    pub(in crate::sim::adversary) genesis: BlockId,
}

/// Announces made-up ids to each peer, and lets the requests expire. When it is disconnected for that, it comes
/// again. The other nodes of its address group should not suffer for it.
#[derive(Debug)]
pub(in crate::sim::adversary) struct Smear {
    pub(in crate::sim::adversary) craft: Craft,
}

/// Transactions that it claims to hold.
const CLAIMED_TRANSACTIONS: u32 = 1_000_000;

/// The time between two openings.
const OPEN_INTERVAL: Duration = Duration::from_secs(1);

/// Ids in one announcement: the number of strikes that are counted.
const INVENTED: usize = 60;

/// How long it claims to have had them, so that nobody waits for a push.
const INVENTED_AGE_MS: u32 = 10_000;

/// The time between two announcements. By then the requests for the previous ids have expired.
const SMEAR_INTERVAL: Duration = Duration::from_secs(4);

impl HugeOpen {
    fn open(&mut self, to: PeerHandle) -> Sending {
        let mut salt = [0; 16];
        salt.copy_from_slice(&self.craft.draws.bytes(16));
        let open = Reconcile::Open {
            number: self.craft.draws.below(u32::MAX as usize) as u32,
            digest: Digest::PushPull,
            size: CLAIMED_TRANSACTIONS,
            tip: Tip { height: 0, id: self.genesis },
            salt,
            symbols: Bytes::from(vec![0; SYMBOL_BYTES]),
        };
        at_once(to, Message::Reconcile(Box::new(open)))
    }
}

impl Adversary for HugeOpen {
    fn incoming(&mut self, _now: Time, from: PeerHandle, message: &Message, out: &mut Vec<Sending>) -> bool {
        // The opening should be the first question of a new peer, because the first one is answered first. It
        // leaves 1 ms later, behind the hello that answers.
        if matches!(message, Message::Hello(_)) {
            let opening = self.open(from);
            out.push(Sending { after: Duration::from_millis(1), ..opening });
        }
        !matches!(message, Message::Reconcile(_))
    }

    fn interval(&self) -> Option<Duration> {
        Some(OPEN_INTERVAL)
    }

    fn stops(&self) -> bool {
        false
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        out.extend(peers.iter().map(|&peer| self.open(peer)));
    }
}

impl Adversary for Smear {
    fn incoming(&mut self, _now: Time, _from: PeerHandle, message: &Message, _out: &mut Vec<Sending>) -> bool {
        !matches!(message, Message::GetData { .. })
    }

    fn interval(&self) -> Option<Duration> {
        Some(SMEAR_INTERVAL)
    }

    fn tick(&mut self, _now: Time, peers: &[PeerHandle], out: &mut Vec<Sending>) {
        for &peer in peers {
            let entries = (0..INVENTED).map(|_| self.craft.entry(INVENTED_AGE_MS)).collect();
            out.push(at_once(peer, Message::Inv(entries)));
        }
    }
}
