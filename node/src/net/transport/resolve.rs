//! Names in addresses. They are resolved when they are dialled, as the system is configured at that moment.
//!
//! libp2p reads `/etc/resolv.conf` and the hosts file once. Here both are checked before each dial of a name, and
//! read again if they have changed. So a node follows a new name server, or a line in the hosts file, without a
//! restart. Earlier answers are not remembered, neither addresses nor failures: a name is dialled once in a second
//! at most, and the name server keeps answers for as long as their owner wants. A file that is missing or broken
//! does not stop the node: names that the hosts file does not have fail then, and say why.
//!
//! Only names that the operator gave are resolved. A name that a stranger tells may be there to make us ask a
//! name server, or read its answer. libp2p's resolver expects that an answer with records has the right ones, and
//! otherwise panics. Nothing here can prevent that for the operator's names: the servers that answer for them
//! have to be trusted so far.

use std::fs::{self, Metadata};
use std::io;
use std::os::unix::fs::MetadataExt as _;
use std::path::Path;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll};
use std::time::Duration;

use futures::FutureExt as _;
use futures::future::BoxFuture;
use hickory_resolver::config::{ResolverConfig, ResolverOpts};
use hickory_resolver::proto::rr::Name;
use hickory_resolver::system_conf::parse_resolv_conf;
use libp2p::core::transport::{DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::dns;
use libp2p::multiaddr::Protocol;
use libp2p::swarm::DialError;
use libp2p::{Multiaddr, Transport};

use crate::net::addresses::plain;
use crate::net::transport::own::{DialRefusal, Dials};

/// The files that say how names are resolved.
const RESOLV_CONF: &str = "/etc/resolv.conf";
const HOSTS: &str = "/etc/hosts";

/// Why an address could not be dialled: the results for all addresses that it stands for.
#[derive(Debug, thiserror::Error)]
#[error("{}", told(.tried, .no_server.as_deref()))]
pub struct NameError {
    tried: dns::Error<io::Error>,
    /// Why there is no name server to ask.
    no_server: Option<String>,
}

/// A transport that resolves names, and dials the resulting addresses with `inner`.
pub(crate) struct Names<T> {
    inner: Shared<T>,
    resolving: dns::tokio::Transport<Shared<T>>,
    dials: Dials,
    /// The files as they were when they were last read.
    read: [Option<Stamp>; 2],
    no_server: Option<String>,
}

/// What changes when a file changes, even if its length and its times are set as they were: which file it is, its
/// length, and when it was written and its record changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Stamp {
    file: (u64, u64),
    length: u64,
    written: (i64, i64),
    changed: (i64, i64),
}

impl Stamp {
    /// The stamp of a file.
    #[must_use]
    pub fn of(about: &Metadata) -> Self {
        Self {
            file: (about.dev(), about.ino()),
            length: about.len(),
            written: (about.mtime(), about.mtime_nsec()),
            changed: (about.ctime(), about.ctime_nsec()),
        }
    }
}

impl<T> Names<T>
where
    T: Transport<Error = io::Error> + Send + Unpin + 'static,
    T::Dial: Send,
{
    pub(crate) fn new(inner: T, dials: Dials) -> Self {
        let inner = Shared(Arc::new(Mutex::new(inner)));
        let read = stamps();
        let (resolving, no_server) = resolving(&inner);
        Self { inner, resolving, dials, read, no_server }
    }

    fn refresh(&mut self) {
        let now = stamps();
        if now != self.read {
            self.read = now;
            (self.resolving, self.no_server) = resolving(&self.inner);
        }
    }
}

impl<T> Transport for Names<T>
where
    T: Transport<Error = io::Error> + Send + Unpin + 'static,
    T::Dial: Send,
{
    type Output = T::Output;
    /// Contains a [`NameError`], if a dial failed.
    type Error = io::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = BoxFuture<'static, io::Result<T::Output>>;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, opts: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        let named = address.iter().any(|part| {
            matches!(part, Protocol::Dns(_) | Protocol::Dns4(_) | Protocol::Dns6(_) | Protocol::Dnsaddr(_))
        });
        if named && !self.dials.fixed.contains(&plain(&address)) {
            return Err(TransportError::MultiaddrNotSupported(address));
        }
        if named {
            self.refresh();
        }
        let no_server = self.no_server.clone().filter(|_| named);
        let error = |tried| io::Error::other(NameError { tried, no_server });
        match self.resolving.dial(address, opts) {
            Ok(dial) => Ok(dial.map(|done| done.map_err(error)).boxed()),
            Err(failed) => Err(failed.map(error)),
        }
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<T::ListenerUpgrade, io::Error>> {
        Pin::new(&mut self.inner).poll(cx)
    }
}

/// One transport below several resolvers. The newest resolver is used.
struct Shared<T>(Arc<Mutex<T>>);

impl<T> Shared<T> {
    /// A dial that panicked has left nothing half done.
    fn lock(&self) -> MutexGuard<'_, T> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl<T: Transport + Unpin> Transport for Shared<T> {
    type Output = T::Output;
    type Error = T::Error;
    type ListenerUpgrade = T::ListenerUpgrade;
    type Dial = T::Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<T::Error>> {
        self.lock().listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.lock().remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, opts: DialOpts) -> Result<T::Dial, TransportError<T::Error>> {
        self.lock().dial(address, opts)
    }

