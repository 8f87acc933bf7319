//! The capacity of a network: the highest rate of transactions at which every transaction is accepted where it
//! enters and reaches every node before the drain ends.
//!
//! The search offers each rate to nodes that have nothing left to do. These are the nodes that carried the
//! previous rate, after they have drained, or fresh nodes. As in any run, figures come from the nodes' traces.
//! Arrivals after the drain don't count.

pub mod search;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use node::clock::monotonic_ns;
use node::observe::trace::{Record, What};
use protocol::limits::MEMPOOL_ENTRIES_MAX;
use tokio::time::{Instant, sleep_until};

use super::collect::{self, Measured, Observed};
use super::interrupt::Interrupt;
use super::launch::Cluster;
use super::load::{self, Done, LoadError};
use super::out::{self, Out, RUNS_DIR};
use super::plan::Plan;
use super::progress::Progress;
use super::{LAST_SAMPLE, prepare, program, read_traces, stop};
use crate::report;
use crate::report::capacity::{CAPACITY_KIND, Capacity, Step};
use crate::report::schema::SCHEMA;
use crate::workload::{Load, TX_RATE_MAX};
use search::Search;

/// The most transactions that are submitted to the same nodes. After that they are replaced by fresh nodes, which
/// begin with nothing. So mempools do not become the limit.
const SUBMITTED_MAX: u64 = MEMPOOL_ENTRIES_MAX as u64 / 2;

/// Idle time before a rate on nodes that carried another: enough for two samples of the network's idle cost.
const IDLE_BETWEEN: Duration = Duration::from_secs(3);

/// The time between two looks whether everything has arrived. It is long, because the nodes share the machine.
const ARRIVED_POLL: Duration = Duration::from_millis(500);

/// How a search ended.
#[derive(Debug)]
pub enum Ended {
    /// The capacity was found, as far as there is one.
    Found(Box<Capacity>, PathBuf),
    /// A signal came. The steps made until then were written.
    Interrupted(Box<Capacity>, PathBuf),
}

/// Running nodes.
struct Live {
    cluster: Cluster,
    out: Out,
    plan: Plan,
    submitted: u64,
}

/// The results so far.
#[derive(Default)]
struct Found {
    steps: Vec<Step>,
    /// Unplanned losses of nodes.
    losses: Vec<String>,
    clusters: usize,
    parts: u32,
}

/// Searches. It begins at the plan's rate. Whatever happens, no node keeps running.
///
/// # Errors
/// If nodes can't be started, or if the report can't be written.
pub async fn find(plan: &Plan, within: f64) -> anyhow::Result<Ended> {
    let mut interrupt = Interrupt::catch().context("cannot catch signals")?;
    let dir = out::claim(&plan.out)?;
    let progress = Progress::stderr();
    let plan = Plan { out: dir.clone(), ..plan.clone() };
    let mut search = Search::new(plan.load.tx_rate, TX_RATE_MAX, within);
    let (mut found, mut live) = (Found::default(), None);
    let mut ended = Ok(false);
    while let Some(rate) = search.next() {
        progress.line(&format!("\nstep {}: {rate:.0} transactions a second", found.steps.len() + 1));
        let tried = tokio::select! {
            tried = attempt(&plan, rate, &mut live, &mut found, &progress) => Some(tried),
            () = interrupt.next() => None,
        };
        match tried {
            Some(Ok(step)) => {
                progress.line(&told(&step));
                search.tell(rate, step.carried);
                let carried = step.carried;
                found.steps.push(step);
                if !carried {
                    end(&mut live, &mut interrupt, &progress).await;
                }
            }
            Some(Err(error)) => ended = Err(error),
            None => ended = Ok(true),
        }
        if !matches!(ended, Ok(false)) {
            break;
        }
    }
    end(&mut live, &mut interrupt, &progress).await;
    drop(progress);
    let capacity = Box::new(compose(&plan, &search, found));
    report::write_json(&dir.join(report::REPORT_FILE), &capacity)?;
    if let Some(json) = &plan.json {
        json.write(&capacity)?;
    }
    Ok(if ended? { Ended::Interrupted(capacity, dir) } else { Ended::Found(capacity, dir) })
}

/// Offers one rate.
async fn attempt(
    plan: &Plan,
    rate: f64,
    live: &mut Option<Live>,
    found: &mut Found,
    progress: &Progress,
) -> anyhow::Result<Step> {
    let load = Load { tx_rate: rate, ..plan.load.clone() };
    let transactions = load.transactions();
    if live.as_ref().is_some_and(|live| live.submitted + transactions > SUBMITTED_MAX)
        && let Some(mut used) = live.take()
    {
        used.cluster.stop().await;
    }
    let idle = if live.is_some() { IDLE_BETWEEN.min(plan.idle) } else { plan.idle };
    if live.is_none() {
        found.clusters += 1;
        start(plan, found.clusters, live, progress).await?;
    }
    let live = live.as_mut().context("no nodes were started: this is an error of the instrument")?;
    let plan = Plan { load, part: found.parts, idle, ..live.plan.clone() };
    found.parts += 1;
    let mut done = Done { transactions_before: live.submitted, ..Done::default() };
    live.submitted += transactions;
    let outcome = offer(&plan, &mut live.cluster, progress, &mut done).await;
    match outcome {
        Ok(deadline) => step(rate, deadline, live, done),
        Err(LoadError::Loss(loss)) => {
            found.losses.push(format!("at {rate:.0}/s: {loss}"));
            Ok(Step { because: loss.to_string(), ..nothing(rate, &done) })
        }
        Err(error) => Err(error.into()),
    }
}

