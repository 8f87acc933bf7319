//! Evidence of equivocation: two signed headers of one producer for one height. Anyone can check it against the
//! producer's key, and no one can forge it against another producer.
//!
//! A producer that lost its store may equivocate once without bad intent, so nothing follows from evidence here.
//! It is kept and shown to the operator of the node, who decides what it means.
//!
//! Of each producer the first [`EVIDENCE_PER_PRODUCER_MAX`] pairs are kept, each for another height. Evidence
//! against the first [`EVIDENCE_PRODUCERS_MAX`] producers is kept. Deliberately absent: headers whose signatures
//! were not checked, and pairs of which one header had been removed from the tree before the other came.

use alloc::boxed::Box;
use alloc::collections::BTreeMap;
use alloc::vec::Vec;

use crate::footprint::{block, list, tree};
use crate::gossip::Gossip;
use crate::gossip::api::Event;
use crate::items::block::SignedHeader;
use crate::items::equivocation::Equivocation;
use crate::items::keys::PublicKey;
use crate::limits::{EVIDENCE_PER_PRODUCER_MAX, EVIDENCE_PRODUCERS_MAX};

/// What is kept, by producer.
#[derive(Debug, Default)]
pub(crate) struct Evidence {
    kept: BTreeMap<PublicKey, Vec<Equivocation>>,
    len: usize,
}

impl Evidence {
    /// The memory of a pair: two headers, its place in its producer's list, and its part of the producer's entry.
    pub(crate) const PAIR_BYTES: usize = block(2 * size_of::<SignedHeader>())
        + (block(list(EVIDENCE_PER_PRODUCER_MAX, size_of::<Equivocation>()))
            + tree(size_of::<(PublicKey, Vec<Equivocation>)>()))
        .div_ceil(EVIDENCE_PER_PRODUCER_MAX);

    /// Keeps a pair, unless there is one for this height, or there are enough. Returns whether it was kept.
    fn keep(&mut self, pair: &Equivocation) -> bool {
        let full = self.kept.len() >= EVIDENCE_PRODUCERS_MAX;
        if full && !self.kept.contains_key(&pair.producer()) {
            return false;
        }
        let pairs = self.kept.entry(pair.producer()).or_default();
        if pairs.len() >= EVIDENCE_PER_PRODUCER_MAX || pairs.iter().any(|kept| kept.height() == pair.height()) {
            return false;
        }
        pairs.push(pair.clone());
        self.len = self.len.saturating_add(1);
        true
    }

    pub(crate) const fn len(&self) -> usize {
        self.len
    }
}

impl Gossip {
    /// Evidence against producers that signed two blocks for one height, by producer, oldest first.
    pub fn equivocations(&self) -> impl Iterator<Item = &Equivocation> {
        self.evidence.kept.values().flatten()
    }

    /// Both headers are signed by one producer for one height, and differ.
    pub(crate) fn note_equivocation(&mut self, first: SignedHeader, second: SignedHeader) {
        self.stats.equivocations = self.stats.equivocations.saturating_add(1);
        let pair = Equivocation { headers: Box::new([first, second]) };
        if self.evidence.keep(&pair) {
            self.tell(Event::Equivocation(pair));
        }
    }
}
