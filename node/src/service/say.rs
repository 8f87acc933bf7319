//! The service's log messages, in words for a person: what happened, what it means, what to do. Deliberately
//! absent: when to log them.

use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId, StreamProtocol};
use protocol::gossip::Equivocation;
use protocol::gossip::members::{MemberChange, MemberEvent};
use protocol::items::hash::TxId;
use protocol::items::keys::PublicKey;
use protocol::items::network::NetworkId;
use protocol::wire::message::{GoodbyeReason, Tip, VERSION};
use tracing::{debug, info, warn};

use crate::config::identity::peer_of;
use crate::net::bans::BAN_TIME;
use crate::net::discovery::own_key::KeySign;
use crate::net::discovery::{Trouble, Warning};
use crate::net::reason::CloseReason;
use crate::observe::status_line::{Figures, Line};
use crate::service::notices::Notice;

/// From this number of stale blocks on, a reorganisation is a warning: payees commonly wait for as many.
const DEEP_REORGANISATION: usize = 6;
/// Expired transactions that one line names.
const EXPIRED_NAMED_MAX: usize = 5;

/// Something about a member has changed. `own` is this node's key.
pub(crate) fn member(event: &MemberEvent, own: &PublicKey) {
    let member = peer_of(&event.member).map_or_else(|| event.member.to_string(), |peer| peer.to_string());
    match event.change {
        MemberChange::Joined => info!(%member, "a member joined"),
        MemberChange::Suspected => info!(%member, "a member does not answer somebody, and is suspected"),
        MemberChange::Failed => info!(%member, "a member has failed: it answered neither others nor this node"),
        MemberChange::Left => info!(%member, "a member left"),
        MemberChange::Returned => info!(%member, "a member is there again"),
        MemberChange::Conflict if event.member == *own => warn!(
            %member,
            "another machine uses this node's key: stop one of the two, and give it a key of its own"
        ),
        MemberChange::Conflict => info!(%member, "two machines use one member's key"),
        change => debug!(%member, ?change, "a member has changed"),
    }
}

/// A line that was composed elsewhere.
pub(crate) fn notice(notice: &Notice) {
    match notice {
        Notice::Warn(line) => warn!("{line}"),
        Notice::Info(line) => info!("{line}"),
    }
}

/// The state of the node.
pub(crate) fn status(line: &Line) {
    let Figures { peers_in, peers_out, known, tip, mempool, .. } = line.figures;
    info!(peers_in, peers_out, known, tip, mempool, "status: {}", line.rates);
}

/// The tip moved, and this number of blocks became stale. An operator should look into deep changes.
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

/// A producer signed two blocks for one height. The engine reports a pair once, and few pairs for each producer.
pub(crate) fn equivocation(pair: &Equivocation) {
    let [first, second] = &*pair.headers;
    warn!(
        producer = %pair.producer(),
        height = pair.height(),
        first = %first.id(),
        second = %second.id(),
        "a producer signed two blocks for one height: it lost its store, two machines use its key, or it means to split the \
         network; both headers are kept, and `node evidence` shows them; nothing else follows from that here"
    );
}

/// A peer that may have disconnected.
pub(crate) fn peer(peer: Option<PeerId>) -> String {
    peer.map_or_else(|| "one that has left".to_owned(), |peer| peer.to_string())
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

/// No peer is connected, though there are addresses to try.
pub(crate) fn alone(addresses: usize, troubles: &[String]) {
    warn!(addresses, last = troubles.join("; "), "no peer is connected; the given addresses are tried on");
}

/// The result of the last try of a fixed address, and what to do. A cause names the address that was dialled. This
/// is the fixed address itself, unless it has a name.
#[must_use]
pub fn trouble(address: &Multiaddr, trouble: Option<&Trouble>) -> String {
    let address = address.to_string();
    let what = match trouble {
        None => "no answer yet".to_owned(),
        Some(Trouble::Unreachable(cause)) => unreachable(cause),
        Some(Trouble::Denied(cause)) => format!("this node denies the connection: {cause}"),
        Some(Trouble::Ourselves) => "leads to this node itself: give another node's address".to_owned(),
        Some(Trouble::Another(found)) => {
            format!(
                "{found} answers there, another node than was asked for: correct the id behind /p2p/, or leave it out"
            )
        }
        Some(Trouble::NoWordYet) => "somebody answers there, and is no peer yet".to_owned(),
        Some(Trouble::Closed(CloseReason::Unsupported)) => {
            format!("{}: compare --network here and there", CloseReason::Unsupported)
        }
        Some(Trouble::Closed(CloseReason::OtherVersion)) => {
            format!("{}: update the older one", CloseReason::OtherVersion)
        }
        Some(Trouble::Closed(CloseReason::Declined)) => {
            format!("{}: it is full; give more addresses, or wait", CloseReason::Declined)
        }
        Some(Trouble::Closed(reason)) => format!("answered, and the connection ended: {reason}"),
    };
    if what.starts_with(&address) { what } else { format!("{address}: {what}") }
}

/// A failed dial in words for the operator. The inner errors are of crates that this one does not use, so only
/// their texts can be compared.
fn unreachable(cause: &str) -> String {
    let text = cause.to_lowercase();
    let has = |words: &[&str]| words.iter().any(|words| text.contains(words));
    if has(&["the name has no address", "could not be resolved", "no name server"]) {
        format!("{cause}: check the name, and the name servers here")
    } else if has(&["refused"]) {
        format!("{cause}: no node listens there")
    } else if has(&["timed out", "timeout", "unreachable", "no route"]) {
        format!("{cause}: the machine is down, or a firewall is in between")
    } else if has(&["reset", "broken pipe", "unexpected end", "eof", "closed", "aborted"]) {
        format!(
            "{cause}: what listens there ended the connection before it said who it is; it takes no more connections from \
             this address or in all, or is no node"
        )
    } else {
        cause.to_owned()
    }
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
