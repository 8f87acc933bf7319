//! A run of real processes on this machine: start, wait for readiness, idle, load, drain, stop, report. The
//! processes are the `node` program, or workers of this program if links are emulated or another engine runs.
//!
//! Figures are read from the nodes' traces after the run, never during it. All nodes share one clock
//! (`CLOCK_MONOTONIC`), so their times can be compared.

pub mod capacity;
pub mod collect;
pub mod compare;
pub mod interrupt;
pub mod launch;
pub mod load;
pub mod out;
pub mod plan;
pub mod plateau;
pub mod progress;
pub mod watched;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::{Context as _, bail};
use node::clock::monotonic_ns;
use node::observe::trace;
use tokio::time::Instant;

use collect::{Measured, NodeTrace, Observed};
use interrupt::Interrupt;
use launch::by_hand::Hands;
use launch::{Cluster, ready};
use load::{Done, LoadError};
use out::Out;
use plan::Plan;
use progress::Progress;

use crate::dashboard::batch::{Controls, Hello};
use crate::dashboard::model::Note;
use crate::dashboard::{Dashboard, measured};
use crate::engine::Engine;
use crate::report;
use crate::report::deliveries::files::write_hops;
use crate::report::schema::{ByHand, Report, SCHEMA};
use crate::wan::LinkPlan;

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// The report was written.
    Reported(Box<Report>, PathBuf),
    /// A signal came. The report was written if the load had begun.
    Interrupted(Option<Box<Report>>),
}

/// All nodes must have their peers within this time.
const READY_TIMEOUT: Duration = Duration::from_secs(60);
/// Discovery must be over within this time. If it is not, the run continues and says so.
const SETTLE_TIMEOUT: Duration = Duration::from_secs(30);
/// The time after the drain until every node has written another sample. One is due each second.
const LAST_SAMPLE: Duration = Duration::from_millis(1_500);

/// Runs the plan. Whatever happens, no node keeps running.
///
/// # Errors
/// If the load never began, or if the report can't be written.
pub async fn run(plan: &Plan) -> anyhow::Result<Ended> {
    let mut interrupt = Interrupt::catch().context("cannot catch signals")?;
    run_once(plan, &mut interrupt, &Progress::stderr()).await
}

/// Like [`run`], for a caller that already catches the signals, because it makes several runs.
///
/// # Errors
/// As [`run`].
pub async fn run_once(plan: &Plan, interrupt: &mut Interrupt, progress: &Progress) -> anyhow::Result<Ended> {
    let program = program(plan)?;
    let links = plan.links()?;
    let out = Out::create(plan)?;
    if let Some(links) = &links {
        links.write(&out.links())?;
    }
    let mut cluster = Cluster::new(out.clone());
    let mut done = Done::default();
    // It ends with this function, after the nodes.
    let _dashboard = open_dashboard(plan, &out, links, &mut cluster, progress)?;

    let ready = tokio::select! {
        ready = prepare(plan, &program, &mut cluster, progress) => Some(ready),
        () = interrupt.next() => None,
    };
    let Some(Ok(())) = ready else {
        stop(&mut cluster, interrupt, progress).await;
        return ready.map_or(Ok(Ended::Interrupted(None)), |ready| {
            ready.map(|()| Ended::Interrupted(None)).context("the run could not begin; nothing is left running")
        });
    };

    let finished = tokio::select! {
        result = measure(plan, &mut cluster, progress, &mut done) => Some(result),
        () = interrupt.next() => None,
    };
    let interrupted = finished.is_none();
    let cut_short = match finished {
        Some(Ok(())) => None,
        Some(Err(error)) => {
            progress.line(&format!("{error}: stopping the others"));
            if let LoadError::Loss(loss) = &error {
                progress.line(&format!("its log ends:\n{}", loss.log));
            }
            Some(error.to_string())
        }
        None => {
            progress.line("interrupted: stopping the nodes (once more ends it at once)");
            Some("interrupted by a signal".to_owned())
        }
    };
    let members: Vec<(String, bool)> =
        cluster.members().map(|(peer_id, alive)| (peer_id.to_owned(), alive)).collect();
    let in_order = stop(&mut cluster, interrupt, progress).await;
    let by_hand = cluster.by_hand();
    let began = done.window.load_from > 0;
    if interrupted && (!began || !in_order) {
        return Ok(Ended::Interrupted(None));
    }
    if let (false, Some(why)) = (began, &cut_short) {
        bail!("the run ended before the load began; nothing is left running: {why}");
    }
    let report = Box::new(conclude(plan, &out, progress, done, (members, by_hand), cut_short)?);
    Ok(if interrupted { Ended::Interrupted(Some(report)) } else { Ended::Reported(report, out.dir().to_owned()) })
}

