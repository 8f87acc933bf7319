//! The settings of a node, one method each, with the name of the program's flag. What is not set has the program's
//! default, except that a node of a library keeps nothing, listens on free ports and serves no RPC unless it is asked to.
//!
//! A second call of a method replaces the first. No method fails: what can't be used is told by [`Builder::start`], the
//! first of it, and then nothing is started.

use std::fmt::{self, Display};
use std::net::SocketAddr;
use std::path::PathBuf;
use std::sync::Arc;
use std::time::Duration;

use libp2p::Multiaddr;
use protocol::gossip::{Reconciliation, RelayPolicy};
use protocol::items::keys::PublicKey;
use protocol::items::network::NetworkId;
use protocol::items::validator::{Producers, StandardValidator, Validator};

use super::Node;
use super::error::NodeError;
use super::rules::{PayloadRule, WithPayloadRule};
use crate::config::application::{Application, MemberEvents};
use crate::config::deadlines::Deadlines;
use crate::config::identity::Identity;
use crate::config::members::{Membership, Part};
use crate::config::memory::Memory;
use crate::config::rates::{
    RATE_LIMIT_MAX, RATE_LIMIT_MIN, RPC_CALLS_DEFAULT, RPC_CALLS_MAX, RPC_CALLS_MIN, Rates,
};
use crate::config::reach::Reach;
use crate::config::{
    Config, INTERVAL_MAX, INTERVAL_MIN, PEERS_MAX, PEERS_OUT_DEFAULT, Prune, TRACE_FLUSH_DEFAULT, contradiction,
};
use crate::net::addresses::typed::{parse_dial, parse_listen};
use crate::service;

/// Where a node listens unless it is told: on free ports of all interfaces, TCP and QUIC.
const LISTEN_ANYWHERE: [&str; 2] = ["/ip4/0.0.0.0/tcp/0", "/ip4/0.0.0.0/udp/0/quic-v1"];

type Change = Box<dyn FnOnce(&mut Config) + Send>;

/// The settings of a node that is to be started.
#[must_use = "a node runs only once it is started"]
pub struct Builder {
    pub(super) network: String,
    pub(super) data_dir: Option<PathBuf>,
    pub(super) ephemeral: bool,
    pub(super) key: KeySource,
    memory: Memory,
    rule: Option<PayloadRule>,
    changes: Vec<Change>,
    /// The first setting that can't be used.
    wrong: Option<String>,
}

/// Where the key comes from.
#[derive(Debug)]
pub(super) enum KeySource {
    /// The data dir, where one is made if there is none; without a data dir it is new.
    DataDir,
    /// A file that must exist.
    File(PathBuf),
    /// The program itself.
    Given(Identity),
}

impl Builder {
    pub(super) fn new(network: impl ToString) -> Self {
        let builder = Self {
            network: network.to_string(),
            data_dir: None,
            ephemeral: false,
            key: KeySource::DataDir,
            memory: Memory::default(),
            rule: None,
            changes: Vec::new(),
            wrong: None,
        };
        builder.listen(LISTEN_ANYWHERE)
    }

    /// Starts the node in the tokio runtime of the caller, and waits until it listens. The runtime's IO and time must be
    /// enabled. A runtime with one thread is enough.
    ///
    /// # Errors
    /// See [`NodeError`]. Nothing is left running.
    pub async fn start(self) -> Result<Node, NodeError> {
        let prepared = self.prepare()?;
        prepared.launch(service::run).node().await
    }

    /// The directory of the key and the store. It is made if necessary, and it belongs to this node alone while it runs.
    /// Without one, the node keeps nothing, and has a new key at each start.
    pub fn data_dir(mut self, path: impl Into<PathBuf>) -> Self {
        self.data_dir = Some(path.into());
        self
    }

    /// Keeps nothing, even with a data dir. The data dir then gets only the lock and, while the node runs, `rpc.json`
    /// and the cookie. Without a data dir, a node keeps nothing anyway.
    pub const fn ephemeral(mut self, ephemeral: bool) -> Self {
        self.ephemeral = ephemeral;
        self
    }

    /// Uses the key in this file, which must exist, in place of the data dir's.
    pub fn key_file(mut self, path: impl Into<PathBuf>) -> Self {
        self.key = KeySource::File(path.into());
        self
    }

    /// Uses the ed25519 key with this seed. Whoever knows the seed can sign in the node's name. Two nodes must not have
    /// the same key.
    pub fn key_seed(mut self, seed: [u8; 32]) -> Self {
        self.key = KeySource::Given(Identity::from_seed(seed));
        self
    }

