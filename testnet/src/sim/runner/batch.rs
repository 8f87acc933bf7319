//! One call of `testnet sim`: one simulation, or many in turn, on as many threads as there are cores. Results come
//! in the order of the seeds, in whichever order the simulations end.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::atomic::{AtomicUsize, Ordering};
use std::sync::mpsc;
use std::time::{Duration, Instant};

use anyhow::Context as _;

use super::{Job, run};
use crate::local::out;
use crate::local::progress::Progress;
use crate::report::deliveries::Columns;
use crate::report::schema::{Report, Runs, SCHEMA, Swept};
use crate::report::{self, Found, Json, RowsFile};
use crate::sim::simulation;

/// The work of one call.
#[derive(Clone, Debug)]
pub struct Batch {
    /// The simulations, at least one.
    pub jobs: Vec<Job>,
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

    /// Runs everything and writes the reports. Returns them, and the directory.
    ///
    /// # Errors
    /// If a scenario contradicts itself, or a file can't be written.
    pub fn run(self) -> anyhow::Result<(Found, PathBuf)> {
        let dir = out::claim(&self.out)?;
        let found = match (self.jobs.as_slice(), &self.sweep) {
            ([job], None) => Found::One(Box::new(one(job, &dir)?)),
            (jobs, _) => {
                let runs = Runs {
                    schema: SCHEMA,
                    kind: "sweep".to_owned(),
                    sweep: self.sweep.clone(),
                    runs: several(jobs)?,
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

fn one(job: &Job, dir: &Path) -> anyhow::Result<Report> {
    let mut rows = RowsFile::create(dir, Columns::WithFloor)?;
    let mut watch = Watch::new();
    let (report, spreads) = run(job, &mut |progress| watch.show(&progress), &mut |one| rows.row(one))?;
    drop(watch);
    rows.finish()?;
    report::write_drawn(dir, &report, &spreads)?;
    Ok(report)
}

/// Runs the jobs on as many threads as there are cores.
fn several(jobs: &[Job]) -> anyhow::Result<Vec<Report>> {
    let cores = std::thread::available_parallelism().map_or(1, usize::from);
    let next = AtomicUsize::new(0);
    let (sender, receiver) = mpsc::channel();
    let progress = Progress::stderr();
    std::thread::scope(|scope| {
        for _ in 0..cores.min(jobs.len()) {
            let (sender, next) = (sender.clone(), &next);
            scope.spawn(move || {
                loop {
                    let index = next.fetch_add(1, Ordering::Relaxed);
                    let Some(job) = jobs.get(index) else { break };
                    let result = run(job, &mut |_| (), &mut |_| ()).map(|(report, _)| report);
                    let failed = result.is_err();
                    // Nobody listens any more after a job has failed.
                    if sender.send((index, result)).is_err() || failed {
                        break;
                    }
                }
            });
        }
        drop(sender);
        in_order(jobs, &receiver, &progress)
    })
}

/// Takes results as they come, and reports them in order.
fn in_order(
    jobs: &[Job],
    receiver: &mpsc::Receiver<(usize, anyhow::Result<Report>)>,
    progress: &Progress,
) -> anyhow::Result<Vec<Report>> {
    let mut early = BTreeMap::new();
    let mut reports = Vec::with_capacity(jobs.len());
    for (index, result) in receiver {
        let failing = || jobs.get(index).map_or(String::new(), |job| format!("repeat with: {}", job.repeat));
        early.insert(index, result.with_context(failing)?);
        while let Some(report) = early.remove(&reports.len()) {
            tell(&report, progress);
            reports.push(report);
            progress.done(reports.len() as u64, jobs.len() as u64);
            progress.now(format!("{} of {} simulations", reports.len(), jobs.len()));
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
