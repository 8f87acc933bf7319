//! How a service starts: what an earlier run kept, the libp2p swarm around the engine, the threads. If something
//! fails, it is named, and nothing is left running.

mod replay;

use std::collections::VecDeque;
use std::path::PathBuf;
use std::sync::Arc;

use libp2p::{Multiaddr, PeerId};
use protocol::gossip::members::{Identity, Reach};
use protocol::gossip::{self, Gossip};
use protocol::items::member::entries::SignedEntries;
use protocol::items::member::record::SignedRecord;
use protocol::items::member::{Instance, Statement};
use protocol::ledger::chain::RestoreError;
use protocol::ledger::durable::Restored;
use protocol::wire::codec::Decode as _;
use protocol::wire::message::VERSION;
use tokio::sync::{broadcast, mpsc};

use self::replay::replay;
use super::Service;
use super::answers::Answers;
use super::network::membership::Membership;
use super::network::reach::Reaching;
use super::network::recalled::{self, Recalled};
use super::production::Production;
use super::said::Said;
use super::sampling::Sampling;
use super::sampling::metering::Metering;
use super::timers::Timers;
use super::upkeep::{Keeping, Pruning};
use super::verify::{Verdicts, VerifyPool};
use crate::clock::{Clock, steady_s, wall_ms};
use crate::config::Config;
use crate::config::application::Application;
use crate::config::members::Part;
use crate::host::EngineHost;
use crate::net::bans::{self, KeptBan};
use crate::net::behaviour::nat::verdict::Judge;
use crate::net::discovery::Discovery;
use crate::net::discovery::added;
use crate::net::discovery::announce::Announced;
use crate::net::discovery::book::kept::{self, Standings};
use crate::net::discovery::own_key::KeyWatch;
use crate::net::swarm::{agent, build};
use crate::net::transport::listen::{ListenError, listen};
use crate::net::transport::own::Dials;
use crate::net::transport::{TransportSetupError, WireBytes};
use crate::observe::metrics::Metrics;
use crate::observe::passages::Passages;
use crate::observe::recorder::Recorder;
use crate::observe::trace::TraceWriter;
use crate::rpc::feeds::Feeds;
use crate::rpc::http::Health;
use crate::rpc::members::MemberNews;
use crate::store::{
    Answer as StoreAnswer, KnownPeer, MemoryStore, Note, RedbStore, STORE_FILE, Store, StoreError, StoreOptions,
    Writer,
};

/// Sent once, when the node listens.
#[derive(Clone, Debug)]
pub struct Ready {
    /// The node's libp2p id.
    pub peer_id: PeerId,
    /// Its addresses, each with `/p2p/<peer id>`.
    pub listen: Vec<Multiaddr>,
    /// Its health, for the HTTP listener.
    pub health: Arc<Health>,
    /// Where changes of members are told.
    pub members: broadcast::Sender<MemberNews>,
    /// What subscribers are told.
    pub feeds: Feeds,
    /// Its metrics.
    pub metrics: Metrics,
}

