//! The relay policies: which there are, what can be set, and how they are spelled. What they do is in the files
//! beside this one.
//!
//! A spelling is a name, and, for some policies, settings after a colon:
//! `rumor:fanout=4,round=200ms,nodes=50,feedback=off`, `author-tree:redundancy=0.5`. Settings that are left out
//! have their defaults. What [`fmt::Display`] writes parses back.
//!
//! Reconciliation brings what relay misses. How often two nodes compare what they hold, and in which direction, is
//! set here too.

use core::fmt;
use core::str::FromStr;

use crate::limits::{REDUNDANCY_MAX, RUMOR_FANOUT_MAX, RUMOR_ROUND_MAX, RUMOR_ROUND_MIN};
use crate::time::Duration;
pub use crate::wire::message::Digest;

/// How items travel. It is one value in a node's configuration, so that policies can run side by side and be
/// compared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum RelayPolicy {
    /// Announce to all, and send the body when asked: the least bandwidth.
    Announce,
    /// Push the body to every peer that lacks it: the least latency.
    Flood,
    /// Push the body to a few random peers in each round, for a while: rumor mongering.
    Rumor(Rumor),
    /// Push along the tree learned for each author, and announce on every other link: both at once.
    AuthorTree(AuthorTree),
    /// Tell no peer: items spread by reconciliation alone.
    None,
}

/// How a node reconciles its mempool and tip with its peers': anti-entropy, after Demers and others (1987).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Reconciliation {
    /// The average time from one conversation with a random peer to the next; zero for never. Without
    /// reconciliation a new peer is told of the whole mempool, and nothing repairs what is lost later.
    pub interval: Duration,
    /// In which direction items go in the conversations that this node begins.
    pub digest: Digest,
}

impl Default for Reconciliation {
    /// Each second, in both directions.
    fn default() -> Self {
        Self { interval: Duration::from_secs(1), digest: Digest::default() }
    }
}

impl Reconciliation {
    /// No reconciliation.
    pub const OFF: Self = Self { interval: Duration::ZERO, digest: Digest::PushPull };

    /// Whether there is any reconciliation.
    #[must_use]
    pub fn is_on(&self) -> bool {
        self.interval > Duration::ZERO
    }
}

impl FromStr for Digest {
    type Err = DigestError;

    fn from_str(text: &str) -> Result<Self, DigestError> {
        match text {
            "push" => Ok(Self::Push),
            "pull" => Ok(Self::Pull),
            "push-pull" => Ok(Self::PushPull),
            _ => Err(DigestError),
        }
    }
}

impl fmt::Display for Digest {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Push => "push",
            Self::Pull => "pull",
            Self::PushPull => "push-pull",
        })
    }
}

/// A spelling that names no digest.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("the digests are push, pull and push-pull")]
pub struct DigestError;

/// The settings of author trees.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AuthorTree {
    /// How many surplus bodies a node wants for each useful one. Duplicates are what resilience costs.
    pub redundancy: Redundancy,
}

/// Duplicates for each first-time item, in hundredths: 0 to [`REDUNDANCY_MAX`].
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct Redundancy(u16);

/// The settings of rumor mongering: Demers and others, "Epidemic algorithms for replicated database maintenance"
/// (1987). If a value is outside its bounds, the engine uses the nearest one within.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Rumor {
    /// The number of peers to which a hot transaction is pushed in a round: 1 to [`RUMOR_FANOUT_MAX`].
    pub fanout: u8,
    /// From one round to the next, in whole milliseconds: [`RUMOR_ROUND_MIN`] to [`RUMOR_ROUND_MAX`].
    pub round: Duration,
    /// The number of nodes that the network is expected to have, at least 1. It decides how often a transaction is
    /// sent.
    pub nodes: u32,
    /// Whether a transaction cools when most of the peers to which it was last pushed had it already.
    pub feedback: bool,
}

impl Default for Rumor {
    /// The classic form: 3 peers a second, until 1,000 nodes should know it, with feedback.
    fn default() -> Self {
        Self { fanout: 3, round: Duration::from_secs(1), nodes: 1_000, feedback: true }
    }
}

