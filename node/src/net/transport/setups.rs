//! Connections that others are setting up, and which of them gives way when there are too many.
//!
//! A setup holds nothing but its own place. Places are counted for each transport: a sender that can begin to
//! speak QUIC under any address takes none from TCP. Rules:
//!
//! 1. At most a given number of setups of a transport are under way.
//! 2. When one more comes, the oldest of the largest address group gives way, if its group is larger than
//!    the newcomer's will be.
//! 3. Otherwise no group stands out, as when every packet names another sender. Then the oldest of the largest
//!    groups gives way once it had [`SETUP_GRACE`]; until then the newcomer is refused. So no crowd, hostile or
//!    not, keeps all setups from ending.
//!
//! An address that is not proved (QUIC's, until the handshake is done) decides about places among setups, and
//! about nothing else: limits per address range begin when it is proved (`limits.rs`).
//!
//! Deliberately absent: QUIC's Retry, which would prove an address before anything is kept. `libp2p-quic` accepts
//! each first packet itself, and has no seam below or beside that (decision 0028).

use std::collections::{BTreeMap, HashMap};
use std::io;
use std::pin::Pin;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::task::{Context, Poll, ready};

use futures::FutureExt as _;
use futures::future::{AbortHandle, BoxFuture, abortable};
use libp2p::core::transport::{Boxed, DialOpts, ListenerId, TransportError, TransportEvent};
use libp2p::{Multiaddr, Transport};
use protocol::gossip::AddressGroup;
use protocol::time::{Duration, Time};

use crate::clock::Clock;
use crate::net::addresses::{address_group, is_quic};
use crate::net::limits::PENDING_MAX;

/// Setups of TCP: each holds a socket.
pub const TCP_SETUPS_MAX: usize = PENDING_MAX as usize;

/// Setups of QUIC. They hold no socket, but some 40 KiB each: 10 MiB. A setup that takes 300 ms ends before it is
/// the oldest of this many, unless 850 others a second come in, a megabyte a second. From 256 a second (0.3 MB/s)
/// with senders of all groups, however, newcomers are refused: a place becomes free only after its holder had
/// [`SETUP_GRACE`]. At 512 a second every other honest one is refused.
pub const QUIC_SETUPS_MAX: usize = 256;

/// A setup keeps its place for at least this long: three round trips of 300 ms, as TCP, noise and yamux take.
pub const SETUP_GRACE: Duration = Duration::from_secs(1);

/// Setups of one transport.
#[derive(Debug)]
pub struct Setups {
    max: usize,
    next: u64,
    /// By number, so the oldest comes first.
    under_way: BTreeMap<u64, (Option<AddressGroup>, Time)>,
}

/// What becomes of a newcomer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// It has this number.
    Taken(u64),
    /// The same, in the place of another that has to give up.
    Instead {
        /// Its number.
        number: u64,
        /// The number of the other.
        of: u64,
    },
    /// There is no place for it.
    Refused,
}

/// Another setup has taken the place of this one.
#[derive(Clone, Copy, Debug, thiserror::Error)]
#[error("too many connections are being set up, and this one gave way to another; its peer may try again")]
pub struct GaveWay;

impl Setups {
    /// None yet.
    #[must_use]
    pub const fn new(max: usize) -> Self {
        Self { max, next: 0, under_way: BTreeMap::new() }
    }

    /// One more setup begins, from an address of this group.
    pub fn begin(&mut self, group: Option<AddressGroup>, now: Time) -> Place {
        let of = if self.under_way.len() < self.max {
            None
        } else {
            match self.who_gives_way(group, now) {
                Some(number) => Some(number),
                None => return Place::Refused,
            }
        };
        let number = self.next;
        self.next += 1;
        self.under_way.insert(number, (group, now));
        match of {
            None => Place::Taken(number),
            Some(of) => {
                self.under_way.remove(&of);
                Place::Instead { number, of }
            }
        }
    }

    /// A setup has ended.
    pub fn end(&mut self, number: u64) {
        self.under_way.remove(&number);
    }

    /// How many are under way.
    #[must_use]
    pub fn len(&self) -> usize {
        self.under_way.len()
    }

