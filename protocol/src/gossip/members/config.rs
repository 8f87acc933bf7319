//! All parameters of membership, and presets for a LAN and for a WAN. The names are memberlist's, with hyphens
//! where a person types them (`probe-interval` for [`MembersConfig::probe_interval`]).
//!
//! What follows from a parameter and the number of members is here too: how often a message is sent, how long a
//! suspicion lasts at least and at most, and how far apart push-pulls are.
//!
//! The presets differ in how often members are probed and how long an answer is waited for. All else is alike,
//! because the spread of news does not depend on the delay of a link. memberlist's WAN preset also gossips and
//! synchronises less often. This one does not: news travels in frames to peers, and costs nothing while there is
//! none.
//!
//! Deliberately absent: reading a command line or a file, and bounds that nobody may set (`limits.rs`).

use core::fmt;
use core::str::FromStr;

use super::estimates::logarithm::{Fixed, log2_up, log10, log10_up};
use crate::limits::{ENTRIES_NEWS_MIN, ENTRIES_NEWS_PER_MEMBER, ENTRIES_SIGNED_EVERY, MEMBERS_MAX};
use crate::time::Duration;

/// The parameters of membership. [`MembersConfig::validate`] says which values are allowed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembersConfig {
    /// `ping-interval`: from one ping of an idle link to the next. A link on which frames arrive needs none. 5 s,
    /// or 1 s on a LAN. (memberlist's `ProbeInterval`: it has no links, and probes everybody in this way.)
    pub ping_interval: Duration,
    /// `probe-interval`: from one probe of a member that is no peer to the next. All such members take their turn.
    /// A probe is a short dial, so it is less frequent than a ping: 30 s, or 5 s on a LAN.
    pub probe_interval: Duration,
    /// `probe-timeout`: how long the answer to a ping is waited for, while this node is healthy; three times as long
    /// for a dial. 3 s, or 0.5 s on a LAN: memberlist's `ProbeTimeout`.
    pub probe_timeout: Duration,
    /// `indirect-checks`: the number of members that are asked to try as well, when a probe got no answer. 3:
    /// memberlist's `IndirectChecks`.
    pub indirect_checks: u8,
    /// `suspicion-mult`: how long a suspicion lasts at least, in multiples of log10(N+1) seconds. 4: memberlist's
    /// `SuspicionMult`.
    pub suspicion_mult: u8,
    /// `suspicion-max-timeout-mult`: how long a suspicion lasts at most, in multiples of the least duration. 6:
    /// memberlist's `SuspicionMaxTimeoutMult`.
    pub suspicion_max_timeout_mult: u8,
    /// `retransmit-mult`: how often a piece of news is sent, in multiples of log10(N+1) rounded up. 4:
    /// memberlist's `RetransmitMult`.
    pub retransmit_mult: u8,
    /// `gossip-interval`: from one sending of news to the next, while there is news. 200 ms: memberlist's
    /// `GossipInterval` for a LAN.
    pub gossip_interval: Duration,
    /// `gossip-nodes`: the number of random peers to which news is sent each time. 3: memberlist's `GossipNodes`
    /// for a LAN.
    pub gossip_nodes: u8,
    /// `gossip-to-the-dead`: for how long news is still sent to a member that was found dead, so that it can
    /// refute. Zero for not at all. 30 s: memberlist's `GossipToTheDeadTime` for a LAN.
    pub gossip_to_the_dead: Duration,
    /// `push-pull-interval`: from one push-pull to the next, for up to 32 members; see
    /// [`MembersConfig::push_pull_after`]. 30 s: memberlist's `PushPullInterval` for a LAN.
    pub push_pull_interval: Duration,
    /// `awareness-max-multiplier`: the highest awareness. Timeouts are multiplied by awareness + 1, so by 9 at
    /// most. 8: S in Lifeguard's paper (arXiv 1707.00788). memberlist's `AwarenessMaxMultiplier` stops one
    /// earlier.
    pub awareness_max_multiplier: u8,
    /// `forget-after`: how long a dead member is remembered, and tried again. 7 days. At least 4, because a record
    /// is accepted until 3 days after its time, which may lie a day ahead. Otherwise an old record could bring a
    /// forgotten member back to life.
    pub forget_after: Duration,
    /// `members-budget`: the bytes of news a second that one link may bring, and is sent: 512.
    pub members_budget: u32,
    /// `members-max`: the most members that are known. 16,384.
    pub members_max: u32,
    /// `detector`: what makes a watcher suspect its peer.
    pub detector: Detector,
}

