//! Starts node processes, watches over them, and stops them.
//!
//! No node outlives the run. All nodes are asked to stop, and those that do not stop in time are killed. Dropping a
//! [`Cluster`] kills the remaining nodes. If `setpriv` (util-linux) is installed, the kernel kills the nodes when
//! this process dies, for whatever reason. While nodes run, `OUT/pids` lists them.

pub mod by_hand;
pub mod ready;
pub mod rpc;

use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::Stdio;
use std::time::Duration;

use anyhow::{Context as _, bail};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use serde::Deserialize;
use tokio::io::AsyncWriteExt as _;
use tokio::process::{Child, ChildStdin, Command};
use tokio::time::{Instant, sleep};

use self::by_hand::Hands;
use self::rpc::Rpc;
use super::out::Out;
use super::plan::Plan;
use crate::dashboard::model::Note;
use crate::dashboard::tail::TRACE_FLUSHED_EVERY;
use crate::engine::Engine;
use crate::random::keys::node_key;
use crate::wan::{Outage, Wan};

/// All nodes of a run.
#[derive(Debug)]
pub struct Cluster {
    out: Out,
    nodes: Vec<Member>,
    hands: Hands,
}

/// A node process that has told where it listens.
#[derive(Debug)]
pub struct Member {
    child: Child,
    fate: Fate,
    /// Whether a person has stopped it for a while.
    paused: bool,
    /// The pipe through which a worker hears of a partition.
    orders: Option<ChildStdin>,
    /// The client of its RPC.
    pub rpc: Rpc,
    /// Its libp2p peer id.
    pub peer_id: String,
    /// The address where it listens, with `/p2p/…`.
    pub address: String,
}

/// The fate of a node.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Fate {
    Alive,
    Killed,
    Lost,
}

/// An unplanned loss of a node.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("node {node} ended by itself ({status})")]
pub struct Loss {
    node: usize,
    status: String,
    /// The last lines of its log, and the place of the rest.
    pub log: String,
}

/// The data that a node writes about itself when it listens.
#[derive(Debug, Deserialize)]
struct RpcFile {
    peer_id: String,
    rpc: String,
    listen: Vec<String>,
}

/// A process whose `rpc.json` isn't there yet.
struct Starting {
    node: usize,
    child: Child,
}

/// A node must listen within this time. 50 of them start at once on few cores.
const START_TIMEOUT: Duration = Duration::from_secs(30);
/// The time between two looks for `rpc.json`.
const START_POLL: Duration = Duration::from_millis(30);
/// Nodes stop cleanly within 5 s. On a busy machine they get some more time.
const NODES_STOP_TIMEOUT: Duration = Duration::from_secs(10);
const STOP_POLL: Duration = Duration::from_millis(50);
/// The number of lines of a lost node's log that are shown.
const LOG_LINES: usize = 6;

impl Cluster {
    /// An empty cluster.
    #[must_use]
    pub fn new(out: Out) -> Self {
        Self { out, nodes: Vec::new(), hands: Hands::default() }
    }

    /// Starts every node of the plan and waits until all listen. Nodes that were started before an error are in
    /// the cluster.
    ///
    /// # Errors
    /// If a node can't be started, ends, or doesn't listen in time.
    pub async fn start(&mut self, plan: &Plan, program: &Path) -> anyhow::Result<()> {
        let supervised = setpriv();
        let mut waiting = Vec::new();
        for node in 0..plan.nodes {
            let neighbours: Vec<usize> = match &plan.graph {
                Some(graph) => {
                    graph.neighbours(node).iter().map(|&other| other as usize).take_while(|&o| o < node).collect()
                }
                None if node == 0 => Vec::new(),
                None => vec![0],
            };
            // Nodes that were started earlier are taken in order, up to the last one that this node must know.
            while neighbours.last().is_some_and(|last| *last >= self.nodes.len()) {
                self.take_next(&mut waiting).await?;
            }
            let addresses = neighbours.iter().filter_map(|&other| self.nodes.get(other));
            let arguments = arguments(plan, &self.out, node, addresses.map(|member| member.address.as_str()));
            let child = self.spawn(supervised.as_deref(), program, node, &arguments, plan.may_be_cut())?;
            waiting.push(Starting { node, child });
        }
        while !waiting.is_empty() {
            self.take_next(&mut waiting).await?;
        }
        Ok(())
    }

