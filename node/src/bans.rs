//! The memory of peers that misbehaved: neither they nor their addresses are dialled or accepted for a while.
//! Deliberately absent: what misbehavior is (`reason.rs`).

use std::collections::HashMap;
use std::net::{IpAddr, Ipv6Addr};

use libp2p::PeerId;
use protocol::time::{Duration, Time};

/// How long a peer that misbehaved is neither dialled nor accepted.
pub const BAN_TIME: Duration = Duration::from_secs(600);
/// Peers remembered as banned, and addresses. 1,024 of some 64 bytes each: 64 KiB and the maps around it.
pub const BANS_MAX: usize = 1_024;

/// Bans that a status lists, of peers and of addresses each: what a person can look through.
pub const BANS_LISTED_MAX: usize = 32;

/// Peers and addresses that are not wanted for a while. When full, the one that ends first makes room.
#[derive(Debug, Default)]
pub struct Bans {
    peers: HashMap<PeerId, Ban>,
    addresses: HashMap<IpAddr, Ban>,
}

/// One of them.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
struct Ban {
    until: Time,
    /// The label of what the peer did.
    reason: &'static str,
}

/// A ban, for a person to read.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Banned {
    /// A peer id, or an address; of IPv6 with its `/64`.
    pub who: String,
    /// The label of what the peer did.
    pub reason: &'static str,
    /// How much longer.
    pub left: Duration,
}

impl Bans {
    /// Bans a peer, and its address if one is given, until [`BAN_TIME`] from now.
    pub fn add(&mut self, peer: PeerId, address: Option<IpAddr>, reason: &'static str, now: Time) {
        insert_bounded(&mut self.peers, peer, reason, now);
        if let Some(ip) = address {
            insert_bounded(&mut self.addresses, block_of(ip), reason, now);
        }
    }

    /// What is banned: addresses, which keep out everybody behind them, before peers, and of each the latest first, at most
    /// [`BANS_LISTED_MAX`].
    #[must_use]
    pub fn list(&self, now: Time) -> Vec<Banned> {
        let address = |ip: &IpAddr| if ip.is_ipv6() { format!("{ip}/64") } else { ip.to_string() };
        let mut listed = latest(&self.addresses, now, address);
        listed.extend(latest(&self.peers, now, ToString::to_string));
        listed
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

/// What an IPv6 host can hop within is one block: its /64.
fn block_of(ip: IpAddr) -> IpAddr {
    match ip {
        IpAddr::V4(_) => ip,
        IpAddr::V6(v6) => IpAddr::V6(Ipv6Addr::from_bits(v6.to_bits() >> 64 << 64)),
    }
}

fn insert_bounded<K: std::hash::Hash + Eq + Copy>(
    map: &mut HashMap<K, Ban>,
    key: K,
    reason: &'static str,
    now: Time,
) {
    if map.len() >= BANS_MAX {
        map.retain(|_, ban| now < ban.until);
    }
    if map.len() >= BANS_MAX
        && let Some(first) = map.iter().min_by_key(|(_, ban)| ban.until).map(|(key, _)| *key)
    {
        map.remove(&first);
    }
    map.insert(key, Ban { until: now + BAN_TIME, reason });
}

fn latest<K>(map: &HashMap<K, Ban>, now: Time, name: impl Fn(&K) -> String) -> Vec<Banned> {
    let mut bans: Vec<_> = map.iter().filter(|(_, ban)| now < ban.until).collect();
    bans.sort_unstable_by_key(|(_, ban)| std::cmp::Reverse(ban.until));
    let listed = bans.into_iter().take(BANS_LISTED_MAX);
    listed.map(|(key, ban)| Banned { who: name(key), reason: ban.reason, left: ban.until.since(now) }).collect()
}
