//! The links between nodes, as `--wan`, `--jitter` and `--bandwidth` set them: the delay between two nodes, by how
//! much it varies, and how fast each node sends and receives.
//!
//! The simulator uses these numbers directly, and real processes use an [emulated] link.

mod delays;
pub mod emulated;
pub mod partition;

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

pub use delays::{Delays, LOOPBACK_ONE_WAY_US, REGIONS_MAX, WanError};
pub use emulated::{
    EmulatedLinks, HELD_BYTES_MAX, LINK_PIECE_BYTES, LinkPlan, LinksError, Outage, SEND_BUFFER_BYTES, Site,
    SlowLink,
};
pub use partition::{Halves, Partition};

use crate::text::{Time, parse_time, serde_as_text};

/// The value of `--wan`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Wan {
    /// One machine: the loopback interface.
    None,
    /// Six regions of the world, by published figures (see `wan/regions.txt`).
    Regions,
    /// The same one-way delay between any two nodes.
    Uniform(Duration),
    /// Regions and delays from a file.
    File(PathBuf),
}

/// By how much a link's delay varies. The delay of each message is drawn evenly from the base minus this share of
/// it to the base plus the same.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Jitter(f64);

/// How much a node can send, and receive, in a second. Each direction has its own bandwidth.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Bandwidth(Option<u64>);

/// The longest one-way delay. It is far above any link's, including a satellite's 0.3 s.
pub const ONE_WAY_MAX: Duration = Duration::from_secs(10);

/// Highest bandwidth, in bits a second: 1 Tbit. Above it a frame takes no time that microseconds can tell.
const BITS_MAX: u64 = 1_000_000_000_000;

const BITS_PER_BYTE: u64 = 8;

/// Delays are in microseconds, and the machine's clock counts nanoseconds.
pub(crate) const NS_PER_US: u64 = 1_000;
pub(crate) const NS_PER_S: u64 = 1_000_000_000;

impl Jitter {
    /// No jitter.
    pub const NONE: Self = Self(0.0);

    /// A share from 0 to 1; `None` for anything else.
    #[must_use]
    pub fn new(share: f64) -> Option<Self> {
        (0.0..=1.0).contains(&share).then_some(Self(100.0 * share))
    }

    /// The share, from 0 to 1.
    #[must_use]
    pub fn share(self) -> f64 {
        self.0 / 100.0
    }

    /// The delay of one message in microseconds, for a draw from 0 to below 1.
    #[must_use]
    pub fn delay_us(self, base_us: u64, draw: f64) -> u64 {
        (base_us as f64 * (1.0 + self.share() * (2.0 * draw - 1.0))).round() as u64
    }
}

impl Bandwidth {
    /// No limit.
    pub const UNLIMITED: Self = Self(None);

    /// Bytes a second; `None` if unlimited.
    #[must_use]
    pub const fn bytes_per_s(self) -> Option<u64> {
        self.0
    }

    /// How long this number of bytes takes at one end of a link, in whole microseconds, rounded down.
    #[must_use]
    pub fn transmit_us(self, bytes: u64) -> u64 {
        let Some(rate) = self.0 else { return 0 };
        let us = u128::from(bytes) * 1_000_000 / u128::from(rate.max(1));
        u64::try_from(us).unwrap_or(u64::MAX)
    }
}

impl FromStr for Wan {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.split_once(':') {
            _ if text == "none" => Ok(Self::None),
            _ if text == "regions" => Ok(Self::Regions),
            Some(("uniform", delay)) => match parse_time(delay)? {
                delay if delay < Duration::from_micros(1) || delay > ONE_WAY_MAX => {
                    Err(format!("a delay from 1us to {}s is wanted", ONE_WAY_MAX.as_secs()))
                }
                delay => Ok(Self::Uniform(delay)),
            },
            _ if text.is_empty() => Err("none, regions, uniform:TIME or a file is wanted".to_owned()),
            _ => Ok(Self::File(PathBuf::from(text))),
        }
    }
}

impl fmt::Display for Wan {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::None => f.write_str("none"),
            Self::Regions => f.write_str("regions"),
            Self::Uniform(delay) => write!(f, "uniform:{}", Time(*delay)),
            Self::File(path) => write!(f, "{}", path.display()),
        }
    }
}

impl FromStr for Jitter {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text.strip_suffix('%').map(str::parse::<f64>) {
            Some(Ok(percent)) if (0.0..=100.0).contains(&percent) => Ok(Self(percent)),
            _ => Err(format!("{text:?} is no jitter: 0% to 100% is wanted, as 10%")),
        }
    }
}

impl fmt::Display for Jitter {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}%", self.0)
    }
}

impl FromStr for Bandwidth {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "unlimited" {
            return Ok(Self::UNLIMITED);
        }
        let bits =
            [("kbit", 1_000), ("mbit", 1_000_000), ("gbit", 1_000_000_000)].iter().find_map(|(unit, bits)| {
                let count: u64 = text.strip_suffix(unit)?.parse().ok()?;
                count.checked_mul(*bits)
            });
        match bits {
            Some(bits @ 1..=BITS_MAX) => Ok(Self(Some(bits / BITS_PER_BYTE))),
            _ => Err(format!(
                "{text:?} is no bandwidth: unlimited, or 1kbit to 1000gbit (a second, in whole numbers) is wanted, as \
                 50mbit"
            )),
        }
    }
}

impl fmt::Display for Bandwidth {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let Some(bytes) = self.0 else { return f.write_str("unlimited") };
        match bytes * BITS_PER_BYTE / 1_000 {
            kbit if kbit % 1_000_000 == 0 => write!(f, "{}gbit", kbit / 1_000_000),
            kbit if kbit % 1_000 == 0 => write!(f, "{}mbit", kbit / 1_000),
            kbit => write!(f, "{kbit}kbit"),
        }
    }
}

serde_as_text!(Wan, Jitter, Bandwidth);