/// The default of [`MembersConfig::members_budget`].
const MEMBERS_BUDGET: u32 = 512;

/// What makes a watcher suspect its peer. It is spelled `swim`, `phi` or, with a threshold, `phi:12`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Detector {
    /// Pings without an answer: Das, Gupta, Motivala, "SWIM" (DSN 2002).
    #[default]
    Swim,
    /// Phi is over this threshold: 1 to 16. Hayashibara and others, "The φ accrual failure detector" (SRDS 2004).
    Phi(u8),
}

/// Cassandra's `phi_convict_threshold`.
pub const PHI_THRESHOLD: u8 = 8;

/// Up to this number of members, the push-pull interval is as configured. memberlist's `pushPullScaleThreshold`.
pub const PUSH_PULL_SCALE_MEMBERS: u64 = 32;

/// What `suspicion-mult` and the logarithm multiply. (memberlist takes the probe interval, which is a second on a
/// LAN.)
pub const SUSPICION_UNIT: Duration = Duration::from_secs(1);

/// A spelling that names no detector.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "the detectors are swim and phi; for another threshold than {PHI_THRESHOLD}, write phi:12, with a number \
     from 1 to {PHI_THRESHOLD_MOST}"
)]
pub struct DetectorError;

/// Why parameters can't be used.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum MembersConfigError {
    /// A value outside its range.
    #[error("{name} is {found}, and must be from {least} to {most}")]
    OutOfRange {
        /// The parameter.
        name: &'static str,
        /// Its value.
        found: Amount,
        /// The least value that is allowed.
        least: Amount,
        /// The greatest value that is allowed.
        most: Amount,
    },
    /// An answer could come after the next question.
    #[error(
        "probe-timeout is {timeout} and {name} is {interval}: set a probe-timeout that is not longer, so that a \
         question is over when the next one is due"
    )]
    TimeoutTooLong {
        /// The timeout.
        timeout: Amount,
        /// The interval that is shorter.
        name: &'static str,
        /// Its value.
        interval: Amount,
    },
}

/// A value, as a person types it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Amount {
    /// A span of time.
    Span(Duration),
    /// A number.
    Count(u32),
}

impl Default for MembersConfig {
    fn default() -> Self {
        Self::wan()
    }
}

impl MembersConfig {
    /// For nodes that are spread over the internet. It is the default.
    #[must_use]
    pub const fn wan() -> Self {
        Self {
            ping_interval: Duration::from_secs(5),
            probe_interval: Duration::from_secs(30),
            probe_timeout: Duration::from_secs(3),
            indirect_checks: 3,
            suspicion_mult: 4,
            suspicion_max_timeout_mult: 6,
            retransmit_mult: 4,
            gossip_interval: Duration::from_millis(200),
            gossip_nodes: 3,
            gossip_to_the_dead: Duration::from_secs(30),
            push_pull_interval: Duration::from_secs(30),
            awareness_max_multiplier: 8,
            forget_after: Duration::from_secs(7 * 86_400),
            members_budget: MEMBERS_BUDGET,
            members_max: MEMBERS_MAX,
            detector: Detector::Swim,
        }
    }

    /// For nodes in one building: members are probed more often, and answers are due sooner.
    #[must_use]
    pub const fn lan() -> Self {
        Self {
            ping_interval: Duration::from_secs(1),
            probe_interval: Duration::from_secs(5),
            probe_timeout: Duration::from_millis(500),
            ..Self::wan()
        }
    }

