//! The flags of `testnet sim`.

use std::num::NonZeroUsize;
use std::ops::RangeInclusive;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use anyhow::{Context as _, bail};
use clap::Args;

use super::load::parse_percent;
use super::{LinkArgs, LoadArgs, MembersArgs, quoted};
use crate::random::Seed;
use crate::report::Json;
use crate::report::schema::Swept;
use crate::sim::runner::Job;
use crate::sim::runner::batch::Batch;
use crate::sim::runner::memory::{self, TooLarge};
use crate::sim::runner::sweep::{Sweep, VALUES_MAX};
use crate::sim::scenario::{Draft, SIMULATED_NODES_MAX, Scenario};
use crate::sim::swarm::Drawn;
use crate::sim::watchers::Checks;
use crate::text;

const SIM_HELP: &str = "\
Examples:
  testnet sim
      50 nodes on a random 8-regular graph over six regions of the world
  testnet sim --scenario testnet/scenarios/classic.toml --sweep fanout=1..6
      the textbook rumor on 16 nodes, for each fanout; a table, and latency and bytes as a picture
  testnet sim --relay rumor --reconcile-interval 0s --sweep nodes=16..4096*4 --txs 20
      how the number of rounds grows with the number of nodes
  testnet sim --nodes 1000 --relay flood --seeds 1..20
      twenty runs, as many at once as there are cores; each run that breaks a rule is shown with the command that
      repeats it
  testnet sim --members --nodes 200 --kill 1 --join 1 --set-entry 1 --seeds 10
      nodes that watch each other: how soon all know of a crash, of a new node, and of a new value
  testnet sim --members --nodes 100 --liars accuse,mute --duration 10m
      three in ten of them accuse an honest one, or answer nobody any more: what the others make of it
  testnet sim --swarm --seeds 1..1000
      a thousand small networks with all kinds of faults and adversaries

A scenario file has every flag's key, and tables for the workload, faults and adversaries; flags go before it.
--sweep and --set take any key by its dotted path or its last part: nodes, degree, tx_rate, workload.stray, and of a
rumor fanout, round and feedback. Values: a,b,c or A..B or A..B+STEP or A..B*FACTOR.

The same seed gives the same run, on every machine. The out directory then holds report.json, and report.html (the
page to look at), deliveries.csv, cdf.svg and rumor.svg, or of several runs sweep.svg and growth.svg.

Exit status: 0 the report was written and no checker found a violation; 1 a checker found one, or it could not run;
2 usage; 130 interrupted.";

/// The most seeds of one call.
const SEEDS_MAX: u64 = 1_000_000;

/// The flags of `testnet sim`.
#[derive(Debug, Args)]
#[command(after_long_help = SIM_HELP)]
pub struct SimArgs {
    /// Nodes [default: 50, or as many as a topology file names]
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..=SIMULATED_NODES_MAX as u64))]
    pub nodes: Option<u64>,
    /// A TOML file to begin with; flags override its keys
    #[arg(long, value_name = "FILE")]
    pub scenario: Option<PathBuf>,
    /// Network and load.
    #[command(flatten)]
    pub load: LoadArgs,
    /// Links.
    #[command(flatten)]
    pub links: LinkArgs,
    /// Share of messages that vanish unseen during the load, in either direction: no connection is closed because
    /// of it [default: 0%]
    #[arg(long, value_name = "PERCENT", value_parser = parse_percent)]
    pub loss: Option<f64>,
    /// Members.
    #[command(flatten)]
    pub members: MembersArgs,
    /// Report and draw how transactions spread in multiples of this time, such as the interval at which nodes
    /// reconcile
    #[arg(long, value_name = "TIME", value_parser = super::load::parse_time)]
    pub interval: Option<Duration>,
    /// Set any key of the scenario; may be repeated
    #[arg(long, value_name = "KEY=VALUE")]
    pub set: Vec<String>,
    /// Run once for each value: PARAM=A..B, PARAM=A..B*2 or PARAM=a,b,c
    #[arg(long, value_name = "PARAM=VALUES")]
    pub sweep: Vec<String>,
    /// Decides everything that is random
    #[arg(long, value_name = "N", default_value_t = 1)]
    pub seed: u64,
    /// Run with this number of seeds from --seed on, or with the seeds A..B
    #[arg(long, value_name = "N|A..B")]
    pub seeds: Option<Seeds>,
    /// How many of several runs go on at once; the results are the same [default: the number of cores]
    #[arg(long, short, value_name = "N")]
    pub jobs: Option<NonZeroUsize>,
    /// Run even if there seems to be too little memory
    #[arg(long)]
    pub no_memory_check: bool,
    /// Draw small networks, loads, faults and adversaries from the seed itself, to find broken rules
    #[arg(long, conflicts_with_all = ["scenario", "set", "sweep", "nodes", "wan", "jitter", "bandwidth", "partition", "loss", "interval", "members"])]
    pub swarm: bool,
    /// Checkers that watch: all, converged (in addition, all nodes must end with the same items and the same tip,
    /// whatever the policy promises) or none [default: all, from 1,000 nodes on a sample of them]
    #[arg(long, value_name = "CHECKS", value_parser = ["all", "converged", "none"])]
    pub checks: Option<String>,
    /// Show the run in the browser afterwards, with a slider for the time; prints the address, and serves it until
    /// it is interrupted
    #[arg(long, conflicts_with_all = ["seeds", "sweep", "swarm", "members"])]
    pub dashboard: bool,
    /// Directory for the results; an earlier run's files there are replaced
    #[arg(long, value_name = "DIR", default_value = "out/sim")]
    pub out: PathBuf,
    /// Write the report here as well; - is standard output, and the tables go to standard error then
    #[arg(long, value_name = "FILE")]
    pub json: Option<Json>,
}

