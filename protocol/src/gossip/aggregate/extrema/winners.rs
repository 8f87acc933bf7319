//! Which ticket has the smallest variable at each index, and nothing else. A ticket that has it nowhere is
//! forgotten. Of equal ones the lower key has it, so that all nodes that know the same tickets hold the same ones.

use alloc::collections::BTreeMap;
use alloc::vec;
use alloc::vec::Vec;
use core::cmp::Reverse;

use super::draws::{Draw, draws};
use crate::footprint::tree;
use crate::items::hash::sha256;
use crate::items::keys::{PublicKey, Signature};
use crate::items::member::epoch::Epoch;
use crate::items::member::ticket::Ticket;
use crate::limits::DRAWS;
use crate::wire::message::Fingerprint;

/// What the hash of a fingerprint starts with.
const FINGERPRINT_DOMAIN: &[u8] = b"hearsay minima 1";

/// The minima of an epoch: at most [`DRAWS`] of 48 bytes, and as many tickets of 186 with their places in an
/// ordered map. 59 KiB in all.
#[derive(Debug)]
pub struct Winners {
    epoch: Epoch,
    best: Vec<Option<(Draw, Reverse<PublicKey>)>>,
    /// The signature of each member that has a minimum, and how many it has.
    tickets: BTreeMap<PublicKey, (Signature, u16)>,
    fingerprint: Fingerprint,
}

/// A set of indices: one bit for each draw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Indices([u64; DRAWS / 64]);

impl Winners {
    /// The memory of a minimum, and of the ticket that has it.
    pub(crate) const MINIMUM_BYTES: usize =
        size_of::<Option<(Draw, Reverse<PublicKey>)>>() + tree(size_of::<(PublicKey, (Signature, u16))>());

    /// Nobody has drawn yet.
    #[must_use]
    pub fn new(epoch: Epoch) -> Self {
        let mut new =
            Self { epoch, best: vec![None; DRAWS], tickets: BTreeMap::new(), fingerprint: Fingerprint::default() };
        new.renew_fingerprint();
        new
    }

    /// The epoch.
    #[must_use]
    pub const fn epoch(&self) -> &Epoch {
        &self.epoch
    }

    /// Whether the ticket of a member is held.
    #[must_use]
    pub fn holds(&self, member: &PublicKey) -> bool {
        self.tickets.contains_key(member)
    }

    /// Whether the ticket of a member would have a minimum.
    #[must_use]
    pub fn would_win(&self, member: &PublicKey) -> bool {
        self.best.iter().zip(draws(member, &self.epoch)).any(|(best, draw)| wins(member, draw, best.as_ref()))
    }

    /// Takes a ticket whose signature is good. The indices at which it has the minimum now and had it not before.
    pub fn take(&mut self, ticket: &Ticket) -> Indices {
        let mut won = Indices::default();
        if self.holds(&ticket.member) {
            return won;
        }
        let mut count: u16 = 0;
        for (index, draw) in draws(&ticket.member, &self.epoch).enumerate() {
            let Some(best) = self.best.get_mut(index) else { continue };
            if !wins(&ticket.member, draw, best.as_ref()) {
                continue;
            }
            if let Some((_, Reverse(loser))) = best.replace((draw, Reverse(ticket.member))) {
                self.lose(&loser);
            }
            won.insert(index);
            count = count.saturating_add(1);
        }
        if count > 0 {
            self.tickets.insert(ticket.member, (ticket.signature, count));
            self.renew_fingerprint();
        }
        won
    }

    /// The ticket that has the minimum at an index.
    #[must_use]
    pub fn ticket_at(&self, index: usize) -> Option<Ticket> {
        let (_, Reverse(member)) = (*self.best.get(index)?)?;
        let (signature, _) = self.tickets.get(&member)?;
        Some(Ticket { member, signature: *signature })
    }

    /// The indices at which a member has the minimum.
    #[must_use]
    pub fn won_by(&self, member: &PublicKey) -> Indices {
        let mut won = Indices::default();
        for (index, best) in self.best.iter().enumerate() {
            if best.is_some_and(|(_, Reverse(winner))| winner == *member) {
                won.insert(index);
            }
        }
        won
    }

    /// The sum of the minima, in units of 2^-48; `None` while nobody has drawn.
    #[must_use]
    pub fn sum(&self) -> Option<u64> {
        // At most 256 * 45 * 2^48.
        self.best.iter().try_fold(0_u64, |sum, best| Some(sum.saturating_add((*best)?.0.exponential())))
    }

    /// How many tickets are held.
    #[must_use]
    pub fn len(&self) -> usize {
        self.tickets.len()
    }

    /// How many minima there are.
    #[must_use]
    pub fn minima(&self) -> usize {
        self.best.iter().flatten().count()
    }

    /// Whether no ticket is held.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.tickets.is_empty()
    }

    /// Names the tickets that are held, by a hash over their members in the order of keys.
    #[must_use]
    pub const fn fingerprint(&self) -> Fingerprint {
        self.fingerprint
    }

    /// A member has a minimum less. Its ticket goes with the last one.
    fn lose(&mut self, member: &PublicKey) {
        if let Some((_, count)) = self.tickets.get_mut(member) {
            *count = count.saturating_sub(1);
            if *count == 0 {
                self.tickets.remove(member);
            }
        }
    }

    fn renew_fingerprint(&mut self) {
        let mut parts: Vec<&[u8]> = vec![FINGERPRINT_DOMAIN];
        parts.extend(self.tickets.keys().map(|member| member.0.as_slice()));
        let [a, b, c, d, e, f, g, h, ..] = sha256(&parts);
        self.fingerprint = Fingerprint([a, b, c, d, e, f, g, h]);
    }
}

impl Indices {
    /// All of them.
    pub const ALL: Self = Self([u64::MAX; DRAWS / 64]);

    /// Adds an index.
    pub fn insert(&mut self, index: usize) {
        if let Some(word) = self.0.get_mut(index / 64) {
            *word |= 1 << (index % 64);
        }
    }

    /// Adds those of another set.
    pub fn add(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word |= other);
    }

    /// Takes those of another set out.
    pub fn remove(&mut self, other: &Self) {
        self.0.iter_mut().zip(other.0).for_each(|(word, other)| *word &= !other);
    }

    /// The lowest one.
    #[must_use]
    pub fn first(&self) -> Option<usize> {
        let (place, word) = self.0.iter().enumerate().find(|(_, word)| **word != 0)?;
        Some(place.saturating_mul(64).saturating_add(word.trailing_zeros() as usize))
    }

    /// Whether there is none.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.first().is_none()
    }
}

/// Whether a member's draw is better than the best one so far.
fn wins(member: &PublicKey, draw: Draw, best: Option<&(Draw, Reverse<PublicKey>)>) -> bool {
    best.is_none_or(|best| (draw, Reverse(*member)) > *best)
}
