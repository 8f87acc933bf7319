//! Answers to the RPC's questions; submissions that wait for the engine's decision and for the disk; and questions
//! that wait for durable storage.

use std::collections::{HashMap, VecDeque};
use std::iter::{once, repeat};
use std::net::IpAddr;
use std::sync::Arc;

use libp2p::Multiaddr;
use protocol::gossip::{Behind, Direction, ItemId, PeerHandle, Refusal, Submission, TransactionStatus};
use protocol::items::block::Block;
use protocol::items::hash::{BlockId, TxId};
use protocol::ledger::durable::{Load, Loaded};
use tokio::sync::oneshot;

use super::network::observed::Observed;
use crate::clock::{Clock, wall_ms};
use crate::config::Config;
use crate::net::bans::Banned;
use crate::net::behaviour::{Behaviour, Link};
use crate::net::transport::WireBytes;
use crate::observe::sample;
use crate::rpc::command::{BanStatus, BehindStatus, Command, ObservedAddress, PeerStatus, ReachStatus, Status};
use crate::rpc::lists::PoolPage;
use crate::rpc::members::{Known, MembersError};
use crate::rpc::orders::OrderError;
use crate::rpc::trace::{self, Moment};
use crate::store::{FoundTransaction, Place, Writer};

/// Submissions that wait for their checks. One takes some 100 bytes here; the engine holds the item itself.
pub(crate) const SUBMISSIONS_WAITING_MAX: usize = 4_096;

/// What the node knows about its own addresses.
pub(crate) struct Own {
    pub(crate) listen: Vec<Multiaddr>,
    pub(crate) reach: ReachStatus,
}

/// Where the answer to a submission goes.
pub(crate) type SubmissionReply = oneshot::Sender<Result<Submission, Refusal>>;

/// What is needed to answer.
#[derive(Debug)]
pub(crate) struct Answers {
    clock: Clock,
    wire: Arc<WireBytes>,
    /// Under which addresses peers see this node.
    pub(super) observed: Observed,
    /// By item, the oldest first. No list is empty.
    waiting: HashMap<ItemId, Vec<SubmissionReply>>,
    count: usize,
    /// Accepted by the engine, and not safe yet: the number of the commit that makes each safe,
    /// in the order of commits.
    unsafe_yet: VecDeque<(u64, ItemId, Submission)>,
    /// The number of the last commit. Everything up to it is safe.
    safe: u64,
    /// Questions about blocks that are not in memory.
    lookups: HashMap<BlockId, Vec<oneshot::Sender<Option<Arc<Block>>>>>,
}

impl Answers {
    pub(crate) fn new(clock: Clock, wire: Arc<WireBytes>) -> Self {
        Self {
            clock,
            wire,
            observed: Observed::default(),
            waiting: HashMap::new(),
            count: 0,
            unsafe_yet: VecDeque::new(),
            safe: 0,
            lookups: HashMap::new(),
        }
    }

    /// Submissions that wait for the engine or the disk.
    pub(crate) const fn waiting(&self) -> usize {
        self.count
    }

    /// Keeps `reply` until the engine has decided. True if the engine is to be given the item. It is not given
    /// the item if it already has it for another reply that waits. It is not given it either if too many wait;
    /// this is answered here.
    pub(crate) fn expect(&mut self, item: ItemId, reply: SubmissionReply) -> bool {
        if self.count >= SUBMISSIONS_WAITING_MAX {
            tell(reply, Err(Refusal::Busy));
            return false;
        }
        self.count += 1;
        let replies = self.waiting.entry(item).or_default();
        replies.push(reply);
        replies.len() == 1
    }

    /// The engine has decided on `item`. An accepted item is answered when it is safe: with the commit `safe_at`.
    pub(crate) fn decided(&mut self, item: ItemId, result: Result<Submission, Refusal>, safe_at: u64) {
        match result {
            Ok(submission) if safe_at > self.safe => self.unsafe_yet.push_back((safe_at, item, submission)),
            other => self.submitted(item, other),
        }
    }

    /// Everything up to this commit is safe.
    pub(crate) fn committed(&mut self, up_to: u64) {
        self.safe = up_to;
        while let Some((safe_at, item, submission)) = self.unsafe_yet.front().copied()
            && safe_at <= up_to
        {
            self.unsafe_yet.pop_front();
            self.submitted(item, Ok(submission));
        }
    }

    /// Durable storage has answered, so all questions about that block are answered.
    pub(crate) fn loaded(&mut self, loaded: &Loaded) {
        let Loaded::Block { id, block } = loaded else { return };
        for reply in self.lookups.remove(id).unwrap_or_default() {
            tell(reply, block.clone());
        }
    }