/// The value of `--seeds`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Seeds {
    /// A number of seeds.
    Count(u64),
    /// These seeds.
    Range(RangeInclusive<u64>),
}

impl FromStr for Seeds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wanted = || format!("{text:?} are no seeds: a number, or a range such as 1..100, is wanted");
        let number = |text: &str| text.parse::<u64>().map_err(|_| wanted());
        let (seeds, count) = match text.split_once("..") {
            Some((from, to)) => {
                let (from, to) = (number(from)?, number(to)?);
                (Self::Range(from..=to), to.checked_sub(from).ok_or_else(wanted)?.saturating_add(1))
            }
            None => (Self::Count(number(text)?), number(text)?),
        };
        match count {
            1..=SEEDS_MAX => Ok(seeds),
            _ => Err(format!("1 to {SEEDS_MAX} seeds are wanted")),
        }
    }
}

impl SimArgs {
    /// The simulations that the flags describe, all of them checked.
    ///
    /// # Errors
    /// If flags or a file contradict each other, or if a key doesn't exist.
    pub fn batch(self, command: String) -> anyhow::Result<Batch> {
        if self.swarm {
            return self.swarm_batch(&command);
        }
        let sweep = match self.sweep.as_slice() {
            [] => None,
            [one] => Some(one.parse::<Sweep>().map_err(anyhow::Error::msg).context("--sweep")?),
            _ => bail!("one --sweep at a time is possible: run the command once for each"),
        };
        let mut draft = self.scenario.as_deref().map_or_else(|| Ok(Draft::default()), Draft::read)?;
        if self.scenario.is_none() {
            for (key, value) in self.members.usual() {
                draft.set(key, value).context("--members")?;
            }
        }
        let mut words = vec!["testnet".to_owned(), "sim".to_owned()];
        words.extend(self.members.members.then(|| "--members".to_owned()));
        if let Some(path) = &self.scenario {
            words.extend(["--scenario".to_owned(), path.display().to_string()]);
        }
        for (flag, key, value) in self.given() {
            draft.set(key, &value).with_context(|| flag.to_owned())?;
            // The key of a scenario takes a share, and this flag a percentage.
            let one_way = self.members.one_way.filter(|_| flag == "--one-way");
            words.extend([flag.to_owned(), one_way.map_or(value, percent)]);
        }
        if let Some(loss) = self.loss {
            draft.set("faults.vanish", &loss.to_string()).context("--loss")?;
            words.extend(["--loss".to_owned(), percent(loss)]);
        }
        for setting in &self.set {
            let Some((key, value)) = setting.split_once('=') else {
                bail!("--set {setting}: KEY=VALUE is wanted")
            };
            draft.set(key, value).context("--set")?;
            words.extend(["--set".to_owned(), setting.clone()]);
        }
        if let Some(checks) = &self.checks {
            words.extend(["--checks".to_owned(), checks.clone()]);
        }
        let scenarios = swept(&draft, sweep.as_ref(), &words)?;
        if self.seeds().count().saturating_mul(scenarios.len()) as u64 > SEEDS_MAX {
            bail!("these are more than {SEEDS_MAX} simulations: up to {VALUES_MAX} values, each with every seed");
        }
        let at_once = self.at_once(&scenarios)?;
        let mut jobs = Vec::new();
        let mut values = Vec::new();
        for (scenario, words, value) in scenarios {
            // Settings that contradict each other do so for any seed. There is one exception: a graph may fail to
            // be drawn with one seed.
            scenario.setup(Seed(self.seed))?;
            for seed in self.seeds() {
                let (checks, command, scenario) = (self.checks(), command.clone(), scenario.clone());
                let repeat = format!("{} --seed {seed}", words.join(" "));
                jobs.push(Job { scenario, swarm: None, seed, checks, command, repeat, alone: false });
                values.extend(value.clone());
            }
        }
        if let [only] = jobs.as_mut_slice() {
            only.alone = true;
        }
        let sweep = sweep.map(|sweep| Swept { parameter: sweep.parameter, values });
        Ok(Batch { jobs, at_once, sweep, out: self.out, json: self.json })
    }

