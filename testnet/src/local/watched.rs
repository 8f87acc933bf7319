//! Members of real nodes: some are killed, stopped for a while, started again, or cut off, and the instrument asks all
//! others what they see.
//!
//! The nodes find each other by themselves, so that one that is started again is found at its new port. Every node is
//! asked a few times a second by RPC, as a user would ask it. Times begin when the instrument acts: at the kill, at the
//! signal that lets a stopped node go on, when a node that was started again listens, when a partition heals.
//!
//! Deliberately absent: the figures and their rules ([`report::watched`]).

mod eyes;

use std::path::PathBuf;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::signal::Signal;
use node::clock::monotonic_ns;
use tokio::time::{Instant, sleep};

use self::eyes::{Eyes, Goal, Pair};
use super::interrupt::Interrupt;
use super::launch::Cluster;
use super::load;
use super::out::Out;
use super::plan::Plan;
use super::progress::Progress;
use super::{prepare, program, stop};
use crate::random::Seed;
use crate::report;
use crate::report::schema::SCHEMA;
use crate::report::schema::members::MembersFigures;
use crate::report::statistics::rounded;
use crate::report::watched::{Phase, WATCHED_KIND, Watched};
use crate::wan::{Outage, Partition};

/// What is done to the nodes.
#[derive(Clone, Debug)]
pub struct Watching {
    /// The nodes and their links.
    pub plan: Plan,
    /// The preset of the parameters, as `--members-preset` of a node spells it.
    pub preset: String,
    /// How long they are left alone first. An accuser must have been known for a minute.
    pub settle: Duration,
    /// How many are killed, and then started again.
    pub kill: usize,
    /// How many are stopped, and for how long.
    pub pause: usize,
    /// See `pause`.
    pub pause_for: Duration,
    /// When the network falls into two halves, counted from the end of all else.
    pub partition: Option<Partition>,
}

/// How a run ended.
#[derive(Debug)]
pub enum Ended {
    /// The report was written.
    Reported(Box<Watched>, PathBuf),
    /// A signal came. The report was written if anything had been seen.
    Interrupted(Option<Box<Watched>>),
}

/// A phase that takes longer ends the run. The longest suspicion of 1,000 members takes 72 s, and others come first.
const PHASE_MAX: Duration = Duration::from_secs(240);

/// What is known so far.
#[derive(Debug, Default)]
struct Seen {
    eyes: Eyes,
    phases: Vec<Phase>,
    bytes_per_s: Option<f64>,
}

/// Runs the plan. Whatever happens, no node keeps running.
///
/// # Errors
/// If nothing was seen, or if the report can't be written.
pub async fn watch(watching: &Watching) -> anyhow::Result<Ended> {
    let plan = &watching.plan;
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
        outcome = attempt(watching, &program, &mut cluster, &progress, &mut seen) => Some(outcome),
        () = interrupt.next() => None,
    };
    stop(&mut cluster, &mut interrupt, &progress).await;
    let interrupted = outcome.is_none();
    if seen.phases.is_empty() {
        let outcome = outcome.unwrap_or(Ok(()));
        return outcome
            .map(|()| Ended::Interrupted(None))
            .context("the run ended before anything was seen; nothing is left running");
    }
    let cut_short = match outcome {
        Some(Ok(())) => None,
        Some(Err(error)) => Some(format!("{error:#}")),
        None => Some("interrupted by a signal".to_owned()),
    };
    let watched = Box::new(compose(watching, seen, cut_short));
    report::write_watched(out.dir(), &watched)?;
    if let Some(json) = &plan.json {
        json.write(&watched)?;
    }
    Ok(if interrupted {
        Ended::Interrupted(Some(watched))
    } else {
        Ended::Reported(watched, out.dir().to_owned())
    })
}

