//! The links to peers: when each was heard last, and what it may bring and get. Deliberately absent: the members
//! at the other ends; they are in the view.

use crate::gossip::api::members::MemberState;
use crate::gossip::api::{AddressGroup, PeerHandle};
use crate::gossip::links::budget::Budget;
use crate::gossip::links::by_handle::ByHandle;
use crate::gossip::members::Phi;
use crate::items::keys::PublicKey;
use crate::limits::{
    DIFFERENCE_BYTES_MAX, NEWS_BURST_BYTES, PROBE_REQUESTS_BURST, PUSH_PULL_BURST_BYTES, PUSH_PULL_BYTES_PER_SEC,
};
use crate::time::{Duration, Time};

/// Probe requests are counted in thousandths, so that a budget of one a second is fine enough.
pub(in crate::gossip::members) const PROBE_REQUEST_COST: u64 = 1_000;

/// One link.
#[derive(Debug)]
pub(in crate::gossip::members) struct Link {
    pub(in crate::gossip::members) key: PublicKey,
    pub(in crate::gossip::members) group: Option<AddressGroup>,
    pub(in crate::gossip::members) heard_at: Time,
    pub(in crate::gossip::members) pinged_at: Time,
    /// The news that we may send, and that the peer may.
    pub(in crate::gossip::members) news_out: Budget,
    pub(in crate::gossip::members) news_in: Budget,
    /// What the peer may get by push-pull.
    pub(in crate::gossip::members) served: Budget,
    /// The probes that the peer may ask for.
    pub(in crate::gossip::members) requests: Budget,
    /// Bytes of its statements that are being checked.
    pub(in crate::gossip::members) checking: usize,
    /// Statements that we asked the peer for, and that have not come yet.
    pub(in crate::gossip::members) wanted: usize,
    /// The arrivals on it, if they decide whether it is alive, and when it was judged by them last.
    pub(in crate::gossip::members) phi: Option<Phi>,
    pub(in crate::gossip::members) judged_at: Time,
    /// When its member was accused to it last, so that it can refute.
    pub(in crate::gossip::members) accused_at: Option<Time>,
    /// How this node saw its member before the link, if it is still to be told: suspect or dead.
    pub(in crate::gossip::members) seen_as: Option<MemberState>,
}

impl Link {
    /// A new link. It counts as heard now. A peer may bring a little more than it is to send, because budgets on
    /// two machines don't fill at the same moment.
    pub(in crate::gossip::members) fn new(
        now: Time,
        key: PublicKey,
        group: Option<AddressGroup>,
        bytes_per_sec: u64,
    ) -> Self {
        let slack = NEWS_BURST_BYTES.saturating_add(DIFFERENCE_BYTES_MAX as u64);
        Self {
            key,
            group,
            heard_at: now,
            pinged_at: now,
            news_out: Budget::new(now, bytes_per_sec, NEWS_BURST_BYTES),
            news_in: Budget::new(now, bytes_per_sec.saturating_mul(2), slack.saturating_mul(2)),
            served: Budget::new(now, PUSH_PULL_BYTES_PER_SEC, PUSH_PULL_BURST_BYTES),
            requests: Budget::new(now, PROBE_REQUEST_COST, PROBE_REQUESTS_BURST * PROBE_REQUEST_COST),
            checking: 0,
            wanted: 0,
            phi: None,
            judged_at: now,
            accused_at: None,
            seen_as: None,
        }
    }
}

/// All links.
#[derive(Debug, Default)]
pub(in crate::gossip::members) struct Links {
    pub(in crate::gossip::members) by_handle: ByHandle<Link>,
}

impl Links {
    /// The link to a member; the one that was heard last, if there are several.
    pub(in crate::gossip::members) fn to(&self, key: &PublicKey) -> Option<PeerHandle> {
        let links = self.by_handle.iter().filter(|(_, link)| link.key == *key);
        links.max_by_key(|(handle, link)| (link.heard_at, *handle)).map(|(handle, _)| handle)
    }

    /// Whether frames of a member arrive: within this time until now.
    pub(in crate::gossip::members) fn hears(&self, now: Time, key: &PublicKey, within: Duration) -> bool {
        self.by_handle.values().any(|link| link.key == *key && now.since(link.heard_at) < within)
    }

    pub(in crate::gossip::members) fn is_empty(&self) -> bool {
        self.by_handle.len() == 0
    }
}