    /// How many of these scenarios, each with every seed, run at once.
    ///
    /// # Errors
    /// If that many need more memory than this machine has left.
    fn at_once(&self, scenarios: &[(Scenario, Vec<String>, Option<String>)]) -> Result<NonZeroUsize, TooLarge> {
        let usual = std::thread::available_parallelism().unwrap_or(NonZeroUsize::MIN);
        let available = if self.no_memory_check { None } else { memory::available() };
        // No more of one scenario can be at work than run at once.
        let most = self.jobs.unwrap_or(usual).get().min(self.seeds().count());
        let each = scenarios.iter().filter_map(|(scenario, ..)| memory::estimate(scenario));
        let estimates = each.flat_map(|bytes| std::iter::repeat_n(bytes, most)).collect();
        memory::at_once(estimates, self.jobs, usual, available)
    }

    /// A small network for each seed.
    fn swarm_batch(self, command: &str) -> anyhow::Result<Batch> {
        if let Some((flag, ..)) = self.load.given().first() {
            bail!("{flag} has no place beside --swarm, which draws everything from the seed");
        }
        let job = |seed| {
            let drawn = Drawn::new(seed);
            Job {
                scenario: Scenario::from(&drawn),
                swarm: Some(Box::new(drawn)),
                seed,
                checks: self.checks(),
                command: command.to_owned(),
                repeat: format!("testnet sim --swarm --seed {seed}"),
                alone: false,
            }
        };
        let jobs = self.seeds().map(job).collect();
        let at_once = self.at_once(&[])?;
        Ok(Batch { jobs, at_once, sweep: None, out: self.out, json: self.json })
    }

    fn checks(&self) -> Checks {
        match self.checks.as_deref() {
            None => Checks::Auto,
            Some("none") => Checks::None,
            Some("converged") => Checks::Converged,
            Some(_) => Checks::All,
        }
    }

    fn seeds(&self) -> RangeInclusive<u64> {
        match &self.seeds {
            None => self.seed..=self.seed,
            Some(Seeds::Count(count)) => self.seed..=self.seed.saturating_add(count - 1),
            Some(Seeds::Range(range)) => range.clone(),
        }
    }

    fn given(&self) -> Vec<(&'static str, &'static str, String)> {
        let own = [
            ("--nodes", "nodes", self.nodes.map(|nodes| nodes.to_string())),
            ("--interval", "interval", self.interval.map(|time| text::Time(time).to_string())),
        ];
        let own = own.into_iter().chain(self.links.given()).chain(self.members.given());
        let own = own.filter_map(|(flag, key, value)| Some((flag, key, value?)));
        own.chain(self.load.given()).collect()
    }
}

/// A scenario, the words that repeat it, and the value of the sweep that it has.
type OneOfSweep = (Scenario, Vec<String>, Option<String>);

/// The scenario of each value of a sweep, or the only one.
fn swept(draft: &Draft, sweep: Option<&Sweep>, words: &[String]) -> anyhow::Result<Vec<OneOfSweep>> {
    let quoted = |words: Vec<String>| words.iter().map(|word| quoted(word)).collect();
    let Some(sweep) = sweep else { return Ok(vec![(draft.finish()?, quoted(words.to_vec()), None)]) };
    let one = |value: &String| {
        let mut draft = draft.clone();
        draft.set(&sweep.parameter, value).context("--sweep")?;
        let set = ["--set".to_owned(), format!("{}={value}", sweep.parameter)];
        let words = words.iter().cloned().chain(set).collect();
        Ok((draft.finish()?, quoted(words), Some(value.clone())))
    };
    sweep.values.iter().map(one).collect()
}

/// A share as the flags take it.
fn percent(share: f64) -> String {
    format!("{}%", 100.0 * share)
}
