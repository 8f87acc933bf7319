//! The questions to discovery and its answers, as plain data.

use std::net::IpAddr;

use libp2p::{Multiaddr, PeerId};

use super::Warning;
use crate::net::discovery::book::Group;

/// What is known about the slots when [`Discovery::poll`](super::Discovery::poll) is called.
pub trait View {
    /// Outbound slots in use, without reserved peers.
    fn outbound(&self) -> usize;
    /// The peers that hold these, as far as they are gossip peers already.
    fn outbound_peers(&self) -> Vec<PeerId>;
    /// The groups of the addresses at which outbound slots are held, without addresses that the operator gave.
    fn outbound_groups(&self) -> Vec<Group>;
    /// Whether the peer holds a slot.
    fn holds_slot(&self, peer: &PeerId) -> bool;
    /// Whether the peer is not wanted for now.
    fn is_banned(&self, peer: &PeerId) -> bool;
    /// Whether no peer at this address is wanted for now.
    fn is_banned_address(&self, address: IpAddr) -> bool;
}

/// Something that the service should do.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Want {
    /// Make a peer of this fixed address, and call [`Discovery::dialling`](super::Discovery::dialling).
    Fixed {
        /// Its index, for [`Target::Fixed`].
        index: usize,
        /// The address, without `/p2p`.
        address: Multiaddr,
        /// The peer id that was typed with it. The node that answers must have it.
        peer: Option<PeerId>,
        /// Whether it counts for no limit.
        reserved: bool,
    },
    /// Make this candidate a peer, and call [`Discovery::dialling`](super::Discovery::dialling).
    Candidate {
        /// Its peer id.
        peer: PeerId,
        /// Its addresses.
        addresses: Vec<Multiaddr>,
    },
    /// Connect to this candidate, without asking for a slot, and call
    /// [`Discovery::dialling`](super::Discovery::dialling).
    Feeler {
        /// Its peer id.
        peer: PeerId,
        /// Its addresses.
        addresses: Vec<Multiaddr>,
    },
    /// Disconnect this peer: another has taken its place, or is to take it.
    Leave(PeerId),
    /// Look up a random key in Kademlia.
    Walk,
    /// Tell the operator.
    Warn(Warning),
}

/// Who told a peer's addresses.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ToldBy {
    /// The peer itself, on a connection that proves its id.
    Itself,
    /// Another peer, which may be wrong or lie.
    Others,
}

/// What a dial was for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Target {
    /// A fixed address.
    Fixed(usize),
    /// A candidate of the book.
    Candidate(PeerId),
    /// A test of an entry of the book.
    Feeler(PeerId),
}
