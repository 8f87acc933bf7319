//! Whether this node is behind the network, why, and what it does not do meanwhile.
//!
//! **Behind.** A block above the tip is known, or a peer told of one. While blocks come, the node is catching up.
//! When no block has moved the tip for [`BEHIND_AFTER`], it says what prevents it ([`Cause`]).
//!
//! **Best known height.** This is the height of the best header while bodies of its branch keep arriving, at least
//! one within [`BODIES_AWAITED`]. (The header's producer is allowed, and its ancestors are known.) Otherwise it is
//! the tip's height. A height that a peer merely tells leads to requests and reports, and stops nothing.
//!
//! **Producing.** No block is made at or below the best known height. It would be stale, and its producer might
//! have signed another block at that height before it lost its store. For the same reason a node that has just met
//! its first peer waits for [`HEARING`] while a peer tells of a height above all headers that are here.
//!
//! **Refused branches.** A refused branch is not fetched again. Its last header is remembered, and stands at the
//! head of the next locators. Its peer is asked for headers again only after a minute.
//!
//! Deliberately absent: how missing headers and bodies are asked for, which is in `catch_up`.

use alloc::collections::VecDeque;
use core::fmt;

use super::their_chain::RefusedBranch;
use crate::gossip::Gossip;
use crate::gossip::api::{PeerHandle, Refusal};
use crate::items::block::SignedHeader;
use crate::items::hash::BlockId;
use crate::items::keys::PublicKey;
use crate::items::transaction::Height;
use crate::limits::{BEHIND_AFTER, BODIES_AWAITED, HEARING, REFUSED_ENDS_LIFETIME, REFUSED_ENDS_MAX};
use crate::time::{Duration, Time};
use crate::wire::message::Tip;

/// How far a node is behind, and why. Its text form tells a person what they want to know.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Behind {
    /// The height of the end of our best chain.
    pub tip: Height,
    /// The height of the best header, or our tip's height if no header is higher.
    pub best_header: Height,
    /// The highest tip that a connected peer tells. Nobody has checked it.
    pub told: Height,
    /// For how long no block has moved the tip.
    pub quiet: Duration,
    /// What prevents the node from catching up.
    pub cause: Cause,
}

/// Why a node is behind.
#[derive(Clone, Debug, PartialEq, Eq)]
#[non_exhaustive]
pub enum Cause {
    /// Nothing until now: blocks are on their way.
    CatchingUp,
    /// Every peer that is far enough ahead has deleted the missing bodies.
    Pruned {
        /// The lowest height from which on one of them keeps bodies.
        kept_from: Height,
    },
    /// Headers are known, and no peer sends the missing bodies.
    NoBodies,
    /// The headers of all peers that are further ahead were refused.
    Refused {
        /// How many headers of the peer with the most refused headers were refused.
        count: u64,
        /// The producer of the first header that was refused last.
        producer: PublicKey,
        /// The height of this header.
        height: Height,
        /// Why this header was refused.
        refusal: Refusal,
    },
    /// Peers tell of more, and no headers for it have come.
    NoHeaders,
}

/// Why a node should not make a block now.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Hold {
    /// There is a higher block.
    #[error("the node is at height {tip} and blocks up to height {best_known} are on their way")]
    Behind {
        /// Our tip.
        tip: Height,
        /// The best known height.
        best_known: Height,
    },
    /// The first peers have been met a moment ago.
    #[error("a peer tells of height {told}, and its headers are awaited")]
    Hearing {
        /// The height that a peer tells.
        told: Height,
    },
}

/// What a node remembers in order to tell whether it is behind.
#[derive(Debug, Default)]
pub(crate) struct Watch {
    /// When the first peer said Hello.
    met: Option<Time>,
    /// Since when a higher block is known or told, and no block has moved the tip.
    since: Option<Time>,
    /// The lowest missing block, and since when it is awaited: since the one before it came, or since blocks began
    /// to be missing.
    awaited: Option<(BlockId, Time)>,
    /// The last headers of refused branches, the newest at the end.
    refused: VecDeque<RefusedEnd>,
}

#[derive(Debug)]
struct RefusedEnd {
    end: BlockId,
    producer: PublicKey,
    height: Height,
    refusal: Refusal,
    at: Time,
}

impl Behind {
    /// The highest block that is known or told.
    #[must_use]
    pub fn highest(&self) -> Height {
        self.best_header.max(self.told)
    }

    /// Whether something prevents the node from catching up, so that waiting alone may not help.
    #[must_use]
    pub fn is_stuck(&self) -> bool {
        self.cause != Cause::CatchingUp
    }
}

impl Cause {
    /// The label in machine-readable output: lower case with underscores.
    #[must_use]
    pub const fn label(&self) -> &'static str {
        match self {
            Self::CatchingUp => "catching_up",
            Self::Pruned { .. } => "pruned",
            Self::NoBodies => "no_bodies",
            Self::Refused { .. } => "refused",
            Self::NoHeaders => "no_headers",
        }
    }
}

