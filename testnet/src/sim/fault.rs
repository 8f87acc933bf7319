//! The faults of nodes and links in a run, and their times: the plan as a person writes it, and the schedule that
//! is drawn from it.
//!
//! All faults lie within the load, and they **end** with it. From then on no message is lost, all nodes are up,
//! and nothing is cut. In the time after the load, a correct system repairs what it lost. Deliberately absent:
//! broken disks (nodes have none here), and faults that last.

mod draw;

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use protocol::time::{Duration as Span, Time};
use serde::{Deserialize, Serialize};

use super::link::Weather;
use crate::text::{serde_as_text, time};
use crate::wan::Halves;

/// The table `[faults]` of a scenario, from which faults are drawn. Shares are from 0 to 1. The default is no
/// fault.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct FaultPlan {
    /// Share of messages that vanish. Links that lost something are closed when the faults end, and dialled again.
    pub loss: f64,
    /// Share of messages that vanish unseen. No link is ever closed because of it, so only the engine itself can
    /// repair the loss.
    pub vanish: f64,
    /// Share of messages that arrive twice.
    pub duplicate: f64,
    /// Share of messages that may be overtaken.
    pub reorder: f64,
    /// Share of nodes that crash in a minute. They come back.
    pub churn: f64,
    /// Number of additional nodes that crash, at random moments. They come back.
    pub crashes: usize,
    /// How long a crashed node is down. It is up again when the load ends, at the latest.
    #[serde(with = "time")]
    pub down_for: Duration,
    /// When the network is partitioned, and how.
    pub partition: Vec<Partition>,
    /// Share of nodes that are slow.
    pub slow: f64,
    /// The time that a slow node needs for each message.
    #[serde(with = "time")]
    pub slow_by: Duration,
    /// By how much a node's clock may be ahead of the world's clock. It is drawn evenly for each node. Block
    /// timestamps show it, too.
    #[serde(with = "time")]
    pub clock_offset: Duration,
}

/// A time in which some nodes don't hear from others.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Partition {
    /// When it begins, counted from the start of the load.
    #[serde(with = "time")]
    pub at: Duration,
    /// How long it lasts. It ends with the load at the latest. If two partitions cut the same link, the first to
    /// end mends it.
    #[serde(rename = "for", with = "time")]
    pub lasts: Duration,
    /// Which nodes are cut off from which.
    pub kind: PartitionKind,
    /// For a flapping partition: cut for this time, whole for this time, and so on. Zero for one that stays.
    #[serde(default, with = "time")]
    pub every: Duration,
}

/// Which nodes are cut off from which.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum PartitionKind {
    /// One half of the nodes from the other: `half`.
    Half,
    /// One node from all others: `one`.
    One,
    /// Messages of one half don't reach the other half. Messages in the opposite direction arrive: `one-way`.
    OneWay,
    /// This share of the nodes from the others: a number such as `0.3`.
    Ratio(f64),
}

/// The fastest flapping. Each change is an event for every link that is cut.
pub const FLAP_MIN: Duration = Duration::from_millis(100);

/// Why a plan can't be carried out. Nothing has run.
#[derive(Clone, Debug, PartialEq, thiserror::Error)]
pub enum PlanError {
    /// A number is not a share.
    #[error("{name} is {value}: a share from 0 to 1 is wanted")]
    Share {
        /// The key.
        name: &'static str,
        /// Its value.
        value: f64,
    },
    /// With these shares of misbehaving nodes, no node that keeps the rules would remain.
    #[error("{wanted} of {nodes} nodes are to break the rules, and {free} can be taken: lower the shares")]
    TooMany {
        /// Misbehaving nodes asked for.
        wanted: usize,
        /// All nodes.
        nodes: usize,
        /// Nodes that may be taken.
        free: usize,
    },
    /// A partition that flaps too fast.
    #[error("partition.every is {0:?}: at least {FLAP_MIN:?} is wanted")]
    Flap(Duration),
    /// A number is not a rate.
    #[error("{name} is {value}: a number from 0 to {max} is wanted")]
    Rate {
        /// The key.
        name: &'static str,
        /// Its value.
        value: f64,
        /// The most.
        max: f64,
    },
}

