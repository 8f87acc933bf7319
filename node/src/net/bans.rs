//! The memory of peers that misbehaved: neither they nor their addresses are dialled or accepted for a while.
//!
//! Bans outlive a restart. For each ban the remaining time is kept, so it passes only while a node runs: after a
//! pause a node cannot know whether time has passed or the clock was set. After a kill a ban may last some
//! seconds longer, never shorter.
//!
//! The owner may ban as well, for longer, and end any ban.
//!
//! Deliberately absent: what misbehavior is (`reason.rs`).

use std::borrow::Cow;
use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use bytes::Bytes;
use libp2p::PeerId;
use protocol::time::{Duration, Time};
use protocol::wire::codec::{Decode, DecodeError, Encode, Reader, Writer};

/// How long a peer that misbehaved is neither dialled nor accepted.
pub const BAN_TIME: Duration = Duration::from_secs(600);
/// The most peers that are remembered as banned, and the most addresses. 1,024 of some 64 bytes each: 64 KiB
/// and the maps around it.
pub const BANS_MAX: usize = 1_024;

/// The label of a ban that the owner ordered.
pub const ORDERED: &str = "ordered";

/// Bans that a status lists, of peers and of addresses each. A person can read through that many.
pub const BANS_LISTED_MAX: usize = 32;

/// Peers and addresses that are not wanted for a while. When it is full, the ban that ends first makes room.
#[derive(Debug, Default)]
pub struct Bans {
    loopback_exempt: bool,
    peers: HashMap<PeerId, Ban>,
    addresses: HashMap<IpAddr, Ban>,
}

/// One ban.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Ban {
    until: Time,
    /// The label of what the peer did.
    reason: Cow<'static, str>,
}

/// Which peer or address a ban keeps out.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Who {
    /// A peer.
    Peer(PeerId),
    /// Every peer at an address; with IPv6, every peer in its `/64`.
    Address(IpAddr),
}

/// A ban, as it is kept for another run.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeptBan {
    /// The banned peer or address.
    pub who: Who,
    /// The label of what the peer did.
    pub reason: Cow<'static, str>,
    /// How much longer the ban lasts.
    pub left: Duration,
}

/// Bytes of a kept ban's label: the longest in use has 20.
const LABEL_BYTES_MAX: usize = 32;
/// Bytes of the banned peer or address: a peer id of a multihash of 64 bytes, with room to spare.
const WHO_BYTES_MAX: usize = 128;

impl Encode for KeptBan {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(4);
        match self.who {
            Who::Peer(peer) => {
                writer.uint(0);
                writer.bytes(&peer.to_bytes());
            }
            Who::Address(IpAddr::V4(ip)) => {
                writer.uint(4);
                writer.bytes(&ip.octets());
            }
            Who::Address(IpAddr::V6(ip)) => {
                writer.uint(6);
                writer.bytes(&ip.octets());
            }
        }
        writer.text(&self.reason);
        writer.uint(self.left.as_micros());
    }
}

impl Decode for KeptBan {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.array_of("a ban", 4)?;
        let kind = reader.uint()?;
        let bytes = reader.bytes("who is banned", WHO_BYTES_MAX)?;
        let bad = || DecodeError::BadValue("who is banned");
        let who = match kind {
            0 => Who::Peer(PeerId::from_bytes(&bytes).map_err(|_| bad())?),
            4 => Who::Address(IpAddr::from(<[u8; 4]>::try_from(bytes.as_ref()).map_err(|_| bad())?)),
            6 => Who::Address(IpAddr::from(<[u8; 16]>::try_from(bytes.as_ref()).map_err(|_| bad())?)),
            _ => return Err(bad()),
        };
        let reason = reader.text("a ban's label", LABEL_BYTES_MAX)?;
        let reason = core::str::from_utf8(&reason).map_err(|_| DecodeError::BadValue("a ban's label"))?;
        let left = Duration::from_micros(reader.uint()?);
        Ok(Self { who, reason: Cow::Owned(reason.to_owned()), left })
    }
}

/// Encodes bans for the store.
#[must_use]
pub fn encode(bans: &[KeptBan]) -> Vec<u8> {
    List(bans).to_bytes()
}

struct List<'a>(&'a [KeptBan]);

impl Encode for List<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(self.0.len());
        self.0.iter().for_each(|ban| ban.encode(writer));
    }
}

/// Decodes the bytes that [`encode`] made of bans.
///
/// # Errors
/// If [`encode`] did not make these bytes.
pub fn decode(bytes: Vec<u8>) -> Result<Vec<KeptBan>, DecodeError> {
    let mut reader = Reader::new(Bytes::from(bytes));
    let count = reader.array("bans", 2 * BANS_MAX)?;
    let bans: Result<Vec<_>, _> = (0..count).map(|_| KeptBan::decode(&mut reader)).collect();
    reader.finish().and(bans)
}

/// A ban, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banned {
    /// A peer id, or an address; an IPv6 address with its `/64`.
    pub who: String,
    /// The label of what the peer did.
    pub reason: Cow<'static, str>,
    /// How much longer the ban lasts.
    pub left: Duration,
}

impl Bans {
    /// No bans. With `loopback_exempt` no loopback address is ever banned, not even by a ban of an earlier run.
    #[must_use]
    pub fn new(loopback_exempt: bool) -> Self {
        Self { loopback_exempt, ..Self::default() }
    }

    /// Whether an address may be banned.
    #[must_use]
    pub fn may_have(&self, address: IpAddr) -> bool {
        // A ban of ::1 is kept as one of its /64.
        let loopback = address.is_loopback() || block_of(address) == IpAddr::V6(Ipv6Addr::UNSPECIFIED);
        !(self.loopback_exempt && loopback)
    }

