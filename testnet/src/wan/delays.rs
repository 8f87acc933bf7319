//! The delays between nodes. Each node lies in a region, and a small matrix holds the delays between regions.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::random::Seed;

use super::{ONE_WAY_MAX, Wan};

/// The base one-way delays between all nodes, without jitter.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Delays {
    /// Each node's region.
    place: Vec<u8>,
    regions: Regions,
}

/// Why there are no delays. Nothing was started.
#[derive(Debug, thiserror::Error)]
pub enum WanError {
    /// The file can't be read.
    #[error("cannot read the delays {}: {error}", path.display())]
    Io {
        /// The file.
        path: PathBuf,
        /// The system's message.
        error: std::io::Error,
    },
    /// A line of the file is wrong.
    #[error("{}:{line}: {why}", path.display())]
    Line {
        /// The file.
        path: PathBuf,
        /// The line, counted from 1.
        line: usize,
        /// What is wrong.
        why: String,
    },
    /// The file as a whole is wrong.
    #[error("{}: {why}", path.display())]
    File {
        /// The file.
        path: PathBuf,
        /// What is wrong.
        why: String,
    },
}

/// The one-way delay between two processes on one machine, in microseconds. It is about the time of a message over
/// TCP on the loopback interface, including a wake-up of the receiver.
pub const LOOPBACK_ONE_WAY_US: u64 = 50;

/// The most regions of a file: as many as a byte can number. Their matrix takes 512 KiB.
pub const REGIONS_MAX: usize = 256;

/// The highest weight of a region. The sum of [`REGIONS_MAX`] of them is far below 2^64.
const WEIGHT_MAX: u64 = 1_000_000_000;

const WORLD: &str = include_str!("regions.txt");

/// Regions, and the delays between them.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
struct Regions {
    /// Empty if all nodes are in one nameless place.
    names: Vec<String>,
    weights: Vec<u64>,
    /// One-way delays in microseconds, from region to region, row after row. There is at least one.
    matrix: Vec<u64>,
}

impl Delays {
    /// The delays between `nodes` nodes. The seed decides which node lies in which region.
    ///
    /// # Errors
    /// If a file can't be read, or has a wrong line. The error names the line.
    pub fn new(wan: &Wan, nodes: usize, seed: Seed) -> Result<Self, WanError> {
        let regions = match wan {
            Wan::None => Regions::everywhere(LOOPBACK_ONE_WAY_US),
            Wan::Uniform(delay) => Regions::everywhere(delay.as_micros() as u64),
            Wan::Regions => Regions::parse(WORLD, Path::new("regions"))?,
            Wan::File(path) => {
                let text = std::fs::read_to_string(path);
                let text = text.map_err(|error| WanError::Io { path: path.clone(), error })?;
                Regions::parse(&text, path)?
            }
        };
        Ok(Self { place: regions.draw(nodes, seed), regions })
    }

    /// The number of nodes.
    #[must_use]
    pub const fn nodes(&self) -> usize {
        self.place.len()
    }

    /// The one-way delay from one node to another in microseconds, without jitter. 0 for a node that does not
    /// exist.
    #[must_use]
    pub fn one_way_us(&self, from: usize, to: usize) -> u64 {
        match (self.place.get(from), self.place.get(to)) {
            (Some(&from), Some(&to)) => self.regions.between(usize::from(from), usize::from(to)),
            _ => 0,
        }
    }

    /// The name of the region in which a node lies; `None` if there are no regions.
    #[must_use]
    pub fn region(&self, node: usize) -> Option<&str> {
        let place = self.place.get(node)?;
        self.regions.names.get(usize::from(*place)).map(String::as_str)
    }
}

impl Regions {
    fn everywhere(one_way_us: u64) -> Self {
        Self { names: Vec::new(), weights: Vec::new(), matrix: vec![one_way_us] }
    }

    fn between(&self, from: usize, to: usize) -> u64 {
        self.matrix.get(from * self.names.len() + to).copied().unwrap_or_default()
    }