    /// Whether every value can be used.
    ///
    /// # Errors
    /// Names the first parameter that can't, and what is allowed.
    pub fn validate(&self) -> Result<(), MembersConfigError> {
        for (name, found, least, most) in [
            ("ping-interval", self.ping_interval, TICK_MIN, PING_INTERVAL_LONGEST),
            ("probe-interval", self.probe_interval, TICK_MIN, HOUR),
            ("probe-timeout", self.probe_timeout, TICK_MIN, MINUTE),
            ("gossip-interval", self.gossip_interval, TICK_MIN, MINUTE),
            ("gossip-to-the-dead", self.gossip_to_the_dead, Duration::ZERO, HOUR),
            ("push-pull-interval", self.push_pull_interval, SECOND, HOUR),
            ("forget-after", self.forget_after, FORGET_SOONEST, FORGET_LATEST),
        ] {
            let [shown, from, to] = [found, least, most].map(Amount::Span);
            within(name, shown, from, to, least <= found && found <= most)?;
        }
        let threshold = match self.detector {
            Detector::Swim => PHI_THRESHOLD,
            Detector::Phi(threshold) => threshold,
        };
        for (name, found, least, most) in [
            ("indirect-checks", u32::from(self.indirect_checks), 0, 16),
            ("suspicion-mult", u32::from(self.suspicion_mult), 1, 64),
            ("suspicion-max-timeout-mult", u32::from(self.suspicion_max_timeout_mult), 1, 64),
            ("retransmit-mult", u32::from(self.retransmit_mult), 1, 64),
            ("gossip-nodes", u32::from(self.gossip_nodes), 1, 64),
            ("awareness-max-multiplier", u32::from(self.awareness_max_multiplier), 0, 64),
            ("members-budget", self.members_budget, BUDGET_LEAST, BUDGET_MOST),
            ("members-max", self.members_max, 2, MEMBERS_MAX),
            ("the threshold of phi", u32::from(threshold), 1, u32::from(PHI_THRESHOLD_MOST)),
        ] {
            let [shown, from, to] = [found, least, most].map(Amount::Count);
            within(name, shown, from, to, least <= found && found <= most)?;
        }
        self.validate_timeout()
    }

    /// How often a piece of news is sent, with this number of members: `retransmit-mult` × ⌈log10(N+1)⌉, as
    /// memberlist's `retransmitLimit`.
    #[must_use]
    pub fn retransmits(&self, members: usize) -> u32 {
        u32::from(self.retransmit_mult).saturating_mul(log10_up(and_one(members)))
    }

    /// How long a suspicion lasts at least, with this number of members: T = `suspicion-mult` × log10(N+1) × 1 s.
    /// A node is a member itself, so N is at least 1. (memberlist's `suspicionTimeout` has log10(N), and at least
    /// 1.)
    #[must_use]
    pub fn suspicion_min(&self, members: usize) -> Duration {
        let scale: Fixed = log10(and_one(members.max(1)));
        scale.of(SUSPICION_UNIT.times(u64::from(self.suspicion_mult)))
    }

    /// How long a suspicion lasts at most: `suspicion-max-timeout-mult` times the least duration.
    #[must_use]
    pub fn suspicion_max(&self, members: usize) -> Duration {
        self.suspicion_min(members).times(u64::from(self.suspicion_max_timeout_mult))
    }

    /// The time from one push-pull to the next, with this number of members. Above 32 members it is longer, so
    /// that all of them together load the network no more than a logarithm: `push-pull-interval` × (⌈log2 N − log2
    /// 32⌉ + 1), as memberlist's `pushPullScale`. So 33 members double it, and 65 triple it.
    #[must_use]
    pub fn push_pull_after(&self, members: usize) -> Duration {
        let members = (members as u64).max(PUSH_PULL_SCALE_MEMBERS);
        let steps = log2_up(members).saturating_sub(log2_up(PUSH_PULL_SCALE_MEMBERS));
        self.push_pull_interval.times(u64::from(steps) + 1)
    }