    /// The number of nodes that were started and told where they listen.
    #[must_use]
    pub fn len(&self) -> usize {
        self.nodes.len()
    }

    /// Whether there are no nodes.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.nodes.is_empty()
    }

    /// A living node.
    #[must_use]
    pub fn living(&self, node: usize) -> Option<&Member> {
        self.nodes.get(node).filter(|member| member.fate == Fate::Alive)
    }

    /// The first living node from `node` on, in a circle, that isn't one of `except`.
    #[must_use]
    pub fn living_from(&self, node: usize, except: &[usize]) -> Option<(usize, &Member)> {
        let circle = (node..self.nodes.len()).chain(0..node).filter(|node| !except.contains(node));
        circle.filter_map(|node| Some((node, self.living(node)?))).next()
    }

    /// Whether a living node is stopped for a while, so that it does not answer.
    #[must_use]
    pub fn has_paused(&self) -> bool {
        self.all_living().any(|(_, member)| member.paused)
    }

    /// All living nodes.
    pub fn all_living(&self) -> impl Iterator<Item = (usize, &Member)> {
        self.nodes.iter().enumerate().filter(|(_, member)| member.fate == Fate::Alive)
    }

    /// Each node's peer id, and whether it lived when the cluster was stopped, or lives now.
    pub fn members(&self) -> impl Iterator<Item = (&str, bool)> {
        self.nodes.iter().map(|member| (member.peer_id.as_str(), member.fate == Fate::Alive))
    }

    /// The process ids of the nodes, in order of their numbers.
    #[must_use]
    pub fn pids(&self) -> Vec<u32> {
        self.nodes.iter().filter_map(|member| member.child.id()).collect()
    }

    /// Checks whether a node has ended by itself.
    ///
    /// # Errors
    /// The first loss that was not reported yet.
    pub fn check(&mut self) -> Result<(), Loss> {
        for (node, member) in self.nodes.iter_mut().enumerate().filter(|(_, member)| member.fate == Fate::Alive) {
            let status = match member.child.try_wait() {
                Ok(None) => continue,
                Ok(Some(status)) => status.to_string(),
                Err(error) => error.to_string(),
            };
            member.fate = Fate::Lost;
            return Err(Loss { node, status, log: last_lines(&self.out.log(node)) });
        }
        Ok(())
    }

    /// Tells all living nodes when the halves are separated.
    ///
    /// # Errors
    /// If a node can't be told, because it would be on both sides.
    pub async fn announce(&mut self, outage: Outage) -> anyhow::Result<()> {
        let line = format!("{outage}\n");
        for (node, member) in self.nodes.iter_mut().enumerate().filter(|(_, member)| member.fate == Fate::Alive) {
            let orders = member.orders.as_mut().with_context(|| format!("node {node} takes no orders"))?;
            // A pipe holds far more than a line, so nobody waits for a slow node.
            orders.write_all(line.as_bytes()).await.with_context(|| format!("cannot tell node {node}"))?;
        }
        Ok(())
    }

    /// Kills a node, as planned.
    pub fn kill(&mut self, node: usize) {
        if let Some(member) = self.nodes.get_mut(node).filter(|member| member.fate == Fate::Alive) {
            member.fate = Fate::Killed;
            // It can only fail if the process is already gone.
            let _ = member.child.start_kill();
            self.note(Note::Killed(node));
        }
    }

    /// Sends a signal to a living node.
    pub fn signal(&self, node: usize, signal: Signal) {
        if let Some(pid) = self.living(node).and_then(|member| i32::try_from(member.child.id()?).ok()) {
            // It can only fail if the process is already gone.
            let _ = kill(Pid::from_raw(pid), signal);
        }
    }

    /// Starts a node again that was killed. It finds the others through two that live.
    ///
    /// # Errors
    /// If it can't be started, ends, or doesn't listen in time.
    pub async fn restart(&mut self, plan: &Plan, program: &Path, node: usize) -> anyhow::Result<()> {
        let Some(member) = self.nodes.get_mut(node) else { bail!("node {node} was never started") };
        member.child.wait().await.context("cannot wait for a killed node")?;
        // What the killed node left there is no word of the new one.
        let _ = fs::remove_file(self.out.data_dir(node).join("rpc.json"));
        let known: Vec<String> = self.all_living().take(2).map(|(_, member)| member.address.clone()).collect();
        let arguments = arguments(plan, &self.out, node, known.iter().map(String::as_str));
        let child = self.spawn(setpriv().as_deref(), program, node, &arguments, plan.may_be_cut())?;
        self.take_next(&mut vec![Starting { node, child }]).await?;
        let started = self.nodes.pop().context("a node that was started is not there")?;
        if let Some(place) = self.nodes.get_mut(node) {
            *place = started;
        }
        Ok(())
    }

    /// Asks all nodes to stop, waits, and kills those that don't. Their fates stay as they were.
    pub async fn stop(&mut self) {
        self.resume_all();
        for member in self.nodes.iter().filter(|member| member.fate == Fate::Alive) {
            if let Some(pid) = member.child.id().and_then(|pid| i32::try_from(pid).ok()) {
                // A process keeps its number until it is waited for, so this can't kill another one.
                let _ = kill(Pid::from_raw(pid), Signal::SIGTERM);
            }
        }
        let deadline = Instant::now() + NODES_STOP_TIMEOUT;
        while self.running() > 0 && Instant::now() < deadline {
            sleep(STOP_POLL).await;
        }
        self.kill_all().await;
    }

    /// Kills all running nodes at once.
    pub async fn kill_all(&mut self) {
        for member in &mut self.nodes {
            // Both fail only if the process is gone.
            let _ = member.child.start_kill();
            let _ = member.child.wait().await;
        }
        self.out.forget_pids();
    }

    fn running(&mut self) -> usize {
        self.nodes.iter_mut().filter_map(|member| member.child.try_wait().ok()).filter(Option::is_none).count()
    }

    fn spawn(
        &self,
        supervisor: Option<&Path>,
        program: &Path,
        node: usize,
        arguments: &[String],
        orders: bool,
    ) -> anyhow::Result<Child> {
        let log = File::create(self.out.log(node)).context("cannot write a log")?;
        let mut command = match supervisor {
            Some(setpriv) => {
                let mut command = Command::new(setpriv);
                command.args(["--pdeathsig", "KILL", "--"]).arg(program);
                command
            }
            None => Command::new(program),
        };
        // The settings of the person's own node must not affect these nodes.
        for (name, _) in std::env::vars_os().filter(|(name, _)| name.to_string_lossy().starts_with("NODE_")) {
            command.env_remove(name);
        }
        command
            .args(arguments)
            .env("NO_COLOR", "1")
            .stdin(if orders { Stdio::piped() } else { Stdio::null() })
            .stdout(log.try_clone().context("cannot write a log")?)
            .stderr(log)
            .process_group(0)
            .kill_on_drop(true);
        let child = command.spawn().with_context(|| format!("cannot start {}", program.display()))?;
        self.out.remember_pid(node, child.id())?;
        Ok(child)
    }

    /// Waits until the first of `waiting` listens.
    async fn take_next(&mut self, waiting: &mut Vec<Starting>) -> anyhow::Result<()> {
        if waiting.is_empty() {
            bail!("a node was to be awaited that wasn't started: this is an error of the instrument");
        }
        let Starting { node, mut child } = waiting.remove(0);
        let deadline = Instant::now() + START_TIMEOUT;
        let file = self.out.data_dir(node).join("rpc.json");
        loop {
            if let Some(status) = child.try_wait().context("cannot watch a node")? {
                bail!(
                    "node {node} ended by itself ({status}); its log ends:\n{}",
                    last_lines(&self.out.log(node))
                );
            }
            if let Some(said) = read_rpc_file(&file) {
                let address = said.listen.into_iter().next().context("a node listens nowhere")?;
                let cookie = node::config::data_dir::read_cookie(&self.out.data_dir(node));
                let rpc = Rpc::new(&said.rpc, cookie.as_ref())?;
                let orders = child.stdin.take();
                self.nodes.push(Member {
                    child,
                    fate: Fate::Alive,
                    paused: false,
                    orders,
                    rpc,
                    peer_id: said.peer_id,
                    address,
                });
                return Ok(());
            }
            if Instant::now() >= deadline {
                bail!(
                    "node {node} did not listen within {} s; its log ends:\n{}",
                    START_TIMEOUT.as_secs(),
                    last_lines(&self.out.log(node))
                );
            }
            sleep(START_POLL).await;
        }
    }
}

