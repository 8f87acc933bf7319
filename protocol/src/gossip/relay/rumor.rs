//! Rumor mongering (Demers and others, 1987): which transactions are hot, to which peers each is pushed in a
//! round, and when it cools. Deliberately absent: bodies, credit and messages. This file chooses, and the caller
//! pushes.
//!
//! * **Rounds** tick at whole multiples of the round's length on the engine's clock. If the clock jumps over a
//!   round, the round is left out. While nothing is hot there is no next round.
//! * **Hot**: a transaction is hot from its acceptance until it cools. In each round it goes to `fanout` peers,
//!   drawn from those that are not known to have it. It goes to fewer if there are fewer, or if it has fewer sends
//!   left.
//! * **It cools**
//!   1. after [`RUMOR_RETRANSMIT_FACTOR`] `* ceil(log10(nodes + 1))` sends;
//!   2. when no connected peer lacks it any more: new peers are told what the mempool holds when they connect;
//!   3. with feedback, when more than half of the peers chosen in its latest round had it already. A peer that was
//!      not chosen in that round has no say, so an outsider can't silence a rumor. A peer that lies can only take
//!      away its own part;
//!   4. when it has left the mempool, at the next round;
//!   5. when it is the oldest of more than [`RUMOR_HOT_MAX`].
//!
//! A transaction that has cooled is not announced to the peers that lack it. This is the price that the textbook
//! accepts: an item may die out before every node has it.

use alloc::collections::{BTreeMap, BTreeSet};
use alloc::vec::Vec;

use rand_chacha::ChaCha8Rng;
use rand_core::{Rng as _, SeedableRng as _};

use super::policy::Rumor;
use crate::gossip::api::PeerHandle;
use crate::items::hash::{ShortId, TxId};
use crate::limits::{RUMOR_FANOUT_MAX, RUMOR_HOT_MAX, RUMOR_RETRANSMIT_FACTOR, RUMOR_ROUND_MAX, RUMOR_ROUND_MIN};
use crate::time::Time;

/// The hot transactions of a node, oldest first.
#[derive(Debug)]
pub(crate) struct Rumors {
    policy: Rumor,
    chance: ChaCha8Rng,
    /// In the order in which they became hot.
    hot: BTreeMap<u64, Hot>,
    by_short: BTreeSet<(ShortId, u64)>,
    next: u64,
    /// Set while anything is hot.
    round_at: Option<Time>,
}

#[derive(Debug)]
struct Hot {
    id: TxId,
    sends: usize,
    /// The peers chosen in the latest round, and whether each had it already.
    chosen: Vec<(PeerHandle, bool)>,
    /// Peers for which an announcement waits, because there was no credit for the body.
    announced: Vec<PeerHandle>,
}

impl Rumors {
    /// Nothing is hot yet. All chance comes from `seed`.
    pub(crate) fn new(policy: Rumor, seed: [u8; 32]) -> Self {
        let policy = Rumor {
            fanout: policy.fanout.clamp(1, RUMOR_FANOUT_MAX),
            round: policy.round.clamp(RUMOR_ROUND_MIN, RUMOR_ROUND_MAX),
            nodes: policy.nodes.max(1),
            feedback: policy.feedback,
        };
        Self {
            policy,
            chance: ChaCha8Rng::from_seed(seed),
            hot: BTreeMap::new(),
            by_short: BTreeSet::new(),
            next: 0,
            round_at: None,
        }
    }

    /// Whether peers are told of bodies that they pushed in vain.
    pub(crate) const fn gives_feedback(&self) -> bool {
        self.policy.feedback
    }

    /// Makes a transaction hot, unless it is hot already.
    pub(crate) fn ignite(&mut self, now: Time, id: TxId) {
        if self.numbers(id.short()).iter().any(|number| self.hot.get(number).is_some_and(|hot| hot.id == id)) {
            return;
        }
        let number = self.next;
        self.next = self.next.saturating_add(1);
        self.hot.insert(number, Hot { id, sends: 0, chosen: Vec::new(), announced: Vec::new() });
        self.by_short.insert((id.short(), number));
        self.round_at.get_or_insert_with(|| next_round(&self.policy, now));
        if self.hot.len() > RUMOR_HOT_MAX
            && let Some((&oldest, _)) = self.hot.first_key_value()
        {
            self.cool(oldest);
        }
    }

    /// When the next round is due; `None` while nothing is hot.
    pub(crate) const fn next_round(&self) -> Option<Time> {
        self.round_at
    }

    /// The hot transactions, if a round is due. Sets the time of the next round. Each transaction has a number
    /// that names it in this round.
    pub(crate) fn begin_round(&mut self, now: Time) -> Vec<(u64, TxId)> {
        if self.round_at.is_none_or(|at| at > now) {
            return Vec::new();
        }
        self.round_at = Some(next_round(&self.policy, now));
        self.hot.iter().map(|(number, hot)| (*number, hot.id)).collect()
    }

