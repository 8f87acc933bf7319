//! The flags of members, which only simulated runs have. A flag that isn't given has no value here.

use std::time::Duration;

use clap::Args;
use protocol::gossip::Digest;

use super::load::{parse_percent, parse_time};
use crate::sim::members::liars::Kinds;
use crate::sim::members::plan::{Lengths, Portion, Preset, Watcher};
use crate::text;
use crate::wan::Partition;

/// Members, and what is done to them.
#[derive(Clone, Debug, Default, Args)]
#[group(skip)]
pub struct MembersArgs {
    /// Let nodes watch each other, as members. Without a --scenario, nothing else happens then: no transactions and no
    /// reconciliation, unless flags say so. The load is the time in which something is done to the members; it is
    /// 1m long, and 3m follow [default: off]
    #[arg(long)]
    pub members: bool,
    /// The parameters of membership: lan or wan [default: lan]
    #[arg(long, value_name = "PRESET", requires = "members")]
    pub preset: Option<Preset>,
    /// What finds failures: swim, phi or phi:THRESHOLD of our own machine, or foca, another library, in its place
    /// [default: swim]
    #[arg(long, value_name = "DETECTOR", requires = "members")]
    pub detector: Option<Watcher>,
    /// The mode in which members compare their lists: push-pull, push or pull [default: push-pull]
    #[arg(long, value_name = "DIGEST", requires = "members")]
    pub digest: Option<Digest>,
    /// The time before the load, in which all members learn of all others [default: 2m]
    #[arg(long, value_name = "TIME", requires = "members", value_parser = parse_time)]
    pub settle: Option<Duration>,
    /// Nodes that start late, at random moments of the load. They are some of --nodes [default: 0]
    #[arg(long, value_name = "N", requires = "members")]
    pub join: Option<usize>,
    /// Members that set an entry, each at a random moment of the load [default: 0]
    #[arg(long, value_name = "N", requires = "members")]
    pub set_entry: Option<usize>,
    /// Each of these members sets a new entry once in this time [default: once in the load]
    #[arg(long, value_name = "TIME", requires = "set_entry", value_parser = parse_time)]
    pub set_entry_every: Option<Duration>,
    /// The number of random peers to which news is sent each time [default: 3]
    #[arg(long, value_name = "N", requires = "members")]
    pub gossip_nodes: Option<u8>,
    /// The time from one sending of news to the next [default: 200ms]
    #[arg(long, value_name = "TIME", requires = "members", value_parser = parse_time)]
    pub gossip_interval: Option<Duration>,
    /// The bytes of news a second on one link [default: 512]
    #[arg(long, value_name = "BYTES", requires = "members")]
    pub members_budget: Option<u32>,
    /// The number of members that a node knows at most [default: 16384]
    #[arg(long, value_name = "N", requires = "members")]
    pub members_max: Option<u32>,
    /// Members that stop running for a while, as by SIGSTOP, at random moments of the load: a number or a share such
    /// as 5% [default: 0]
    #[arg(long, value_name = "N|PERCENT", requires = "members")]
    pub pause: Option<Portion>,
    /// How long a pause is: a time, or a range such as 1s..8s from which each is drawn [default: 1m]
    #[arg(long, value_name = "TIME|RANGE", requires = "pause")]
    pub pause_for: Option<Lengths>,
    /// Pause this many members again and again, with new draws each time [default: once in the load]
    #[arg(long, value_name = "TIME", requires = "pause", value_parser = parse_time)]
    pub pause_every: Option<Duration>,
    /// Share of the ordered pairs of members between which nothing passes in this direction, during the load
    /// [default: 0%]
    #[arg(long, value_name = "PERCENT", requires = "members", value_parser = parse_percent)]
    pub one_way: Option<f64>,
    /// Cut one member off from all others. It begins at a time of the load and lasts for a time, as 10s,1h
    #[arg(long, value_name = "AT,LENGTH", requires = "members")]
    pub cut_off: Option<Partition>,
    /// Members whose wall clock jumps twice during the load, forward or back: a number or a share such as 5% [default: 0]
    #[arg(long, value_name = "N|PERCENT", requires = "members")]
    pub clock_jumps: Option<Portion>,
    /// How far a clock jumps: a time, or a range such as 1h..6h from which each is drawn [default: 1h..6h]
    #[arg(long, value_name = "TIME|RANGE", requires = "clock_jumps")]
    pub clock_jump_by: Option<Lengths>,
    /// Members that lie about members during the load: all, or some of accuse, ask, forge, replay, refute, mute,
    /// fat_entries and invent, as accuse,forge [default: none]
    #[arg(long, value_name = "KIND[,KIND]", requires = "members")]
    pub liars: Option<Kinds>,
    /// Members that lie, as many of each kind: a number or a share [default: 30%]
    #[arg(long, value_name = "N|PERCENT", requires = "liars")]
    pub liars_share: Option<Portion>,
    /// Address groups of the liars [default: each its own, as everybody]
    #[arg(long, value_name = "N", requires = "liars")]
    pub liars_groups: Option<usize>,
    /// Members that liars invent, all together [default: 10000]
    #[arg(long, value_name = "N", requires = "liars")]
    pub invented: Option<usize>,
}

