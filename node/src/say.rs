//! What the service says to the log, in words for a person: what happened, what it means, what to do. Deliberately absent: when
//! to say it.

use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId, StreamProtocol};
use protocol::hash::TxId;
use protocol::message::{GoodbyeReason, Tip, VERSION};
use protocol::network::NetworkId;
use tracing::{debug, info, warn};

use crate::discovery::Warning;
use crate::limits::BAN_TIME;
use crate::notices::Notice;
use crate::own_key::KeySign;
use crate::reason::CloseReason;

/// Stale blocks from which on a reorganisation is a warning: as many as payees commonly wait for.
const DEEP_REORGANISATION: usize = 6;
/// Expired transactions that one line names.
const EXPIRED_NAMED_MAX: usize = 5;

/// A line that was put together elsewhere.
pub(crate) fn notice(notice: &Notice) {
    match notice {
        Notice::Warn(line) => warn!("{line}"),
        Notice::Info(line) => info!("{line}"),
    }
}

/// The tip moved, and that many blocks became stale. Deep changes are what a person should look into.
pub(crate) fn new_tip(tip: Tip, disconnected: usize) {
    let Tip { height, id } = tip;
    match disconnected {
        0 => debug!(height, %id, "the tip changed"),
        1..DEEP_REORGANISATION => info!(height, %id, disconnected, "the best chain changed: blocks are stale now"),
        _ => warn!(
            height,
            %id,
            disconnected,
            "the best chain changed deeply: these blocks are stale, and what they confirmed is pending again unless the \
             new chain has it too; look whether the network was parted, or a producer keeps a chain of its own"
        ),
    }
}

/// Acknowledged transactions expired.
pub(crate) fn expired(ids: &[TxId], tip: u64) {
    let named: Vec<String> = ids.iter().take(EXPIRED_NAMED_MAX).map(ToString::to_string).collect();
    let more = if ids.len() > named.len() { ", and more" } else { "" };
    warn!(
        count = ids.len(),
        tip,
        "transactions taken from clients of this node are in no block by their last height and are given up: {}{more}; \
         they can be signed again for a later height",
        named.join(", ")
    );
}

/// A peer that may have left.
pub(crate) fn peer(peer: Option<PeerId>) -> String {
    peer.map_or_else(|| "one that has left".to_owned(), |peer| peer.to_string())
}

/// An error and what is behind it.
pub(crate) fn chain(error: &dyn std::error::Error) -> String {
    let mut text = error.to_string();
    let mut source = error.source();
    while let Some(cause) = source {
        let cause_text = cause.to_string();
        if !text.ends_with(&cause_text) {
            text = format!("{text}: {cause_text}");
        }
        source = cause.source();
    }
    text
}

/// A peer broke a rule, and is banned.
pub(crate) fn banned(peer: &PeerId, address: Option<IpAddr>, reason: CloseReason) {
    let seconds = BAN_TIME.as_micros() / 1_000_000;
    match address {
        Some(address) => warn!(
            %peer, %address, %reason,
            "a peer broke a rule of the protocol: for {seconds} s nobody at its address is let in or dialled; `node status` \
             lists all bans, and --exempt-loopback spares loopback addresses"
        ),
        None => warn!(
            %peer, %reason,
            "a peer broke a rule of the protocol: it is neither let in nor dialled for {seconds} s; `node status` lists all \
             bans"
        ),
    }
}

/// A peer's goodbye blames this node.
pub(crate) fn goodbye(from: Option<PeerId>, reason: &GoodbyeReason) {
    warn!(
        peer = %peer(from),
        ?reason,
        "a peer closed the connection and says that this node is at fault; nothing else follows from that. If many peers \
         do, compare the node's version, network and clock with theirs"
    );
}

/// A peer speaks another version of the gossip.
pub(crate) fn another_version(peer: &libp2p::PeerId, version: u64) {
    warn!(
        %peer,
        "a peer speaks version {version} of the gossip and this node version {VERSION}: they exchange nothing; update the \
         older one"
    );
}

/// The version of the network's gossip that a peer speaks instead of ours.
pub(crate) fn other_version(network: &NetworkId, protocols: &[StreamProtocol]) -> Option<u64> {
    let start = format!("/hearsay/{network}/control/");
    let versions = protocols.iter().filter_map(|name| name.as_ref().strip_prefix(&start)?.parse().ok());
    let versions: Vec<u64> = versions.collect();
    versions.iter().copied().max().filter(|_| !versions.contains(&VERSION))
}

/// A cause names the address that was dialled, which is the fixed one unless that has a name.
pub(crate) fn trouble(address: &Multiaddr, cause: &str) -> String {
    let address = address.to_string();
    if cause.starts_with(&address) { cause.to_owned() } else { format!("{address}: {cause}") }
}

/// A fixed address leads elsewhere.
pub(crate) fn fixed_address(warning: &Warning) {
    match warning {
        Warning::AnotherPeer { address, wanted, found } => warn!(
            %address, %wanted, %found,
            "another node answers at this address than the one that was asked for; it is not joined: correct the peer \
             id behind /p2p/, or leave it out"
        ),
        Warning::AnotherNetwork { address, found } => warn!(
            %address, %found,
            "the node at this address does not speak this network's protocol, so it cannot be joined: check --network \
             here and there"
        ),
    }
}

/// Another machine seems to use this node's key.
pub(crate) fn one_key(sign: &KeySign) {
    match sign {
        KeySign::SeenAt(address) => warn!(
            %address,
            "another machine uses this node's key, or somebody passes this node's own connections back to it; if a machine \
             does, peers keep now one and now the other: stop one of them, or give it a key of its own (node key generate)"
        ),
        KeySign::Replaced(peer) => warn!(
            %peer,
            "this peer closes every connection of this node soon after it is up: most likely another machine uses this \
             node's key; stop one of them, or give it a key of its own (node key generate)"
        ),
    }
}
