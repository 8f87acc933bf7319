//! Comparisons by difference: what two nodes exchange follows what differs, and not how many members there are.
//!
//! * **How.** The asker sends the first symbols of a sketch of its members. The other side decodes them against its
//!   own sketch, and answers with the elements that only one of the two has. Then the asker lists these members, as
//!   in any comparison (`push_pull`).
//! * **An element** is a hash of a member's key, its incarnation, and its digest: all that may be exchanged.
//!   How a node sees a member is not part of it, with one exception: a member that is dead or has left has no
//!   element, and neither has one whose record is too old to be given.
//!   *Rationale:* one node forgets a dead member sooner than another, and a newcomer never learns of it. If it had an
//!   element, the two would differ for as long as it is remembered. A member that is alive for one side and dead for
//!   the other is still found: one of them has no element of it.
//! * **Listed besides:** the peer itself, if it is not alive here, because it must hear of that; and up to
//!   [`GONE_LISTED_MAX`] members that are dead or have left, from a random one on.
//!   *Rationale:* of two records of a member that is gone for both sides, the newer one still reaches the other.
//! * **How many symbols.** As many as the differences that the last comparisons found need, with any peer. If that is
//!   too few, the answer says how many more it takes, and the asker sends all of them again, a few times at most.
//!   *Rationale:* the answering side remembers nothing.
//! * **Ranges instead.** The first comparison of a node goes through its whole list, and so does each one that would
//!   take more bytes by difference, or that no sketch of a few rounds settles.
//! * **Work.** The answering side hashes all of its members. The asker pays for each of them, and for each symbol,
//!   from what it may get by push-pull; when that is spent, it gets no answer.
//!
//! Deliberately absent: blame. Symbols that contradict each other come from honest peers as well, about once in 2^32
//! symbols.

use alloc::collections::BTreeSet;
use alloc::vec::Vec;

use rand_core::Rng as _;

use super::walk::{Question, Stage};
use crate::gossip::api::PeerHandle;
use crate::gossip::api::members::{MemberMessage, MemberSketch, MemberState, SketchDifference};
use crate::gossip::members::Members;
use crate::gossip::members::view::{Member, short_of};
use crate::gossip::repair::sketch::{
    Decoder, Encoder, Progress, SYMBOLS_MAX, Salt, SaltedId, Symbol, first_batch, symbols_from_bytes,
    symbols_to_bytes,
};
use crate::items::hash::ShortId;
use crate::limits::{
    DIGEST_BYTES, DIGEST_COST_BYTES, GONE_LISTED_MAX, PUSH_PULL_TIMEOUT, SKETCH_ROUNDS, SKETCH_SYMBOL_COST_BYTES,
    SKETCH_SYMBOLS_MIN,
};
use crate::time::Time;

impl Members {
    /// How a comparison begins.
    pub(super) fn first_stage(&mut self) -> Stage {
        let Some(expected) = self.push_pull.expected else { return Stage::Ranges };
        let symbols = first_batch(expected).max(SKETCH_SYMBOLS_MIN);
        if !self.is_worth(symbols) {
            return Stage::Ranges;
        }
        let (one, other) = (self.chance.next_u64(), self.chance.next_u64());
        let salt = ((u128::from(one) << 64) | u128::from(other)).to_be_bytes();
        Stage::Sketch(Question { salt, symbols, round: 1 })
    }

    /// Whether this number of symbols, and what follows them, takes fewer bytes than a list of all members.
    fn is_worth(&self, symbols: usize) -> bool {
        let list = self.view.present().saturating_mul(DIGEST_BYTES);
        symbols.saturating_mul(SKETCH_SYMBOL_COST_BYTES) <= list
    }

    /// Sends the sketch that is due.
    pub(super) fn ask_sketch(&mut self, now: Time, question: Question) {
        let sketch = self.sketch(Salt::new(question.salt));
        let Some(walk) = &mut self.push_pull.walk else { return };
        // A view never has more members than a sketch may.
        let Some((mut encoder, _)) = sketch else { return walk.stage = Stage::Ranges };
        (walk.waits, walk.deadline) = (true, now + PUSH_PULL_TIMEOUT);
        let link = walk.link;
        let members = u32::try_from(encoder.len()).unwrap_or(u32::MAX);
        let symbols = symbols_to_bytes(encoder.symbols(0, question.symbols)).into();
        self.send(link, MemberMessage::Sketch(MemberSketch { salt: question.salt, members, symbols }));
    }

    /// A peer sends a sketch of its members. The answer is how they differ from those of this node.
    pub(in crate::gossip::members) fn on_sketch(&mut self, now: Time, link: PeerHandle, sketch: &MemberSketch) {
        let symbols = symbols_from_bytes(&sketch.symbols).filter(|symbols| !symbols.is_empty());
        let Some(symbols) = symbols else { return };
        let looks = self.view.present().saturating_add(symbols.len()) as u64;
        let budget = self.links.by_handle.get_mut(&link).map(|link| &mut link.served);
        if !budget.is_some_and(|budget| budget.spend_within(now, looks.saturating_mul(DIGEST_COST_BYTES))) {
            return;
        }
        let answer = self.decode(sketch, &symbols);
        self.send(link, MemberMessage::SketchDifference(answer));
    }

