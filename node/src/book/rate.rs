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
pub(super) struct Rates {
    sources: BTreeMap<Group, Allowance>,
}

/// Told as the moment at which it would be empty if it had grown without a bound since: a bucket in one number.
#[derive(Clone, Copy, Debug)]
struct Allowance {
    used_until: Time,
    heard: Time,
}

impl Rates {
    /// Whether `source` may bring one more now.
    pub(super) fn take(&mut self, source: Group, now: Time) -> bool {
        if self.sources.len() >= SOURCES_MAX && !self.sources.contains_key(&source) {
            let oldest =
                self.sources.iter().min_by_key(|(_, allowance)| allowance.heard).map(|(source, _)| *source);
            oldest.map(|oldest| self.sources.remove(&oldest));
        }
        let allowance = self.sources.entry(source).or_insert(Allowance { used_until: now, heard: now });
        let used_until = allowance.used_until.max(now) + SOURCE_INTERVAL;
        allowance.heard = now;
        if used_until > now + SOURCE_INTERVAL.times(SOURCE_BURST) {
            return false;
        }
        allowance.used_until = used_until;
        true
    }
}
