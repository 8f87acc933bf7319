//! A network in two halves for a while: when, for how long, and which node is on which side. Real and simulated
//! links both use this file, so that one seed cuts both alike.
//!
//! Data on their way between the halves are held until the cut has healed. TCP behaves so when a cable is cut and
//! mended: nothing arrives, and nothing that TCP has accepted is lost. Deliberately absent: the time that TCP waits
//! for its next try, which doubles while the cut lasts and delays data after the heal; and how a node reacts to the
//! silence.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use serde::{Deserialize, Serialize};

use crate::random::{Draws, Seed};
use crate::text::{Time, parse_time, serde_as_text};

/// The value of `--partition`, written `AT,LENGTH`, as `5s,20s`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Partition {
    /// When it begins, counted from the start of the load.
    pub at: Duration,
    /// How long it lasts, at least [`LENGTH_MIN`].
    pub lasts: Duration,
}

/// Which side of the cut each node is on. If the number of nodes is odd, the smaller half is inside.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct Halves(Vec<bool>);

/// The shortest partition. A shorter one looks like jitter.
pub const LENGTH_MIN: Duration = Duration::from_millis(100);

/// The longest value of either time.
const TIME_MAX: Duration = Duration::from_secs(24 * 3_600);

impl Partition {
    /// When it ends, counted from the start of the load.
    #[must_use]
    pub fn heals(&self) -> Duration {
        self.at + self.lasts
    }

    /// Whether it fits a load of this length. Items must enter after the heal, to show that the network works
    /// again.
    ///
    /// # Errors
    /// Says how long the load must be.
    pub fn check(&self, load: Duration) -> Result<(), String> {
        if self.heals() <= load {
            return Ok(());
        }
        Err(format!(
            "--partition {self} heals {} after the load begins, which ends after {}: give a longer --duration, or a \
             shorter partition",
            Time(self.heals()),
            Time(load)
        ))
    }
}

impl FromStr for Partition {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = "when it begins and how long it lasts are wanted, as 5s,20s";
        let (at, lasts) = text.split_once(',').ok_or_else(|| format!("{text:?} is no partition: {wanted}"))?;
        let (at, lasts) = (parse_time(at)?, parse_time(lasts)?);
        if !(LENGTH_MIN..=TIME_MAX).contains(&lasts) || at > TIME_MAX {
            return Err(format!("a beginning up to 24h and a length from {} to 24h are wanted", Time(LENGTH_MIN)));
        }
        Ok(Self { at, lasts })
    }
}

impl fmt::Display for Partition {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |time: Duration| Time(time).to_string().replace(' ', "");
        write!(f, "{},{}", plain(self.at), plain(self.lasts))
    }
}

serde_as_text!(Partition);

impl Halves {
    /// The halves of this number of nodes, drawn from the seed.
    #[must_use]
    pub fn draw(nodes: usize, seed: Seed) -> Self {
        Self(inside(nodes, nodes / 2, &mut seed.draws("halves")))
    }

    /// One node on one side, and all others on the other.
    #[must_use]
    pub fn one(nodes: usize, alone: usize) -> Self {
        Self((0..nodes).map(|node| node == alone).collect())
    }

    /// Whether two nodes are on different sides. A node that does not exist is on none.
    #[must_use]
    pub fn part(&self, a: usize, b: usize) -> bool {
        match (self.0.get(a), self.0.get(b)) {
            (Some(side), Some(other)) => side != other,
            _ => false,
        }
    }

    /// The numbers of nodes inside and outside.
    #[must_use]
    pub fn sizes(&self) -> [usize; 2] {
        let inside = self.0.iter().filter(|inside| **inside).count();
        [inside, self.0.len() - inside]
    }
}

/// Draws `count` of this number of nodes: for each node, whether it was drawn.
#[must_use]
pub fn inside(nodes: usize, count: usize, draws: &mut Draws) -> Vec<bool> {
    let mut order: Vec<usize> = (0..nodes).collect();
    draws.shuffle(&mut order);
    let mut inside = vec![false; nodes];
    for node in order.into_iter().take(count) {
        inside[node] = true;
    }
    inside
}
