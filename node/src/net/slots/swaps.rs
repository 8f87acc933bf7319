//! How often a peer may replace its own connection by a newer one that it dialled.
//!
//! A peer that lost its connection comes back before we have noticed the loss, so a new connection takes the place
//! of the old one. Two machines that use one key do the same to each other, without end. So replacements are
//! counted. Beyond the limit the older connection stays. If that one is dead, its pings show this within half a
//! minute, and no replacement is needed. Connections from another address that the limit for one peer denies are
//! counted as well. They replace nothing, but they may come from two machines too, so they count for the warning.
//! Decides only: no sockets, no clock.

use std::collections::HashMap;
use std::net::IpAddr;

use libp2p::PeerId;
use protocol::time::{Duration, Time};

/// Replacements of one peer id's connection within [`SWAP_TIME`], and likewise denied attempts. A peer whose
/// network changes needs two or three.
pub const SWAPS_MAX: usize = 8;
/// The time in which they are counted.
pub const SWAP_TIME: Duration = Duration::from_secs(600);
/// Peers whose replacements are counted: four times the inbound slots. The peer that was replaced
/// longest ago makes room.
pub const SWAP_PEERS_MAX: usize = 256;
/// The time between two warnings about any peers: otherwise a peer could make us warn at will.
pub const SWAP_WARN_INTERVAL: Duration = Duration::from_secs(600);

/// What becomes of a new connection that may take the place of an old one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Swap {
    /// It takes the place of the old one.
    New,
    /// The old one stays. `warn` means that the operator should hear of it, because the two come
    /// from different addresses.
    Old {
        /// Whether to tell the operator.
        warn: bool,
    },
}

/// The connection that a peer has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The peer's IP on it.
    pub ip: Option<IpAddr>,
    /// Whether we dialled it.
    pub outbound: bool,
}

/// The state.
#[derive(Debug, Default)]
pub struct Swaps {
    replaced: Attempts,
    denied: Attempts,
    warned: Option<Time>,
}

/// When peers made an attempt, within [`SWAP_TIME`].
#[derive(Debug, Default)]
struct Attempts(HashMap<PeerId, Vec<Time>>);

impl Swaps {
    /// A peer that has a connection dials another from `new`, and wants its slot. If we dialled the one that it
    /// has, both sides dialled at once. Then both sides decide together which of the two stays, and the number of
    /// attempts does not matter.
    pub fn wanted(&mut self, peer: PeerId, held: Held, new: Option<IpAddr>, now: Time) -> Swap {
        if held.outbound || self.replaced.count(peer, now) {
            return Swap::New;
        }
        Swap::Old { warn: are_two(held.ip, new) && self.warn(now) }
    }

    /// A peer that has a connection from `old` was denied another from `new`. Returns whether the
    /// operator should hear of it.
    pub fn denied(&mut self, peer: PeerId, old: Option<IpAddr>, new: Option<IpAddr>, now: Time) -> bool {
        are_two(old, new) && !self.denied.count(peer, now) && self.warn(now)
    }

    fn warn(&mut self, now: Time) -> bool {
        let due = self.warned.is_none_or(|warned| now.since(warned) >= SWAP_WARN_INTERVAL);
        if due {
            self.warned = Some(now);
        }
        due
    }
}

impl Attempts {
    /// Counts one more attempt. False if there were too many already.
    fn count(&mut self, peer: PeerId, now: Time) -> bool {
        for times in self.0.values_mut() {
            times.retain(|time| now.since(*time) < SWAP_TIME);
        }
        self.0.retain(|_, times| !times.is_empty());
        if self.0.len() >= SWAP_PEERS_MAX
            && !self.0.contains_key(&peer)
            && let Some(first) = self.0.iter().min_by_key(|(_, times)| times.last().copied())
        {
            let first = *first.0;
            self.0.remove(&first);
        }
        let times = self.0.entry(peer).or_default();
        let few = times.len() < SWAPS_MAX;
        if few {
            times.push(now);
        }
        few
    }
}

/// Connections without an IP may come from the same machine.
fn are_two(old: Option<IpAddr>, new: Option<IpAddr>) -> bool {
    matches!((old, new), (Some(old), Some(new)) if old != new)
}
