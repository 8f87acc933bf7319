//! Submits the workload on its schedule, kills the nodes that the plan names, and waits until everything has
//! arrived.
//!
//! The schedule is absolute: it never drifts and never waits for an answer. Transactions are made and signed
//! before it begins, as many as may wait, so that during the schedule they are only sent. An item that can't be
//! sent in its turn, because too many are unanswered or because a block is still being published, is offered and
//! not originated.

pub mod queues;

use std::collections::VecDeque;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use node::clock::monotonic_ns;
use node::observe::trace::Kind;
use protocol::wire::codec::Encode as _;
use protocol::wire::message::Tip;
use tokio::task::{JoinError, JoinSet};
use tokio::time::{Instant, sleep_until};

use super::collect::{Submission, Window};
use super::launch::rpc::{Rpc, RpcError};
use super::launch::{Cluster, Loss};
use super::plan::Plan;
use super::progress::Progress;
use crate::wan::Outage;
use crate::workload::items::BlockMaker;
use crate::workload::{Entry, Workload};
use queues::Queues;

/// The results of the load so far. They are complete even if the load is cut short.
#[derive(Debug, Default)]
pub struct Done {
    /// The answered submissions.
    pub submissions: Vec<Submission>,
    /// Transactions whose turn came.
    pub offered_transactions: u64,
    /// Blocks whose turn came.
    pub offered_blocks: u64,
    /// Transactions inside the blocks that the instrument made.
    pub transactions_in_blocks: u64,
    /// Transactions that the nodes had already accepted before.
    pub transactions_before: u64,
    /// The greatest lateness of a submission: the instrument's own share in a bad result.
    pub latest: Duration,
    /// Calls that failed.
    pub failed: u64,
    /// The message of the first of them.
    pub first_failure: Option<String>,
    /// The phases.
    pub window: Window,
    /// When the halves were separated, if there is a partition.
    pub outage: Option<Outage>,
    /// Whether all nodes had the same tip at the end, if this was asked.
    pub same_tips: Option<bool>,
}

