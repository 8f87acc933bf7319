//! Which aggregates over links there are: the average of each of the six
//! [built-in numbers](crate::gossip::members::BUILT_IN_KEYS), and the network's size. And which of them a node takes
//! part in.
//!
//! * **None unless the local user asks.** A gauge costs each node 177 bytes a second, and the size up to 26 kB for each
//!   link in an epoch. An exact aggregate from the view of members costs nothing, so most networks need no other.
//! * **The ranges are part of the protocol.** Nodes with other ranges would have other gauges. A range is as narrow as
//!   honest values allow, because a liar moves the average by a share of it. A value outside counts as its end.
//!
//! Deliberately absent: gauges of an application's own entries.

use alloc::string::{String, ToString as _};
use alloc::vec::Vec;
use core::fmt;
use core::str::FromStr;

use super::gauge::Gauge;
use super::value::Value;
use crate::gossip::members::BUILT_IN_KEYS;

/// The highest value of each built-in number, in its order. The lowest is 0.
///
/// * `bytes`: 125 million a second, which is a link of 1 Gbit/s.
/// * `height`: 100 million, which one block a second reaches after three years.
/// * `mempool`: 131,072 transactions, as many as a mempool holds.
/// * `peers`: 2,048, as many as the highest settings allow.
/// * `rtt`: 2 s, in microseconds.
/// * `uptime`: a year, in seconds.
const RANGE_ENDS: [i64; BUILT_IN_KEYS.len()] = [125_000_000, 100_000_000, 131_072, 2_048, 2_000_000, 31_536_000];

/// The name that stands for the network's size in a list of aggregates.
const SIZE: &str = "size";

/// Which aggregates over links a node takes part in. By default none.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct AggregatesConfig {
    /// Whether it averages each built-in number, in their order.
    pub gauges: [bool; BUILT_IN_KEYS.len()],
    /// Whether it estimates the network's size.
    pub size: bool,
}

/// A text that names no aggregates.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "{0:?} is no aggregate: give off, all, or some of bytes, height, mempool, peers, rtt, uptime and size, with \
     commas between them"
)]
pub struct ParseAggregatesError(String);

impl AggregatesConfig {
    /// All that there are.
    pub const ALL: Self = Self { gauges: [true; BUILT_IN_KEYS.len()], size: true };

    /// Whether it is none.
    #[must_use]
    pub fn is_off(&self) -> bool {
        *self == Self::default()
    }

    /// The gauges, each with its place among the built-in numbers.
    pub(super) fn chosen(&self) -> impl Iterator<Item = (usize, Gauge)> {
        let chosen = self.gauges.into_iter().enumerate().filter(|(_, is_chosen)| *is_chosen);
        chosen.filter_map(|(place, _)| Some((place, gauge(place)?)))
    }
}

/// The gauge of the built-in number at a place.
fn gauge(place: usize) -> Option<Gauge> {
    let highest = Value::whole(*RANGE_ENDS.get(place)?)?;
    Gauge::new(BUILT_IN_KEYS.get(place)?, Value::default(), highest).ok()
}

impl FromStr for AggregatesConfig {
    type Err = ParseAggregatesError;

    /// `off`, `all`, or names with commas between them.
    fn from_str(text: &str) -> Result<Self, ParseAggregatesError> {
        match text {
            "off" => return Ok(Self::default()),
            "all" => return Ok(Self::ALL),
            _ => {}
        }
        let mut config = Self::default();
        for name in text.split(',') {
            let place = BUILT_IN_KEYS.iter().position(|key| *key == name);
            match place.and_then(|place| config.gauges.get_mut(place)) {
                Some(is_chosen) => *is_chosen = true,
                None if name == SIZE => config.size = true,
                None => return Err(ParseAggregatesError(name.to_string())),
            }
        }
        Ok(config)
    }
}

impl fmt::Display for AggregatesConfig {
    /// As it is parsed.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let gauges = BUILT_IN_KEYS.iter().zip(self.gauges).filter(|(_, is_chosen)| *is_chosen);
        let names: Vec<&str> = gauges.map(|(key, _)| *key).chain(self.size.then_some(SIZE)).collect();
        if names.is_empty() { f.write_str("off") } else { f.write_str(&names.join(",")) }
    }
}
