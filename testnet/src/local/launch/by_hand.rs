//! What a person does to a run through its page: sends items, kills and pauses nodes, cuts the network in two halves.
//!
//! Orders are looked for whenever the run looks after its nodes, at least four times a second while items are
//! submitted. The run goes on as planned; everything done here is in addition, and is counted, because figures of such
//! a run can't be compared with those of another.
//!
//! **A cut** lasts until it is ended. The workers are told of it for `CUT_LEASE` at a time, so that it also ends if
//! the instrument does. So a heal takes effect within this time.

use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::sys::signal::Signal;
use node::clock::monotonic_ns;
use protocol::items::hash::ShortId;
use protocol::items::keys::SecretKey;
use protocol::items::transaction::SignedTransaction;
use protocol::wire::codec::Encode as _;
use protocol::wire::message::Tip;
use tokio::sync::oneshot;
use tokio::task::JoinSet;

use super::rpc::Rpc;
use super::{Cluster, Loss};
use crate::dashboard::Notes;
use crate::dashboard::model::Note;
use crate::dashboard::orders::{Answer, Order, Orders};
use crate::local::plan::Plan;
use crate::random::Seed;
use crate::random::keys::node_key;
use crate::report::schema::ByHand;
use crate::wan::{NS_PER_US, Outage, Wan};
use crate::workload::items::{BlockMaker, TxShape, VALID_FOR};

/// For how long the workers hear of a cut at a time, and when they hear of it again.
const CUT_LEASE: Duration = Duration::from_millis(2_500);
const CUT_RENEW: Duration = Duration::from_millis(1_500);

/// Transactions in one call. A call of a full burst would keep its node busy for too long at once.
const CALL_TRANSACTIONS: usize = 50;

/// Orders to send that are carried out at once. A person waits for one before giving the next.
const SENDING_MAX: usize = 8;

/// The length of a block by hand, in bytes.
const HAND_BLOCK_BYTES: usize = 32 * 1024;

/// A person's hands on a run.
#[derive(Debug, Default)]
pub struct Hands {
    orders: Option<Orders>,
    notes: Notes,
    plan: Option<Box<Plan>>,
    /// Transactions that each node got by hand.
    written: Vec<u64>,
    cut: Option<Outage>,
    /// When the last cut has healed.
    healed_ns: u64,
    done: ByHand,
    sending: JoinSet<()>,
}

impl Hands {
    /// Hands that give these orders to a run of this plan.
    #[must_use]
    pub fn new(plan: &Plan, orders: Orders, notes: Notes) -> Self {
        let written = vec![0; plan.nodes];
        Self { orders: Some(orders), notes, plan: Some(Box::new(plan.clone())), written, ..Self::default() }
    }

    /// Whether the page may make blocks in such a run; otherwise the reason.
    #[must_use]
    pub fn no_block(plan: &Plan) -> Option<String> {
        let made = plan.load.block_interval.is_some();
        made.then(|| "this run makes blocks itself, and one more could be a second one for its height".to_owned())
    }

    /// Whether the page may cut the network in such a run; otherwise the reason.
    #[must_use]
    pub fn no_cut(plan: &Plan) -> Option<String> {
        match (&plan.wan, plan.partition) {
            (Wan::None, _) => Some("only emulated links can be cut: give a --wan".to_owned()),
            (_, Some(_)) => Some("this run has a --partition of its own".to_owned()),
            _ => None,
        }
    }
}

impl Cluster {
    /// Gives a person control.
    pub fn attach(&mut self, hands: Hands) {
        self.hands = hands;
    }

    /// Checks whether a node has ended by itself, and carries out a person's orders.
    ///
    /// # Errors
    /// As [`Cluster::check`].
    pub async fn attend(&mut self) -> Result<(), Loss> {
        self.check().inspect_err(|loss| self.hands.notes.now(Note::Lost(loss.node)))?;
        self.renew_cut().await;
        while self.hands.sending.try_join_next().is_some() {}
        while let Some(ask) = self.hands.orders.as_mut().and_then(|orders| orders.try_recv().ok()) {
            match ask.order {
                Order::Send { node, count } => self.send(node, count, ask.answer),
                Order::Block {} => self.publish(ask.answer),
                other => {
                    let answer = self.obey(other).await;
                    // The caller may be gone; it is done nevertheless.
                    let _ = ask.answer.send(answer);
                }
            }
        }
        Ok(())
    }

    /// What a person did; `None` if nothing.
    #[must_use]
    pub fn by_hand(&self) -> Option<ByHand> {
        (self.hands.done != ByHand::default()).then_some(self.hands.done)
    }

    /// Tells the page, if there is one.
    pub fn note(&self, note: Note) {
        self.hands.notes.now(note);
    }