/// Why a phase ended early.
#[derive(Debug, thiserror::Error)]
pub enum LoadError {
    /// A node ended by itself.
    #[error(transparent)]
    Loss(#[from] Loss),
    /// The instrument itself failed.
    #[error("the instrument failed: {0}")]
    Instrument(String),
}

/// The most unanswered submissions at a time, including waiting ones. At about 600 bytes each, this is 10 MiB.
const UNANSWERED_MAX: usize = 16_384;
/// Transactions that are made before the load begins. At about 600 bytes each, this is 20 MiB. The rest are made
/// in their turn.
const PREPARED_MAX: usize = 32_768;
/// The time between two checks that all nodes live.
const WATCH_EVERY: Duration = Duration::from_millis(250);
/// How long tips may differ because a block is on its way, and the time between two looks.
const TIPS_TIMEOUT: Duration = Duration::from_secs(5);
const TIPS_POLL: Duration = Duration::from_millis(250);
/// The time between two checks whether everything has arrived. It is long, because the nodes share the machine.
const DRAIN_POLL: Duration = Duration::from_secs(1);

/// Sleeps, and watches the nodes meanwhile.
///
/// # Errors
/// If a node ends by itself.
pub async fn watch(cluster: &mut Cluster, time: Duration) -> Result<(), Loss> {
    let end = Instant::now() + time;
    while Instant::now() < end {
        sleep_until(end.min(Instant::now() + WATCH_EVERY)).await;
        cluster.attend().await?;
    }
    Ok(())
}

/// Submits everything. `done` is up to date at any moment.
///
/// # Errors
/// If a node ends by itself, or if an item can't be made.
pub async fn submit(
    plan: &Plan,
    cluster: &mut Cluster,
    progress: &Progress,
    done: &mut Done,
) -> Result<(), LoadError> {
    let mut driver = Driver::new(plan, cluster, done)?;
    driver.done.window.load_from = monotonic_ns();
    driver.start = Instant::now();
    driver.announce_partition().await?;
    while let Some(next) = driver.turn()? {
        let elapsed = driver.start.elapsed().as_secs();
        progress.done(elapsed, plan.load.duration().as_secs());
        progress.now(format!(
            "load: {elapsed} of {} s, {} transactions submitted, {} failed",
            plan.load.duration().as_secs(),
            driver.done.offered_transactions,
            driver.done.failed
        ));
        sleep_until(next).await;
        driver.cluster.attend().await?;
    }
    while let Some(finished) = driver.tasks.join_next().await {
        driver.note(finished)?;
        driver.cluster.check()?;
    }
    driver.done.window.load_to = monotonic_ns();
    Ok(())
}

/// Waits until every living node has accepted everything, but at most for the plan's drain time. Returns whether
/// they have.
///
/// # Errors
/// If a node ends by itself.
pub async fn drain(plan: &Plan, cluster: &mut Cluster, done: &mut Done) -> Result<bool, LoadError> {
    let end = Instant::now() + plan.drain;
    let mut all = false;
    while !all && Instant::now() < end {
        cluster.attend().await?;
        all = arrived(cluster, done).await;
        if !all {
            sleep_until(end.min(Instant::now() + DRAIN_POLL)).await;
        }
    }
    done.window.drain_to = monotonic_ns();
    Ok(all)
}

/// Whether all living nodes count the same items, and at least as many as were acknowledged.
///
/// A missing answer counts as a no.
pub async fn arrived(cluster: &Cluster, done: &Done) -> bool {
    let acknowledged = |kind| {
        let count = done.submissions.iter().filter(|one| one.kind == kind && one.acknowledged).count();
        count as u64
    };
    let transactions = done.transactions_before + acknowledged(Kind::Transaction) + done.transactions_in_blocks;
    let blocks = acknowledged(Kind::Block);
    let mut first = None;
    if cluster.has_paused() {
        return false;
    }
    for (_, member) in cluster.all_living() {
        let Ok(status) = member.rpc.status().await else { return false };
        let has = (status.stats.transactions_accepted, status.stats.blocks_accepted);
        if has.0 < transactions || has.1 < blocks || *first.get_or_insert(has) != has {
            return false;
        }
    }
    true
}

/// Whether all living nodes have the same tip. A block that is on its way makes the tips differ for a moment, so
/// the question is repeated for a while. A missing answer counts as a no.
pub async fn same_tips(cluster: &Cluster) -> bool {
    let end = Instant::now() + TIPS_TIMEOUT;
    loop {
        let asked = cluster.all_living().map(|(_, member)| member.rpc.status());
        let answers = futures::future::join_all(asked).await;
        let mut tips = answers.iter().map(|answer| answer.as_ref().ok().map(|status| &status.tip_id));
        let first = tips.next().flatten();
        if first.is_some() && tips.all(|tip| tip == first) {
            return true;
        }
        if Instant::now() >= end {
            return false;
        }
        sleep_until(Instant::now() + TIPS_POLL).await;
    }
}

struct Driver<'a> {
    plan: &'a Plan,
    cluster: &'a mut Cluster,
    done: &'a mut Done,
    start: Instant,
    workload: Workload,
    /// The next transactions; empty at the end.
    prepared: VecDeque<Entry>,
    kills: VecDeque<(Duration, usize)>,
    /// Blocks whose turn came.
    blocks: u32,
    /// Transactions that are due.
    queues: Queues<Entry>,
    unanswered: usize,
    /// Absent while a block is being made and published, or if there are no blocks to make.
    maker: Option<BlockMaker>,
    tasks: JoinSet<Finished>,
}

enum Finished {
    Call { node: usize, submissions: Vec<(Submission, Option<RpcError>)> },
    Block { maker: Box<BlockMaker>, published: Result<(Submission, u64), String> },
}

impl<'a> Driver<'a> {
    fn new(plan: &'a Plan, cluster: &'a mut Cluster, done: &'a mut Done) -> Result<Self, LoadError> {
        let mut workload = plan.workload().map_err(failed)?;
        let mut prepared = VecDeque::new();
        while prepared.len() < PREPARED_MAX
            && let Some(entry) = workload.next_entry().map_err(failed)?
        {
            prepared.push_back(entry);
        }
        Ok(Self {
            prepared,
            workload,
            kills: plan.load.kills(plan.nodes, plan.producer.as_slice(), plan.seed).into(),
            maker: plan.block_maker().map_err(failed)?,
            blocks: 0,
            queues: Queues::new(plan.nodes),
            unanswered: 0,
            start: Instant::now(),
            tasks: JoinSet::new(),
            plan,
            cluster,
            done,
        })
    }

