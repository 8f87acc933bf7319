//! The flags of the links, which real and simulated runs share. What isn't given has no value here.

use anyhow::bail;
use clap::Args;

use crate::wan::{Bandwidth, Jitter, Partition, Wan};

/// By how much delays vary if nothing is said.
const JITTER_DEFAULT: f64 = 0.1;

/// How far apart nodes are, and how fast.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct LinkArgs {
    /// How far apart nodes are: none (one machine), regions (six of the world, published delays), uniform:50ms (one
    /// way), or a FILE [default: none; simulated: regions]
    #[arg(long, value_name = "WAN")]
    pub wan: Option<Wan>,
    /// By how much delays vary, up and down [default: 10%]
    #[arg(long, value_name = "PERCENT")]
    pub jitter: Option<Jitter>,
    /// What each node sends and receives in a second: unlimited, 50mbit, 1gbit [default: unlimited]
    #[arg(long, value_name = "RATE")]
    pub bandwidth: Option<Bandwidth>,
    /// Hold everything between two halves of the nodes, drawn from the seed, from a time of the load on and for so
    /// long, as 5s,20s; the report says how long after the heal all nodes have the same items and the same tip
    #[arg(long, value_name = "AT,LENGTH")]
    pub partition: Option<Partition>,
}

impl LinkArgs {
    /// The links of real processes.
    ///
    /// # Errors
    /// If there is something to say about links, and none are emulated.
    pub fn emulated(&self) -> anyhow::Result<(Wan, Jitter, Bandwidth)> {
        let wan = self.wan.clone().unwrap_or(Wan::None);
        if wan == Wan::None {
            let given = [
                ("--jitter", self.jitter.is_some()),
                ("--bandwidth", self.bandwidth.is_some()),
                ("--partition", self.partition.is_some()),
            ];
            if let Some((flag, _)) = given.iter().find(|(_, given)| *given) {
                bail!("{flag} is of emulated links: give a --wan as well, as regions or uniform:50ms");
            }
            return Ok((wan, Jitter::NONE, Bandwidth::UNLIMITED));
        }
        let usual = Jitter::new(JITTER_DEFAULT).unwrap_or_default();
        Ok((wan, self.jitter.unwrap_or(usual), self.bandwidth.unwrap_or_default()))
    }

    /// What is given, as flags, keys of a scenario and values.
    pub(super) fn given(&self) -> [(&'static str, &'static str, Option<String>); 4] {
        [
            ("--wan", "wan", self.wan.as_ref().map(Wan::to_string)),
            ("--jitter", "jitter", self.jitter.map(|jitter| jitter.to_string())),
            ("--bandwidth", "bandwidth", self.bandwidth.map(|bandwidth| bandwidth.to_string())),
            ("--partition", "partition", self.partition.map(|partition| partition.to_string())),
        ]
    }
}