    /// Addresses to listen on, such as `/ip4/0.0.0.0/tcp/30400` or `/ip4/0.0.0.0/udp/30400/quic-v1`. Port 0 takes a free
    /// one. The default is free ports of all interfaces, TCP and QUIC. With none, nobody can connect to this node.
    pub fn listen(self, addresses: impl IntoIterator<Item = impl ToString>) -> Self {
        self.addresses(addresses, parse_listen, |config, listen| config.listen = listen)
    }

    /// All addresses of nodes to join through, with or without `/p2p/PEER-ID`. They are tried forever. A second call
    /// replaces those of the first.
    pub fn bootstrap(self, addresses: impl IntoIterator<Item = impl ToString>) -> Self {
        self.addresses(addresses, parse_dial, |config, bootstrap| config.bootstrap = bootstrap)
    }

    /// Peers to stay connected to, beyond the limits.
    pub fn reserved_peers(self, addresses: impl IntoIterator<Item = impl ToString>) -> Self {
        self.addresses(addresses, parse_dial, |config, reserved| config.reserved_peers = reserved)
    }

    /// Dials only the reserved peers: no discovery.
    pub fn reserved_only(self, only: bool) -> Self {
        self.with(move |config| config.reserved_only = only)
    }

    /// How much memory it is given. It also sets how many members are known and how many peers may dial in; the methods
    /// for these win.
    pub const fn memory(mut self, memory: Memory) -> Self {
        self.memory = memory;
        self
    }

    /// The most gossip peers that dialled this node, at most [`PEERS_MAX`].
    pub fn max_peers_in(self, peers: u16) -> Self {
        self.check(peers <= PEERS_MAX, || format!("max_peers_in is {peers}, and at most {PEERS_MAX} are allowed"))
            .with(move |config| config.max_peers_in = usize::from(peers))
    }

    /// The most gossip peers that this node dials and keeps, at most [`PEERS_MAX`].
    pub fn max_peers_out(self, peers: u16) -> Self {
        self.check(peers <= PEERS_MAX, || format!("max_peers_out is {peers}, and at most {PEERS_MAX} are allowed"))
            .with(move |config| config.max_peers_out = usize::from(peers))
    }

    /// The most bytes to send to all peers in a second; at least 64 KiB. `None` for no limit, the default.
    pub fn max_upload(self, bytes: Option<u64>) -> Self {
        self.rate("max_upload", bytes).with(move |config| config.rates.upload = bytes)
    }

    /// The most bytes to read from all peers in a second; at least 64 KiB. `None` for no limit, the default.
    pub fn max_download(self, bytes: Option<u64>) -> Self {
        self.rate("max_download", bytes).with(move |config| config.rates.download = bytes)
    }

    /// Exempts loopback addresses from the limits per address range: for networks of many nodes on one machine.
    pub fn exempt_loopback(self, exempt: bool) -> Self {
        self.with(move |config| config.loopback_exempt = exempt)
    }

    /// How items travel.
    pub fn relay(self, policy: RelayPolicy) -> Self {
        self.with(move |config| config.relay = policy)
    }

    /// The average time between two comparisons with a random peer; zero for never. The default is 1 s.
    pub fn reconcile_interval(self, interval: Duration) -> Self {
        self.interval("reconcile_interval", Some(interval).filter(|interval| !interval.is_zero()))
            .with(move |config| config.reconciliation.interval = interval.into())
    }

    /// Whether the node takes part in membership, which it does by default.
    pub fn membership(self, part: Part) -> Self {
        self.with(move |config| config.membership.part = part)
    }

    /// Has these methods called for each change of a member, on a thread of their own. They may take their time: if too
    /// many changes wait, some are dropped, and their number is told. [`Node::member_changes`] is the same as a stream.
    pub fn member_events(self, events: impl MemberEvents + 'static) -> Self {
        let application = Application::new(events);
        self.with(move |config| config.application = Some(application))
    }

    /// Accepts blocks that these keys signed. Without this and without [`Builder::open_producers`], no block of another
    /// node is accepted. Both are ignored if there is a [`Builder::validator`], which decides by itself.
    pub fn producers(self, keys: impl IntoIterator<Item = PublicKey>) -> Self {
        let keys = Arc::new(keys.into_iter().collect());
        self.with(move |config| config.producers = Producers::Allowed(keys))
    }

    /// Accepts blocks of all producers: for open test networks only.
    pub fn open_producers(self) -> Self {
        self.with(|config| config.producers = Producers::Open)
    }