    /// Whether none is under way.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.under_way.is_empty()
    }

    fn who_gives_way(&self, newcomer: Option<AddressGroup>, now: Time) -> Option<u64> {
        let mut sizes: HashMap<_, usize> = HashMap::new();
        for (group, _) in self.under_way.values() {
            *sizes.entry(*group).or_default() += 1;
        }
        let largest = sizes.values().copied().max()?;
        let mut oldest = self.under_way.iter().filter(|(_, (group, _))| sizes.get(group) == Some(&largest));
        let (number, (_, since)) = oldest.next()?;
        let stands_out = largest > sizes.get(&newcomer).copied().unwrap_or(0) + 1;
        (stands_out || now.since(*since) >= SETUP_GRACE).then_some(*number)
    }
}

/// The setups under way, and for each the way to tell it to give up.
#[derive(Debug)]
struct Door {
    setups: Setups,
    handles: HashMap<u64, AbortHandle>,
}

type Shared = Arc<Mutex<Door>>;

/// A transport whose listeners have at most the allowed number of setups under way.
pub(crate) struct Doors<T> {
    inner: Boxed<T>,
    clock: Clock,
    tcp: Shared,
    quic: Shared,
}

/// A place among the setups. It is given back when this is dropped.
struct Held {
    door: Shared,
    number: u64,
}

impl<T> Doors<T> {
    pub(crate) fn new(inner: Boxed<T>) -> Self {
        let door = |max| Arc::new(Mutex::new(Door { setups: Setups::new(max), handles: HashMap::new() }));
        Self { inner, clock: Clock::start(), tcp: door(TCP_SETUPS_MAX), quic: door(QUIC_SETUPS_MAX) }
    }
}

/// A thread that panicked leaves nothing half done.
fn lock(door: &Shared) -> MutexGuard<'_, Door> {
    door.lock().unwrap_or_else(PoisonError::into_inner)
}

impl Drop for Held {
    fn drop(&mut self) {
        let mut door = lock(&self.door);
        door.setups.end(self.number);
        door.handles.remove(&self.number);
    }
}

impl<T: Send + 'static> Doors<T> {
    /// The setup, with a place; or the error that refuses it.
    fn admit(&self, setup: BoxedSetup<T>, from: &Multiaddr) -> BoxedSetup<T> {
        let shared = if is_quic(from) { &self.quic } else { &self.tcp };
        let mut door = lock(shared);
        let number = match door.setups.begin(address_group(from, false), self.clock.now()) {
            Place::Refused => return std::future::ready(Err(io::Error::other(GaveWay))).boxed(),
            Place::Taken(number) => number,
            Place::Instead { number, of } => {
                if let Some(other) = door.handles.remove(&of) {
                    other.abort();
                }
                number
            }
        };
        let (setup, handle) = abortable(setup);
        door.handles.insert(number, handle);
        let held = Held { door: Arc::clone(shared), number };
        async move {
            let done = setup.await;
            drop(held);
            done.unwrap_or_else(|_| Err(io::Error::other(GaveWay)))
        }
        .boxed()
    }
}

type BoxedSetup<T> = BoxFuture<'static, io::Result<T>>;

impl<T: Send + 'static> Transport for Doors<T> {
    type Output = T;
    /// Contains [`GaveWay`], if that is the cause.
    type Error = io::Error;
    type ListenerUpgrade = BoxedSetup<T>;
    type Dial = <Boxed<T> as Transport>::Dial;

    fn listen_on(&mut self, id: ListenerId, address: Multiaddr) -> Result<(), TransportError<io::Error>> {
        self.inner.listen_on(id, address)
    }

    fn remove_listener(&mut self, id: ListenerId) -> bool {
        self.inner.remove_listener(id)
    }

    fn dial(&mut self, address: Multiaddr, opts: DialOpts) -> Result<Self::Dial, TransportError<io::Error>> {
        self.inner.dial(address, opts)
    }

    fn poll(
        mut self: Pin<&mut Self>,
        cx: &mut Context<'_>,
    ) -> Poll<TransportEvent<Self::ListenerUpgrade, io::Error>> {
        let event = ready!(Transport::poll(Pin::new(&mut self.inner), cx));
        Poll::Ready(match event {
            TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr } => {
                let upgrade = self.admit(upgrade.boxed(), &send_back_addr);
                TransportEvent::Incoming { listener_id, upgrade, local_addr, send_back_addr }
            }
            other => other.map_upgrade(|upgrade| upgrade.boxed()),
        })
    }
}
