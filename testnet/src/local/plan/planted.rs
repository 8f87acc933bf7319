//! What a run makes bad on purpose: slow nodes, nodes that withhold, and slow links. A measurement that looks for causes
//! can be tried with them, and so can the relay.
//!
//! Deliberately absent: any use of this in the figures. The report finds causes in the traces alone.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::bail;

use crate::engine::manners::BadManners;
use crate::wan::SlowLink;

/// The time that a slow node needs for each message, unless it is given: as in the simulator.
pub const SLOW_BY: Duration = Duration::from_millis(5);

/// The time that a slow link adds in each direction, unless it is given.
pub const SLOW_LINK_BY: Duration = Duration::from_millis(50);

/// Bad nodes and links.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Planted {
    /// Nodes that need a time for each message.
    pub slow_nodes: Vec<usize>,
    /// This time.
    pub slow_by: Duration,
    /// Nodes that announce and send no body.
    pub withholders: Vec<usize>,
    /// Links that take longer than their delay.
    pub slow_links: Vec<Ends>,
    /// By this time in each direction.
    pub slow_links_by: Duration,
}

/// The ends of a link, as `A,B`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ends(pub usize, pub usize);

impl FromStr for Ends {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let ends = text.split_once(',').map(|(one, other)| (one.trim().parse(), other.trim().parse()));
        match ends {
            Some((Ok(one), Ok(other))) if one != other => Ok(Self(one, other)),
            _ => Err(format!("{text:?} is no link: the numbers of two nodes are wanted, as 2,5")),
        }
    }
}

impl fmt::Display for Ends {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{},{}", self.0, self.1)
    }
}

impl Planted {
    /// Whether some node needs a worker for its manners.
    #[must_use]
    pub const fn has_nodes(&self) -> bool {
        !self.slow_nodes.is_empty() || !self.withholders.is_empty()
    }

    /// A node's manners.
    #[must_use]
    pub fn manners(&self, node: usize) -> BadManners {
        let slow_by = if self.slow_nodes.contains(&node) { self.slow_by } else { Duration::ZERO };
        BadManners { slow_by, withholds: self.withholders.contains(&node) }
    }

    /// The slow links, for the links' description.
    #[must_use]
    pub fn links(&self) -> Vec<SlowLink> {
        let by_us = u64::try_from(self.slow_links_by.as_micros()).unwrap_or(u64::MAX);
        self.slow_links.iter().map(|&Ends(one, other)| SlowLink { ends: (one, other), by_us }).collect()
    }

    /// Refuses numbers of nodes that don't exist, and withholders without which nothing could spread.
    ///
    /// # Errors
    /// Names the flag.
    pub fn check(&self, nodes: usize, producer: Option<usize>) -> anyhow::Result<()> {
        let ends = self.slow_links.iter().flat_map(|ends| [ends.0, ends.1]);
        let named = [("--slow-node", &self.slow_nodes), ("--withhold-node", &self.withholders)];
        let named = named.into_iter().flat_map(|(flag, nodes)| nodes.iter().map(move |node| (flag, *node)));
        for (flag, node) in named.chain(ends.map(|node| ("--slow-link", node))) {
            if node >= nodes {
                bail!("{flag}: there is no node {node}: the nodes are 0 to {}", nodes.saturating_sub(1));
            }
        }
        if let Some(producer) = producer.filter(|producer| self.withholders.contains(producer)) {
            bail!(
                "--withhold-node {producer}: this node makes the blocks, and nobody would get one: name another node, or \
                 give another --seed"
            );
        }
        if (0..nodes).all(|node| self.withholders.contains(&node)) {
            bail!("--withhold-node: no node is left at which a transaction may enter");
        }
        Ok(())
    }
}