impl fmt::Display for Behind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Self { tip, best_header, told, quiet, cause } = self;
        if *told >= *best_header {
            write!(f, "peers tell of height {told}, this node is at {tip}")?;
        } else {
            write!(f, "headers are known up to height {best_header}, this node is at {tip}")?;
        }
        if self.is_stuck() {
            write!(f, ", and no block came for {} s: {cause}", quiet.as_millis() / 1_000)
        } else {
            write!(f, ": {cause}")
        }
    }
}

impl fmt::Display for Cause {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::CatchingUp => f.write_str("blocks are on their way"),
            Self::Pruned { kept_from } => {
                write!(f, "all peers have deleted the blocks below height {kept_from}")
            }
            Self::NoBodies => f.write_str("headers are known, and no peer sends the blocks for them"),
            Self::Refused { count, producer, height, refusal } => {
                let headers = if *count == 1 { "header" } else { "headers" };
                write!(f, "{count} {headers} refused, from height {height} of producer {producer} on: {refusal}")
            }
            Self::NoHeaders => f.write_str("no peer sends headers for it"),
        }
    }
}

impl Watch {
    fn told(&mut self, now: Time, height: Height, tip: Height) {
        if height > tip {
            self.since.get_or_insert(now);
        }
    }

    /// Notes the lowest missing block. `came` tells whether the block that was the lowest before is connected.
    fn awaits(&mut self, now: Time, lowest: Option<BlockId>, came: impl FnOnce(&BlockId) -> bool) {
        self.awaited = match (self.awaited, lowest) {
            (None, None) => None,
            // No block is missing, because the branch was given up. The block that is missing next keeps this
            // time.
            (Some((before, at)), None) => (!came(&before)).then_some((before, at)),
            (None, Some(lowest)) => Some((lowest, now)),
            (Some((before, at)), Some(lowest)) if before == lowest => Some((lowest, at)),
            (Some((before, at)), Some(lowest)) => Some((lowest, if came(&before) { now } else { at })),
        };
    }

    /// The refused branch that a header continues, if it was refused a short while ago.
    fn refused_before(&self, now: Time, parent: &BlockId) -> Option<&RefusedEnd> {
        self.refused.iter().find(|refused| refused.end == *parent && refused.is_fresh(now))
    }

    /// Remembers a refused branch, in place of the one that it continues.
    fn refuse(&mut self, mut end: RefusedEnd, parent: &BlockId) {
        // It is remembered no longer than the branch that it continues would be.
        end.at = self.refused.iter().find(|refused| refused.end == *parent).map_or(end.at, |before| before.at);
        self.refused.retain(|refused| refused.end != *parent && refused.end != end.end);
        self.refused.push_back(end);
        if self.refused.len() > REFUSED_ENDS_MAX {
            self.refused.pop_front();
        }
    }

    /// The last headers of refused branches, for the head of a locator. With them no peer sends again the headers
    /// that lead there.
    pub(crate) fn refused_ends(&self, now: Time) -> impl Iterator<Item = BlockId> {
        self.refused.iter().rev().filter(move |refused| refused.is_fresh(now)).map(|refused| refused.end)
    }

    /// How many refused branches are remembered.
    pub(crate) fn refused_len(&self) -> usize {
        self.refused.len()
    }
}

impl RefusedEnd {
    fn is_fresh(&self, now: Time) -> bool {
        now.since(self.at) < REFUSED_ENDS_LIFETIME
    }
}

impl Gossip {
    /// Whether a higher block is known or told, and what prevents the node from reaching it. `None` if the node is
    /// in step with its peers. Takes time proportional to the number of peers.
    #[must_use]
    pub fn behind(&self, now: Time) -> Option<Behind> {
        let (tip, best_header, told) = (self.tip().height, self.chain.best_header().height, self.told());
        if best_header.max(told) <= tip {
            return None;
        }
        let quiet = self.watch.since.map_or(Duration::ZERO, |since| now.since(since));
        let cause = if quiet < BEHIND_AFTER { Cause::CatchingUp } else { self.cause() };
        Some(Behind { tip, best_header, told, quiet, cause })
    }

    /// The height that the network has reached, as far as this node can tell: see the head of the file. Never
    /// below the tip.
    #[must_use]
    pub fn best_known(&self, now: Time) -> Height {
        let fed = self.watch.awaited.is_some_and(|(_, at)| now.since(at) < BODIES_AWAITED);
        let tip = self.tip().height;
        if fed { self.chain.best_header().height.max(tip) } else { tip }
    }

    /// Whether a producer should make a block now.
    ///
    /// # Errors
    /// Says why not. Waiting helps.
    pub fn may_produce(&self, now: Time) -> Result<(), Hold> {
        let (tip, best_known) = (self.tip().height, self.best_known(now));
        if best_known > tip {
            return Err(Hold::Behind { tip, best_known });
        }
        let told = self.told();
        let hearing = self.watch.met.is_some_and(|met| now.since(met) < HEARING);
        if hearing && told > self.chain.best_header().height {
            return Err(Hold::Hearing { told });
        }
        Ok(())
    }

