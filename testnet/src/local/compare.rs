//! The same work on several engines and policies in turn. Every round runs each of them on each workload, so that
//! other load on the machine affects all alike. Runs of one round have the same seed, and therefore the same keys,
//! payloads, schedule and graph. Every engine runs in the same worker process.
//!
//! Deliberately absent: what a run is. `local` makes each run like any other.

use std::fmt;
use std::path::{Path, PathBuf};
use std::str::FromStr;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use crate::engine::Engine;
use crate::local::interrupt::Interrupt;
use crate::local::out::{self, RUNS_DIR};
use crate::local::plan::Plan;
use crate::local::progress::Progress;
use crate::local::{self, Ended};
use crate::report::schema::{Compared, Report, Runs, SCHEMA};
use crate::report::{self, Json, compare};
use crate::workload::Load;

/// The share of transactions that enter away from home in the workload `stray`.
const STRAY: f64 = 0.2;

/// An engine with its policy.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contender {
    /// The engine.
    pub engine: Engine,
    /// The policy, as `--relay` spells it; `gossipsub` for engines that have no policies.
    pub relay: String,
    /// Whether its nodes keep their items on disk.
    pub stored: bool,
}

/// Whether Hearsay's nodes keep their items on disk.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, clap::ValueEnum)]
pub enum StoreChoice {
    /// They don't, like the other engines.
    #[default]
    Off,
    /// They do, as `node` does by default.
    On,
    /// Once without, once with.
    Both,
}

/// A workload. An engine may do well on one and badly on another, so all of them run by default.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// Every transaction enters at its author's home.
    Plain,
    /// One in five enters elsewhere.
    Stray,
    /// No author writes twice.
    OneTime,
}

/// A run of the comparison.
#[derive(Debug)]
pub struct Job {
    /// The plan of the run.
    pub plan: Plan,
    /// Its place.
    pub compared: Compared,
}

/// The whole comparison.
#[derive(Debug)]
pub struct Comparison {
    /// The runs, in the order in which they are made.
    pub jobs: Vec<Job>,
    /// The directory for the results.
    pub out: PathBuf,
    /// The second place for the reports.
    pub json: Option<Json>,
}

/// How a comparison ended.
#[derive(Debug)]
pub enum Compare {
    /// All runs were made.
    Finished(Runs, PathBuf),
    /// A signal came. These runs had been made.
    Interrupted(Runs, PathBuf),
}

impl Comparison {
    /// Makes all runs and writes their reports. Whatever happens, no node keeps running, and the reports of the
    /// finished runs are written.
    ///
    /// # Errors
    /// If a run could not be made, or if a report can't be written.
    pub async fn run(self) -> anyhow::Result<Compare> {
        let mut interrupt = Interrupt::catch().context("cannot catch signals")?;
        let dir = out::claim(&self.out)?;
        let progress = Progress::stderr();
        let mut reports = Vec::new();
        let mut ended = Ok(false);
        let start = Instant::now();
        for (index, job) in self.jobs.iter().enumerate() {
            progress.line(&line(job, index, self.jobs.len(), start.elapsed()));
            let plan = Plan { out: dir.join(RUNS_DIR).join(job.name(index)), ..job.plan.clone() };
            match local::run_once(&plan, &mut interrupt, &progress).await {
                Ok(Ended::Reported(report, _)) => {
                    reports.push(Report { compared: Some(job.compared.clone()), ..*report });
                }
                Ok(Ended::Interrupted(_)) => ended = Ok(true),
                Err(error) => ended = Err(error.context(format!("run {} of {}", index + 1, self.jobs.len()))),
            }
            if !matches!(ended, Ok(false)) {
                break;
            }
        }
        drop(progress);
        let runs = Runs { schema: SCHEMA, kind: compare::COMPARE_KIND.to_owned(), sweep: None, runs: reports };
        write(&dir, self.json.as_ref(), &runs)?;
        Ok(if ended? { Compare::Interrupted(runs, dir) } else { Compare::Finished(runs, dir) })
    }
}

impl Job {
    /// The name of its directory: its place, and its content.
    fn name(&self, index: usize) -> String {
        let (engine, relay) = (self.plan.engine, self.plan.relay.split(':').next().unwrap_or_default());
        let policy = if engine == Engine::Hearsay { format!("-{relay}") } else { String::new() };
        let store = if self.plan.ephemeral { "" } else { "-stored" };
        format!("{:02}-{}-{engine}{policy}{store}", index + 1, self.compared.workload)
    }
}

fn write(dir: &Path, json: Option<&Json>, runs: &Runs) -> anyhow::Result<()> {
    report::write_runs(dir, runs)?;
    if let Some(json) = json {
        json.write(runs)?;
    }
    Ok(())
}

/// Which run begins, and how long the rest will take if each run takes as long as those before.
fn line(job: &Job, index: usize, count: usize, elapsed: Duration) -> String {
    let left = match u32::try_from(index) {
        Ok(0) | Err(_) => String::new(),
        Ok(done) => {
            let each = elapsed / done;
            let rest = each.saturating_mul(u32::try_from(count - index).unwrap_or(u32::MAX));
            format!(", about {} left", humantime::format_duration(Duration::from_secs(rest.as_secs())))
        }
    };
    let Job { plan, compared } = job;
    let policy = if plan.engine == Engine::Hearsay { format!(" {}", plan.relay) } else { String::new() };
    let store = if plan.ephemeral { "" } else { ", stored" };
    format!(
        "\nrun {} of {count}: {}{policy}{store}, workload {}, round {}{left}",
        index + 1,
        plan.engine,
        compared.workload,
        compared.round
    )
}

impl StoreChoice {
    /// The variants with which each policy runs, in turn.
    #[must_use]
    pub const fn each(self) -> &'static [bool] {
        match self {
            Self::Off => &[false],
            Self::On => &[true],
            Self::Both => &[false, true],
        }
    }
}

impl Kind {
    /// All, in the order in which they are shown.
    pub const ALL: [Self; 3] = [Self::Plain, Self::Stray, Self::OneTime];

    /// The load with the changes of this workload.
    #[must_use]
    pub fn of(self, load: &Load) -> Load {
        let (stray, one_time_authors) = match self {
            Self::Plain => (0.0, 0.0),
            Self::Stray => (STRAY, 0.0),
            Self::OneTime => (0.0, 1.0),
        };
        Load { stray, one_time_authors, ..load.clone() }
    }
}

impl FromStr for Kind {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let found = Self::ALL.into_iter().find(|kind| kind.to_string() == text);
        found.ok_or_else(|| format!("{text:?} is no workload: plain, stray or one-time is wanted"))
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Plain => "plain",
            Self::Stray => "stray",
            Self::OneTime => "one-time",
        })
    }
}
