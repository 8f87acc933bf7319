//! How fast one address group may bring new entries into the book.

use std::collections::BTreeMap;

use protocol::time::{Duration, Time};

use super::group::Group;

/// A source's allowance grows by one entry in this time, which is go-libp2p's rate for new identities of an address: 0.2 a
/// second. Bitcoin Core's for addresses of a peer is half of that.
pub const SOURCE_INTERVAL: Duration = Duration::from_secs(5);
/// What a source may bring at once: twice what it may have in the book, because of two claims one may meet a full bucket.
pub const SOURCE_BURST: u64 = 32;
/// Sources whose allowance is counted. Of 24 bytes each: some 25 KiB. When there are more, the one that was heard of
/// longest ago makes room. After 160 s (32 times 5 s) of silence its allowance is whole again anyhow.
pub const SOURCES_MAX: usize = 1_024;

/// The allowances.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// With when it was heard of last.
    sources: BTreeMap<Group, (Allowance, Time)>,
}

/// Told as the moment at which it would be empty if it had grown without a bound since: a bucket in one number.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance(Time);

impl Allowance {
    /// Whether there may be one more now: one in `every`, and `burst` at once.
    pub(crate) fn take(&mut self, every: Duration, burst: u64, now: Time) -> bool {
        let used_until = self.0.max(now) + every;
        let allowed = used_until <= now + every.times(burst);
        if allowed {
            self.0 = used_until;
        }
        allowed
    }
}

impl Rates {
    /// Whether `source` may bring one more now.
    pub(crate) fn take(&mut self, source: Group, now: Time) -> bool {
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            let oldest = self.sources.iter().min_by_key(|(_, (_, heard))| *heard).map(|(source, _)| *source);
            oldest.map(|oldest| self.sources.remove(&oldest));
        }
        let (allowance, heard) = self.sources.entry(source).or_default();
        *heard = now;
        allowance.take(SOURCE_INTERVAL, SOURCE_BURST, now)
    }
}
