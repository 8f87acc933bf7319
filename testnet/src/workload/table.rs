//! The load as a table in a file.

use serde::{Deserialize, Serialize};

use super::{Burst, Length, Load, Skew};
use crate::text::Time;

/// A load with the flags' names as keys.
#[derive(Clone, Debug, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub(super) struct LoadTable {
    tx_rate: f64,
    tx_bytes: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    duration: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    txs: Option<u64>,
    authors: usize,
    author_skew: Skew,
    one_time_authors: f64,
    stray: f64,
    #[serde(skip_serializing_if = "Option::is_none")]
    roaming: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_interval: Option<Time>,
    #[serde(skip_serializing_if = "Option::is_none")]
    block_bytes: Option<usize>,
    producers: usize,
    kill: usize,
    #[serde(skip_serializing_if = "Option::is_none")]
    kill_at: Option<Time>,
    // A table in the table stands last.
    #[serde(skip_serializing_if = "Option::is_none")]
    burst: Option<Burst>,
}

impl Default for LoadTable {
    fn default() -> Self {
        // A user who gives `txs` should not have to remove a duration.
        let mut table = Self::from(Load::default());
        table.duration = None;
        table
    }
}

impl From<Load> for LoadTable {
    fn from(load: Load) -> Self {
        let (duration, txs) = match load.length {
            Length::Duration(duration) => (Some(Time(duration)), None),
            Length::Transactions(count) => (None, Some(count)),
        };
        Self {
            tx_rate: load.tx_rate,
            tx_bytes: load.tx_bytes,
            duration,
            txs,
            authors: load.authors,
            author_skew: load.skew,
            one_time_authors: load.one_time_authors,
            stray: load.stray,
            roaming: load.roaming.map(Time),
            block_interval: load.block_interval.map(Time),
            block_bytes: load.block_bytes,
            producers: load.producers,
            kill: load.kill,
            kill_at: load.kill_at.map(Time),
            burst: load.burst,
        }
    }
}

impl TryFrom<LoadTable> for Load {
    type Error = String;

    fn try_from(table: LoadTable) -> Result<Self, String> {
        let length = match (table.duration, table.txs) {
            (Some(_), Some(_)) => return Err("the load has a duration and txs: give one of the two".to_owned()),
            (Some(duration), None) => Length::Duration(duration.0),
            (None, Some(count)) => Length::Transactions(count),
            (None, None) => Self::default().length,
        };
        Ok(Self {
            tx_rate: table.tx_rate,
            tx_bytes: table.tx_bytes,
            length,
            authors: table.authors,
            skew: table.author_skew,
            one_time_authors: table.one_time_authors,
            stray: table.stray,
            roaming: table.roaming.map(|time| time.0),
            burst: table.burst,
            block_interval: table.block_interval.map(|time| time.0),
            block_bytes: table.block_bytes,
            producers: table.producers,
            kill: table.kill,
            kill_at: table.kill_at.map(|time| time.0),
        })
    }
}