/// The node's command line.
fn arguments<'a>(plan: &Plan, out: &Out, node: usize, addresses: impl Iterator<Item = &'a str>) -> Vec<String> {
    let mut arguments = if plan.uses_workers() { worker(plan, out, node) } else { Vec::new() };
    // All nodes share one IP address.
    arguments.push("--exempt-loopback".to_owned());
    if plan.ephemeral && plan.engine == Engine::Hearsay {
        arguments.push("--ephemeral".to_owned());
    }
    let mut flag = |name: &str, value: &str| arguments.extend([name.to_owned(), value.to_owned()]);
    flag("--data-dir", &out.data_dir(node).to_string_lossy());
    if plan.ephemeral && plan.engine == Engine::Hearsay {
        // The key is known beforehand nevertheless.
        flag("--key-file", &out.data_dir(node).join("key").to_string_lossy());
    }
    flag("--listen", "/ip4/127.0.0.1/tcp/0");
    flag("--rpc-addr", "127.0.0.1:0");
    flag("--network", plan.network.as_str());
    if plan.traces {
        flag("--trace", &out.trace(node).to_string_lossy());
        if plan.dashboard {
            // The page is only as quick as the files.
            flag("--trace-flush", &humantime::format_duration(TRACE_FLUSHED_EVERY).to_string());
        }
    }
    if plan.engine == Engine::Hearsay {
        flag("--relay", &plan.relay);
        let interval = Duration::from_micros(plan.reconciliation.interval.as_micros());
        flag("--reconcile-interval", &humantime::format_duration(interval).to_string());
        flag("--reconcile-digest", &plan.reconciliation.digest.to_string());
    }
    if let Some(filter) = &plan.log {
        flag("--log", filter);
    }
    flag("--log-format", "pretty");
    let known = if plan.graph.is_some() { "--reserved-peer" } else { "--bootstrap" };
    addresses.for_each(|address| flag(known, address));
    if let Some(producer) = plan.producer {
        flag("--producers", &node_key(plan.seed, producer).public().to_string());
    }
    if let Some(interval) = plan.load.block_interval
        && plan.producer == Some(node)
        && plan.load.block_bytes.is_none()
    {
        flag("--produce-every", &humantime::format_duration(interval).to_string());
    }
    if plan.graph.is_some() {
        // All neighbours with higher numbers dial this node.
        flag("--max-peers-in", &plan.peers_wanted(node).max(1).to_string());
        arguments.push("--reserved-only".to_owned());
    }
    arguments.extend(plan.node_flags.iter().cloned());
    arguments
}

