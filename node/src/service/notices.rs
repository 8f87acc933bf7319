//! What an operator is told, and how often: that the node is behind and what to do, that it is in step again,
//! that it holds back blocks. Computes text from the engine's state and from times. Deliberately absent: a
//! clock and the log itself.

use std::collections::BTreeMap;
use std::mem::{Discriminant, discriminant};

use protocol::gossip::{Behind, Cause, Refusal};
use protocol::time::{Duration, Time};

use crate::net::limits::{PER_IPV4_24_MAX, PER_IPV4_MAX};
use crate::net::reason::{ADDRESS_LIMIT, CONNECTION_LIMIT, NO_SLOT};
use crate::observe::seldom::REPEAT_INTERVAL;
use crate::rpc::command::BLOCKS_ON_THEIR_WAY;

/// The time between two warnings of different kinds.
pub const CHANGE_INTERVAL: Duration = Duration::from_secs(60);

/// A line for the log.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Notice {
    /// An operator should look into it.
    Warn(String),
    /// A line that is no warning.
    Info(String),
}

/// The time from the first connection that is turned away to the line about it, so that the line includes
/// others of the same rush.
pub const GATHER_INTERVAL: Duration = Duration::from_secs(10);

/// How many inbound connections were turned away since the start, by what was missing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TurnedAway {
    /// A gossip slot.
    pub slots: u64,
    /// Room among the connections from their address, or from its address range.
    pub address: u64,
    /// Room among all connections, or among those of one peer.
    pub connections: u64,
}

/// What was reported about connections that were turned away.
#[derive(Debug, Default)]
pub struct TurnedAwayNotices {
    /// Since when there is something to report.
    since: Option<Time>,
    said: Option<Time>,
    told: TurnedAway,
}

/// Which warnings were given, and when.
#[derive(Debug, Default)]
pub struct BehindNotices {
    /// The last warning for each kind of cause. There are five kinds.
    warned: Vec<(Discriminant<Cause>, Time)>,
    /// Whether a warning was given, so that its end is still to be reported.
    open: bool,
}

impl BehindNotices {
    /// The line that is due, if any.
    pub fn line(&mut self, now: Time, tip: u64, behind: Option<&Behind>) -> Option<Notice> {
        let Some(behind) = behind else {
            let over = std::mem::take(&mut self.open);
            return over.then(|| Notice::Info(format!("in step with the network again, at height {tip}")));
        };
        let kind = discriminant(&behind.cause);
        let too_soon = |(other, at): &(Discriminant<Cause>, Time)| {
            now.since(*at) < if *other == kind { REPEAT_INTERVAL } else { CHANGE_INTERVAL }
        };
        if !behind.is_stuck() || self.warned.iter().any(too_soon) {
            return None;
        }
        self.warned.retain(|(other, _)| *other != kind);
        self.warned.push((kind, now));
        self.open = true;
        Some(Notice::Warn(format!("this node is behind: {behind}. {}", advice(&behind.cause))))
    }
}

impl TurnedAway {
    /// The connections that were turned away, from the counters of closed connections. A ban is no lack of room.
    #[must_use]
    pub fn of(disconnects: &BTreeMap<&'static str, u64>) -> Self {
        let count = |label| disconnects.get(label).copied().unwrap_or_default();
        Self { slots: count(NO_SLOT), address: count(ADDRESS_LIMIT), connections: count(CONNECTION_LIMIT) }
    }
}

impl TurnedAwayNotices {
    /// The line that is due, if any: how many more were turned away since the last such line.
    pub fn line(&mut self, now: Time, all: TurnedAway, max_peers_in: usize) -> Option<Notice> {
        let more = TurnedAway {
            slots: all.slots.saturating_sub(self.told.slots),
            address: all.address.saturating_sub(self.told.address),
            connections: all.connections.saturating_sub(self.told.connections),
        };
        if more == TurnedAway::default() {
            return None;
        }
        let since = *self.since.get_or_insert(now);
        let due = self.said.is_none_or(|said| now.since(said) >= REPEAT_INTERVAL);
        if !due || now.since(since) < GATHER_INTERVAL {
            return None;
        }
        (self.since, self.said, self.told) = (None, Some(now), all);
        Some(Notice::Info(turned_away_text(more, max_peers_in)))
    }
}

fn turned_away_text(more: TurnedAway, max_peers_in: usize) -> String {
    let mut parts = Vec::new();
    if more.slots > 0 {
        parts.push(format!(
            "{} found no gossip slot (--max-peers-in {max_peers_in}; a higher limit serves more peers and costs more traffic)",
            more.slots
        ));
    }
    if more.address > 0 {
        parts.push(format!(
            "{} came from an address that has {PER_IPV4_MAX} already, or from a /24 with {PER_IPV4_24_MAX} (if these are \
             nodes on this machine, --exempt-loopback lets them in)",
            more.address
        ));
    }
    if more.connections > 0 {
        parts.push(format!("{} were beyond the limit of all connections, or of one peer's", more.connections));
    }
    let all = more.slots.saturating_add(more.address).saturating_add(more.connections);
    let connections = if all == 1 { "connection was" } else { "connections were" };
    format!("{all} inbound {connections} turned away: {}", parts.join("; "))
}

/// Whether a user should know about it.
#[must_use]
pub fn matters(behind: &Behind, tip: u64) -> bool {
    behind.is_stuck() || behind.told.max(behind.best_header) > tip.saturating_add(BLOCKS_ON_THEIR_WAY)
}

/// What an operator can do about it.
#[must_use]
pub const fn advice(cause: &Cause) -> &'static str {
    match cause {
        Cause::Refused { refusal: Refusal::ProducerNotAllowed, .. } => {
            "If this producer belongs to the network, start the node with its key among --producers; on an open test \
             network, with --open-producers"
        }
        Cause::Refused { .. } => "Compare the version and the rules of this node with those of its peers",
        Cause::Pruned { .. } => {
            "It waits for a peer that keeps all blocks: name one with --bootstrap or --reserved-peer, or start from a \
             copy of the store of a node that is in step"
        }
        Cause::NoBodies => "The blocks are asked for on, more and more rarely: look at `node peers`",
        Cause::NoHeaders => {
            "The peers that tell of it may be wrong: they are asked on, more and more rarely; look at `node peers`"
        }
        _ => "Blocks are on their way",
    }
}
