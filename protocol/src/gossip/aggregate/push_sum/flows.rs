//! What went over one link, and what that means for a member's mass. All numbers are integers. To split a mass
//! loses nothing: what is not sent stays.
//!
//! Weight lies at two ends, the high end and the low end of the gauge's range. A member in the middle of the range
//! has half of its weight at either end. So both parts of an honest flow only grow, whatever the values are, and
//! the average is where the two balance.

use core::ops::Add;

use crate::limits::NET_FLOW_MAX;
use crate::wire::message::Flow;

/// What a member has. If one of them is negative, the member is overdrawn.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Mass {
    /// As in a flow.
    pub high: i128,
    /// As in a flow.
    pub low: i128,
}

/// The sums of what went over a link in each direction.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LinkFlows {
    /// What this member sent.
    pub sent: Flow,
    /// What it has heard that the other one sent.
    pub heard: Flow,
}

/// The rule that a message breaks. Nothing was changed by it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Refused {
    /// One of the sums grew, and the other became less.
    #[error("a sum of what a link brought became less")]
    Shrunk,
    /// The link brought more than [`NET_FLOW_MAX`] beyond what went the other way.
    #[error("a link brought more weight than it may")]
    Weight,
    /// The lowest value is above the highest, or the highest above the range.
    #[error("the lowest and highest value are not those of values in the range")]
    Extremes,
}

impl LinkFlows {
    /// What the link changes in this member's mass.
    #[must_use]
    pub fn net(&self) -> Mass {
        let net = |heard: u64, sent: u64| i128::from(heard) - i128::from(sent);
        Mass { high: net(self.heard.high, self.sent.high), low: net(self.heard.low, self.sent.low) }
    }

    /// What may be sent now. The other end has sent at least what was heard of it, so it can never find more than
    /// [`NET_FLOW_MAX`] beyond what it sent itself.
    #[must_use]
    pub fn room(&self) -> Flow {
        let room = |net: i128, sent: u64| {
            let bound = i128::from(NET_FLOW_MAX) + net;
            u64::try_from(bound).unwrap_or_default().min(u64::MAX - sent)
        };
        let net = self.net();
        Flow { high: room(net.high, self.sent.high), low: room(net.low, self.sent.low) }
    }

    /// Sends one of this number of equal parts of a mass. If there is not room for it, it sends less of both, so
    /// that what is sent has the mass's average. It sends nothing of a mass that is overdrawn.
    pub fn send(&mut self, mass: Mass, parts: u64) {
        let Some(mass) = mass.positive() else { return };
        let part = |whole: u64| whole.checked_div(parts).unwrap_or_default();
        let (wanted, room) = (Flow { high: part(mass.high), low: part(mass.low) }, self.room());
        // Each is cut to its own room, and to what the other's room leaves of it.
        let high = wanted.high.min(room.high).min(scaled(wanted.high, room.low, wanted.low));
        let low = wanted.low.min(room.low).min(scaled(wanted.low, room.high, wanted.high));
        self.sent.high = self.sent.high.saturating_add(high);
        self.sent.low = self.sent.low.saturating_add(low);
    }

    /// Takes what the other end says that it sent in all. Whether that is new. Sums that are both no larger than
    /// those that are known come from an older message.
    ///
    /// # Errors
    /// Says which rule is broken. Nothing has changed.
    pub fn hear(&mut self, total: Flow) -> Result<bool, Refused> {
        if total.high <= self.heard.high && total.low <= self.heard.low {
            return Ok(false);
        }
        if total.high < self.heard.high || total.low < self.heard.low {
            return Err(Refused::Shrunk);
        }
        let too_much = |total: u64, sent: u64| u128::from(total) > u128::from(sent) + u128::from(NET_FLOW_MAX);
        if too_much(total.high, self.sent.high) || too_much(total.low, self.sent.low) {
            return Err(Refused::Weight);
        }
        self.heard = total;
        Ok(true)
    }
}

impl Flow {
    /// The weight at both ends. Sums of 64 bits each, so it has 65.
    #[must_use]
    pub fn weight(&self) -> u128 {
        u128::from(self.high) + u128::from(self.low)
    }
}

impl Mass {
    /// The mass, unless it is overdrawn.
    #[must_use]
    pub fn positive(self) -> Option<Flow> {
        Some(Flow { high: u64::try_from(self.high).ok()?, low: u64::try_from(self.low).ok()? })
    }
}

impl From<Flow> for Mass {
    fn from(flow: Flow) -> Self {
        Self { high: i128::from(flow.high), low: i128::from(flow.low) }
    }
}

impl Add for Mass {
    type Output = Self;

    /// Sums over 1,024 links stay below 2^75.
    fn add(self, other: Self) -> Self {
        Self { high: self.high + other.high, low: self.low + other.low }
    }
}

/// `number * part / whole`, rounded down; the number itself if the whole is zero or less than the part.
fn scaled(number: u64, part: u64, whole: u64) -> u64 {
    if part >= whole {
        return number;
    }
    let scaled = (u128::from(number) * u128::from(part)).checked_div(u128::from(whole));
    scaled.and_then(|scaled| u64::try_from(scaled).ok()).unwrap_or(number)
}