/// All phases in turn.
async fn attempt(
    watching: &Watching,
    program: &std::path::Path,
    cluster: &mut Cluster,
    progress: &Progress,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let plan = &watching.plan;
    prepare(plan, program, cluster, progress).await?;
    let start = Instant::now();
    seen.eyes = Eyes::new(cluster.members().map(|(peer_id, _)| peer_id.to_owned()).collect());
    phase(cluster, progress, seen, "all members are known", &Goal::all_alive(plan.nodes), start).await?;
    idle(watching, cluster, progress, seen).await?;
    kill_some(watching, program, cluster, progress, seen).await?;
    pause_some(watching, cluster, progress, seen).await?;
    if let Some(partition) = watching.partition {
        part(plan, partition, cluster, progress, seen).await?;
    }
    Ok(())
}

/// The nodes are left alone: what they send then is the price of idling.
async fn idle(
    watching: &Watching,
    cluster: &mut Cluster,
    progress: &Progress,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    progress.line(&format!("idle for {} s", watching.settle.as_secs_f64()));
    let before = sent(cluster).await;
    let start = Instant::now();
    load::watch(cluster, watching.settle).await?;
    let bytes = sent(cluster).await.saturating_sub(before) as f64;
    seen.eyes.look(cluster).await;
    let each = bytes / start.elapsed().as_secs_f64().max(1.0) / watching.plan.nodes as f64;
    seen.bytes_per_s = Some(rounded(each, 1));
    Ok(())
}

async fn kill_some(
    watching: &Watching,
    program: &std::path::Path,
    cluster: &mut Cluster,
    progress: &Progress,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let plan = &watching.plan;
    let killed = drawn(plan.seed, "killed", plan.nodes, watching.kill);
    if killed.is_empty() {
        return Ok(());
    }
    progress.line(&format!("killing {} nodes", killed.len()));
    let start = Instant::now();
    for node in &killed {
        cluster.kill(*node);
        seen.eyes.gone(*node);
    }
    phase(cluster, progress, seen, "killed nodes are dead", &Goal::Dead(killed.clone()), start).await?;
    progress.line("starting them again, at other ports");
    let start = Instant::now();
    for node in &killed {
        cluster.restart(plan, program, *node).await?;
        seen.eyes.back(*node);
    }
    phase(cluster, progress, seen, "they are back", &Goal::all_alive(plan.nodes), start).await
}

async fn pause_some(
    watching: &Watching,
    cluster: &mut Cluster,
    progress: &Progress,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let plan = &watching.plan;
    let paused = drawn(plan.seed, "paused", plan.nodes, watching.pause);
    if paused.is_empty() {
        return Ok(());
    }
    progress.line(&format!("stopping {} nodes for {} s", paused.len(), watching.pause_for.as_secs_f64()));
    let start = Instant::now();
    for node in &paused {
        cluster.signal(*node, Signal::SIGSTOP);
        seen.eyes.gone(*node);
    }
    // A short pause is over before they are dead, so nothing here has to come true.
    let goals = [
        ("stopped nodes are suspect", Goal::Doubted(paused.clone())),
        ("stopped nodes are dead", Goal::Dead(paused.clone())),
    ];
    let mut waited = goals.map(|(name, goal)| {
        let mut pairs = goal.pairs(cluster);
        pairs.retain(|((looker, _), _)| !paused.contains(looker));
        (name, goal, pairs)
    });
    while start.elapsed() < watching.pause_for {
        seen.eyes.look(cluster).await;
        for (_, goal, pairs) in &mut waited {
            goal.note(&seen.eyes, start.elapsed(), pairs);
        }
        sleep(eyes::LOOK_EVERY).await;
    }
    seen.phases.extend(waited.map(|(name, _, pairs)| told(name, &pairs)));
    progress.line("letting them go on");
    let start = Instant::now();
    for node in &paused {
        cluster.signal(*node, Signal::SIGCONT);
        seen.eyes.back(*node);
    }
    phase(cluster, progress, seen, "stopped nodes are back", &Goal::all_alive(plan.nodes), start).await
}