/// Shows the run in the browser, if the plan says so, and gives the cluster to the person there.
fn open_dashboard(
    plan: &Plan,
    out: &Out,
    links: Option<LinkPlan>,
    cluster: &mut Cluster,
    progress: &Progress,
) -> anyhow::Result<Option<Dashboard>> {
    if !plan.dashboard {
        return Ok(None);
    }
    let controls = Controls { any: true, no_block: Hands::no_block(plan), no_cut: Hands::no_cut(plan) };
    let hello = Hello {
        title: plan.command.clone(),
        kind: "run",
        nodes: plan.nodes,
        measured: measured(links.is_some()),
        controls,
        ..Hello::default()
    };
    let traces = (0..plan.nodes).map(|node| out.trace(node)).collect();
    let (dashboard, orders) = Dashboard::start(hello, traces, links)?;
    cluster.attach(Hands::new(plan, orders, dashboard.notes()));
    progress.line(&format!("dashboard: {}", dashboard.address()));
    Ok(Some(dashboard))
}

/// The program that is a node: this program for workers, and otherwise the node program as given or beside this
/// one.
fn program(plan: &Plan) -> anyhow::Result<PathBuf> {
    let this = || std::env::current_exe().context("cannot find this program");
    if plan.uses_workers() {
        return this();
    }
    let path = match &plan.node {
        Some(path) => path.clone(),
        None => this()?.with_file_name("node"),
    };
    path.canonicalize().with_context(|| {
        format!(
            "no node program at {}: build it (cargo build --release --workspace), or give --node",
            path.display()
        )
    })
}

async fn prepare(
    plan: &Plan,
    program: &std::path::Path,
    cluster: &mut Cluster,
    progress: &Progress,
) -> anyhow::Result<()> {
    progress.line(&format!(
        "starting {} nodes: {}, topology {}, relay {}, wan {}, seed {}",
        plan.nodes, plan.engine, plan.topology, plan.relay, plan.wan, plan.seed.0
    ));
    let start = Instant::now();
    cluster.note(Note::Phase("start".to_owned()));
    cluster.start(plan, program).await?;
    ready::until_ready(plan, cluster, progress, READY_TIMEOUT).await?;
    progress.line(&format!(
        "all {} nodes have their peers, {:.1} s after the first start",
        plan.nodes,
        start.elapsed().as_secs_f64()
    ));
    cluster.note(Note::Phase("settle".to_owned()));
    if ready::until_settled(plan, cluster, progress, SETTLE_TIMEOUT).await? {
        progress
            .line(&format!("discovery has settled, {:.1} s after the first start", start.elapsed().as_secs_f64()));
    } else {
        progress.line("discovery has not settled: the idle traffic below is too high, and the cost too low");
    }
    Ok(())
}

async fn measure(
    plan: &Plan,
    cluster: &mut Cluster,
    progress: &Progress,
    done: &mut Done,
) -> Result<(), LoadError> {
    done.window.idle_from = monotonic_ns();
    cluster.note(Note::Phase("idle".to_owned()));
    progress.line(&format!("idle for {} s, to know the network's own traffic", plan.idle.as_secs_f64()));
    load::watch(cluster, plan.idle).await?;
    cluster.note(Note::Phase("load".to_owned()));
    progress.line(&format!(
        "load for {} s: {} transactions of {} bytes{}",
        plan.load.duration().as_secs_f64(),
        plan.load.transactions(),
        plan.load.tx_bytes,
        plan.producer.map_or(String::new(), |node| format!(", {} blocks at node {node}", plan.load.blocks()))
    ));
    if let Some(partition) = &plan.partition {
        progress.line(&format!(
            "partition: nothing passes between the halves from {} s on, for {} s",
            partition.at.as_secs_f64(),
            partition.lasts.as_secs_f64()
        ));
    }
    load::submit(plan, cluster, progress, done).await?;
    if let Some(why) = &done.first_failure {
        progress.line(&format!("{} submissions failed; the first: {why}", done.failed));
    }
    cluster.note(Note::Phase("drain".to_owned()));
    progress.line(&format!("drain: at most {} s", plan.drain.as_secs_f64()));
    load::drain(plan, cluster, done).await?;
    if plan.partition.is_some() {
        done.same_tips = Some(load::same_tips(cluster).await);
    }
    load::watch(cluster, LAST_SAMPLE).await?;
    Ok(())
}

