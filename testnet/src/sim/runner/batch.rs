//! One call of `testnet sim`: one simulation, or many, some of them at once. Results come in the order of the
//! seeds, in whichever order the simulations end, so nothing but the time depends on how many run at once.
//!
//! Each simulation has its own world and runs on one thread. As many worlds are in memory as run at once; of a
//! finished one only its report stays. Deliberately absent: an order of starting other than that of the seeds.

use std::collections::BTreeMap;
use std::num::NonZeroUsize;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::film::Shot;
use super::{Job, Kept, run, run_and_keep};
use crate::dashboard::replay::Film;
use crate::local::out;
use crate::local::progress::Progress;
use crate::report::deliveries::Columns;
use crate::report::deliveries::files::write_hops;
use crate::report::schema::{Report, Runs, SCHEMA, Swept};
use crate::report::{self, Found, Json, RowsFile};
use crate::sim::simulation;

/// The work of one call.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The simulations, at least one.
    pub jobs: Vec<Job>,
    /// How many of them run at once, at most.
    pub at_once: NonZeroUsize,
    /// The key that is varied, with a value for each job.
    pub sweep: Option<Swept>,
    /// The directory for the results.
    pub out: PathBuf,
    /// The second place for the report.
    pub json: Option<Json>,
}

/// Shorter runs show no progress.
const QUIET: Duration = Duration::from_secs(2);

/// The time between two lines of progress where no bar moves.
const LINE_EVERY: Duration = Duration::from_secs(10);

impl Batch {
    /// Nodes of the largest simulation, as far as the scenarios say.
    #[must_use]
    pub fn largest(&self) -> usize {
        self.jobs.iter().filter_map(|job| job.scenario.nodes).max().unwrap_or(0)
    }

    /// Runs the only simulation, writes its report, and makes a film of it.
    ///
    /// # Errors
    /// As [`Batch::run`], and if there are several, or if it can't be shown.
    pub fn run_filmed(self) -> anyhow::Result<(Found, PathBuf, Film)> {
        let [job] = self.jobs.as_slice() else { anyhow::bail!("one simulation at a time can be shown") };
        let dir = out::claim(&self.out)?;
        let mut shot = Shot::default();
        let report = one(job, &dir, Some(&mut shot))?;
        let film = shot.film(&report)?;
        let found = Found::One(Box::new(report));
        if let Some(json) = &self.json {
            json.write(&found)?;
        }
        Ok((found, dir, film))
    }

    /// Runs everything and writes the reports. Returns them, and the directory.
    ///
    /// # Errors
    /// If a scenario contradicts itself, or a file can't be written.
    pub fn run(self) -> anyhow::Result<(Found, PathBuf)> {
        let dir = out::claim(&self.out)?;
        let found = match (self.jobs.as_slice(), &self.sweep) {
            ([job], None) => Found::One(Box::new(one(job, &dir, None)?)),
            (jobs, _) => {
                let runs = Runs {
                    schema: SCHEMA,
                    kind: "sweep".to_owned(),
                    sweep: self.sweep.clone(),
                    runs: several(jobs, self.at_once)?,
                };
                report::write_runs(&dir, &runs)?;
                Found::Several(runs)
            }
        };
        if let Some(json) = &self.json {
            json.write(&found)?;
        }
        Ok((found, dir))
    }
}

fn one(job: &Job, dir: &Path, film: Option<&mut Shot>) -> anyhow::Result<Report> {
    let mut rows = RowsFile::create(dir, Columns::WithFloor)?;
    let mut watch = Watch::new();
    let mut hops = Vec::new();
    let kept = Kept { film, hops: Some(&mut hops) };
    let (report, spreads) =
        run_and_keep(job, &mut |progress| watch.show(&progress), &mut |one| rows.row(one), kept)?;
    drop(watch);
    rows.finish()?;
    write_hops(dir, &hops)?;
    report::write_drawn(dir, &report, &spreads)?;
    Ok(report)
}

