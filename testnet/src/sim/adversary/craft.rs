//! Items that an adversary makes. All of them are of the right form unless somebody spoils them afterwards.

use bytes::Bytes;
use protocol::gossip::PeerHandle;
use protocol::hash::RouteId;
use protocol::keys::SecretKey;
use protocol::message::Message;
use protocol::network::NetworkId;
use protocol::time::Duration;
use protocol::transaction::Transaction;

use super::Sending;
use crate::items::VALID_FOR;
use crate::random::Draws;

/// Bytes of an adversary's payload.
const PAYLOAD_BYTES: usize = 64;

/// Draws and signs.
#[derive(Debug)]
pub(super) struct Craft {
    pub(super) network: NetworkId,
    pub(super) draws: Draws,
}

impl Craft {
    /// A key that nobody has had before.
    pub(super) fn key(&mut self) -> SecretKey {
        let mut seed = [0; 32];
        seed.copy_from_slice(&self.draws.bytes(32));
        SecretKey::from_seed(&seed)
    }

    /// A valid transaction of `key` with a random payload.
    pub(super) fn transaction(&mut self, key: &SecretKey, nonce: u64) -> Option<Bytes> {
        let payload = self.draws.bytes(PAYLOAD_BYTES).into();
        let unsigned = Transaction { author: key.public(), nonce, valid_until: VALID_FOR, payload };
        unsigned.sign(key, &self.network).ok().map(|signed| signed.encoded().clone())
    }

    /// A route that nobody has seen before.
    pub(super) fn route(&mut self) -> RouteId {
        let mut route = [0; 8];
        route.copy_from_slice(&self.draws.bytes(8));
        RouteId(route)
    }

    /// One of the peers.
    pub(super) fn one_of(&mut self, peers: &[PeerHandle]) -> Option<PeerHandle> {
        peers.get(self.draws.below(peers.len())).copied()
    }
}

/// A body, sent unasked.
pub(super) fn push(to: PeerHandle, body: Bytes) -> Sending {
    now(to, Message::Transactions { via: None, bodies: vec![body.into()] })
}

/// A message that is sent at once.
pub(super) const fn now(to: PeerHandle, message: Message) -> Sending {
    Sending { to, message, after: Duration::ZERO }
}

/// How many things are due at a tick, so that there are `rate` a second; what is left over waits for the next.
#[derive(Debug)]
pub(super) struct Pace {
    rate: f64,
    due: f64,
}

/// Between two ticks of those who work at a rate.
pub(super) const TICK: Duration = Duration::from_millis(100);

impl Pace {
    pub(super) const fn new(rate: f64) -> Self {
        Self { rate, due: 0.0 }
    }

    pub(super) fn due(&mut self) -> usize {
        self.due += self.rate * TICK.as_micros() as f64 / 1e6;
        let whole = self.due.floor();
        self.due -= whole;
        whole as usize
    }
}