    /// Lets all nodes go on that a person has paused, so that they can stop in order.
    pub(super) fn resume_all(&mut self) {
        let paused: Vec<usize> =
            self.nodes.iter().enumerate().filter(|(_, member)| member.paused).map(|(node, _)| node).collect();
        for node in paused {
            self.set_paused(node, false);
        }
    }

    async fn obey(&mut self, order: Order) -> Answer {
        match order {
            Order::Kill { node } => self.kill_by_hand(node),
            Order::Pause { node } => self.pause(node, true),
            Order::Resume { node } => self.pause(node, false),
            Order::Cut {} => self.cut().await,
            Order::Heal {} => self.heal(),
            Order::Send { .. } | Order::Block {} => Err("items are sent elsewhere".to_owned()),
        }
    }

    fn kill_by_hand(&mut self, node: usize) -> Answer {
        self.must_live(node)?;
        if self.all_living().count() < 2 {
            return Err(format!("node {node} is the last one; it was not killed"));
        }
        self.kill(node);
        self.hands.done.killed += 1;
        Ok(format!("node {node} is killed"))
    }

    fn pause(&mut self, node: usize, pause: bool) -> Answer {
        self.must_live(node)?;
        let paused = self.living(node).is_some_and(|member| member.paused);
        match (paused, pause) {
            (true, true) => Err(format!("node {node} is stopped already; nothing was done")),
            (false, false) => Err(format!("node {node} is not stopped; nothing was done")),
            _ => {
                self.set_paused(node, pause);
                self.hands.done.paused += u64::from(pause);
                Ok(format!("node {node} {}", if pause { "is stopped" } else { "goes on" }))
            }
        }
    }

    fn set_paused(&mut self, node: usize, pause: bool) {
        self.signal(node, if pause { Signal::SIGSTOP } else { Signal::SIGCONT });
        if let Some(member) = self.nodes.get_mut(node) {
            member.paused = pause;
        }
        self.note(if pause { Note::Paused(node) } else { Note::Resumed(node) });
    }

    async fn cut(&mut self) -> Answer {
        if let Some(why) = self.hands.plan.as_ref().and_then(|plan| Hands::no_cut(plan)) {
            return Err(format!("{why}; nothing was cut"));
        }
        if self.hands.cut.is_some() {
            return Err("the network is cut already; nothing was done".to_owned());
        }
        let from_ns = monotonic_ns();
        if from_ns < self.hands.healed_ns {
            return Err("the last cut has not healed yet; nothing was done".to_owned());
        }
        self.tell_of_cut(from_ns).await?;
        self.hands.done.cuts += 1;
        self.note(Note::Cut);
        Ok("nothing passes between the two halves".to_owned())
    }

    fn heal(&mut self) -> Answer {
        let Some(cut) = self.hands.cut.take() else {
            return Err("the network is not cut; nothing was done".to_owned());
        };
        self.hands.healed_ns = cut.to_ns;
        let left_ms = cut.to_ns.saturating_sub(monotonic_ns()) / (1_000 * NS_PER_US);
        self.note(Note::Healed);
        Ok(format!("the halves are one again in {left_ms} ms"))
    }

    async fn renew_cut(&mut self) {
        let Some(cut) = self.hands.cut else { return };
        if cut.to_ns < monotonic_ns().saturating_add(nanoseconds(CUT_RENEW))
            && let Err(why) = self.tell_of_cut(cut.from_ns).await
        {
            // The next look tries again, unless the lease is over by then.
            tracing::warn!(why, "the cut could not be renewed");
        }
    }

    async fn tell_of_cut(&mut self, from_ns: u64) -> Result<(), String> {
        let outage = Outage { from_ns, to_ns: monotonic_ns().saturating_add(nanoseconds(CUT_LEASE)) };
        self.announce(outage).await.map_err(|error| format!("the nodes can't be told of a cut: {error:#}"))?;
        self.hands.cut = Some(outage);
        Ok(())
    }

    /// Makes transactions and submits them. The answer comes when the node has them.
    fn send(&mut self, wanted: usize, count: u32, answer: oneshot::Sender<Answer>) {
        let prepared = self.prepared(wanted, count);
        let (node, rpc, transactions) = match prepared {
            Ok(prepared) => prepared,
            Err(why) => return drop(answer.send(Err(why))),
        };
        let ids: Vec<ShortId> = transactions.iter().map(|transaction| transaction.id().short()).collect();
        let first = ids.first().map(ToString::to_string).unwrap_or_default();
        self.note(Note::Sent(ids));
        self.hands.done.transactions += u64::from(count);
        self.hands.sending.spawn(async move {
            let result = submit(&rpc, &transactions).await;
            let said = result.map(|accepted| format!("{accepted} sent at node {node}, first {first}"));
            let _ = answer.send(said.map_err(|error| format!("node {node}: {error}")));
        });
    }

