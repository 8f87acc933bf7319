//! How fast one address group may bring new entries into the book.

use std::collections::BTreeMap;

use protocol::time::{Duration, Time};

use super::group::Group;

/// A source's allowance grows by one entry in this time: 0.2 a second. This is go-libp2p's rate for new identities
/// of an address. Bitcoin Core's rate for addresses from a peer is half of that.
pub const SOURCE_INTERVAL: Duration = Duration::from_secs(5);
/// What a source may bring at once: twice what it may have in the book, because one of two claims
/// may meet a full bucket.
pub const SOURCE_BURST: u64 = 32;
/// Sources whose allowance is counted. Each takes 24 bytes: some 25 KiB in all. If there are more, the one that
/// was heard longest ago makes room. Anyhow its allowance is whole again after 160 s (32 times 5 s) of silence.
pub const SOURCES_MAX: usize = 1_024;

/// The allowances.
#[derive(Debug, Default)]
pub(crate) struct Rates {
    /// Each with the time when it was last heard.
    sources: BTreeMap<Group, (Allowance, Time)>,
}

/// A token bucket in one number: the time until which its uses last, if each lasts one interval.
#[derive(Clone, Copy, Debug, Default)]
pub(crate) struct Allowance(Time);

impl Allowance {
    /// Whether one more is allowed now: one in `every`, and `burst` at once.
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
