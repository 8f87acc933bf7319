//! What nodes take under a steady load, for hours if wanted: resident memory, file descriptors and threads of each,
//! by the system's word, from the beginning of the load to its end.
//!
//! The nodes write no traces, because those of an hour would fill the disk and the instrument's memory. So there are
//! no latencies here. Whether the load was carried is asked by RPC. Deliberately absent: what counts as a plateau
//! ([`report::plateau`]).

use std::convert::Infallible;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use tokio::time::{Instant, sleep_until};

use super::interrupt::Interrupt;
use super::launch::Cluster;
use super::load::{self, Done};
use super::out::Out;
use super::plan::Plan;
use super::progress::Progress;
use super::{prepare, program, stop};
use crate::report;
use crate::report::plateau::{PLATEAU_KIND, Plateau, Sample};
use crate::report::schema::SCHEMA;
use crate::report::statistics::rounded;

/// The time between two samples.
const SAMPLE_EVERY: Duration = Duration::from_secs(10);

/// The least number of samples, so that a short load has enough of them.
const SAMPLES_MIN: u32 = 30;

/// The share of the offered transactions that must be acknowledged.
const CARRIED_MIN: f64 = 0.99;

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// The report was written.
    Reported(Box<Plateau>, PathBuf),
    /// A signal came. The report was written if the load had begun.
    Interrupted(Option<Box<Plateau>>),
}

/// What is known so far.
#[derive(Default)]
struct Seen {
    samples: Vec<Sample>,
    done: Done,
    /// Whether everything had arrived when the drain ended.
    arrived: bool,
}

/// Runs the plan, and judges the nodes' memory by this bound. Whatever happens, no node keeps running.
///
/// # Errors
/// If the load never began, or if the report can't be written.
pub async fn watch(plan: &Plan, rss_max_mib: f64) -> anyhow::Result<Ended> {
    let mut interrupt = Interrupt::catch().context("cannot catch signals")?;
    let progress = Progress::stderr();
    let program = program(plan)?;
    let links = plan.links()?;
    let out = Out::create(plan)?;
    if let Some(links) = &links {
        links.write(&out.links())?;
    }
    let mut cluster = Cluster::new(out.clone());
    let mut seen = Seen::default();
    let outcome = tokio::select! {
        outcome = attempt(plan, &program, &mut cluster, &progress, &mut seen) => Some(outcome),
        () = interrupt.next() => None,
    };
    stop(&mut cluster, &mut interrupt, &progress).await;
    let interrupted = outcome.is_none();
    if seen.samples.is_empty() {
        let outcome = outcome.unwrap_or(Ok(()));
        return outcome
            .map(|()| Ended::Interrupted(None))
            .context("the run ended before the load began; nothing is left running");
    }
    let cut_short = match outcome {
        Some(Ok(())) => None,
        Some(Err(error)) => Some(format!("{error:#}")),
        None => Some("interrupted by a signal".to_owned()),
    };
    let plateau = Box::new(compose(plan, rss_max_mib, seen, cut_short).judged());
    report::write_plateau(out.dir(), &plateau)?;
    if let Some(json) = &plan.json {
        json.write(&plateau)?;
    }
    Ok(if interrupted {
        Ended::Interrupted(Some(plateau))
    } else {
        Ended::Reported(plateau, out.dir().to_owned())
    })
}

/// Start, load and drain.
async fn attempt(
    plan: &Plan,
    program: &std::path::Path,
    cluster: &mut Cluster,
    progress: &Progress,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    prepare(plan, program, cluster, progress).await?;
    let pids = cluster.pids();
    let every = SAMPLE_EVERY.min(plan.load.duration() / SAMPLES_MIN);
    progress.line(&format!(
        "load for {} s: {} transactions of {} bytes, and a sample every {} s",
        plan.load.duration().as_secs_f64(),
        plan.load.transactions(),
        plan.load.tx_bytes,
        every.as_secs_f64()
    ));
    let start = Instant::now();
    let Seen { samples, done, arrived } = seen;
    let loaded = tokio::select! {
        loaded = load::submit(plan, cluster, progress, done) => loaded,
        never = sample_each(&pids, start, every, samples) => match never {},
    };
    loaded?;
    samples.push(sample(&pids, start));
    progress.line(&format!("drain: at most {} s", plan.drain.as_secs_f64()));
    *arrived = load::drain(plan, cluster, done).await?;
    Ok(())
}

/// Takes samples until it is dropped.
async fn sample_each(pids: &[u32], start: Instant, every: Duration, samples: &mut Vec<Sample>) -> Infallible {
    let mut due = start;
    loop {
        sleep_until(due).await;
        samples.push(sample(pids, start));
        due += every;
    }
}

/// What the processes take now. A process that is gone takes nothing.
fn sample(pids: &[u32], start: Instant) -> Sample {
    let mut sample = Sample { at_s: rounded(start.elapsed().as_secs_f64(), 1), ..Sample::default() };
    for pid in pids {
        let status = fs::read_to_string(format!("/proc/{pid}/status")).unwrap_or_default();
        let descriptors = fs::read_dir(format!("/proc/{pid}/fd")).map_or(0, Iterator::count);
        sample.rss_mib.push(rounded(field(&status, "VmRSS:") / 1_024.0, 2));
        sample.descriptors.push(descriptors as f64);
        sample.threads.push(field(&status, "Threads:"));
    }
    sample
}

/// A number of a `/proc/<pid>/status` text; 0 if it isn't there.
fn field(status: &str, name: &str) -> f64 {
    let rest = status.lines().find_map(|line| line.strip_prefix(name));
    rest.and_then(|rest| rest.split_whitespace().next()?.parse().ok()).unwrap_or(0.0)
}

fn compose(plan: &Plan, rss_max_mib: f64, seen: Seen, cut_short: Option<String>) -> Plateau {
    let Seen { samples, done, arrived } = seen;
    let offered = done.offered_transactions as f64;
    let acknowledged = done.submissions.iter().filter(|one| one.acknowledged).count() as f64;
    let mut invalid_because: Vec<String> = cut_short.into_iter().collect();
    if invalid_because.is_empty() && acknowledged < CARRIED_MIN * offered {
        invalid_because.push(format!("{acknowledged} of {offered} transactions were accepted where they entered"));
    }
    if invalid_because.is_empty() && !arrived {
        invalid_because.push("not everything had arrived at all nodes when the drain ended".to_owned());
    }
    Plateau {
        schema: SCHEMA,
        kind: PLATEAU_KIND.to_owned(),
        engine: plan.engine.to_string(),
        relay: plan.relay.clone(),
        nodes: plan.nodes,
        topology: plan.topology.to_string(),
        wan: plan.wan.to_string(),
        seed: plan.seed.0,
        command: plan.command.clone(),
        valid: invalid_because.is_empty(),
        invalid_because,
        tx_rate: plan.load.tx_rate,
        tx_bytes: plan.load.tx_bytes,
        block_interval_s: plan.load.block_interval.map(|interval| interval.as_secs_f64()),
        load_s: plan.load.duration().as_secs_f64(),
        rss_max_mib,
        reached: false,
        broken: Vec::new(),
        samples,
    }
}