    /// The engine has decided on `item`, and it is safe: all replies that wait for it are answered. For the second
    /// and later ones an accepted item is held already.
    fn submitted(&mut self, item: ItemId, result: Result<Submission, Refusal>) {
        let replies = self.waiting.remove(&item).unwrap_or_default();
        self.count = self.count.saturating_sub(replies.len());
        let again = result.clone().map(|_| Submission::Held);
        for (reply, result) in replies.into_iter().zip(once(result).chain(repeat(again))) {
            tell(reply, result);
        }
    }

    /// Answers a question. Submissions do not come here.
    pub(crate) fn answer(
        &mut self,
        question: Command,
        config: &Config,
        behaviour: &Behaviour,
        writer: &Writer,
        own: Own,
    ) {
        match question {
            Command::Transaction { id, reply } => match behaviour.gossip().transaction(&id) {
                // Memory may have only a later block with the transaction, or not its body.
                Some(
                    TransactionStatus::Confirmed { transaction: None, .. }
                    | TransactionStatus::Confirmed { known_as_first: false, .. },
                )
                | None => look_up(id, reply, writer),
                found => tell(reply, found),
            },
            Command::Block { id, reply } => self.block(id, reply, behaviour, writer),
            Command::BlockAt { height, reply } => match behaviour.gossip().best_at(height) {
                Some(id) => self.block(id, reply, behaviour, writer),
                None => tell(reply, None),
            },
            Command::Blocks { from, count, reply } => {
                let tip = behaviour.gossip().tip().height;
                tell(reply, behaviour.gossip().best_headers(from.map_or(tip, |from| from.min(tip)), count));
            }
            Command::Pool { after, count, reply } => {
                let (mempool, page) =
                    (behaviour.gossip().mempool(), behaviour.gossip().pending_after(after, count));
                tell(reply, PoolPage { total: mempool.transactions, bytes: mempool.bytes, page });
            }
            Command::Trace { sought, reply } => {
                tell(reply, trace::find(behaviour.host().passages(), &sought, self.moment()));
            }
            Command::Traces { count, reply } => {
                tell(reply, trace::latest(behaviour.host().passages(), count, self.moment()));
            }
            Command::Bans { reply } => {
                let bans = behaviour.bans().list_all(self.clock.now());
                tell(reply, bans.into_iter().map(ban_status).collect());
            }
            Command::Status { reply } => tell(reply, self.status(config, behaviour, own)),
            Command::Peers { reply } => tell(reply, self.peers(behaviour)),
            Command::Evidence { reply } => tell(reply, behaviour.gossip().equivocations().cloned().collect()),
            Command::Members { reply } => tell(reply, self.known(config, behaviour).map(|known| known.list())),
            Command::Member { key, reply } => {
                tell(reply, self.known(config, behaviour).map(|known| known.detail(&key)));
            }
            Command::Aggregate { name, reply } => {
                tell(reply, self.known(config, behaviour).map(|known| known.aggregate(&name)));
            }
            Command::Order { reply, .. } => tell(reply, Err(OrderError::NoPeer)),
            Command::SetEntry { reply, .. } | Command::Leave { reply } => tell(reply, Err(MembersError::Off)),
            Command::SubmitTransaction { reply, .. } | Command::SubmitBlock { reply, .. } => {
                tell(reply, Err(Refusal::Busy));
            }
        }
    }

    /// A block in memory, or else in durable storage.
    fn block(
        &mut self,
        id: BlockId,
        reply: oneshot::Sender<Option<Arc<Block>>>,
        behaviour: &Behaviour,
        writer: &Writer,
    ) {
        match behaviour.gossip().block(&id) {
            None if writer.load(Load::Block(id)).is_ok() => self.lookups.entry(id).or_default().push(reply),
            found => tell(reply, found),
        }
    }

    fn moment(&self) -> Moment {
        Moment { now: self.clock.now(), wall_ms: wall_ms() }
    }

    fn status(&self, config: &Config, behaviour: &Behaviour, own: Own) -> Status {
        let gossip = behaviour.gossip();
        let (peers_in, peers_out) = ready_peers(behaviour);
        let (tip, mempool) = (gossip.tip(), gossip.mempool());
        Status {
            version: env!("CARGO_PKG_VERSION").to_owned(),
            peer_id: config.identity.public().to_peer_id().to_string(),
            public_key: config.key.public().to_string(),
            network: config.network.to_string(),
            relay: config.relay.to_string(),
            listen: own.listen.iter().map(ToString::to_string).collect(),
            uptime_s: self.clock.uptime().as_secs_f64(),
            peers_in,
            peers_out,
            peers_out_target: config.max_peers_out,
            tip_height: tip.height,
            tip_id: tip.id.to_string(),
            best_known_height: gossip.best_known(self.clock.now()),
            kept_from_height: gossip.kept_from(),
            behind: gossip.behind(self.clock.now()).as_ref().map(behind_status),
            mempool_transactions: mempool.transactions,
            mempool_bytes: mempool.bytes,
            wire_in: self.wire.read(),
            wire_out: self.wire.written(),
            rss_peak: sample::rss_peak(),
            stats: gossip.stats().into(),
            disconnects: behaviour
                .disconnects()
                .iter()
                .map(|(label, count)| ((*label).to_owned(), *count))
                .collect(),
            equivocations: gossip.equivocations().count(),
            observed: self.observed.told().into_iter().map(observed_address).collect(),
            bans: behaviour.bans().list(self.clock.now()).into_iter().map(ban_status).collect(),
            reach: own.reach,
        }
    }