    /// A peer said Hello.
    pub(crate) fn met_peer(&mut self, now: Time) {
        self.watch.met.get_or_insert(now);
    }

    /// A peer told of its tip, or of a block that it holds.
    pub(crate) fn hear_of_tip(&mut self, now: Time, from: PeerHandle, tip: Tip) {
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.chain.told_tip(tip);
            self.watch.told(now, tip.height, self.chain.tip().height);
        }
    }

    /// The tip has moved, or a peer that told of more has disconnected.
    pub(crate) fn watch_again(&mut self, now: Time, moved: bool) {
        let more = self.chain.best_header().height.max(self.told()) > self.tip().height;
        self.watch.since = if moved { Some(now) } else { self.watch.since }.filter(|_| more);
    }

    /// At the end of an input: notes which block is awaited.
    pub(crate) fn watch_bodies(&mut self, now: Time) {
        let lowest = self.chain.missing().next().copied();
        let chain = &self.chain;
        self.watch.awaits(now, lowest, |before| chain.is_connected(before));
    }

    /// Headers of a peer's branch were refused, from the first of these to the last. False if they may be accepted
    /// the next time; then nothing is remembered.
    pub(crate) fn refuse_branch(
        &mut self,
        now: Time,
        from: PeerHandle,
        headers: &[SignedHeader],
        refusal: &Refusal,
    ) -> bool {
        let (Some(first), Some(last)) = (headers.first(), headers.last()) else { return false };
        let fields = first.header();
        let again = self.is_refused_branch(now, first);
        // These refusals depend on what came before, and say nothing of the branch. For example, blocks of the
        // best chain below the lowest remembered height are refused as too old. If one of them stood at the head
        // of a locator, honest peers would start there, whichever peer sent it here.
        let may_change = matches!(
            refusal,
            Refusal::UnknownParent | Refusal::HeadersFull | Refusal::TooManyAtHeight | Refusal::TooOld
        );
        if may_change && !again {
            return false;
        }
        // For a branch that was refused before, the first reason is kept. The reason now is only that its parent
        // is missing.
        let (producer, height, refusal) = match self.watch.refused_before(now, &fields.parent) {
            Some(before) => (before.producer, before.height, before.refusal.clone()),
            None => (fields.producer, fields.height, refusal.clone()),
        };
        if let Some(peer) = self.peers.get_mut(&from) {
            let before = peer.chain.refused().map_or(0, |before| before.count);
            let count = before.saturating_add(headers.len() as u64);
            let refusal = refusal.clone();
            peer.chain.refuse(RefusedBranch { producer, height, refusal, count });
        }
        self.watch.refuse(RefusedEnd { end: last.id(), producer, height, refusal, at: now }, &fields.parent);
        true
    }

    /// Whether a header continues a branch that was refused a short while ago.
    pub(crate) fn is_refused_branch(&self, now: Time, header: &SignedHeader) -> bool {
        self.watch.refused_before(now, &header.header().parent).is_some()
    }

    /// The highest tip that a peer tells.
    fn told(&self) -> Height {
        let told = self.peers.iter().filter(|(_, peer)| peer.ready).filter_map(|(_, peer)| peer.chain.tip());
        told.map(|tip| tip.height).max().unwrap_or_default()
    }

    fn cause(&self) -> Cause {
        let tip = self.tip().height;
        let lowest = self.chain.missing().next().filter(|_| self.chain.best_header().height > tip);
        if let Some(lowest) = lowest {
            let height = self.chain.height_of(lowest).unwrap_or_default();
            let further = self.peers.iter().map(|(_, peer)| peer);
            let mut further = further
                .filter(|peer| peer.ready && peer.chain.tip().is_some_and(|tip| tip.height >= height))
                .peekable();
            let nobody = further.peek().is_none();
            let kept_from = further.map(|peer| peer.chain.known_to_have_from()).min().unwrap_or_default();
            return if nobody || kept_from <= height { Cause::NoBodies } else { Cause::Pruned { kept_from } };
        }
        let further = self.peers.iter().map(|(_, peer)| peer);
        let further = further.filter(|peer| peer.ready && peer.chain.tip().is_some_and(|told| told.height > tip));
        // A reason that is only "refused before" says less than the first reason.
        let refused = further.filter_map(|peer| peer.chain.refused());
        match refused.max_by_key(|refused| (refused.refusal != Refusal::RejectedBefore, refused.count)) {
            Some(refused) => Cause::Refused {
                count: refused.count,
                producer: refused.producer,
                height: refused.height,
                refusal: refused.refusal.clone(),
            },
            None => Cause::NoHeaders,
        }
    }
}