    fn prepared(&mut self, wanted: usize, count: u32) -> Result<(usize, Rpc, Vec<SignedTransaction>), String> {
        if self.hands.sending.len() >= SENDING_MAX {
            return Err("the last transactions are still being sent; nothing was sent".to_owned());
        }
        let running = |(_, member): &(usize, &super::Member)| !member.paused;
        let from_wanted = self.all_living().filter(running);
        let chosen = from_wanted.min_by_key(|(node, _)| (*node < wanted, *node));
        let (node, rpc) = chosen.map(|(node, member)| (node, member.rpc.clone())).ok_or("no node is running")?;
        let plan = self.hands.plan.as_ref().ok_or("there is no plan")?;
        let shape = TxShape::new(plan.load.tx_bytes).map_err(|error| error.to_string())?;
        let author = SecretKey::from_seed(&plan.seed.bytes(&format!("by hand at node {node}")));
        let written = self.hands.written.get_mut(node).ok_or("there is no such node")?;
        let mut draws = Seed(plan.seed.0).draws(&format!("by hand at node {node}, from {written}"));
        let make = |sequence| shape.make(&author, &plan.network, sequence, VALID_FOR, &mut draws);
        let transactions: Result<Vec<_>, _> = (*written..).take(count as usize).map(make).collect();
        *written += u64::from(count);
        Ok((node, rpc, transactions.map_err(|error| error.to_string())?))
    }

    /// Makes a block and publishes it at the producer.
    fn publish(&mut self, answer: oneshot::Sender<Answer>) {
        let (rpc, maker) = match self.producer() {
            Ok(producer) => producer,
            Err(why) => return drop(answer.send(Err(why))),
        };
        self.hands.done.blocks += 1;
        let notes = self.hands.notes.clone();
        self.hands.sending.spawn(async move {
            let _ = answer.send(make_block(&rpc, maker, &notes).await);
        });
    }

    fn producer(&mut self) -> Result<(Rpc, BlockMaker), String> {
        let plan = self.hands.plan.clone().ok_or("there is no plan")?;
        if let Some(why) = Hands::no_block(&plan) {
            return Err(format!("{why}; none was made"));
        }
        let node = plan.producer.ok_or("no node of this run may make blocks")?;
        let member = self.living(node).filter(|member| !member.paused);
        let rpc = member
            .map(|member| member.rpc.clone())
            .ok_or(format!("node {node}, which makes blocks, does not run"))?;
        let made = self.hands.done.blocks;
        let author = SecretKey::from_seed(&plan.seed.bytes(&format!("block {made} by hand")));
        let draws = plan.seed.draws(&format!("block {made} by hand"));
        let key = node_key(plan.seed, node);
        let maker =
            BlockMaker::new(key, author, plan.network.clone(), HAND_BLOCK_BYTES, plan.load.tx_bytes, draws);
        Ok((rpc, maker.map_err(|error| error.to_string())?))
    }

    fn must_live(&self, node: usize) -> Result<(), String> {
        self.living(node).map(|_| ()).ok_or_else(|| format!("node {node} does not run; nothing was done"))
    }
}

/// Submits in calls of [`CALL_TRANSACTIONS`]. Returns how many were accepted.
async fn submit(rpc: &Rpc, transactions: &[SignedTransaction]) -> Result<usize, String> {
    let mut accepted = 0;
    for part in transactions.chunks(CALL_TRANSACTIONS) {
        let encoded: Vec<&[u8]> = part.iter().map(|transaction| &**transaction.encoded()).collect();
        let answers = rpc.send_transactions(&encoded).await.map_err(|error| error.to_string())?;
        accepted += answers.iter().filter(|answer| matches!(answer, Ok(true))).count();
    }
    Ok(accepted)
}

async fn make_block(rpc: &Rpc, mut maker: BlockMaker, notes: &Notes) -> Answer {
    let status = rpc.status().await.map_err(|error| error.to_string())?;
    let id = status.tip_id.parse().map_err(|_| format!("the tip {:?} is no block id", status.tip_id))?;
    let tip = Tip { height: status.tip_height, id };
    let since = SystemTime::now().duration_since(UNIX_EPOCH).map_or(0, |since| since.as_millis());
    let timestamp_ms = u64::try_from(since).unwrap_or(u64::MAX);
    let made = tokio::task::spawn_blocking(move || maker.make(tip, timestamp_ms)).await;
    let block = made.map_err(|error| error.to_string())?.map_err(|error| error.to_string())?;
    let id = block.header.id().short();
    notes.now(Note::Sent(vec![id]));
    rpc.publish_block(&block.to_bytes()).await.map_err(|error| error.to_string())?;
    Ok(format!("block {id} of {HAND_BLOCK_BYTES} bytes is published"))
}

fn nanoseconds(time: Duration) -> u64 {
    u64::try_from(time.as_nanos()).unwrap_or(u64::MAX)
}