    /// What is known of members.
    fn known<'a>(&self, config: &Config, behaviour: &'a Behaviour) -> Result<Known<'a>, MembersError> {
        let (members, aggregates) = (behaviour.gossip().members(), behaviour.gossip().aggregates());
        let members = members.ok_or(MembersError::Off)?;
        let round_trips = behaviour.peers().filter_map(|(_, link)| Some((link.peer, link.round_trip?)));
        let (own, round_trips) = (config.key.public(), round_trips.collect());
        Ok(Known { members, aggregates, own, round_trips, now: self.clock.now() })
    }

    fn peers(&self, behaviour: &Behaviour) -> Vec<PeerStatus> {
        let mut peers: Vec<_> = behaviour.peers().collect();
        peers.sort_unstable_by_key(|(handle, _)| *handle);
        peers.into_iter().map(|(handle, link)| self.peer(behaviour, handle, link)).collect()
    }

    fn peer(&self, behaviour: &Behaviour, handle: PeerHandle, link: &Link) -> PeerStatus {
        let info = behaviour.gossip().peer(handle);
        let [bytes_in, bytes_out] = link.traffic.bytes();
        PeerStatus {
            peer_id: link.peer.to_string(),
            address: link.address.to_string(),
            inbound: !link.outbound,
            ready: info.is_some_and(|info| info.ready),
            tip_height: info.and_then(|info| info.tip).map(|tip| tip.height),
            delivered: info.map_or(0, |info| info.delivered),
            strikes: info.map_or(0, |info| info.strikes),
            response_ms: info.and_then(|info| info.response).map(|span| span.as_micros() as f64 / 1_000.0),
            round_trip_ms: link.round_trip.map(|span| span.as_micros() as f64 / 1_000.0),
            connected_s: self.clock.now().since(link.since).as_micros() as f64 / 1_000_000.0,
            agent: link.agent.clone(),
            bytes_in,
            bytes_out,
        }
    }
}

/// Answers with what durable storage has of a transaction. If the storage fails, there is no
/// answer, and the node stops.
fn look_up(id: TxId, reply: oneshot::Sender<Option<TransactionStatus>>, writer: &Writer) {
    let Ok(found) = writer.transaction(id) else { return tell(reply, None) };
    tokio::spawn(async move {
        if let Ok(Ok(found)) = found.await {
            tell(reply, found.and_then(status_of));
        }
    });
}

fn status_of(found: FoundTransaction) -> Option<TransactionStatus> {
    match found.place {
        Place::Pending => found.transaction.map(TransactionStatus::Pending),
        Place::Confirmed { block, height } => {
            let transaction = found.transaction;
            Some(TransactionStatus::Confirmed { block, height, known_as_first: true, transaction })
        }
    }
}

/// Gossip peers that said Hello: inbound and outbound.
pub(crate) fn ready_peers(behaviour: &Behaviour) -> (usize, usize) {
    let ready = behaviour.peers().filter_map(|(handle, _)| behaviour.gossip().peer(handle));
    ready.filter(|info| info.ready).fold((0, 0), |(inbound, outbound), info| match info.direction {
        Direction::Inbound => (inbound + 1, outbound),
        Direction::Outbound => (inbound, outbound + 1),
    })
}

fn behind_status(behind: &Behind) -> BehindStatus {
    BehindStatus {
        cause: behind.cause.label().to_owned(),
        stuck: behind.is_stuck(),
        text: behind.to_string(),
        best_header_height: behind.best_header,
        told_height: behind.told,
        quiet_s: behind.quiet.as_micros() as f64 / 1_000_000.0,
    }
}

fn observed_address((ip, peers): (IpAddr, u32)) -> ObservedAddress {
    ObservedAddress { ip: ip.to_string(), peers }
}

fn ban_status(ban: Banned) -> BanStatus {
    let left_s = ban.left.as_micros() as f64 / 1_000_000.0;
    BanStatus { who: ban.who, reason: ban.reason.into_owned(), left_s }
}

/// The asker may no longer be waiting; that does no harm.
fn tell<T>(reply: oneshot::Sender<T>, answer: T) {
    let _ = reply.send(answer);
}