    /// Makes a block from the mempool this often, and signs it with the node's key. `None` for never, the default.
    /// Other nodes accept these blocks only if they were told to: [`Builder::producers`].
    pub fn produce_every(self, interval: Option<Duration>) -> Self {
        self.interval("produce_every", interval).with(move |config| config.produce_every = interval)
    }

    /// A chain's own rules, in place of the standard ones: `valid_until` within reach, and producers on the list. Rules
    /// that want these as well call the same methods of a [`StandardValidator`].
    ///
    /// ```
    /// use node::Node;
    /// use node::protocol::gossip::Refusal;
    /// use node::protocol::items::block::Header;
    /// use node::protocol::items::transaction::{Height, SignedTransaction};
    /// use node::protocol::items::validator::{Producers, StandardValidator, Validator};
    ///
    /// /// Payloads are lines of text.
    /// #[derive(Debug)]
    /// struct Lines(StandardValidator);
    ///
    /// impl Validator for Lines {
    ///     fn transaction(&self, transaction: &SignedTransaction, tip: Height) -> Result<(), Refusal> {
    ///         self.0.transaction(transaction, tip)?;
    ///         std::str::from_utf8(transaction.payload()).map_err(|_| Refusal::Rule("the payload is not text"))?;
    ///         Ok(())
    ///     }
    ///
    ///     fn header(&self, header: &Header) -> Result<(), Refusal> {
    ///         self.0.header(header)
    ///     }
    /// }
    ///
    /// let rules = Lines(StandardValidator::new(Producers::Open));
    /// let builder = Node::builder("demo").validator(rules);
    /// ```
    ///
    /// A validator that keeps a state from block to block has [`Validator::connected`], and
    /// [`Validator::connected_from`] for the start. The example `coins` is one.
    ///
    /// The validator is asked on the runtime, between two other things that the node does. So it must be quick, and must
    /// not ask the node.
    pub fn validator(self, validator: impl Validator + 'static) -> Self {
        let validator: Arc<dyn Validator> = Arc::new(validator);
        self.with(move |config| config.validator = Some(validator))
    }

    /// A rule for the payload of each transaction, on top of the other rules. It says why a payload may not be in a
    /// transaction. The same payload must get the same answer on every node and at any time.
    pub fn payload_rule(
        mut self,
        rule: impl Fn(&[u8]) -> Result<(), &'static str> + Send + Sync + 'static,
    ) -> Self {
        self.rule = Some(Arc::new(rule));
        self
    }

    /// Serves the RPC at this loopback address. Port 0 takes a free one: [`Node::rpc_addr`]. `None` for no RPC, the
    /// default. With a data dir, the program's commands find the node there.
    pub fn rpc_addr(self, address: Option<SocketAddr>) -> Self {
        self.with(move |config| config.rpc_addr = address)
    }

    /// The calls a second that all clients of the RPC without the cookie get together: 100 to 1,000,000. The default is
    /// 2,000. `None` for no limit.
    pub fn rpc_calls(self, calls: Option<u32>) -> Self {
        let allowed = calls.is_none_or(|calls| (RPC_CALLS_MIN..=RPC_CALLS_MAX).contains(&calls));
        self.check(allowed, || format!("rpc_calls must lie between {RPC_CALLS_MIN} and {RPC_CALLS_MAX} a second"))
            .with(move |config| config.rpc_calls = calls)
    }

    /// Accepts blocks of any producer that come over the RPC or by [`Node::publish`]. [`Validator::header`] is then not
    /// asked about them.
    pub fn rpc_any_producer(self, any: bool) -> Self {
        self.with(move |config| config.rpc_any_producer = any)
    }

    /// Deletes the bodies of the oldest blocks while all bodies take more than this number of bytes. `None` keeps them.
    pub fn prune_bytes(self, bytes: Option<u64>) -> Self {
        self.with(move |config| config.prune.bytes = bytes)
    }

    /// Deletes the bodies of blocks that were stored longer ago than this, in whole seconds. `None` keeps them.
    pub fn prune_age(self, age: Option<Duration>) -> Self {
        self.with(move |config| config.prune.seconds = age.map(|age| age.as_secs()))
    }

    /// Writes a trace of every submission, sight and send to this file. `None` for no trace, the default.
    pub fn trace(self, path: Option<PathBuf>) -> Self {
        self.with(move |config| config.trace = path)
    }

    /// Changes a setting that has no method here. The settings themselves are no part of what the crate promises.
    pub fn with(mut self, change: impl FnOnce(&mut Config) + Send + 'static) -> Self {
        self.changes.push(Box::new(change));
        self
    }

