//! What one peer tells of its chain: its tip, the branch that it is on, which bodies it has, and when to ask it
//! for headers. Nobody has checked what it tells. Deliberately absent: which requests are made, which is in
//! `header_requests` and `catch_up`.

use alloc::boxed::Box;

use crate::items::hash::BlockId;
use crate::items::keys::PublicKey;
use crate::items::refusal::Refusal;
use crate::items::transaction::Height;
use crate::limits::{CATCH_UP_INTERVAL_MAX, GETHEADERS_INTERVAL, KEPT_DEPTH_MIN};
use crate::time::{Duration, Time};
use crate::wire::message::Tip;

/// What is told of one peer's chain.
#[derive(Debug)]
pub(crate) struct TheirChain {
    /// The highest tip that it told.
    tip: Option<Tip>,
    /// The lowest height from which on it claims to keep bodies.
    kept_from: Height,
    /// It had no body for this height, far below its tip. Bodies of lower heights are not asked of it until the
    /// given time.
    lacked: Option<(Height, Time)>,
    /// What was refused of the branch that it is on.
    pub(super) refused: Option<Box<RefusedBranch>>,
    /// When it was last asked for headers, and for how long it is not asked again.
    pub(super) asked: Option<Time>,
    pause: Duration,
    /// What was known when it was asked: the best header, and the last header of its branch.
    asked_knowing: Option<Box<(BlockId, Option<BlockId>)>>,
    /// Whether its last answer had the greatest length, so that more follows.
    pub(super) answered_in_full: bool,
    /// The last header that it told of the branch that it is on.
    pub(super) way: Option<BlockId>,
    /// Whether to ask it for headers as soon as it may be asked.
    pub(super) wanted: bool,
}

/// Headers of a peer's branch that were refused, so that nothing above them can be followed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(crate) struct RefusedBranch {
    /// Of the headers that were refused last: the producer of the first one, and its height.
    pub(crate) producer: PublicKey,
    pub(crate) height: Height,
    /// The reason.
    pub(crate) refusal: Refusal,
    /// How many headers were refused since the peer last brought one that was accepted.
    pub(crate) count: u64,
}

impl Default for TheirChain {
    fn default() -> Self {
        Self {
            tip: None,
            kept_from: 1,
            lacked: None,
            refused: None,
            asked: None,
            pause: GETHEADERS_INTERVAL,
            asked_knowing: None,
            answered_in_full: false,
            way: None,
            wanted: false,
        }
    }
}

impl TheirChain {
    /// The highest tip that it told.
    pub(crate) const fn tip(&self) -> Option<Tip> {
        self.tip
    }

    /// It says from which height on it keeps bodies.
    pub(crate) const fn keeps_from(&mut self, height: Height) {
        self.kept_from = height;
    }

    /// Whether headers are wanted of it.
    pub(crate) const fn is_wanted(&self) -> bool {
        self.wanted
    }

    /// When it may be asked for headers again, if it was asked.
    pub(crate) fn ask_again_at(&self) -> Option<Time> {
        self.asked.map(|at| at + self.pause)
    }

    /// Whether it should have the body of a block at this height.
    pub(crate) fn has_body_at(&self, now: Time, height: Height) -> bool {
        self.tip.is_some_and(|tip| tip.height >= height) && height >= self.has_from(now)
    }

    /// Notes a tip that the peer told, if it is higher than the one before. That is news, because the peer may
    /// have more headers now.
    pub(super) fn told_tip(&mut self, tip: Tip) {
        if self.tip.is_none_or(|known| known.height < tip.height) {
            self.tip = Some(tip);
            // Higher blocks of a refused branch are of no use.
            if self.refused.is_none() {
                self.pause = GETHEADERS_INTERVAL;
            }
        }
    }

    /// Whether it was asked for headers within [`GETHEADERS_INTERVAL`].
    pub(super) fn asked_lately(&self, now: Time) -> bool {
        self.asked_within(now, GETHEADERS_INTERVAL)
    }

    /// Whether it was asked for headers a short while ago, and is not to be asked again yet.
    pub(crate) fn is_paused(&self, now: Time) -> bool {
        self.asked_within(now, self.pause)
    }

    fn asked_within(&self, now: Time, span: Duration) -> bool {
        self.asked.is_some_and(|at| at <= now && now.since(at) < span)
    }

    /// It is asked for headers now.
    pub(super) fn ask(&mut self, now: Time, best: BlockId) {
        self.asked = Some(now);
        self.asked_knowing = Some(Box::new((best, self.way)));
    }

    /// Headers from it, up to this height, are new. It may be asked for more as often as any other peer.
    pub(super) fn brought_headers(&mut self, up_to: Height) {
        self.pause = GETHEADERS_INTERVAL;
        self.is_taken_up_to(up_to);
    }

    /// Its branch is accepted up to a height, so nothing that was refused below prevents following it.
    pub(super) fn is_taken_up_to(&mut self, height: Height) {
        self.refused = self.refused.take().filter(|refused| refused.height > height);
    }

    /// Its answer brought nothing, although it tells of more. The answer was not in vain if others brought the
    /// same meanwhile, or if it led further along the peer's branch.
    pub(super) fn brought_nothing(&mut self, best: BlockId) {
        self.pause = match self.asked_knowing.as_deref() == Some(&(best, self.way)) {
            true => self.pause.times(2).min(CATCH_UP_INTERVAL_MAX),
            false => GETHEADERS_INTERVAL,
        };
        self.wanted = true;
    }

    /// All headers of its answer were refused, and would be refused again.
    pub(super) fn brought_refused(&mut self) {
        self.wanted = true;
        self.pause = CATCH_UP_INTERVAL_MAX;
    }

    /// The lowest height for whose body it is worth asking.
    pub(super) fn has_from(&self, now: Time) -> Height {
        let lacked = self.lacked.filter(|(_, until)| now < *until);
        self.kept_from.max(lacked.map_or(0, |(height, _)| height.saturating_add(1)))
    }

    /// The same, also by answers that were given long ago.
    pub(super) fn known_to_have_from(&self) -> Height {
        self.kept_from.max(self.lacked.map_or(0, |(height, _)| height.saturating_add(1)))
    }

    /// It sent the body of a block at this height.
    pub(super) fn brought_body_at(&mut self, height: Height) {
        self.lacked = self.lacked.filter(|(lacked, _)| *lacked < height);
    }

    /// It lacks the block at this height. Far below its tip this says something of the blocks before it.
    pub(super) fn lacks_body_at(&mut self, now: Time, height: Height) {
        if self.tip.is_some_and(|tip| tip.height >= height.saturating_add(KEPT_DEPTH_MIN)) {
            let before = self.lacked.filter(|(_, until)| now < *until).map_or(0, |(height, _)| height);
            self.lacked = Some((before.max(height), now + CATCH_UP_INTERVAL_MAX));
        }
    }
}
