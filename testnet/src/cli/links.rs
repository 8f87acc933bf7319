//! The flags of the links, which real and simulated runs share. A flag that isn't given has no value here.

use anyhow::bail;
use clap::Args;

use crate::wan::{Bandwidth, Jitter, Partition, Wan};

/// The default jitter.
const JITTER_DEFAULT: f64 = 0.1;

/// The delays and the bandwidth of the links.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct LinkArgs {
    /// The delays between nodes: none (one machine), regions (six of the world, published delays), uniform:50ms
    /// (in one direction), or a FILE [default: none; simulated: regions]
    #[arg(long, value_name = "WAN")]
    pub wan: Option<Wan>,
    /// By how much delays vary, up and down [default: 10%]
    #[arg(long, value_name = "PERCENT")]
    pub jitter: Option<Jitter>,
    /// How much each node sends and receives in a second: unlimited, 50mbit, 1gbit [default: unlimited]
    #[arg(long, value_name = "RATE")]
    pub bandwidth: Option<Bandwidth>,
    /// Hold everything between two halves of the nodes, which are drawn from the seed. It begins at a time of the
    /// load and lasts for a time, as 5s,20s. The report says how long after the heal all nodes have the same items
    /// and the same tip
    #[arg(long, value_name = "AT,LENGTH")]
    pub partition: Option<Partition>,
}

impl LinkArgs {
    /// The links of real processes.
    ///
    /// # Errors
    /// If flags for links are given, but no links are emulated.
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

    /// The given flags, as flags, keys of a scenario and values.
    pub(super) fn given(&self) -> [(&'static str, &'static str, Option<String>); 4] {
        [
            ("--wan", "wan", self.wan.as_ref().map(Wan::to_string)),
            ("--jitter", "jitter", self.jitter.map(|jitter| jitter.to_string())),
            ("--bandwidth", "bandwidth", self.bandwidth.map(|bandwidth| bandwidth.to_string())),
            ("--partition", "partition", self.partition.map(|partition| partition.to_string())),
        ]
    }
}