    fn decode(&self, sketch: &MemberSketch, symbols: &[Symbol]) -> SketchDifference {
        let more = |more: usize| {
            let more = u32::try_from(more.clamp(1, SYMBOLS_MAX)).unwrap_or(u32::MAX);
            SketchDifference { more, ..SketchDifference::default() }
        };
        // If the numbers of members differ by more, nothing needs to be hashed to know that this is too little.
        let apart = self.view.given(self.wall_ms).count().abs_diff(sketch.members as usize);
        if apart > symbols.len() {
            return more(first_batch(apart).saturating_sub(symbols.len()));
        }
        let Some((encoder, members)) = self.sketch(Salt::new(sketch.salt)) else { return more(SYMBOLS_MAX) };
        let mut decoder = Decoder::new(encoder);
        match decoder.add(symbols) {
            // All symbols are sent again, so that small steps would cost more than they save.
            Progress::More => more(decoder.next_batch().max(symbols.len() / 2)),
            // More than can be asked for, so that the asker goes on with lists.
            Progress::Failed(_) => more(SYMBOLS_MAX),
            Progress::Done { only_here, only_there } => {
                let only_here = only_here.iter().filter_map(|place| members.get(*place as usize).copied());
                SketchDifference { more: 0, only_here: only_here.collect(), only_there }
            }
        }
    }

    /// A peer tells how its members differ from those of the sketch that it was sent.
    pub(in crate::gossip::members) fn on_sketch_difference(
        &mut self,
        now: Time,
        link: PeerHandle,
        answer: SketchDifference,
    ) {
        let Some(walk) = &mut self.push_pull.walk else { return };
        let Stage::Sketch(question) = walk.stage else { return };
        if walk.link != link || !walk.waits {
            return;
        }
        (walk.waits, walk.deadline) = (false, now + PUSH_PULL_TIMEOUT);
        if answer.more > 0 {
            let symbols = question.symbols.saturating_add(answer.more as usize);
            let next = question.round < SKETCH_ROUNDS && symbols <= SYMBOLS_MAX && self.is_worth(symbols);
            let round = question.round.saturating_add(1);
            let stage = if next { Stage::Sketch(Question { symbols, round, ..question }) } else { Stage::Ranges };
            if let Some(walk) = &mut self.push_pull.walk {
                walk.stage = stage;
            }
            return;
        }
        let found = answer.only_here.len().saturating_add(answer.only_there.len());
        // Each element that is found takes a symbol, so this is no answer to what was sent.
        if found > question.symbols {
            return self.push_pull.walk = None;
        }
        self.push_pull.learn(found);
        let chosen = self.chosen(link, question, answer);
        match &mut self.push_pull.walk {
            Some(walk) if !chosen.is_empty() => walk.stage = Stage::Selection(chosen),
            walk => *walk = None,
        }
    }

    /// The members to list, in the order of their short ids: those that differ, and a few besides.
    fn chosen(&mut self, link: PeerHandle, question: Question, answer: SketchDifference) -> Vec<ShortId> {
        let group = self.links.by_handle.get(&link).and_then(|link| link.group);
        let has_room = self.view.has_room(group);
        let only_here = answer.only_here.into_iter();
        // A member that this node has no room for would be sent for nothing, at each comparison again.
        let mut chosen: BTreeSet<ShortId> =
            only_here.filter(|member| has_room || self.view.with_short(*member).next().is_some()).collect();
        let elements: BTreeSet<SaltedId> = answer.only_there.into_iter().collect();
        if !elements.is_empty() {
            let salt = Salt::new(question.salt);
            let ours = self.view.given(self.wall_ms);
            let ours = ours.filter(|member| elements.contains(&salt.element(&member.element())));
            chosen.extend(ours.map(|member| short_of(&member.key())));
        }
        if let Some(link) = self.links.by_handle.get(&link) {
            let state = self.view.find(&link.key).and_then(|row| self.view.get(row)).map(Member::state);
            let accused = link.seen_as.is_some() || state.is_some_and(|state| state != MemberState::Alive);
            chosen.extend(accused.then(|| short_of(&link.key)));
        }
        let place = self.below(self.view.gone());
        chosen.extend(self.view.some_gone(place, GONE_LISTED_MAX));
        chosen.into_iter().collect()
    }

    /// The sketch of this node's members under a salt, and the short ids of the members in the same order.
    fn sketch(&self, salt: Salt) -> Option<(Encoder, Vec<ShortId>)> {
        let (mut ids, mut members) = (Vec::new(), Vec::new());
        for member in self.view.given(self.wall_ms) {
            ids.push(salt.element(&member.element()));
            members.push(short_of(&member.key()));
        }
        let encoder = Encoder::of_salted(salt, ids).ok()?;
        Some((encoder, members))
    }
}