    /// Bans a peer until [`BAN_TIME`] from now, and also its address, if one is given that may be banned.
    pub fn add(&mut self, peer: PeerId, address: Option<IpAddr>, reason: &'static str, now: Time) {
        let ban = Ban { until: now + BAN_TIME, reason: Cow::Borrowed(reason) };
        insert_bounded(&mut self.peers, peer, ban.clone(), now);
        if let Some(ip) = address.filter(|ip| self.may_have(*ip)) {
            insert_bounded(&mut self.addresses, block_of(ip), ban, now);
        }
    }

    /// Bans whom the owner wants banned, for this time. False if the address may not be banned.
    pub fn order(&mut self, who: Who, time: Duration, now: Time) -> bool {
        let ban = Ban { until: now + time, reason: Cow::Borrowed(ORDERED) };
        match who {
            Who::Peer(peer) => insert_bounded(&mut self.peers, peer, ban, now),
            Who::Address(ip) if self.may_have(ip) => insert_bounded(&mut self.addresses, block_of(ip), ban, now),
            Who::Address(_) => return false,
        }
        true
    }

    /// Ends a ban. False if there is none.
    pub fn lift(&mut self, who: Who, now: Time) -> bool {
        let ended = match who {
            Who::Peer(peer) => self.peers.remove(&peer),
            Who::Address(ip) => self.addresses.remove(&block_of(ip)),
        };
        ended.is_some_and(|ban| now < ban.until)
    }

    /// All bans, in the order of [`Bans::list`].
    #[must_use]
    pub fn list_all(&self, now: Time) -> Vec<Banned> {
        self.listed(now, BANS_MAX)
    }

    /// The bans to list, at most [`BANS_LISTED_MAX`] of each kind. Addresses come before peers, because they keep
    /// out every peer behind them. The latest of each kind comes first.
    #[must_use]
    pub fn list(&self, now: Time) -> Vec<Banned> {
        self.listed(now, BANS_LISTED_MAX)
    }

    fn listed(&self, now: Time, most: usize) -> Vec<Banned> {
        let address = |ip: &IpAddr| if ip.is_ipv6() { format!("{ip}/64") } else { ip.to_string() };
        let mut listed = latest(&self.addresses, now, most, address);
        listed.extend(latest(&self.peers, now, most, ToString::to_string));
        listed
    }

    /// The bans, for another run.
    #[must_use]
    pub fn kept(&self, now: Time) -> Vec<KeptBan> {
        let peers = self.peers.iter().map(|(peer, ban)| (Who::Peer(*peer), ban));
        let addresses = self.addresses.iter().map(|(ip, ban)| (Who::Address(*ip), ban));
        let lasting = peers.chain(addresses).filter(|(_, ban)| now < ban.until);
        let kept =
            lasting.map(|(who, ban)| KeptBan { who, reason: ban.reason.clone(), left: ban.until.since(now) });
        kept.collect()
    }

    /// Restores a ban of an earlier run. It lasts no longer than a new one, unless the owner ordered it.
    pub fn restore(&mut self, kept: KeptBan, now: Time) {
        let left = if kept.reason == ORDERED { kept.left } else { kept.left.min(BAN_TIME) };
        let ban = Ban { until: now + left, reason: kept.reason };
        match kept.who {
            Who::Peer(peer) => insert_bounded(&mut self.peers, peer, ban, now),
            Who::Address(ip) if self.may_have(ip) => {
                insert_bounded(&mut self.addresses, block_of(ip), ban, now);
            }
            Who::Address(_) => {}
        }
    }

    /// How many peers and how many addresses are banned now.
    #[must_use]
    pub fn counts(&self, now: Time) -> [usize; 2] {
        let count = |until: &mut dyn Iterator<Item = Time>| until.filter(|until| now < *until).count();
        let peers = count(&mut self.peers.values().map(|ban| ban.until));
        [peers, count(&mut self.addresses.values().map(|ban| ban.until))]
    }

    /// Addresses that are banned now.
    pub fn addresses(&self, now: Time) -> impl Iterator<Item = IpAddr> {
        self.addresses.iter().filter(move |(_, ban)| now < ban.until).map(|(ip, _)| *ip)
    }

    /// Whether a peer is banned.
    #[must_use]
    pub fn has_peer(&self, peer: &PeerId, now: Time) -> bool {
        self.peers.get(peer).is_some_and(|ban| now < ban.until)
    }

    /// Whether an address is banned.
    #[must_use]
    pub fn has_address(&self, address: IpAddr, now: Time) -> bool {
        self.addresses.get(&block_of(address)).is_some_and(|ban| now < ban.until)
    }
}

/// An IPv6 host can change its address within its /64, so a /64 counts as one.
pub(crate) fn block_of(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

fn insert_bounded<K: std::hash::Hash + Eq + Copy>(map: &mut HashMap<K, Ban>, key: K, ban: Ban, now: Time) {
    if map.len() >= BANS_MAX {
        map.retain(|_, ban| now < ban.until);
    }
    if map.len() >= BANS_MAX
        && let Some(first) = map.iter().min_by_key(|(_, ban)| ban.until).map(|(key, _)| *key)
    {
        map.remove(&first);
    }
    map.insert(key, ban);
}

fn latest<K>(map: &HashMap<K, Ban>, now: Time, most: usize, name: impl Fn(&K) -> String) -> Vec<Banned> {
    let mut bans: Vec<_> = map.iter().filter(|(_, ban)| now < ban.until).collect();
    bans.sort_unstable_by_key(|(_, ban)| std::cmp::Reverse(ban.until));
    let listed = bans.into_iter().take(most);
    listed
        .map(|(key, ban)| Banned { who: name(key), reason: ban.reason.clone(), left: ban.until.since(now) })
        .collect()
}
