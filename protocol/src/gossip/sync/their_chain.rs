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
    /// Whether to ask it for headers as soon as it may be asked.
    pub(super) wanted: bool,
    /// Whether its last answer had the greatest length, so that more follows.
    pub(super) answered_in_full: bool,
    /// What came of requests and refusals. `None` until there was one.
    past: Option<Box<Past>>,
}

/// What came of requests to one peer, and of what it told.
#[derive(Debug)]
struct Past {
    /// It had no body for this height, far below its tip. Bodies of lower heights are not asked of it until the
    /// given time.
    lacked: Option<(Height, Time)>,
    /// What was refused of the branch that it is on.
    refused: Option<Box<RefusedBranch>>,
    /// When it was last asked for headers, and for how long it is not asked again.
    asked: Option<Time>,
    pause: Duration,
    /// What was known when it was asked: the best header, and the last header of its branch.
    asked_knowing: Option<Box<(BlockId, Option<BlockId>)>>,
    /// The last header that it told of the branch that it is on.
    way: Option<BlockId>,
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
        Self { tip: None, kept_from: 1, wanted: false, answered_in_full: false, past: None }
    }
}

impl Default for Past {
    fn default() -> Self {
        let pause = GETHEADERS_INTERVAL;
        Self { lacked: None, refused: None, asked: None, pause, asked_knowing: None, way: None }
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
        self.past.as_ref().and_then(|past| Some(past.asked? + past.pause))
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
            if let Some(past) = self.past.as_mut().filter(|past| past.refused.is_none()) {
                past.pause = GETHEADERS_INTERVAL;
            }
        }
    }

    /// Whether it was asked for headers within [`GETHEADERS_INTERVAL`].
    pub(super) fn asked_lately(&self, now: Time) -> bool {
        self.asked_within(now, GETHEADERS_INTERVAL)
    }

    /// Whether it was asked for headers a short while ago, and is not to be asked again yet.
    pub(crate) fn is_paused(&self, now: Time) -> bool {
        self.past.as_ref().is_some_and(|past| self.asked_within(now, past.pause))
    }

    fn asked_within(&self, now: Time, span: Duration) -> bool {
        self.asked().is_some_and(|at| at <= now && now.since(at) < span)
    }

    /// When it was last asked for headers.
    pub(super) fn asked(&self) -> Option<Time> {
        self.past.as_ref()?.asked
    }

    /// It may be asked for headers at once.
    pub(super) fn forget_asked(&mut self) {
        if let Some(past) = &mut self.past {
            past.asked = None;
        }
    }

    /// The last header that it told of the branch that it is on.
    pub(super) fn way(&self) -> Option<BlockId> {
        self.past.as_ref()?.way
    }

    /// It told this header of the branch that it is on.
    pub(super) fn told_way(&mut self, id: BlockId) {
        self.past().way = Some(id);
    }

    /// What was refused of the branch that it is on.
    pub(super) fn refused(&self) -> Option<&RefusedBranch> {
        self.past.as_ref()?.refused.as_deref()
    }

    /// This was refused of the branch that it is on.
    pub(super) fn refuse(&mut self, refused: RefusedBranch) {
        self.past().refused = Some(Box::new(refused));
    }

    /// It is asked for headers now.
    pub(super) fn ask(&mut self, now: Time, best: BlockId) {
        let past = self.past();
        past.asked = Some(now);
        past.asked_knowing = Some(Box::new((best, past.way)));
    }

    /// Headers from it, up to this height, are new. It may be asked for more as often as any other peer.
    pub(super) fn brought_headers(&mut self, up_to: Height) {
        if let Some(past) = &mut self.past {
            past.pause = GETHEADERS_INTERVAL;
        }
        self.is_taken_up_to(up_to);
    }

    /// Its branch is accepted up to a height, so nothing that was refused below prevents following it.
    pub(super) fn is_taken_up_to(&mut self, height: Height) {
        if let Some(past) = &mut self.past {
            past.refused.take_if(|refused| refused.height <= height);
        }
    }

    /// Its answer brought nothing, although it tells of more. The answer was not in vain if others brought the
    /// same meanwhile, or if it led further along the peer's branch.
    pub(super) fn brought_nothing(&mut self, best: BlockId) {
        let past = self.past();
        past.pause = match past.asked_knowing.as_deref() == Some(&(best, past.way)) {
            true => past.pause.times(2).min(CATCH_UP_INTERVAL_MAX),
            false => GETHEADERS_INTERVAL,
        };
        self.wanted = true;
    }

    /// All headers of its answer were refused, and would be refused again.
    pub(super) fn brought_refused(&mut self) {
        self.wanted = true;
        self.past().pause = CATCH_UP_INTERVAL_MAX;
    }

    /// The lowest height for whose body it is worth asking.
    pub(super) fn has_from(&self, now: Time) -> Height {
        let lacked = self.lacked().filter(|(_, until)| now < *until);
        self.kept_from.max(lacked.map_or(0, |(height, _)| height.saturating_add(1)))
    }

    /// The same, also by answers that were given long ago.
    pub(super) fn known_to_have_from(&self) -> Height {
        self.kept_from.max(self.lacked().map_or(0, |(height, _)| height.saturating_add(1)))
    }

    /// It sent the body of a block at this height.
    pub(super) fn brought_body_at(&mut self, height: Height) {
        if let Some(past) = &mut self.past {
            past.lacked = past.lacked.filter(|(lacked, _)| *lacked < height);
        }
    }

    /// It lacks the block at this height. Far below its tip this says something of the blocks before it.
    pub(super) fn lacks_body_at(&mut self, now: Time, height: Height) {
        if self.tip.is_some_and(|tip| tip.height >= height.saturating_add(KEPT_DEPTH_MIN)) {
            let before = self.lacked().filter(|(_, until)| now < *until).map_or(0, |(height, _)| height);
            self.past().lacked = Some((before.max(height), now + CATCH_UP_INTERVAL_MAX));
        }
    }

    fn lacked(&self) -> Option<(Height, Time)> {
        self.past.as_ref()?.lacked
    }

    fn past(&mut self) -> &mut Past {
        self.past.get_or_insert_default()
    }
}