    /// Tells the nodes when the partition will be. They know before it begins, or at once if it begins with the
    /// load.
    async fn announce_partition(&mut self) -> Result<(), LoadError> {
        let Some(partition) = self.plan.partition else { return Ok(()) };
        let ns = |time: Duration| u64::try_from(time.as_nanos()).unwrap_or(u64::MAX);
        let from_ns = self.done.window.load_from.saturating_add(ns(partition.at));
        let outage = Outage { from_ns, to_ns: from_ns.saturating_add(ns(partition.lasts)) };
        self.cluster.announce(outage).await.map_err(|error| LoadError::Instrument(format!("{error:#}")))?;
        self.done.outage = Some(outage);
        Ok(())
    }

    /// Does everything that is due. Returns when to call it again; `None` at the end.
    fn turn(&mut self) -> Result<Option<Instant>, LoadError> {
        self.cluster.check()?;
        while let Some(finished) = self.tasks.try_join_next() {
            self.note(finished)?;
        }
        let now = self.start.elapsed();
        while let Some(&(_, node)) = self.kills.front().filter(|kill| kill.0 <= now) {
            self.kills.pop_front();
            self.cluster.kill(node);
        }
        while self.prepared.front().is_some_and(|entry| entry.due <= now)
            && let Some(entry) = self.prepared.pop_front()
        {
            self.send(entry);
            if self.prepared.len() < PREPARED_MAX {
                self.prepared.extend(self.workload.next_entry().map_err(failed)?);
            }
        }
        while self.plan.load.block_due(self.blocks).is_some_and(|due| due <= now) {
            self.blocks = self.blocks.saturating_add(1);
            self.done.offered_blocks = self.done.offered_blocks.saturating_add(1);
            self.publish();
        }
        let end = self.plan.load.duration();
        if now >= end && self.prepared.is_empty() {
            return Ok(None);
        }
        let due = [
            self.prepared.front().map(|entry| entry.due),
            self.kills.front().map(|kill| kill.0),
            self.plan.load.block_due(self.blocks),
            Some(end).filter(|end| *end > now),
            Some(now + WATCH_EVERY),
        ];
        Ok(due.into_iter().flatten().min().map(|due| self.start + due))
    }

    fn send(&mut self, entry: Entry) {
        self.done.offered_transactions = self.done.offered_transactions.saturating_add(1);
        let withholders = &self.plan.planted.withholders;
        let Some((node, _)) = self.cluster.living_from(entry.node, withholders) else { return };
        if self.unanswered >= UNANSWERED_MAX {
            return self.fail("too many submissions are unanswered".to_owned());
        }
        self.unanswered += 1;
        self.queues.push(node, entry);
        self.call(node);
    }

    /// Submits the waiting transactions to a node, as far as it takes more calls.
    fn call(&mut self, node: usize) {
        while let Some(entries) = self.queues.call(node) {
            let now = self.start.elapsed();
            let late = entries.iter().map(|entry| now.saturating_sub(entry.due)).max();
            self.done.latest = self.done.latest.max(late.unwrap_or_default());
            let rpc = self.cluster.living(node).map(|member| member.rpc.clone());
            self.tasks
                .spawn(async move { Finished::Call { node, submissions: submit_all(rpc, node, entries).await } });
        }
    }

    /// Makes and publishes the next block, if the instrument makes the blocks.
    fn publish(&mut self) {
        let Some(bytes) = self.plan.load.block_bytes else { return };
        let Some(node) = self.plan.producer else { return };
        let Some(member) = self.cluster.living(node) else { return };
        let Some(maker) = self.maker.take() else {
            return self.fail(format!("a block of {bytes} bytes was not published before the next was due"));
        };
        let rpc = member.rpc.clone();
        self.tasks.spawn(async move {
            let (maker, published) = make_and_publish(rpc, maker, node).await;
            Finished::Block { maker: Box::new(maker), published }
        });
    }

