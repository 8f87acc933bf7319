//! Blame: honest nodes never blame each other. No honest node disconnects another for misbehavior, gives it a
//! strike without a cause, or refuses for good an item that another node holds to be valid.
//!
//! **What is allowed.** If no message is lost or late, and none waits for a slow node: nothing. A strike means
//! that a request had no answer in time. So strikes are allowed to three kinds of pairs: if either end is slow; if
//! the pair lost a message in either direction within [`LOSS_ECHO`] before the strike; and if a message of the
//! pair was late, by jitter, by a queue or by a partition ([`LATE_WAIT`]). Any number of strikes is allowed then,
//! because one message may ask for 256 items. For the same reasons, and to the same pairs, a greeting may be
//! missing, and a peer may count as one that withholds. Nothing excuses any other blame: a link that loses,
//! doubles or reorders messages makes no invalid item.
//!
//! A new connection begins without strikes. Neither other nodes of its address group nor an earlier connection
//! count against it.
//!
//! [`LATE_WAIT`]: crate::sim::link::LATE_WAIT
//!
//! Deliberately absent: bans, because they are the driver's and follow from what is seen here; and the blame of an
//! adversary.

use std::any::Any;
use std::collections::{BTreeMap, BTreeSet, HashMap};

use protocol::gossip::{DisconnectReason, Event, Gossip, PeerHandle, Refusal};
use protocol::time::{Duration, Time};

use super::{Checker, Findings};

/// For this time after a lost message, a connection may still end because of it, or a request may expire. It is
/// twice the greeting's timeout, which is as long as the longest expiry.
pub const LOSS_ECHO: Duration = Duration::from_secs(10);

/// The time between two looks at the strikes of one node's peers.
const LOOK_INTERVAL: Duration = Duration::from_millis(100);

/// Watches which peers honest nodes disconnect, strike and refuse.
#[derive(Debug)]
pub struct Blame {
    honest: Vec<bool>,
    /// Nodes that are so slow that requests to them may expire.
    slow: BTreeSet<usize>,
    nodes: Vec<Watched>,
    /// When a message was last lost between two nodes, the lower one first.
    lost: HashMap<(usize, usize), Time>,
    findings: Findings,
}

/// One node's connections since it started.
#[derive(Debug, Default)]
struct Watched {
    next: Time,
    peers: BTreeMap<PeerHandle, Known>,
}

#[derive(Debug)]
struct Known {
    peer: usize,
    /// The number of strikes that were seen so far.
    strikes: u32,
}

impl Blame {
    /// For nodes of which these are honest. Requests to `slow` nodes may expire without anyone's fault.
    #[must_use]
    pub fn new(honest: Vec<bool>, slow: BTreeSet<usize>) -> Self {
        let nodes = honest.iter().map(|_| Watched::default()).collect();
        Self { honest, slow, nodes, lost: HashMap::new(), findings: Findings::default() }
    }

    fn is_honest(&self, node: usize) -> bool {
        self.honest.get(node).copied().unwrap_or(false)
    }

    /// Whether something that one end waited for may have come too late without anyone's fault.
    fn is_excused(&self, at: Time, node: usize, peer: usize) -> bool {
        let lost = self.lost.get(&pair(node, peer));
        self.slow.contains(&node) || self.slow.contains(&peer) || lost.is_some_and(|lost| at < *lost + LOSS_ECHO)
    }

    fn peer_of(&self, node: usize, handle: PeerHandle) -> Option<usize> {
        Some(self.nodes.get(node)?.peers.get(&handle)?.peer)
    }
}

impl Checker for Blame {
    fn connected(&mut self, _at: Time, node: usize, peer: usize, handle: PeerHandle) {
        if let Some(watched) = self.nodes.get_mut(node) {
            watched.peers.insert(handle, Known { peer, strikes: 0 });
        }
    }

    fn lost(&mut self, at: Time, from: usize, to: usize) {
        self.lost.insert(pair(from, to), at);
    }

    fn event(&mut self, at: Time, node: usize, event: &Event) {
        if let Event::Refused { item, from: Some(from), refusal } = event
            && is_final(refusal)
            && let Some(peer) = self.peer_of(node, *from).filter(|peer| self.is_honest(*peer))
        {
            self.findings.note(at, node, || {
                format!("refuses {item:?} of node {peer}, which keeps the rules, for good: {refusal}")
            });
        }
    }

    fn settled(&mut self, at: Time, node: usize, engine: &Gossip) {
        let Some(watched) = self.nodes.get_mut(node).filter(|watched| watched.next <= at) else { return };
        watched.next = at + LOOK_INTERVAL;
        let mut peers = std::mem::take(&mut watched.peers);
        for (handle, known) in &mut peers {
            let peer = known.peer;
            let Some(info) = engine.peer(*handle).filter(|_| self.is_honest(peer)) else { continue };
            let before = std::mem::replace(&mut known.strikes, info.strikes);
            if info.strikes > before && !self.is_excused(at, node, peer) {
                let now = info.strikes;
                self.findings.note(at, node, || {
                    format!("strikes node {peer}, which keeps the rules: {now} strikes after {before}")
                });
            }
        }
        if let Some(watched) = self.nodes.get_mut(node) {
            watched.peers = peers;
        }
    }

    fn crashed(&mut self, _at: Time, node: usize) {
        if let Some(watched) = self.nodes.get_mut(node) {
            *watched = Watched::default();
        }
    }

    fn left(&mut self, at: Time, node: usize, peer: usize, honest: bool, why: &DisconnectReason) {
        let missed = matches!(why, DisconnectReason::NoHello | DisconnectReason::Withheld);
        // A message may wait at a slow node behind others. Then this node finds the message only after its own
        // patience is over, although the message came in time.
        let excused = missed && self.is_excused(at, node, peer);
        if honest && !excused {
            self.findings.note(at, node, || format!("leaves node {peer}, which keeps the rules: it {why}"));
        }
    }

    fn findings(&self) -> &Findings {
        &self.findings
    }

    fn as_any(&self) -> &dyn Any {
        self
    }
}

const fn pair(a: usize, b: usize) -> (usize, usize) {
    if a < b { (a, b) } else { (b, a) }
}

/// Whether a refusal says that an item can never be valid, for any node. Other refusals depend on what a node
/// holds, where its tip is, or how much room it has.
const fn is_final(refusal: &Refusal) -> bool {
    matches!(
        refusal,
        Refusal::Malformed(_)
            | Refusal::InvalidSignature
            | Refusal::ProducerNotAllowed
            | Refusal::WrongHeight
            | Refusal::WrongRoot
            | Refusal::RepeatedTransaction
            | Refusal::ExpiredTransaction
            | Refusal::Rule(_)
    )
}
