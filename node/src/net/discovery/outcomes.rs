//! The results of dials, and what became of peers: when each is tried again, and what the operator should know.

use libp2p::swarm::ConnectionId;
use libp2p::{Multiaddr, PeerId};
use protocol::time::Time;
use rand::RngExt as _;

use super::{
    BACKOFF_MIN, DECLINED_DELAY, DIALS_MAX, Dial, Discovery, Failure, GROUP_TRIES, QUERY_MIN, Target, Trouble,
    Warning,
};
use crate::net::addresses::split_peer;
use crate::net::discovery::book::{Group, Retry};
use crate::net::reason::CloseReason;

impl Discovery {
    /// A dial led to a connection. [`Discovery::on_up`] tells whether it becomes a peer.
    pub fn on_established(&mut self, id: ConnectionId, peer: PeerId, address: &Multiaddr, now: Time) {
        let Some(dial) = self.dials.remove(&id) else { return };
        match dial.target {
            Target::Fixed(index) => {
                if let Some(fixed) = self.fixed.get_mut(index) {
                    fixed.found = Some(peer);
                    // An earlier trouble stays until it is known whether this connection becomes a peer.
                    fixed.trouble.get_or_insert(Trouble::NoWordYet);
                }
            }
            // An answer proves an entry. But a connection alone is no success, so for a candidate it counts as one
            // more failure until the candidate is a peer.
            Target::Candidate(_) | Target::Feeler(_) => {
                let (plain, _) = split_peer(address);
                self.book.on_answer(peer, &plain, now);
                if matches!(dial.target, Target::Candidate(_)) {
                    if self.answered.len() >= DIALS_MAX {
                        self.answered.pop_first();
                    }
                    self.answered.insert(peer, (dial.groups, dial.turn));
                    let spread = self.rng.random_range(75..=125);
                    self.book.retries(&peer).for_each(|retry| retry.put_off(now, spread));
                }
                return;
            }
        }
        self.put_off(&dial, now);
    }

    /// A dial failed.
    pub fn on_dial_failed(&mut self, id: ConnectionId, failure: Failure, now: Time) {
        if let Some(dial) = self.dials.remove(&id) {
            self.refused(&dial, failure, now);
        }
    }

    /// A fixed address is not dialled, for a reason that is known before the dial.
    pub fn on_refused(&mut self, index: usize, failure: Failure, now: Time) {
        let dial = Dial { target: Target::Fixed(index), since: now, tries: None, groups: Vec::new(), turn: 0 };
        self.refused(&dial, failure, now);
    }

    fn refused(&mut self, dial: &Dial, failure: Failure, now: Time) {
        if let Target::Fixed(index) = dial.target
            && let Some(fixed) = self.fixed.get_mut(index)
        {
            // The denied peer answers there. It need not be dialled while it is a peer through
            // another address, or banned.
            fixed.found = if let Failure::Denied { found, .. } = &failure { Some(*found) } else { None };
            if let (Some(wanted), Failure::Another(found)) = (fixed.typed, &failure) {
                let warning = Warning::AnotherPeer { address: fixed.address.clone(), wanted, found: *found };
                self.warnings.extend(fixed.warn(warning, now));
            }
            fixed.trouble = Some(match failure {
                Failure::Unreachable(cause) => Trouble::Unreachable(cause),
                Failure::Denied { cause, .. } => Trouble::Denied(cause),
                Failure::Ourselves => Trouble::Ourselves,
                Failure::Another(found) => Trouble::Another(found),
            });
        }
        self.put_off(dial, now);
    }

    /// A connection became a gossip peer.
    pub fn on_up(&mut self, peer: &PeerId, outbound: bool, now: Time) {
        self.answered.remove(peer);
        if outbound {
            self.held.insert(*peer, now);
        }
        self.retries(peer).for_each(|retry| *retry = Retry::default());
        let reached = self.fixed.iter_mut().filter(|fixed| fixed.peer().as_ref() == Some(peer));
        reached.for_each(|fixed| fixed.trouble = None);
    }

    /// A peer's slot is free again. `outbound` means that we had dialled it.
    pub fn on_down(&mut self, peer: &PeerId, outbound: bool, reason: CloseReason, now: Time) {
        // Only peers that we chose count: otherwise any peer that dials us could make us change our peers at will.
        if outbound && reason.is_silence() {
            self.exchange.on_silence(now);
        }
        if outbound {
            self.held.remove(peer);
            if let Some((groups, turn)) = self.answered.remove(peer) {
                self.owe(groups, turn);
            }
        }
        let declined = self.jittered(DECLINED_DELAY);
        let soon = self.jittered(BACKOFF_MIN);
        for retry in self.retries(peer) {
            let unwanted = matches!(reason, CloseReason::Declined | CloseReason::Refreshed);
            let delay = if unwanted { declined } else { soon };
            retry.wait(now, delay);
        }
        self.forget_found(peer, reason, now);
        self.query_delay = QUERY_MIN;
        self.query_at = self.query_at.min(now + QUERY_MIN);
    }

    /// The node that answered at a fixed address is no longer a peer. Another may answer there next.
    fn forget_found(&mut self, peer: &PeerId, reason: CloseReason, now: Time) {
        for fixed in self.fixed.iter_mut().filter(|fixed| fixed.peer().as_ref() == Some(peer)) {
            fixed.trouble = Some(Trouble::Closed(reason));
            if reason == CloseReason::Unsupported && fixed.found.is_some() {
                let warning = Warning::AnotherNetwork { address: fixed.address.clone(), found: *peer };
                self.warnings.extend(fixed.warn(warning, now));
            }
            fixed.found = None;
        }
    }

    pub(super) fn put_off(&mut self, dial: &Dial, now: Time) {
        match dial.target {
            Target::Fixed(index) => {
                let spread = self.rng.random_range(75..=125);
                if let Some(fixed) = self.fixed.get_mut(index) {
                    fixed.retry.put_off(now, spread);
                }
            }
            Target::Candidate(peer) | Target::Feeler(peer) => {
                if let Some(entry) = dial.tries {
                    self.book.on_failure(&peer, entry, now);
                }
                self.owe(dial.groups.clone(), dial.turn);
            }
        }
    }

    /// A pick failed after this number of tries in a row.
    fn owe(&mut self, groups: Vec<Group>, turn: u8) {
        if (1..GROUP_TRIES).contains(&turn) && self.owed.len() < DIALS_MAX {
            self.owed.extend(groups.into_iter().map(|group| (group, turn)));
        }
    }

    fn retries(&mut self, peer: &PeerId) -> impl Iterator<Item = &mut Retry> {
        let fixed = self.fixed.iter_mut().filter(|fixed| fixed.peer().as_ref() == Some(peer));
        fixed.map(|fixed| &mut fixed.retry).chain(self.book.retries(peer))
    }
}