    /// All settings, for a node with this key, and with the data dir that it holds.
    ///
    /// # Errors
    /// [`NodeError::Setting`].
    pub fn config(self, identity: &Identity, data_dir: Option<PathBuf>) -> Result<Config, NodeError> {
        if let Some(wrong) = self.wrong {
            return Err(NodeError::Setting(wrong));
        }
        let setting = |error: &dyn Display| NodeError::Setting(error.to_string());
        let network: NetworkId = self.network.parse().map_err(|error| setting(&error))?;
        let mut config = defaults(network, identity, self.memory);
        (config.data_dir, config.ephemeral) = (data_dir, self.ephemeral);
        self.changes.into_iter().for_each(|change| change(&mut config));
        config.membership.parameters.validate().map_err(|error| setting(&error))?;
        let wrong = contradiction(!config.bootstrap.is_empty(), config.max_peers_out, config.reserved_only);
        if let Some(wrong) = wrong {
            return Err(setting(&wrong));
        }
        if let Some(rule) = self.rule {
            let standard = || Arc::new(StandardValidator::new(config.producers.clone())) as Arc<dyn Validator>;
            let then = config.validator.take().unwrap_or_else(standard);
            config.validator = Some(Arc::new(WithPayloadRule { rule, then }));
        }
        Ok(config)
    }

    fn addresses(
        mut self,
        addresses: impl IntoIterator<Item = impl ToString>,
        parse: impl Fn(&str) -> Result<Multiaddr, String>,
        set: impl FnOnce(&mut Config, Vec<Multiaddr>) + Send + 'static,
    ) -> Self {
        let mut parsed = Vec::new();
        for text in addresses.into_iter().map(|address| address.to_string()) {
            match parse(&text) {
                Ok(address) => parsed.push(address),
                Err(error) => self = self.check(false, || format!("{text:?} can't be used: {error}")),
            }
        }
        self.with(move |config| set(config, parsed))
    }

    fn rate(self, name: &str, bytes: Option<u64>) -> Self {
        let allowed = bytes.is_none_or(|bytes| (RATE_LIMIT_MIN..=RATE_LIMIT_MAX).contains(&bytes));
        self.check(allowed, || {
            format!("{name} must lie between {RATE_LIMIT_MIN} and {RATE_LIMIT_MAX} bytes a second")
        })
    }

    fn interval(self, name: &str, interval: Option<Duration>) -> Self {
        let allowed = interval.is_none_or(|interval| (INTERVAL_MIN..=INTERVAL_MAX).contains(&interval));
        self.check(allowed, || format!("{name} must lie between 1 ms and 365 days"))
    }

    /// Keeps the first thing that is wrong.
    fn check(mut self, is_good: bool, wrong: impl FnOnce() -> String) -> Self {
        if !is_good && self.wrong.is_none() {
            self.wrong = Some(wrong());
        }
        self
    }
}

impl fmt::Debug for Builder {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Builder")
            .field("network", &self.network)
            .field("data_dir", &self.data_dir)
            .field("ephemeral", &self.ephemeral)
            .field("memory", &self.memory)
            .field("wrong", &self.wrong)
            .finish_non_exhaustive()
    }
}

/// The settings of a node that was told nothing but its network, its key and its memory.
fn defaults(network: NetworkId, identity: &Identity, memory: Memory) -> Config {
    let sizes = memory.sizes();
    let mut membership = Membership::default();
    membership.parameters.members_max = sizes.members;
    Config {
        network,
        identity: identity.keypair(),
        key: identity.secret_key(),
        data_dir: None,
        ephemeral: false,
        prune: Prune::default(),
        listen: Vec::new(),
        bootstrap: Vec::new(),
        reserved_peers: Vec::new(),
        reserved_only: false,
        max_peers_in: usize::from(sizes.peers_in),
        max_peers_out: usize::from(PEERS_OUT_DEFAULT),
        loopback_exempt: false,
        rates: Rates::default(),
        deadlines: Deadlines::default(),
        relay: RelayPolicy::default(),
        reconciliation: Reconciliation::default(),
        producers: Producers::Allowed(Arc::default()),
        validator: None,
        produce_every: None,
        rpc_addr: None,
        rpc_calls: Some(RPC_CALLS_DEFAULT),
        rpc_any_producer: false,
        trace: None,
        trace_flush: TRACE_FLUSH_DEFAULT,
        item_traces: true,
        memory,
        membership,
        reach: Reach::default(),
        application: None,
        manners: None,
        links: None,
    }
}