    /// The time from one change of a member's entries that is news to the next, with this number of members. So the
    /// changes of all members together fit into `members-budget`: a budget that is larger makes it shorter, in
    /// proportion. It is never shorter than [`ENTRIES_SIGNED_EVERY`].
    #[must_use]
    pub fn entries_news_after(&self, members: usize) -> Duration {
        let pause = ENTRIES_NEWS_PER_MEMBER.times(members as u64).max(ENTRIES_NEWS_MIN);
        let budget = u64::from(self.members_budget.max(1));
        pause.times(u64::from(MEMBERS_BUDGET)).divided_by(budget).max(ENTRIES_SIGNED_EVERY)
    }

    fn validate_timeout(&self) -> Result<(), MembersConfigError> {
        let timeout = Amount::Span(self.probe_timeout);
        for (name, span) in [("ping-interval", self.ping_interval), ("probe-interval", self.probe_interval)] {
            if self.probe_timeout > span {
                return Err(MembersConfigError::TimeoutTooLong { timeout, name, interval: Amount::Span(span) });
            }
        }
        Ok(())
    }
}

impl FromStr for Detector {
    type Err = DetectorError;

    fn from_str(text: &str) -> Result<Self, DetectorError> {
        let threshold = match text {
            "swim" => return Ok(Self::Swim),
            "phi" => return Ok(Self::Phi(PHI_THRESHOLD)),
            _ => text.strip_prefix("phi:").ok_or(DetectorError)?,
        };
        // The standard parser would accept a sign.
        let digits = threshold.bytes().all(|byte| byte.is_ascii_digit());
        let threshold = threshold.parse().ok().filter(|threshold| (1..=PHI_THRESHOLD_MOST).contains(threshold));
        threshold.filter(|_| digits).map(Self::Phi).ok_or(DetectorError)
    }
}

impl fmt::Display for Detector {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Swim => f.write_str("swim"),
            Self::Phi(PHI_THRESHOLD) => f.write_str("phi"),
            Self::Phi(threshold) => write!(f, "phi:{threshold}"),
        }
    }
}

impl fmt::Display for Amount {
    /// In the largest unit that gives a whole number.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let micros = match self {
            Self::Count(number) => return write!(f, "{number}"),
            Self::Span(span) => span.as_micros(),
        };
        let units = [("d", DAY), ("h", HOUR), ("m", MINUTE), ("s", SECOND), ("ms", Duration::from_millis(1))];
        match units.iter().find(|(_, unit)| micros > 0 && micros.is_multiple_of(unit.as_micros())) {
            Some((name, unit)) => write!(f, "{}{name}", micros / unit.as_micros()),
            None if micros == 0 => f.write_str("0s"),
            None => write!(f, "{micros}us"),
        }
    }
}

const SECOND: Duration = Duration::from_secs(1);
const MINUTE: Duration = SECOND.times(60);
const HOUR: Duration = MINUTE.times(60);
const DAY: Duration = HOUR.times(24);

/// No timer is set for less than this time. It is the shortest round that rumor mongering allows as well.
const TICK_MIN: Duration = Duration::from_millis(10);

/// Twice this interval still fits into the 32 bits in which the accrual detector keeps microseconds.
const PING_INTERVAL_LONGEST: Duration = MINUTE.times(10);

const FORGET_SOONEST: Duration = DAY.times(4);
const FORGET_LATEST: Duration = DAY.times(365);

/// About one accusation in two seconds.
const BUDGET_LEAST: u32 = 64;

/// 1 MiB/s: far more than a network of the largest size has to tell.
const BUDGET_MOST: u32 = 1024 * 1024;

/// Cassandra advises thresholds from 5 to 12, and accepts up to 16.
const PHI_THRESHOLD_MOST: u8 = 16;

fn within(
    name: &'static str,
    found: Amount,
    least: Amount,
    most: Amount,
    allowed: bool,
) -> Result<(), MembersConfigError> {
    if allowed { Ok(()) } else { Err(MembersConfigError::OutOfRange { name, found, least, most }) }
}

fn and_one(members: usize) -> u64 {
    (members as u64).saturating_add(1)
}
