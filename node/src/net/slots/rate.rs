//! How fast holders of slots give way to peers that wait.
//!
//! Without a limit, a crowd that connects again and again would move every unprotected peer within seconds. If
//! there were only a total limit, the crowd would use it up. So each address group has its turn once in a while.
//! Which peer comes first is not decided here.

use std::collections::BTreeMap;

use protocol::time::{Duration, Time};
use rand::RngExt as _;
use rand::rngs::StdRng;

use super::useful::Group;

/// Evictions that may follow each other at once: a few newcomers at a node that was idle need
/// not wait for each other.
pub const EVICTIONS_AT_ONCE: u64 = 4;
/// After those there is one eviction in this time. A third of 64 slots is unprotected: even if a crowd connects
/// without end, such a peer stays for two minutes on average, and has time to show that it is useful.
pub const EVICT_INTERVAL: Duration = Duration::from_secs(6);
/// The time between two evictions in favour of one address group: it takes 100 groups to use up the rate alone.
/// This also bounds the memory: [`EVICTIONS_AT_ONCE`] + 600 s / 6 s = 104 groups.
pub const FAVOUR_INTERVAL: Duration = Duration::from_secs(600);
/// The time between two exchanges, give or take a quarter, as for outbound peers. 44 of 64 slots have no
/// protection from it: under constant pressure such a peer stays for some four hours on average.
pub const INBOUND_EXCHANGE_INTERVAL: Duration = Duration::from_secs(300);

/// The state.
#[derive(Clone, Debug, Default)]
pub(super) struct Rate {
    /// When all [`EVICTIONS_AT_ONCE`] are available again.
    whole_at: Time,
    /// The next exchange; `None` before slots were full for the first time.
    exchange_at: Option<Time>,
    /// The last eviction in favour of each group, within [`FAVOUR_INTERVAL`].
    favoured: BTreeMap<Group, Time>,
}

impl Rate {
    /// Whether a holder may be evicted now.
    pub(super) fn may_evict(&self, now: Time) -> bool {
        self.evict_at() <= now
    }

    /// Whether an eviction may be in favour of this group.
    pub(super) fn may_favour(&self, group: Group, now: Time) -> bool {
        self.favoured.get(&group).is_none_or(|at| now.since(*at) >= FAVOUR_INTERVAL)
    }

    /// A holder was evicted in favour of a group.
    pub(super) fn evicted(&mut self, now: Time, group: Group) {
        self.whole_at = self.whole_at.max(now) + EVICT_INTERVAL;
        self.favoured.retain(|_, at| now.since(*at) < FAVOUR_INTERVAL);
        self.favoured.insert(group, now);
    }

    /// Whether an exchange is due. The first is due one interval after a slot was missing for the first time.
    pub(super) fn may_exchange(&mut self, now: Time, rng: &mut StdRng) -> bool {
        *self.exchange_at.get_or_insert_with(|| now + spread(rng)) <= now
    }

    /// An exchange has happened.
    pub(super) fn exchanged(&mut self, now: Time, rng: &mut StdRng) {
        self.exchange_at = Some(now + spread(rng));
    }

    /// The next time after `now` at which an eviction or exchange that is not allowed now becomes allowed.
    pub(super) fn next_after(&self, now: Time) -> Option<Time> {
        self.exchange_at.into_iter().chain([self.evict_at()]).filter(|at| *at > now).min()
    }

    fn evict_at(&self) -> Time {
        let saved = EVICT_INTERVAL.times(EVICTIONS_AT_ONCE.saturating_sub(1));
        Time::from_micros(self.whole_at.since(Time::ZERO).as_micros().saturating_sub(saved.as_micros()))
    }
}

fn spread(rng: &mut StdRng) -> Duration {
    INBOUND_EXCHANGE_INTERVAL.times(rng.random_range(75..=125)).divided_by(100)
}