    fn note(&mut self, finished: Result<Finished, JoinError>) -> Result<(), LoadError> {
        match finished.map_err(failed)? {
            Finished::Call { node, submissions } => {
                self.unanswered = self.unanswered.saturating_sub(submissions.len());
                for (submission, failure) in submissions {
                    self.done.submissions.push(submission);
                    if let Some(error) = failure {
                        self.fail(error.to_string());
                    }
                }
                self.queues.ended(node);
                self.call(node);
            }
            Finished::Block { maker, published } => {
                self.maker = Some(*maker);
                match published {
                    Ok((submission, transactions)) => {
                        self.done.submissions.push(submission);
                        self.done.transactions_in_blocks += transactions;
                    }
                    Err(error) => self.fail(error),
                }
            }
        }
        Ok(())
    }

    fn fail(&mut self, why: String) {
        self.done.failed = self.done.failed.saturating_add(1);
        self.done.first_failure.get_or_insert(why);
    }
}

/// Submits transactions to a node in one call, and returns the result of each. Without a node, none is accepted.
async fn submit_all(rpc: Option<Rpc>, node: usize, entries: Vec<Entry>) -> Vec<(Submission, Option<RpcError>)> {
    let encoded: Vec<&[u8]> = entries.iter().map(|entry| &**entry.transaction.encoded()).collect();
    let answers = match &rpc {
        Some(rpc) => rpc.send_transactions(&encoded).await,
        None => Err(RpcError::NoAnswer("the node was killed".to_owned())),
    };
    let mut answers = answers.map(Vec::into_iter);
    let submitted = entries.iter().map(|entry| {
        let answer = match &mut answers {
            Ok(answers) => {
                answers.next().unwrap_or_else(|| Err(RpcError::NoAnswer("it left some out".to_owned())))
            }
            Err(error) => Err(error.clone()),
        };
        let submission = Submission {
            kind: Kind::Transaction,
            item: entry.transaction.id().short(),
            bytes: entry.transaction.encoded().len() as u64,
            node,
            acknowledged: matches!(answer, Ok(true)),
            warm: entry.warm,
        };
        (submission, answer.err())
    });
    submitted.collect()
}

/// Always returns the maker, with the submission and the number of transactions in the block.
async fn make_and_publish(
    rpc: Rpc,
    maker: BlockMaker,
    node: usize,
) -> (BlockMaker, Result<(Submission, u64), String>) {
    let tip = match rpc.status().await {
        Ok(status) => status
            .tip_id
            .parse()
            .map(|id| Tip { height: status.tip_height, id })
            .map_err(|_| format!("the producer's tip {:?} is no block id", status.tip_id)),
        Err(error) => Err(error.to_string()),
    };
    let tip = match tip {
        Ok(tip) => tip,
        Err(error) => return (maker, Err(error)),
    };
    let timestamp = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let timestamp_ms = u64::try_from(timestamp).unwrap_or(u64::MAX);
    // Signing thousands of transactions takes a while, and others are due meanwhile. So it gets its own thread.
    let fallback = maker.clone();
    let made = tokio::task::spawn_blocking(move || {
        let mut maker = maker;
        let block = maker.make(tip, timestamp_ms);
        (maker, block)
    });
    let (maker, block) = match made.await {
        Ok((maker, Ok(block))) => (maker, block),
        Ok((maker, Err(error))) => return (maker, Err(error.to_string())),
        Err(error) => return (fallback, Err(error.to_string())),
    };
    let encoded = block.to_bytes();
    let submission = |acknowledged| Submission {
        kind: Kind::Block,
        item: block.header.id().short(),
        bytes: encoded.len() as u64,
        node,
        acknowledged,
        warm: false,
    };
    match rpc.publish_block(&encoded).await {
        Ok(accepted) => (maker, Ok((submission(accepted), block.transactions.len() as u64))),
        Err(error) => (maker, Err(error.to_string())),
    }
}

fn failed(error: impl std::fmt::Display) -> LoadError {
    LoadError::Instrument(error.to_string())
}