    fn poll(self: Pin<&mut Self>, cx: &mut Context<'_>) -> Poll<TransportEvent<T::ListenerUpgrade, T::Error>> {
        Pin::new(&mut *self.lock()).poll(cx)
    }
}

/// The results for the addresses of a failed dial, one by one.
#[must_use]
pub fn refusals(error: &DialError) -> Vec<&DialRefusal> {
    let DialError::Transport(errors) = error else { return Vec::new() };
    let mut found = Vec::new();
    for (_, error) in errors {
        if let TransportError::Other(error) = error
            && let Some(error) = inside::<NameError>(error)
        {
            collect(&error.tried, &mut found);
        }
    }
    found
}

/// The same as one line of text.
#[must_use]
pub fn cause(error: &DialError) -> String {
    let DialError::Transport(errors) = error else { return error.to_string() };
    let told = errors.iter().map(|(address, error)| match error {
        TransportError::Other(error) => error.to_string(),
        TransportError::MultiaddrNotSupported(_) => format!("{address} is no address that can be dialled"),
    });
    told.collect::<Vec<_>>().join("; ")
}

fn collect<'a>(error: &'a dns::Error<io::Error>, found: &mut Vec<&'a DialRefusal>) {
    match error {
        dns::Error::Transport(error) => found.extend(inside::<DialRefusal>(error)),
        dns::Error::Dial(errors) => errors.iter().for_each(|error| collect(error, found)),
        _ => {}
    }
}

/// The error of this type inside, however often it was wrapped.
pub(crate) fn inside<E: std::error::Error + 'static>(error: &io::Error) -> Option<&E> {
    let error = error.get_ref()?;
    error.downcast_ref::<E>().or_else(|| inside(error.downcast_ref::<io::Error>()?))
}

fn told(tried: &dns::Error<io::Error>, no_server: Option<&str>) -> String {
    fn tell(error: &dns::Error<io::Error>, no_server: Option<&str>, lines: &mut Vec<String>) {
        match (error, no_server) {
            (dns::Error::Dial(errors), _) => errors.iter().for_each(|error| tell(error, no_server, lines)),
            (dns::Error::ResolveError(_), Some(why)) => lines.push(format!("no name server to ask: {why}")),
            // The error's own text would be the whole query, as the resolver prints it.
            (dns::Error::ResolveError(error), None) if error.is_no_records_found() => {
                lines.push("the name has no address".to_owned())
            }
            (dns::Error::ResolveError(error), None) => {
                lines.push(format!("the name could not be resolved: {error}"))
            }
            (error, _) => lines.push(error.to_string()),
        }
    }
    let mut lines = Vec::new();
    tell(tried, no_server, &mut lines);
    lines.join(", ")
}

fn stamps() -> [Option<Stamp>; 2] {
    [RESOLV_CONF, HOSTS].map(|path| fs::metadata(Path::new(path)).ok().as_ref().map(Stamp::of))
}

/// What the text of `resolv.conf` says, and if there is no name server to ask, the reason. That is not an error:
/// the names of the hosts file are still known. Impossible search domains are omitted, as in libc.
#[must_use]
pub fn settings(text: io::Result<Vec<u8>>) -> (ResolverConfig, ResolverOpts, Option<String>) {
    let text = text.map(|text| sound_domains(&String::from_utf8_lossy(&text)));
    let read = text.map_err(|error| error.to_string());
    match read.and_then(|text| parse_resolv_conf(text).map_err(|error| error.to_string())) {
        Ok((config, options)) => (config, options, None),
        Err(error) => {
            let nothing = ResolverConfig::from_parts(None, Vec::new(), Vec::new());
            (nothing, ResolverOpts::default(), Some(format!("{RESOLV_CONF}: {error}")))
        }
    }
}

/// The text without search domains that are no names: because of one of these the parser
/// would reject the whole file.
fn sound_domains(text: &str) -> String {
    let mut sound = String::new();
    for line in text.lines() {
        let mut words = line.split_whitespace();
        match words.next() {
            Some(word @ ("search" | "domain")) => {
                let names = words.take_while(|name| !name.starts_with(['#', ';']));
                let names: Vec<_> = names.filter(|name| Name::from_str_relaxed(name).is_ok()).collect();
                if !names.is_empty() {
                    sound.push_str(&format!("{word} {}", names.join(" ")));
                }
            }
            _ => sound.push_str(line),
        }
        sound.push('\n');
    }
    sound
}

/// Reads the system's settings. Without usable ones there are still the names of the hosts file.
fn resolving<T>(inner: &Shared<T>) -> (dns::tokio::Transport<Shared<T>>, Option<String>) {
    let inner = Shared(Arc::clone(&inner.0));
    let (config, mut options, no_server) = settings(fs::read(RESOLV_CONF));
    options.cache_size = 0;
    options.positive_max_ttl = Some(Duration::ZERO);
    options.negative_max_ttl = Some(Duration::ZERO);
    (dns::tokio::Transport::custom(inner, config, options), no_server)
}
