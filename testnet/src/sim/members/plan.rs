//! The table `[members]` of a scenario, and the faults that are drawn from it. All of it follows from the seed.
//!
//! Deliberately absent: crashes (`workload.kill`), loss (`faults.vanish`), and the partition into halves, which
//! networks without members have as well.

use std::fmt;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use protocol::gossip::Digest;
use protocol::gossip::members::{Detector, MembersConfig};
use protocol::time::{Duration as Span, Time};
use serde::{Deserialize, Serialize};

use super::Start;
use super::liars::{Kinds, Lying};
use crate::random::{Draws, Seed};
use crate::sim::fault::{Fault, Schedule, share};
use crate::text::{self, parse_time, serde_as_text};
use crate::wan::{Halves, Partition};

/// What members do, and what is done to them.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct MembersPlan {
    /// The parameters: `lan` or `wan`.
    pub preset: Preset,
    /// What finds failures: `swim`, `phi` or `phi:N` of our machine, or `foca` in its place.
    pub detector: Watcher,
    /// The mode of the comparisons that members begin: `push`, `pull` or `push-pull`.
    pub digest: String,
    /// The time between the start and the load, in which all members learn of all others.
    #[serde(with = "text::time")]
    pub settle: Duration,
    /// Number of nodes that join late, at random moments of the load.
    pub join: usize,
    /// Number of members that set an entry, each at a random moment of the load.
    pub set_entry: usize,
    /// Each of these members sets a new one once in this time. Otherwise each sets one in the load.
    #[serde(skip_serializing_if = "Option::is_none", with = "text::some_time")]
    pub set_entry_every: Option<Duration>,
    /// The parameter `gossip-nodes`, if it is not the preset's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub gossip_nodes: Option<u8>,
    /// The parameter `gossip-interval`, if it is not the preset's.
    #[serde(skip_serializing_if = "Option::is_none", with = "text::some_time")]
    pub gossip_interval: Option<Duration>,
    /// The parameter `members-budget`, if it is not the preset's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_budget: Option<u32>,
    /// The parameter `members-max`, if it is not the preset's.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub members_max: Option<u32>,
    /// How many members are paused: a number, or a share such as `5%`.
    pub pause: Portion,
    /// For how long: a time, or a range of times from which each length is drawn.
    pub pause_for: Lengths,
    /// Draws new pauses once in this time. Otherwise there is one pause for each of these members in the load.
    #[serde(skip_serializing_if = "Option::is_none", with = "text::some_time")]
    pub pause_every: Option<Duration>,
    /// Share of ordered pairs of members between which nothing passes in one direction, during the load.
    pub one_way: f64,
    /// When one member is cut off from all others, and for how long.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cut_off: Option<Partition>,
    /// How many members have a wall clock that jumps: a number, or a share such as `5%`. It jumps twice, at random
    /// moments of the load, each time forward or back.
    pub clock_jumps: Portion,
    /// How far a clock jumps: a time, or a range of times from which each length is drawn.
    pub clock_jump_by: Lengths,
    /// The lies that liars tell, as `accuse,forge`; `all` for every kind.
    #[serde(skip_serializing_if = "Kinds::is_empty")]
    pub liars: Kinds,
    /// How many members lie, if there are any lies: a number, or a share such as `30%`. There are as many of each kind.
    pub liars_share: Portion,
    /// Number of address groups of the liars. By default each has its own, as everybody has.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub liars_groups: Option<usize>,
    /// Number of members that liars invent, all together.
    pub invented: usize,
}

/// The parameters of membership.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum Preset {
    /// For nodes in one building.
    #[default]
    Lan,
    /// For nodes that are spread over the internet.
    Wan,
}

/// What finds failures.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Watcher {
    /// Our machine, with this detector.
    Own(Detector),
    /// The library foca, in our machine's place.
    Foca,
}

/// A number of members, or a share of them.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Portion {
    /// This number.
    Count(usize),
    /// This share, from 0 to 1.
    Share(f64),
}

/// A length of time, or a range from which one is drawn evenly.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lengths {
    least: Duration,
    most: Duration,
}

/// Accusers must have been known for a minute, and lists must have spread.
const MEMBERS_SETTLE: Duration = Duration::from_secs(120);

/// A member signs its entries at most once in this time.
const ENTRY_EVERY_LEAST: Duration = Duration::from_secs(1);

/// How the rival is spelled.
pub const RIVAL: &str = "foca";

/// The longest pause, and the longest jump of a clock.
const PAUSED_MAX: Duration = Duration::from_secs(24 * 3_600);