    /// Chooses the peers to push to in this round, among those that lack a hot transaction. The transaction cools
    /// if this was the last of its sends, or if no peer is left.
    pub(crate) fn choose(&mut self, number: u64, mut lacking: Vec<PeerHandle>) -> Vec<PeerHandle> {
        let rumor = self.policy;
        let Some(hot) = self.hot.get_mut(&number) else { return Vec::new() };
        lacking.retain(|peer| !hot.announced.contains(peer));
        let left = sends_max(&rumor).saturating_sub(hot.sends);
        let count = lacking.len().min(usize::from(rumor.fanout)).min(left);
        let nobody_is_left = lacking.len() == count;
        // The first steps of a shuffle (Fisher and Yates).
        for place in 0..count {
            let other = below(&mut self.chance, lacking.len().saturating_sub(place));
            lacking.swap(place, place.saturating_add(other));
        }
        lacking.truncate(count);
        hot.sends = hot.sends.saturating_add(count);
        hot.chosen = lacking.iter().map(|peer| (*peer, false)).collect();
        if nobody_is_left || count == left {
            self.cool(number);
        }
        lacking
    }

    /// A chosen peer gets an announcement instead of the body. It is not chosen again.
    pub(crate) fn announced(&mut self, number: u64, peer: PeerHandle) {
        if let Some(hot) = self.hot.get_mut(&number) {
            hot.announced.push(peer);
        }
    }

    /// A peer says that it had a transaction before it was pushed. Nothing changes unless it was chosen in the
    /// latest round. A short id that fits several hot transactions counts for all of them, as it does in the known
    /// set.
    pub(crate) fn had(&mut self, peer: PeerHandle, short: ShortId) {
        if !self.gives_feedback() {
            return;
        }
        for number in self.numbers(short) {
            let Some(hot) = self.hot.get_mut(&number) else { continue };
            if let Some((_, had)) = hot.chosen.iter_mut().find(|(chosen, _)| *chosen == peer) {
                *had = true;
                self.cool_if_stale(number);
            }
        }
    }

    /// A peer is gone. Now most of the other chosen peers may be peers that had the transaction.
    pub(crate) fn peer_gone(&mut self, peer: PeerHandle) {
        let mut touched = Vec::new();
        for (number, hot) in &mut self.hot {
            hot.announced.retain(|announced| *announced != peer);
            let chosen = hot.chosen.len();
            hot.chosen.retain(|(chosen, _)| *chosen != peer);
            if hot.chosen.len() < chosen {
                touched.push(*number);
            }
        }
        for number in touched {
            self.cool_if_stale(number);
        }
    }

    /// How many transactions are hot.
    pub(crate) fn len(&self) -> usize {
        self.hot.len()
    }

    /// Ends the time in which a transaction is hot.
    pub(crate) fn cool(&mut self, number: u64) {
        if let Some(hot) = self.hot.remove(&number) {
            self.by_short.remove(&(hot.id.short(), number));
        }
        if self.hot.is_empty() {
            self.round_at = None;
        }
    }

    fn cool_if_stale(&mut self, number: u64) {
        let stale = self.hot.get(&number).is_some_and(|hot| {
            let had = hot.chosen.iter().filter(|(_, had)| *had).count();
            had.saturating_mul(2) > hot.chosen.len()
        });
        if stale {
            self.cool(number);
        }
    }

    fn numbers(&self, short: ShortId) -> Vec<u64> {
        self.by_short.range((short, 0)..=(short, u64::MAX)).map(|(_, number)| *number).collect()
    }
}

/// The first whole multiple of the round's length after `now`.
const fn next_round(rumor: &Rumor, now: Time) -> Time {
    let round = rumor.round.as_micros();
    let Some(passed) = now.as_micros().checked_div(round) else { return now };
    Time::from_micros(passed.saturating_add(1).saturating_mul(round))
}

/// How often a transaction is sent at most. `ceil(log10(nodes + 1))` is the number of decimal digits of `nodes`.
fn sends_max(rumor: &Rumor) -> usize {
    let digits = rumor.nodes.checked_ilog10().map_or(1, |log| log.saturating_add(1));
    RUMOR_RETRANSMIT_FACTOR.saturating_mul(usize::try_from(digits).unwrap_or(1))
}

/// A random number from 0 to below `bound`, all equally likely. 0 if `bound` is 0.
fn below(chance: &mut ChaCha8Rng, bound: usize) -> usize {
    // Lemire's rejection (2019): the product's high half is uniform once the low half is past the threshold.
    let bound = bound as u64;
    let threshold = bound.wrapping_neg().checked_rem(bound).unwrap_or_default();
    loop {
        let product = u128::from(chance.next_u64()) * u128::from(bound);
        if product as u64 >= threshold {
            return (product >> 64) as usize;
        }
    }
}