/// Why a spelling names no relay policy.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum RelayPolicyError {
    /// No policy has this name.
    #[error(
        "the policies are author-tree, announce, flood, rumor and none; with settings, write {TREE_EXAMPLE} or {EXAMPLE}"
    )]
    UnknownPolicy,
    /// Something after the colon that is not a setting.
    #[error("the settings of rumor are fanout, round, nodes and feedback: write {EXAMPLE}")]
    UnknownSetting,
    /// Something after the colon that is not a setting of author trees.
    #[error("the setting of author-tree is redundancy: write {TREE_EXAMPLE}")]
    UnknownTreeSetting,
    /// A redundancy outside its bounds.
    #[error("the redundancy must be a number from 0 to 2 with at most two decimals")]
    Redundancy,
    /// A setting that is given more than once.
    #[error("{0} is set more than once: write {EXAMPLE}")]
    Repeated(&'static str),
    /// A fanout outside its bounds.
    #[error("the fanout must be a number from 1 to {RUMOR_FANOUT_MAX}")]
    Fanout,
    /// A round outside its bounds, or without a unit.
    #[error("the round must be a whole number of s or ms, from 10ms to 60s")]
    Round,
    /// A number of nodes outside its bounds.
    #[error("nodes must be a number from 1 to {}", u32::MAX)]
    Nodes,
    /// A feedback that is neither on nor off.
    #[error("feedback must be on or off")]
    Feedback,
}

/// Every setting, spelled out.
const EXAMPLE: &str = "rumor:fanout=3,round=1s,nodes=1000,feedback=on";
const TREE_EXAMPLE: &str = "author-tree:redundancy=0.5";

impl Default for RelayPolicy {
    fn default() -> Self {
        Self::AuthorTree(AuthorTree::default())
    }
}

impl RelayPolicy {
    /// The policy that `text` spells. The network has `nodes` nodes, unless the spelling names another number.
    ///
    /// # Errors
    /// Says what is wrong with the spelling.
    pub fn parse(text: &str, nodes: u32) -> Result<Self, RelayPolicyError> {
        match text {
            "announce" => Ok(Self::Announce),
            "flood" => Ok(Self::Flood),
            "rumor" => Ok(Self::Rumor(Rumor { nodes: nodes.max(1), ..Rumor::default() })),
            "author-tree" => Ok(Self::AuthorTree(AuthorTree::default())),
            "none" => Ok(Self::None),
            _ => match text.split_once(':') {
                Some(("rumor", settings)) => Rumor::parse(settings, nodes).map(Self::Rumor),
                Some(("author-tree", settings)) => AuthorTree::parse(settings).map(Self::AuthorTree),
                _ => Err(RelayPolicyError::UnknownPolicy),
            },
        }
    }
}

impl FromStr for RelayPolicy {
    type Err = RelayPolicyError;

    fn from_str(text: &str) -> Result<Self, RelayPolicyError> {
        Self::parse(text, Rumor::default().nodes)
    }
}

impl fmt::Display for RelayPolicy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Announce => f.write_str("announce"),
            Self::Flood => f.write_str("flood"),
            Self::None => f.write_str("none"),
            Self::Rumor(rumor) => write!(f, "rumor:{rumor}"),
            Self::AuthorTree(AuthorTree { redundancy: Redundancy(0) }) => f.write_str("author-tree"),
            Self::AuthorTree(AuthorTree { redundancy }) => write!(f, "author-tree:redundancy={redundancy}"),
        }
    }
}

impl AuthorTree {
    fn parse(settings: &str) -> Result<Self, RelayPolicyError> {
        let value = settings.strip_prefix("redundancy=").ok_or(RelayPolicyError::UnknownTreeSetting)?;
        Ok(Self { redundancy: value.parse()? })
    }
}

impl Redundancy {
    /// This number of hundredths; `None` above [`REDUNDANCY_MAX`].
    #[must_use]
    pub const fn from_hundredths(hundredths: u16) -> Option<Self> {
        if hundredths <= REDUNDANCY_MAX { Some(Self(hundredths)) } else { None }
    }

    /// In hundredths.
    #[must_use]
    pub const fn hundredths(self) -> u16 {
        self.0
    }
}

impl FromStr for Redundancy {
    type Err = RelayPolicyError;