    /// A region for each node, drawn by weight.
    fn draw(&self, nodes: usize, seed: Seed) -> Vec<u8> {
        let mut draws = seed.draws("regions");
        let total: u64 = self.weights.iter().sum();
        let place = |_| {
            let mut point = draws.below(total as usize) as u64;
            let here = |weight: &u64| {
                let inside = point < *weight;
                point = point.saturating_sub(*weight);
                inside
            };
            self.weights.iter().position(here).unwrap_or_default() as u8
        };
        (0..nodes).map(place).collect()
    }

    /// Reads `region NAME WEIGHT` and `delay A B MS` (both directions) or `delay A -> B MS` (one direction), one
    /// on each line; `#` starts a comment. A region must come before the delays that name it. Every pair must have
    /// a delay, and so must a region with itself.
    fn parse(text: &str, path: &Path) -> Result<Self, WanError> {
        let mut names: Vec<String> = Vec::new();
        let mut weights = Vec::new();
        let mut delays = BTreeMap::new();
        for (line, text) in (1..).zip(text.lines()) {
            let at = |why| WanError::Line { path: path.to_owned(), line, why };
            let text = text.split('#').next().unwrap_or_default();
            let words: Vec<&str> = text.split_whitespace().collect();
            let place = |name: &str| match names.iter().position(|known| known == name) {
                Some(place) => Ok(place),
                None => Err(at(format!("no region is called {name:?} above this line"))),
            };
            let (pair, back, delay) = match words.as_slice() {
                [] => continue,
                ["region", name, weight] => {
                    if names.iter().any(|known| known == name) {
                        return Err(at(format!("the region {name:?} is there already")));
                    }
                    if names.len() == REGIONS_MAX {
                        return Err(at(format!("more than {REGIONS_MAX} regions")));
                    }
                    weights.push(parse_weight(weight).map_err(at)?);
                    names.push((*name).to_owned());
                    continue;
                }
                ["delay", from, "->", to, delay] => ((place(from)?, place(to)?), false, delay),
                ["delay", from, to, delay] => ((place(from)?, place(to)?), true, delay),
                _ => {
                    return Err(at(format!(
                        "region NAME WEIGHT, delay A B MS or delay A -> B MS is wanted, not {:?}",
                        text.trim()
                    )));
                }
            };
            let delay = parse_delay(delay).map_err(at)?;
            let there = delays.insert(pair, delay);
            let back = (back && pair.0 != pair.1).then(|| delays.insert((pair.1, pair.0), delay)).flatten();
            if there.or(back).is_some() {
                return Err(at("the delay of this pair is there already".to_owned()));
            }
        }
        Self::from_parts(names, weights, &delays).map_err(|why| WanError::File { path: path.to_owned(), why })
    }

    fn from_parts(
        names: Vec<String>,
        weights: Vec<u64>,
        delays: &BTreeMap<(usize, usize), u64>,
    ) -> Result<Self, String> {
        if weights.iter().sum::<u64>() == 0 {
            return Err("it has no region with a weight above 0".to_owned());
        }
        let mut matrix = Vec::with_capacity(names.len() * names.len());
        for (from, source) in names.iter().enumerate() {
            for (to, target) in names.iter().enumerate() {
                let Some(delay) = delays.get(&(from, to)) else {
                    return Err(format!("the delay from {source} to {target} is missing"));
                };
                matrix.push(*delay);
            }
        }
        Ok(Self { names, weights, matrix })
    }
}

fn parse_weight(word: &str) -> Result<u64, String> {
    match word.parse() {
        Ok(weight) if weight <= WEIGHT_MAX => Ok(weight),
        _ => Err(format!("{word:?} is not a weight: a whole number up to {WEIGHT_MAX} is wanted")),
    }
}

/// Converts milliseconds to microseconds.
fn parse_delay(word: &str) -> Result<u64, String> {
    let delay = word.parse().ok().and_then(|ms: f64| Duration::try_from_secs_f64(ms / 1_000.0).ok());
    match delay {
        Some(delay) if delay <= ONE_WAY_MAX => Ok(delay.as_micros() as u64),
        _ => {
            Err(format!("{word:?} is not a delay: milliseconds from 0 to {} are wanted", ONE_WAY_MAX.as_millis()))
        }
    }
}