/// Why a node could not start.
#[derive(Debug, thiserror::Error)]
pub enum ServiceError {
    /// An address to listen on failed.
    #[error(transparent)]
    Listen(#[from] ListenError),
    /// The transport failed.
    #[error(transparent)]
    Transport(#[from] TransportSetupError),
    /// Something that prevents the node's start.
    #[error("{0}; nothing was started")]
    Setup(String),
    /// No threads could be started.
    #[error("cannot start the node's threads: {0}; nothing was started")]
    Threads(std::io::Error),
    /// The store failed at the start.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The store failed later.
    #[error("{0}")]
    StoreFailed(Arc<StoreError>),
    /// The trace file could not be created.
    #[error("cannot create the trace {}: {source}; nothing was started: check --trace", path.display())]
    Trace {
        /// Its path.
        path: PathBuf,
        /// The reason.
        source: std::io::Error,
    },
}

/// A service, and the receivers of verdicts and of durable storage's answers.
pub(super) type Started = (Service, mpsc::UnboundedReceiver<Verdicts>, mpsc::UnboundedReceiver<StoreAnswer>);

impl Service {
    pub(super) async fn start(config: Config) -> Result<Started, ServiceError> {
        let clock = Clock::start();
        let wire = Arc::new(WireBytes::default());
        let (store, earlier) = remember(&config).await?;
        let (writer, loaded) = Writer::start(store).map_err(ServiceError::Threads)?;
        let (writer, recorder) = (Arc::new(writer), Recorder::default());
        let metrics = Metrics::new(store_file(&config));
        let telling =
            config.application.as_ref().map(Application::start).transpose().map_err(ServiceError::Threads)?;
        let membership = Membership::new(config.membership.clone(), telling);
        let feeds = Feeds::new(membership.events().clone());
        let host = EngineHost::new(
            engine(&config, clock, earlier.statements),
            clock,
            Arc::clone(&writer),
            recorder.clone(),
        )
        .with_signer(config.key.clone(), config.network.clone())
        .with_metrics(metrics.clone())
        .with_passages(Passages::new(if config.item_traces { config.memory.sizes().passages } else { 0 }))
        .with_feeds(feeds.clone())
        .with_manners(config.manners.clone());
        let dials = Dials::new(config.bootstrap.iter().chain(&config.reserved_peers).chain(&config.reach.relays));
        let mut swarm = build(&config, host, &wire, &dials)?;
        let gap = |error: RestoreError| StoreError::Damaged { what: error.to_string() };
        swarm.behaviour_mut().gossip.restore(earlier.engine).map_err(gap)?;
        listen(&mut swarm, &config.listen).await?;
        trace(&config, &recorder)?;
        let (pool, verdicts) = VerifyPool::start_with(&metrics.verify).map_err(ServiceError::Threads)?;
        let mut discovery = discovery(&config);
        discovery.restore(kept::of_rows(earlier.known, earlier.standings, config.loopback_exempt));
        swarm.behaviour_mut().gossip.restore_bans(earlier.banned);
        let reaching = Reaching::new(Judge::new(config.reach.reachability, &config.reach.relays, rand::random()));
        let expects_peers = discovery.known() > 0
            || !(config.bootstrap.is_empty() && config.reserved_peers.is_empty() && earlier.added.is_empty());
        let sampling = Sampling::start(&recorder, &wire, &metrics.traffic, config.trace_flush);
        let mut service = Self {
            answers: Answers::new(clock, Arc::clone(&wire)),
            timers: Timers::start(&config),
            config,
            clock,
            swarm,
            writer,
            discovery,
            announced: Announced::default(),
            membership,
            dials,
            key_watch: KeyWatch::default(),
            pool,
            unchecked: VecDeque::new(),
            sampling,
            recorder,
            wire,
            pruning: Pruning::default(),
            keeping: Keeping::default(),
            production: Production::new(expects_peers),
            said: Said::default(),
            health: Arc::default(),
            metering: Metering::new(metrics),
            feeds,
            reaching,
        };
        service.on_listening();
        service.recall_added(&earlier.added);
        service.recall_members(earlier.members);
        Ok((service, verdicts, loaded))
    }
}

/// Opens the store, and tells the chain's rules what they want to know of earlier runs.
async fn remember(config: &Config) -> Result<(Box<dyn Store>, Earlier), ServiceError> {
    let store = open_store(config)?;
    let earlier = Earlier::read(store.as_ref())?;
    let Some(rules) = &config.validator else { return Ok((store, earlier)) };
    let store = replay(store, Arc::clone(rules), &earlier.engine.best, &config.network).await?;
    Ok((store, earlier))
}

/// What an earlier run kept.
struct Earlier {
    engine: Restored,
    known: Vec<KnownPeer>,
    standings: Standings,
    banned: Vec<KeptBan>,
    /// Peers that the owner added.
    added: Vec<Multiaddr>,
    /// What this node said last as a member.
    statements: Vec<Statement>,
    /// Other members that it knew.
    members: Vec<Recalled>,
}

impl Earlier {
    fn read(store: &dyn Store) -> Result<Self, StoreError> {
        let (engine, known) = (store.restore()?, store.peers()?);
        // A note that can't be read was written by another program. It is only a loss of memory.
        let standings = store.note(Note::Standings)?.and_then(|note| kept::decode(note).ok()).unwrap_or_default();
        let banned = store.note(Note::Bans)?.and_then(|note| bans::decode(note).ok()).unwrap_or_default();
        let added = store.note(Note::AddedPeers)?.and_then(|note| added::decode(note).ok()).unwrap_or_default();
        let record = store.note(Note::MemberRecord)?.and_then(|note| SignedRecord::from_bytes(&note.into()).ok());
        let entries =
            store.note(Note::MemberEntries)?.and_then(|note| SignedEntries::from_bytes(&note.into()).ok());
        let record = record.map(|record| Statement::Record(Arc::new(record)));
        let entries = entries.map(|entries| Statement::Entries(Arc::new(entries)));
        let statements = record.into_iter().chain(entries).collect();
        let members = store.note(Note::Members)?.and_then(|note| recalled::decode(note).ok()).unwrap_or_default();
        Ok(Self { engine, known, standings, banned, added, statements, members })
    }
}

fn engine(config: &Config, clock: Clock, kept: Vec<Statement>) -> Gossip {
    let engine = gossip::Config {
        network: config.network.clone(),
        relay: config.relay,
        reconciliation: config.reconciliation,
        producers: config.producers.clone(),
    };
    let gossip = match &config.validator {
        Some(rules) => Gossip::with_validator(engine, rand::random(), Arc::clone(rules)),
        None => Gossip::new(engine, rand::random()),
    };
    let gossip = gossip.with_room(&config.memory.room());
    if config.membership.part == Part::Off {
        return gossip;
    }
    let identity = Identity {
        key: config.key.public(),
        instance: Instance(rand::random()),
        version: u32::try_from(VERSION).unwrap_or(u32::MAX),
        agent: agent(),
        // The addresses are known once the node listens.
        reach: Reach::Addresses(Vec::new()),
        // What another key signed, the node of an earlier key said.
        kept: kept.into_iter().filter(|statement| statement.signer() == config.key.public()).collect(),
    };
    let gossip = gossip.with_members(config.membership.parameters, identity, clock.now(), wall_ms());
    gossip.with_aggregates(config.membership.aggregates)
}

fn discovery(config: &Config) -> Discovery {
    Discovery::new(
        config.identity.public().to_peer_id(),
        config.max_peers_out,
        &config.bootstrap,
        &config.reserved_peers,
        config.reserved_only,
        config.loopback_exempt,
        rand::random(),
    )
}

/// Begins the trace, if one is wanted.
fn trace(config: &Config, recorder: &Recorder) -> Result<(), ServiceError> {
    let Some(path) = &config.trace else { return Ok(()) };
    let local = config.identity.public().to_peer_id();
    let writer = TraceWriter::create(path, &local.to_string(), config.network.as_str())
        .map_err(|source| ServiceError::Trace { path: path.clone(), source })?;
    recorder.start(writer);
    Ok(())
}

/// The store's file, if there is one.
fn store_file(config: &Config) -> Option<PathBuf> {
    config.data_dir.as_ref().filter(|_| !config.ephemeral).map(|dir| dir.join(STORE_FILE))
}

/// The store that the settings ask for.
fn open_store(config: &Config) -> Result<Box<dyn Store>, StoreError> {
    match &config.data_dir {
        Some(dir) if !config.ephemeral => {
            let options = StoreOptions { network: config.network.clone(), now_s: steady_s };
            let cache_bytes = config.memory.sizes().cache_bytes;
            Ok(Box::new(RedbStore::open_with_cache(dir, options, cache_bytes)?))
        }
        _ => Ok(Box::new(MemoryStore::new(&config.network, steady_s))),
    }
}