    fn from_str(text: &str) -> Result<Self, RelayPolicyError> {
        let (whole, part) = text.split_once('.').unwrap_or((text, "0"));
        let whole: u16 = digits(whole).and_then(|text| text.parse().ok()).ok_or(RelayPolicyError::Redundancy)?;
        let tenths = match part.len() {
            1 => 10,
            2 => 1,
            _ => return Err(RelayPolicyError::Redundancy),
        };
        let part: u16 = digits(part).and_then(|text| text.parse().ok()).ok_or(RelayPolicyError::Redundancy)?;
        let hundredths = whole.saturating_mul(100).saturating_add(part.saturating_mul(tenths));
        Self::from_hundredths(hundredths).ok_or(RelayPolicyError::Redundancy)
    }
}

impl fmt::Display for Redundancy {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match (self.0 / 100, self.0 % 100) {
            (whole, 0) => write!(f, "{whole}"),
            (whole, part) if part.is_multiple_of(10) => write!(f, "{whole}.{}", part / 10),
            (whole, part) => write!(f, "{whole}.{part:02}"),
        }
    }
}

impl Rumor {
    fn parse(settings: &str, nodes: u32) -> Result<Self, RelayPolicyError> {
        let (mut fanout, mut round, mut size, mut feedback) = (None, None, None, None);
        for setting in settings.split(',') {
            let (name, value) = setting.split_once('=').ok_or(RelayPolicyError::UnknownSetting)?;
            match name {
                "fanout" => set(&mut fanout, parse_fanout(value)?, "fanout")?,
                "round" => set(&mut round, parse_round(value)?, "round")?,
                "nodes" => set(&mut size, parse_nodes(value)?, "nodes")?,
                "feedback" => set(&mut feedback, parse_feedback(value)?, "feedback")?,
                _ => return Err(RelayPolicyError::UnknownSetting),
            }
        }
        let default = Self::default();
        Ok(Self {
            fanout: fanout.unwrap_or(default.fanout),
            round: round.unwrap_or(default.round),
            nodes: size.unwrap_or_else(|| nodes.max(1)),
            feedback: feedback.unwrap_or(default.feedback),
        })
    }
}

impl fmt::Display for Rumor {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (millis, feedback) = (self.round.as_millis(), if self.feedback { "on" } else { "off" });
        write!(f, "fanout={},round=", self.fanout)?;
        match millis.is_multiple_of(1_000) {
            true => write!(f, "{}s", millis / 1_000)?,
            false => write!(f, "{millis}ms")?,
        }
        write!(f, ",nodes={},feedback={feedback}", self.nodes)
    }
}

fn set<T>(setting: &mut Option<T>, value: T, name: &'static str) -> Result<(), RelayPolicyError> {
    match setting.replace(value) {
        None => Ok(()),
        Some(_) => Err(RelayPolicyError::Repeated(name)),
    }
}

fn parse_fanout(text: &str) -> Result<u8, RelayPolicyError> {
    let fanout = digits(text).and_then(|text| text.parse().ok());
    fanout.filter(|fanout| (1..=RUMOR_FANOUT_MAX).contains(fanout)).ok_or(RelayPolicyError::Fanout)
}

fn parse_round(text: &str) -> Result<Duration, RelayPolicyError> {
    let (number, unit) = match text.strip_suffix("ms") {
        Some(millis) => (millis, Duration::from_millis(1)),
        None => (text.strip_suffix('s').ok_or(RelayPolicyError::Round)?, Duration::from_secs(1)),
    };
    let round = digits(number).and_then(|number| number.parse().ok()).map(|number| unit.times(number));
    round.filter(|round| (RUMOR_ROUND_MIN..=RUMOR_ROUND_MAX).contains(round)).ok_or(RelayPolicyError::Round)
}

fn parse_nodes(text: &str) -> Result<u32, RelayPolicyError> {
    digits(text).and_then(|text| text.parse().ok()).filter(|nodes| *nodes > 0).ok_or(RelayPolicyError::Nodes)
}

fn parse_feedback(text: &str) -> Result<bool, RelayPolicyError> {
    match text {
        "on" => Ok(true),
        "off" => Ok(false),
        _ => Err(RelayPolicyError::Feedback),
    }
}

/// The text, if it consists of digits only. The standard parser would accept a sign.
fn digits(text: &str) -> Option<&str> {
    (!text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit())).then_some(text)
}