/// Starts fresh nodes in `live`, which holds them from the beginning, so that the caller can stop them.
async fn start(plan: &Plan, number: usize, live: &mut Option<Live>, progress: &Progress) -> anyhow::Result<()> {
    let plan = Plan { out: plan.out.join(RUNS_DIR).join(format!("{number:02}")), ..plan.clone() };
    let program = program(&plan)?;
    let links = plan.links()?;
    let out = Out::create(&plan)?;
    if let Some(links) = &links {
        links.write(&out.links())?;
    }
    let cluster = Cluster::new(out.clone());
    let live = live.insert(Live { cluster, out, plan, submitted: 0 });
    prepare(&live.plan, &program, &mut live.cluster, progress).await
}

/// Idle, load and drain. Returns the time until which arrivals count.
async fn offer(
    plan: &Plan,
    cluster: &mut Cluster,
    progress: &Progress,
    done: &mut Done,
) -> Result<u64, LoadError> {
    done.window.idle_from = monotonic_ns();
    load::watch(cluster, plan.idle).await?;
    load::submit(plan, cluster, progress, done).await?;
    let until = plan.load.duration() + plan.drain;
    let deadline = done.window.load_from.saturating_add(u64::try_from(until.as_nanos()).unwrap_or(u64::MAX));
    loop {
        cluster.check()?;
        let left = Duration::from_nanos(deadline.saturating_sub(monotonic_ns()));
        if left.is_zero() || load::arrived(cluster, done).await {
            break;
        }
        sleep_until(Instant::now() + left.min(ARRIVED_POLL)).await;
    }
    done.window.drain_to = monotonic_ns().min(deadline);
    load::watch(cluster, LAST_SAMPLE).await?;
    Ok(deadline)
}

/// The result of a rate, from the traces.
fn step(rate: f64, deadline: u64, live: &Live, done: Done) -> anyhow::Result<Step> {
    let members = live.cluster.members().map(|(peer_id, alive)| (peer_id.to_owned(), alive)).collect();
    let mut useless = Vec::new();
    let mut nodes = read_traces(&live.out, members, &mut useless);
    let of_this = |record: &Record| match record.what {
        What::PeerUp { .. } | What::PeerDown { .. } | What::Sample { .. } => true,
        _ => (done.window.load_from..=deadline).contains(&record.at_ns),
    };
    nodes.iter_mut().for_each(|node| node.records.retain(of_this));
    let mut step = nothing(rate, &done);
    let Done { submissions, offered_transactions, failed, first_failure, window, .. } = done;
    let links = live.plan.links()?;
    let observed = Observed { nodes, submissions, offered_transactions, window, links, ..Observed::default() };
    let Measured { tx, cost, .. } = collect::measure(&observed);
    step.because = match (useless.into_iter().next(), first_failure) {
        (Some(useless), _) => useless,
        (None, Some(failure)) => format!("{failed} submissions failed; the first: {failure}"),
        (None, None) if tx.originated < tx.offered => "not everything offered was accepted".to_owned(),
        (None, None) if tx.delivered < tx.expected => {
            format!(
                "{} of {} deliveries were missing when the drain ended",
                tx.expected - tx.delivered,
                tx.expected
            )
        }
        (None, None) => String::new(),
    };
    Ok(Step {
        carried: step.because.is_empty(),
        originated: tx.originated,
        coverage: tx.coverage,
        p50_ms: tx.latency_ms.p50,
        p95_ms: tx.latency_ms.p95,
        wire_bytes_per_delivery: cost.wire_bytes_per_delivery,
        cpu_us_per_delivery: cost.cpu_us_per_delivery,
        lag_ms: cost.lag_ms,
        ..step
    })
}

/// A rate of which only the instrument's own actions are known.
fn nothing(rate: f64, done: &Done) -> Step {
    Step {
        rate: report::statistics::rounded(rate, 1),
        carried: false,
        because: String::new(),
        offered: done.offered_transactions,
        originated: 0,
        coverage: None,
        p50_ms: None,
        p95_ms: None,
        wire_bytes_per_delivery: None,
        cpu_us_per_delivery: None,
        lag_ms: None,
        submitted_late_ms: report::statistics::rounded(done.latest.as_secs_f64() * 1e3, 1),
    }
}

fn told(step: &Step) -> String {
    match step.p95_ms {
        Some(p95) if step.carried => format!("{:.0}/s was carried, p95 {p95:.1} ms", step.rate),
        _ if step.carried => format!("{:.0}/s was carried", step.rate),
        _ => format!("{:.0}/s was not carried: {}", step.rate, step.because),
    }
}

async fn end(live: &mut Option<Live>, interrupt: &mut Interrupt, progress: &Progress) {
    if let Some(mut used) = live.take() {
        stop(&mut used.cluster, interrupt, progress).await;
    }
}

fn compose(plan: &Plan, search: &Search, found: Found) -> Capacity {
    let shown = |rate: Option<f64>| rate.map(|rate| report::statistics::rounded(rate, 1));
    Capacity {
        schema: SCHEMA,
        kind: CAPACITY_KIND.to_owned(),
        engine: plan.engine.to_string(),
        relay: plan.relay.clone(),
        nodes: plan.nodes,
        topology: plan.topology.to_string(),
        wan: plan.wan.to_string(),
        seed: plan.seed.0,
        command: plan.command.clone(),
        valid: found.losses.is_empty(),
        invalid_because: found.losses,
        carried_per_s: shown(search.carried()),
        failed_per_s: shown(search.failed()),
        tx_bytes: plan.load.tx_bytes,
        offered_s: plan.load.duration().as_secs_f64(),
        drain_s: plan.drain.as_secs_f64(),
        steps: found.steps,
    }
}