/// Stops the nodes in order, or at once if another signal comes. Returns whether it stopped them in order.
async fn stop(cluster: &mut Cluster, interrupt: &mut Interrupt, progress: &Progress) -> bool {
    cluster.note(Note::Phase("stop".to_owned()));
    progress.now("stopping the nodes".to_owned());
    let in_order = tokio::select! {
        () = cluster.stop() => true,
        () = interrupt.next() => false,
    };
    if !in_order {
        cluster.kill_all().await;
    }
    in_order
}

/// Reads the traces of the nodes. Each node comes with its peer id and whether it lived to the end.
fn read_traces(out: &Out, members: Vec<(String, bool)>, useless: &mut Vec<String>) -> Vec<NodeTrace> {
    let mut nodes = Vec::new();
    for (number, (peer_id, survived)) in members.into_iter().enumerate() {
        let records = match trace::read(&out.trace(number)) {
            Ok((_, records)) => records,
            Err(error) => {
                if survived {
                    useless.push(format!("the trace of node {number} is of no use: {error}"));
                }
                Vec::new()
            }
        };
        nodes.push(NodeTrace { peer_id, records, survived });
    }
    nodes
}

/// Reads the traces, and writes the report.
fn conclude(
    plan: &Plan,
    out: &Out,
    progress: &Progress,
    done: Done,
    (members, by_hand): (Vec<(String, bool)>, Option<ByHand>),
    cut_short: Option<String>,
) -> anyhow::Result<Report> {
    progress.now("reading the traces".to_owned());
    let mut invalid_because: Vec<String> = cut_short.into_iter().collect();
    let nodes = read_traces(out, members, &mut invalid_because);
    let mut window = done.window;
    let now = monotonic_ns();
    for end in [&mut window.load_to, &mut window.drain_to] {
        *end = if *end == 0 { now } else { *end };
    }
    let offered_blocks = match plan.load.block_bytes {
        Some(_) => done.offered_blocks,
        None if plan.producer.is_some() => done.offered_blocks.min(plan.load.blocks()),
        None => 0,
    };
    let observed = Observed {
        nodes,
        submissions: done.submissions,
        offered_transactions: done.offered_transactions,
        offered_blocks,
        window,
        slowed: plan.planted.slow_nodes.clone(),
        links: plan.links()?,
        outage: done.outage,
        same_tips: done.same_tips.unwrap_or(false),
    };
    let mut measured = collect::measure(&observed);
    if by_hand.is_some() {
        // The schedule does not know of a person's transactions.
        measured.tx.offered = measured.tx.offered.max(measured.tx.originated);
    }
    if let Some(crossed) = measured.partition.map(|healed| healed.crossed).filter(|crossed| *crossed > 0) {
        invalid_because.push(format!("{crossed} deliveries crossed the partition while it lasted"));
    }
    let report = compose(plan, &measured, invalid_because, by_hand);
    write_hops(out.dir(), &measured.hops)?;
    report::write(out.dir(), &report, &measured.deliveries)?;
    if let Some(json) = &plan.json {
        json.write(&report)?;
    }
    Ok(report)
}

fn compose(plan: &Plan, measured: &Measured, invalid_because: Vec<String>, by_hand: Option<ByHand>) -> Report {
    Report {
        schema: SCHEMA,
        kind: "run".to_owned(),
        engine: plan.engine.to_string(),
        relay: plan.relay.clone(),
        stored: (plan.engine == Engine::Hearsay).then_some(!plan.ephemeral),
        nodes: plan.nodes,
        topology: plan.topology.to_string(),
        wan: plan.wan.to_string(),
        seed: plan.seed.0,
        command: plan.command.clone(),
        valid: invalid_because.is_empty(),
        invalid_because,
        starved: measured.starved,
        // Gossipsub doesn't report its sends.
        echoes: (plan.engine == Engine::Hearsay).then_some(measured.echoes),
        tx: measured.tx.clone(),
        block: measured.block.clone(),
        cost: measured.cost,
        trace_hash: None,
        sim: None,
        rumor: None,
        compared: None,
        partition: measured.partition,
        spread: None,
        by_hand,
        members: None,
        causes: measured.causes.clone(),
    }
}