/// Runs the jobs, `at_once` at the same time. Each thread takes the next job when its last one is done.
fn several(jobs: &[Job], at_once: NonZeroUsize) -> anyhow::Result<Vec<Report>> {
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    std::thread::scope(|scope| {
        for _ in 0..at_once.get().min(jobs.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                while let Some((index, job)) = numbered(jobs, next.fetch_add(1, Ordering::Relaxed)) {
                    let result = run(job, &mut |_| (), &mut |_| ()).map(|(report, _)| report);
                    if result.is_err() {
                        // The jobs before this one have begun. The first of them that fails is the batch's error.
                        next.fetch_max(jobs.len(), Ordering::Relaxed);
                    }
                    if sender.send((index, result)).is_err() {
                        break;
                    }
                }
            });
        }
        drop(sender);
        in_order(jobs, &receiver)
    })
}

fn numbered(jobs: &[Job], index: usize) -> Option<(usize, &Job)> {
    Some((index, jobs.get(index)?))
}

/// Takes results as they come, and reports them in order.
fn in_order(
    jobs: &[Job],
    receiver: &mpsc::Receiver<(usize, anyhow::Result<Report>)>,
) -> anyhow::Result<Vec<Report>> {
    let mut early = BTreeMap::new();
    let mut reports = Vec::with_capacity(jobs.len());
    let mut count = Count::new(jobs.len());
    for (index, result) in receiver {
        early.insert(index, result);
        count.one_more();
        while let Some(result) = early.remove(&reports.len()) {
            let repeat =
                || jobs.get(reports.len()).map_or(String::new(), |job| format!("repeat with: {}", job.repeat));
            let report = result.with_context(repeat)?;
            tell(&report, &count.progress);
            reports.push(report);
        }
    }
    Ok(reports)
}

/// The result of one run among many that must not be overlooked.
fn tell(report: &Report, progress: &Progress) {
    if let Some(simulated) = report.sim.as_ref().filter(|simulated| simulated.violations_found > 0) {
        let first = simulated.violations.first().map_or("", |broken| broken.what.as_str());
        progress.line(&format!(
            "seed {}: {} violations; the first: {first}\n  {}",
            report.seed, simulated.violations_found, simulated.repeat
        ));
    }
}

/// Shows how many simulations are done.
struct Count {
    done: usize,
    all: usize,
    told: Instant,
    progress: Progress,
}

impl Count {
    fn new(all: usize) -> Self {
        Self { done: 0, all, told: Instant::now(), progress: Progress::stderr() }
    }

    fn one_more(&mut self) {
        self.done += 1;
        let text = format!("{} of {} simulations", self.done, self.all);
        self.progress.done(self.done as u64, self.all as u64);
        if self.progress.moves() {
            self.progress.now(text);
        } else if self.told.elapsed() >= LINE_EVERY {
            self.told = Instant::now();
            self.progress.line(&text);
        }
    }
}

/// Shows the progress of a run, if it takes long.
struct Watch {
    began: Instant,
    told: Instant,
    progress: Option<Progress>,
}

impl Watch {
    fn new() -> Self {
        let now = Instant::now();
        Self { began: now, told: now, progress: None }
    }

    fn show(&mut self, at: &simulation::Progress) {
        let wall = self.began.elapsed();
        if wall < QUIET {
            return;
        }
        let (now, end) = (at.now.as_micros(), at.end.as_micros());
        let left = wall.as_secs_f64() * end.saturating_sub(now) as f64 / (now as f64).max(1.0);
        let text = format!(
            "{:.1} of {:.1} s virtual, {} events, {} deliveries, at most {left:.0} s left",
            now as f64 / 1e6,
            end as f64 / 1e6,
            at.events,
            at.arrived
        );
        let progress = self.progress.get_or_insert_with(Progress::stderr);
        progress.done(now, end);
        if progress.moves() {
            progress.now(text);
        } else if self.told.elapsed() >= LINE_EVERY {
            self.told = Instant::now();
            progress.line(&text);
        }
    }
}