/// The network in two halves for a while.
async fn part(
    plan: &Plan,
    partition: Partition,
    cluster: &mut Cluster,
    progress: &Progress,
    seen: &mut Seen,
) -> anyhow::Result<()> {
    let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
    let from_ns = monotonic_ns().saturating_add(ns(partition.at));
    progress.line(&format!("two halves in {} s, for {} s", partition.at.as_secs(), partition.lasts.as_secs()));
    cluster.announce(Outage { from_ns, to_ns: from_ns.saturating_add(ns(partition.lasts)) }).await?;
    (0..plan.nodes).for_each(|node| seen.eyes.gone(node));
    load::watch(cluster, partition.heals()).await?;
    (0..plan.nodes).for_each(|node| seen.eyes.back(node));
    let goal = Goal::all_alive(plan.nodes);
    phase(cluster, progress, seen, "the halves are one again", &goal, Instant::now()).await
}

/// Waits until all pairs have seen something.
async fn phase(
    cluster: &mut Cluster,
    progress: &Progress,
    seen: &mut Seen,
    name: &str,
    goal: &Goal,
    start: Instant,
) -> anyhow::Result<()> {
    progress.line(&format!("until {name}: at most {} s", PHASE_MAX.as_secs()));
    let mut took = goal.pairs(cluster);
    loop {
        cluster.check()?;
        seen.eyes.look(cluster).await;
        let now = start.elapsed();
        goal.note(&seen.eyes, now, &mut took);
        let missing = took.iter().filter(|(_, took)| took.is_none()).count();
        progress.done((took.len() - missing) as u64, took.len() as u64);
        if missing == 0 || now >= PHASE_MAX {
            seen.phases.push(told(name, &took));
            anyhow::ensure!(missing == 0, "after {} s, {missing} pairs had not seen: {name}", now.as_secs());
            return Ok(());
        }
        sleep(eyes::LOOK_EVERY).await;
    }
}

/// What a phase showed.
fn told(name: &str, pairs: &[Pair]) -> Phase {
    let took_ms: Vec<f64> =
        pairs.iter().filter_map(|(_, took)| *took).map(|took| rounded(took.as_secs_f64() * 1e3, 0)).collect();
    Phase { name: name.to_owned(), never: pairs.len() - took_ms.len(), took_ms }
}

/// The bytes that all nodes have sent.
async fn sent(cluster: &Cluster) -> u64 {
    let mut bytes = 0_u64;
    for (_, member) in cluster.all_living() {
        bytes += member.rpc.status().await.map_or(0, |status| status.wire_out);
    }
    bytes
}

/// Distinct nodes but the first one, to which the others were told to connect.
fn drawn(seed: Seed, what: &str, nodes: usize, count: usize) -> Vec<usize> {
    let mut draws = seed.draws(&format!("members {what}"));
    let mut left: Vec<usize> = (1..nodes).collect();
    let mut chosen = Vec::new();
    while chosen.len() < count && !left.is_empty() {
        let place = draws.below(left.len());
        chosen.push(left.swap_remove(place));
    }
    chosen.sort_unstable();
    chosen
}

fn compose(watching: &Watching, seen: Seen, cut_short: Option<String>) -> Watched {
    let plan = &watching.plan;
    let learned = |name: &str| {
        let of = seen.phases.iter().find(|phase| phase.name == name);
        of.map(Phase::learned).unwrap_or_default()
    };
    let healed = if watching.partition.is_some() { "the halves are one again" } else { "stopped nodes are back" };
    let members = MembersFigures {
        false_deaths: seen.eyes.false_deaths(),
        false_accusations: seen.eyes.false_suspicions(),
        settle_ms: learned("all members are known"),
        detect_ms: learned("killed nodes are dead"),
        join_ms: learned("they are back"),
        heal_ms: learned(healed),
        bytes_per_s_per_node: seen.bytes_per_s,
        ..MembersFigures::default()
    };
    let invalid_because: Vec<String> = cut_short.into_iter().collect();
    Watched {
        schema: SCHEMA,
        kind: WATCHED_KIND.to_owned(),
        nodes: plan.nodes,
        wan: plan.wan.to_string(),
        seed: plan.seed.0,
        preset: watching.preset.clone(),
        command: plan.command.clone(),
        valid: invalid_because.is_empty(),
        invalid_because,
        members,
        phases: seen.phases,
    }
}