impl Default for MembersPlan {
    fn default() -> Self {
        let minute = Duration::from_secs(60);
        Self {
            preset: Preset::default(),
            detector: Watcher::Own(Detector::default()),
            digest: Digest::default().to_string(),
            settle: MEMBERS_SETTLE,
            join: 0,
            set_entry: 0,
            set_entry_every: None,
            gossip_nodes: None,
            gossip_interval: None,
            members_budget: None,
            members_max: None,
            pause: Portion::Count(0),
            pause_for: Lengths { least: minute, most: minute },
            pause_every: None,
            one_way: 0.0,
            cut_off: None,
            clock_jumps: Portion::Count(0),
            clock_jump_by: Lengths { least: 60 * minute, most: 6 * 60 * minute },
            liars: Kinds::default(),
            liars_share: Portion::Share(0.3),
            liars_groups: None,
            invented: 10_000,
        }
    }
}

/// How often the clock of a member jumps.
const JUMPS: usize = 2;

impl MembersPlan {
    /// Draws which nodes do what, and when, counted from the start of the load. Nodes in `spared` are left alone.
    ///
    /// # Errors
    /// Says which settings are impossible.
    pub fn draw(
        &self,
        nodes: usize,
        load: Duration,
        spared: &[usize],
        seed: Seed,
    ) -> anyhow::Result<(Start, Schedule)> {
        share("members.one_way", self.one_way)?;
        let mut draws = seed.draws("members");
        let lying = Lying::draw(&self.liars, self.liars_share.of(nodes), self.invented, nodes, spared, seed)?;
        let taken: Vec<usize> = lying.iter().flat_map(Lying::taken).collect();
        let mut free: Vec<usize> =
            (0..nodes).filter(|node| !spared.contains(node) && !taken.contains(node)).collect();
        draws.shuffle(&mut free);
        let paused = self.pause.of(nodes);
        let wanted = self.join + self.set_entry.max(paused).max(usize::from(self.cut_off.is_some()));
        if wanted > free.len() {
            bail!(
                "{wanted} members are to join, set an entry or be paused, and {} can: use more nodes",
                free.len()
            );
        }
        if self.pause_every.is_some_and(|every| every < self.pause_for.most) {
            bail!("a pause of {} does not end before the next: raise the time between pauses", self.pause_for);
        }
        let mut schedule = Schedule::new();
        let moment = |draws: &mut Draws| part(draws, Time::ZERO, load.into());
        let late = free.split_off(free.len() - self.join);
        schedule.extend(late.iter().map(|node| (moment(&mut draws), Fault::Join(*node))));
        for node in free.iter().take(self.set_entry) {
            let every = self.set_entry_every.map_or(load, |every| every.max(ENTRY_EVERY_LEAST));
            let first = part(&mut draws, Time::ZERO, every.min(load).into());
            let times = std::iter::successors(Some(first), |at| Some(*at + every.into()));
            let times = times.take_while(|at| at.since(Time::ZERO) < load.into() || *at == first);
            schedule.extend(times.map(|at| (at, Fault::SetEntry(*node))));
        }
        self.pauses(&mut free, paused, load.into(), &mut draws, &mut schedule);
        if self.one_way > 0.0 {
            schedule.push((Time::ZERO, Fault::OneWay(self.one_way)));
            schedule.push((Time::ZERO + Span::from(load), Fault::OneWay(0.0)));
        }
        if let Some(cut) = &self.cut_off {
            cut.check(load).map_err(anyhow::Error::msg).context("--cut-off")?;
            let lone = free.first().copied().unwrap_or_default();
            let until = Time::ZERO + cut.heals().into();
            schedule.push((Time::ZERO + cut.at.into(), Fault::Part { halves: Halves::one(nodes, lone), until }));
        }
        self.jumps(&free, nodes, load.into(), seed, &mut schedule);
        let silent = lying.iter().flat_map(|lying| &lying.liars).filter(|liar| liar.silent);
        schedule.extend(silent.map(|liar| (Time::ZERO, Fault::FallSilent(liar.node))));
        let mut config = self.parameters()?;
        let rival = match self.detector {
            Watcher::Own(detector) => {
                config.detector = detector;
                None
            }
            Watcher::Foca => Some(self.preset),
        };
        let digest = self.digest.parse().with_context(|| format!("members.digest is {:?}", self.digest))?;
        Ok((Start { config, digest, rival, late, lying }, schedule))
    }

    /// Whether some parameters are not those of the preset.
    #[must_use]
    pub const fn has_parameters(&self) -> bool {
        self.gossip_nodes.is_some()
            || self.gossip_interval.is_some()
            || self.members_budget.is_some()
            || self.members_max.is_some()
    }

