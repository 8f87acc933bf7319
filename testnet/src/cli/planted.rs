//! The flags of bad nodes and links.

use std::time::Duration;

use clap::Args;

use super::load::parse_time;
use crate::local::plan::planted::{Ends, Planted, SLOW_BY, SLOW_LINK_BY};

/// The flags of bad nodes and links.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct PlantedArgs {
    /// Make a node slow: it needs --slow-by for each message, one after the other; may be repeated
    #[arg(long, value_name = "N")]
    pub slow_node: Vec<usize>,
    /// The time that a slow node needs for each message [default: 5ms]
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "slow_node")]
    pub slow_by: Option<Duration>,
    /// Make a node announce items and send no bodies; may be repeated. What would enter there enters at the next node
    #[arg(long, value_name = "N")]
    pub withhold_node: Vec<usize>,
    /// Make the emulated link between two nodes slow: --slow-link-by is added to its delay, and the report isn't told;
    /// may be repeated
    #[arg(long, value_name = "A,B")]
    pub slow_link: Vec<Ends>,
    /// The time that is added in each direction [default: 50ms]
    #[arg(long, value_name = "TIME", value_parser = parse_time, requires = "slow_link")]
    pub slow_link_by: Option<Duration>,
}

impl PlantedArgs {
    /// What is made bad.
    #[must_use]
    pub fn planted(self) -> Planted {
        Planted {
            slow_nodes: self.slow_node,
            slow_by: self.slow_by.unwrap_or(SLOW_BY),
            withholders: self.withhold_node,
            slow_links: self.slow_link,
            slow_links_by: self.slow_link_by.unwrap_or(SLOW_LINK_BY),
        }
    }
}