/// The arguments that make this program a node.
fn worker(plan: &Plan, out: &Out, node: usize) -> Vec<String> {
    let mut arguments = vec!["worker".to_owned(), plan.engine.to_string()];
    if plan.wan != Wan::None {
        let links = out.links().to_string_lossy().into_owned();
        arguments.extend(["--links".to_owned(), links, "--number".to_owned(), node.to_string()]);
    }
    let manners = plan.planted.manners(node);
    if !manners.slow_by.is_zero() {
        let slow_by = humantime::format_duration(manners.slow_by).to_string();
        arguments.extend(["--slow-by".to_owned(), slow_by]);
    }
    if manners.withholds {
        arguments.push("--withhold".to_owned());
    }
    arguments
}

fn read_rpc_file(path: &Path) -> Option<RpcFile> {
    // The node renames the file into place, so the file is complete or absent.
    serde_json::from_slice(&fs::read(path).ok()?).ok()
}

/// `setpriv` asks the kernel to kill a process when its parent is gone.
fn setpriv() -> Option<PathBuf> {
    let path = std::env::var_os("PATH")?;
    std::env::split_paths(&path).map(|dir| dir.join("setpriv")).find(|file| file.is_file())
}

fn last_lines(path: &Path) -> String {
    let text = fs::read(path).map(|bytes| String::from_utf8_lossy(&bytes).into_owned()).unwrap_or_default();
    let lines: Vec<&str> = text.lines().collect();
    let kept = lines.iter().skip(lines.len().saturating_sub(LOG_LINES));
    let shown: Vec<String> = kept.map(|line| format!("  {line}")).collect();
    format!("{}\n  ({})", shown.join("\n"), path.display())
}