impl MembersArgs {
    /// The keys that `--members` sets where no flag does.
    pub(super) fn usual(&self) -> &'static [(&'static str, &'static str)] {
        const ALONE: [(&str, &str); 5] = [
            ("members.join", "0"),
            ("workload.tx_rate", "0"),
            ("workload.duration", "1m"),
            ("reconcile_interval", "0s"),
            ("drain", "3m"),
        ];
        if self.members { &ALONE } else { &[] }
    }

    /// The given flags, as flags, keys of a scenario and values.
    pub(super) fn given(&self) -> [(&'static str, &'static str, Option<String>); 22] {
        fn shown<T: ToString>(value: Option<&T>) -> Option<String> {
            value.map(T::to_string)
        }
        let time = |time: Option<Duration>| shown(time.map(text::Time).as_ref());
        [
            ("--preset", "members.preset", shown(self.preset.as_ref())),
            ("--detector", "members.detector", shown(self.detector.as_ref())),
            ("--digest", "members.digest", shown(self.digest.as_ref())),
            ("--settle", "members.settle", time(self.settle)),
            ("--join", "members.join", shown(self.join.as_ref())),
            ("--set-entry", "members.set_entry", shown(self.set_entry.as_ref())),
            ("--set-entry-every", "members.set_entry_every", time(self.set_entry_every)),
            ("--gossip-nodes", "members.gossip_nodes", shown(self.gossip_nodes.as_ref())),
            ("--gossip-interval", "members.gossip_interval", time(self.gossip_interval)),
            ("--members-budget", "members.members_budget", shown(self.members_budget.as_ref())),
            ("--members-max", "members.members_max", shown(self.members_max.as_ref())),
            ("--pause", "members.pause", shown(self.pause.as_ref())),
            ("--pause-for", "members.pause_for", shown(self.pause_for.as_ref())),
            ("--pause-every", "members.pause_every", time(self.pause_every)),
            ("--one-way", "members.one_way", shown(self.one_way.as_ref())),
            ("--cut-off", "members.cut_off", shown(self.cut_off.as_ref())),
            ("--clock-jumps", "members.clock_jumps", shown(self.clock_jumps.as_ref())),
            ("--clock-jump-by", "members.clock_jump_by", shown(self.clock_jump_by.as_ref())),
            ("--liars", "members.liars", shown(self.liars.as_ref())),
            ("--liars-share", "members.liars_share", shown(self.liars_share.as_ref())),
            ("--liars-groups", "members.liars_groups", shown(self.liars_groups.as_ref())),
            ("--invented", "members.invented", shown(self.invented.as_ref())),
        ]
    }
}
