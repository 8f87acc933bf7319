//! How a full mempool makes room: which item gives way to a newcomer, and when a newcomer is refused. The rules
//! are at the head of `mempool`.

use alloc::vec::Vec;

use super::{Entry, Link, Mempool};
use crate::items::keys::PublicKey;
use crate::items::refusal::Refusal;
use crate::items::transaction::SignedTransaction;
use crate::limits::{
    MEMPOOL_AUTHOR_SHARE, MEMPOOL_CHARGE_MIN, MEMPOOL_LOCAL_SHARE, MEMPOOL_OLD_AFTER, MEMPOOL_TURNOVER,
    MEMPOOL_TURNOVER_BURST,
};
use crate::time::Time;

/// A newcomer: for how much it counts, and for which author and link.
#[derive(Clone, Copy, Debug)]
pub(super) struct Newcomer {
    now: Time,
    pub(super) charge: usize,
    author: PublicKey,
    pub(super) link: Link,
}

impl Newcomer {
    pub(super) fn new(now: Time, transaction: &SignedTransaction, link: Option<u32>) -> Self {
        let charge = transaction.encoded().len().max(MEMPOOL_CHARGE_MIN);
        let link = link.map_or(Link::Local, Link::Open);
        Self { now, charge, author: transaction.author(), link }
    }
}

/// The item that gives way.
#[derive(Clone, Copy, Debug)]
pub(super) struct Victim {
    at: u64,
    /// Whether it is an item of the newcomer's own link, which has the largest share.
    pub(super) turns: bool,
}

impl Mempool {
    /// Whether a newcomer of this number of bytes might be accepted from this link, whoever its author is.
    pub(crate) fn may_take(&mut self, now: Time, bytes: usize, link: u32) -> bool {
        let charge = bytes.max(MEMPOOL_CHARGE_MIN);
        self.fits(charge) || self.victim_by_link(now, charge, Link::Open(link)).is_some()
    }

    pub(super) const fn fits(&self, charge: usize) -> bool {
        self.charged.saturating_add(charge) <= self.bytes_max
    }

    /// Sheds until the newcomer fits, or puts everything back and refuses it.
    pub(super) fn make_room(&mut self, newcomer: &Newcomer) -> Result<Vec<(Victim, Entry)>, Refusal> {
        let mut evicted: Vec<(Victim, Entry)> = Vec::new();
        while !self.fits(newcomer.charge) {
            match self.shed(newcomer) {
                Ok(shed) => evicted.push(shed),
                Err(refusal) => {
                    for (victim, entry) in evicted {
                        self.attach(victim.at, entry);
                    }
                    return Err(refusal);
                }
            }
        }
        Ok(evicted)
    }

    fn shed(&mut self, newcomer: &Newcomer) -> Result<(Victim, Entry), Refusal> {
        let victim = self.victim(newcomer)?;
        let entry = self.detach(victim.at).ok_or(Refusal::MempoolFull)?;
        Ok((victim, entry))
    }

    /// Which item is removed next, or whose share refuses the newcomer: its author's or its link's.
    pub(super) fn victim(&mut self, newcomer: &Newcomer) -> Result<Victim, Refusal> {
        let (largest, author) = self.authors.largest().ok_or(Refusal::MempoolFull)?;
        let own = self.authors.of(&newcomer.author).saturating_add(newcomer.charge);
        if own.max(largest) > self.bytes_max / MEMPOOL_AUTHOR_SHARE {
            if own >= largest {
                return Err(Refusal::AuthorFull);
            }
            let newest = self.authors.newest(&author).filter(|at| !self.is_sheltered(*at, newcomer));
            if let Some(at) = newest {
                return Ok(Victim { at, turns: false });
            }
        }
        self.victim_by_link(newcomer.now, newcomer.charge, newcomer.link).ok_or(Refusal::MempoolFull)
    }

    fn victim_by_link(&mut self, now: Time, charge: usize, link: Link) -> Option<Victim> {
        let largest = match self.shelters(link) {
            true => self.links.largest_but(&Link::Local),
            false => self.links.largest(),
        };
        let own = self.links.of(&link).saturating_add(charge);
        if let Some((largest, holder)) = largest
            && own < largest
        {
            return self.gives_way(now, holder).map(|at| Victim { at, turns: false });
        }
        let may_turn = self.turned.get(&link).is_none_or(|turned| *turned <= now + MEMPOOL_TURNOVER_BURST);
        let turns = link != Link::Local && may_turn;
        turns.then(|| self.gives_way(now, link)).flatten().map(|at| Victim { at, turns: true })
    }

    /// Which of a link's items is removed.
    fn gives_way(&mut self, now: Time, link: Link) -> Option<u64> {
        if link == Link::Local {
            return self.links.newest(&link);
        }
        let accepted = |at: &u64| self.entries.get(at).map(|entry| entry.accepted_at);
        let is_old = |at: &u64| accepted(at).is_some_and(|at| now.since(at) >= MEMPOOL_OLD_AFTER);
        let oldest = self.links.oldest(&link).filter(is_old);
        oldest.or_else(|| self.links.middle(&link))
    }

    /// Whether local submissions do not give way to a newcomer of this link.
    fn shelters(&self, link: Link) -> bool {
        link != Link::Local && self.links.of(&Link::Local) <= self.bytes_max / MEMPOOL_LOCAL_SHARE
    }

    fn is_sheltered(&self, at: u64, newcomer: &Newcomer) -> bool {
        self.shelters(newcomer.link) && self.entries.get(&at).is_some_and(|entry| entry.link == Link::Local)
    }

    /// Notes that a newcomer took the place of items of its own link.
    pub(super) fn turn(&mut self, newcomer: &Newcomer) {
        let Newcomer { now, charge, link, .. } = *newcomer;
        let share = self.links.of(&link).max(1) as u64;
        let turned = self.turned.or_default(link);
        *turned = (*turned).max(now) + MEMPOOL_TURNOVER.times(charge as u64).divided_by(share);
    }
}