impl Default for FaultPlan {
    fn default() -> Self {
        Self {
            loss: 0.0,
            vanish: 0.0,
            duplicate: 0.0,
            reorder: 0.0,
            churn: 0.0,
            crashes: 0,
            down_for: Duration::from_secs(5),
            partition: Vec::new(),
            slow: 0.0,
            slow_by: Duration::from_millis(5),
            clock_offset: Duration::ZERO,
        }
    }
}

impl FaultPlan {
    /// Checks that every number is possible.
    ///
    /// # Errors
    /// Names the key.
    pub fn check(&self) -> Result<(), PlanError> {
        share("loss", self.loss)?;
        share("vanish", self.vanish)?;
        share("duplicate", self.duplicate)?;
        share("reorder", self.reorder)?;
        share("churn", self.churn)?;
        share("slow", self.slow)?;
        for partition in &self.partition {
            if let PartitionKind::Ratio(ratio) = partition.kind {
                share("partition.kind", ratio)?;
            }
            if partition.every > Duration::ZERO && partition.every < FLAP_MIN {
                return Err(PlanError::Flap(partition.every));
            }
        }
        Ok(())
    }

    /// Whether messages can be lost.
    #[must_use]
    pub fn loses(&self) -> bool {
        self.loss > 0.0 || self.vanish > 0.0 || !self.partition.is_empty()
    }
}

/// Refuses a number that is not a share.
pub(super) fn share(name: &'static str, value: f64) -> Result<(), PlanError> {
    if (0.0..=1.0).contains(&value) { Ok(()) } else { Err(PlanError::Share { name, value }) }
}

impl FromStr for PartitionKind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "half" => Ok(Self::Half),
            "one" => Ok(Self::One),
            "one-way" => Ok(Self::OneWay),
            _ => match text.parse() {
                Ok(ratio) if (0.0..=1.0).contains(&ratio) => Ok(Self::Ratio(ratio)),
                _ => Err(format!("{text:?} is no kind: half, one, one-way or a share such as 0.3 is wanted")),
            },
        }
    }
}

impl fmt::Display for PartitionKind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Half => f.write_str("half"),
            Self::One => f.write_str("one"),
            Self::OneWay => f.write_str("one-way"),
            Self::Ratio(ratio) => ratio.fmt(f),
        }
    }
}

serde_as_text!(PartitionKind);

/// One change of the world.
#[derive(Clone, Debug, PartialEq)]
pub enum Fault {
    /// A node stops at once and forgets everything.
    Crash(usize),
    /// It starts again, empty, and dials its neighbours.
    Restart(usize),
    /// Messages from one node to another vanish from here on.
    Cut {
        /// The sender.
        from: usize,
        /// The receiver.
        to: usize,
    },
    /// Messages from one node to another pass again. A link that lost a message is closed and dialled again.
    Mend {
        /// The sender.
        from: usize,
        /// The receiver.
        to: usize,
    },
    /// Messages between two halves of the nodes are held from here on, and arrive after the heal. A node that gets
    /// no answer to its ping in time closes the connection. Nobody is dialled across the halves meanwhile.
    Part {
        /// Which node is on which side.
        halves: Halves,
        /// The heal.
        until: Time,
    },
    /// Nothing is cut any more. Links that lost a message are closed and dialled again.
    Heal,
    /// Loss, duplication and reordering, from here on.
    Weather(Weather),
    /// A node that was not there so far starts, and dials its neighbours.
    Join(usize),
    /// A node stops running, as by SIGSTOP. Only with members.
    Pause {
        /// The node.
        node: usize,
        /// When it goes on, by a [`Fault::Resume`].
        until: Time,
    },
    /// A node that was paused goes on.
    Resume(usize),
    /// Nothing passes in one direction between this share of the ordered pairs of nodes, from here on. Only with
    /// members.
    OneWay(f64),
    /// A member sets an entry.
    SetEntry(usize),
    /// The wall clock of a member jumps. Only with members.
    ClockJump {
        /// The node.
        node: usize,
        /// By this number of milliseconds, forward or back.
        by_ms: i64,
    },
    /// A liar answers nobody from here on, so its peers give up their connections to it. Only with members.
    FallSilent(usize),
}

/// How a node differs from others without breaking a rule.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Peculiarity {
    /// How far its clock is ahead.
    pub clock_ahead: Span,
    /// The time that it needs for each message.
    pub slowness: Span,
}

/// All events with their times, in the order of time.
pub type Schedule = Vec<(Time, Fault)>;