    /// The preset, with what differs from it.
    fn parameters(&self) -> anyhow::Result<MembersConfig> {
        let mut config = match self.preset {
            Preset::Lan => MembersConfig::lan(),
            Preset::Wan => MembersConfig::wan(),
        };
        config.gossip_nodes = self.gossip_nodes.unwrap_or(config.gossip_nodes);
        config.gossip_interval = self.gossip_interval.map_or(config.gossip_interval, Span::from);
        config.members_budget = self.members_budget.unwrap_or(config.members_budget);
        config.members_max = self.members_max.unwrap_or(config.members_max);
        config.validate()?;
        Ok(config)
    }

    /// The jumps of wall clocks.
    fn jumps(&self, free: &[usize], nodes: usize, load: Span, seed: Seed, schedule: &mut Schedule) {
        let mut draws = seed.draws("clock jumps");
        let mut free = free.to_vec();
        draws.shuffle(&mut free);
        for node in free.into_iter().take(self.clock_jumps.of(nodes)) {
            for _ in 0..JUMPS {
                let at = part(&mut draws, Time::ZERO, load);
                let by = i64::try_from(self.clock_jump_by.draw(&mut draws).as_millis()).unwrap_or(i64::MAX);
                let by_ms = if draws.chance(0.5) { by } else { -by };
                schedule.push((at, Fault::ClockJump { node, by_ms }));
            }
        }
    }

    /// The pauses. All end with the load.
    fn pauses(&self, free: &mut [usize], count: usize, load: Span, draws: &mut Draws, schedule: &mut Schedule) {
        let end = Time::ZERO + load;
        let every = self.pause_every.map_or(load, Span::from);
        let mut ends = vec![Time::ZERO; free.iter().max().map_or(0, |most| most + 1)];
        let mut from = Time::ZERO;
        while count > 0 && from < end {
            draws.shuffle(free);
            for node in free.iter().take(count) {
                let at = part(draws, from, every);
                let until = (at + self.pause_for.draw(draws)).min(end);
                if at < end && at > ends[*node] {
                    ends[*node] = until;
                    schedule.push((at, Fault::Pause { node: *node, until }));
                    schedule.push((until, Fault::Resume(*node)));
                }
            }
            from = from + every.max(Span::from_millis(1));
        }
    }
}

fn part(draws: &mut Draws, from: Time, span: Span) -> Time {
    from + Span::from_micros((span.as_micros() as f64 * draws.unit()) as u64)
}

impl Portion {
    /// How many of these members it is.
    #[must_use]
    pub fn of(self, members: usize) -> usize {
        match self {
            Self::Count(count) => count,
            Self::Share(share) => (share * members as f64).round() as usize,
        }
    }
}

impl Lengths {
    fn draw(self, draws: &mut Draws) -> Span {
        part(draws, Time::ZERO + self.least.into(), Span::from(self.most - self.least)).since(Time::ZERO)
    }
}

impl FromStr for Preset {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "lan" => Ok(Self::Lan),
            "wan" => Ok(Self::Wan),
            _ => Err(format!("{text:?} is no preset: lan or wan is wanted")),
        }
    }
}

impl fmt::Display for Preset {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Lan => "lan",
            Self::Wan => "wan",
        })
    }
}

impl FromStr for Watcher {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == RIVAL {
            return Ok(Self::Foca);
        }
        text.parse().map(Self::Own).map_err(|error| format!("{error}; {RIVAL} takes our machine's place"))
    }
}

impl fmt::Display for Watcher {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Own(detector) => detector.fmt(f),
            Self::Foca => f.write_str(RIVAL),
        }
    }
}

impl FromStr for Portion {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("{text:?} is neither: a number of members or a share such as 5% is wanted");
        match text.strip_suffix('%') {
            Some(percent) => match percent.parse::<f64>() {
                Ok(percent) if (0.0..=100.0).contains(&percent) => Ok(Self::Share(percent / 100.0)),
                _ => Err(wanted()),
            },
            None => text.parse().map(Self::Count).map_err(|_| wanted()),
        }
    }
}

impl fmt::Display for Portion {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Count(count) => count.fmt(f),
            Self::Share(share) => write!(f, "{}%", 100.0 * share),
        }
    }
}

impl FromStr for Lengths {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (least, most) = text.split_once("..").unwrap_or((text, text));
        let (least, most) = (parse_time(least)?, parse_time(most)?);
        if least.is_zero() || least > most || most > PAUSED_MAX {
            return Err(format!("{text:?} is no pause: a time up to 24h, or a range such as 1s..8s, is wanted"));
        }
        Ok(Self { least, most })
    }
}

impl fmt::Display for Lengths {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let plain = |time: Duration| text::Time(time).to_string().replace(' ', "");
        match self.least == self.most {
            true => f.write_str(&plain(self.most)),
            false => write!(f, "{}..{}", plain(self.least), plain(self.most)),
        }
    }
}

serde_as_text!(Preset, Watcher, Portion, Lengths);
