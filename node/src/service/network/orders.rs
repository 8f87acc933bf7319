//! Carries out the owner's orders about peers.
//!
//! A ban and an added peer are kept at once, so they outlive a restart or a kill.

use libp2p::{Multiaddr, PeerId};
use tracing::{info, warn};

use crate::net::addresses::{dialable, ip_of, split_peer};
use crate::net::bans::{self, Who};
use crate::net::discovery::added;
use crate::net::reason::CloseReason;
use crate::rpc::orders::{Order, OrderError, Subject};
use crate::service::Service;
use crate::store::Note;

impl Service {
    /// Carries out an order, or says why not.
    pub(in crate::service) fn order(&mut self, order: Order) -> Result<(), OrderError> {
        match order {
            Order::Add { address, kept } => {
                self.add_peer(&address, kept)?;
                self.keep_added();
                info!(%address, kept, "the owner added a peer");
                Ok(())
            }
            Order::Remove(peer) => {
                let added = self.discovery.remove_fixed(&peer);
                let closed = self.dismiss(peer);
                self.keep_added();
                if added || closed { Ok(()) } else { Err(OrderError::NoPeer) }
            }
            Order::RemoveAddress(address) => {
                let (bare, typed) = split_peer(&address);
                let bare = dialable(bare).ok_or(OrderError::NoAddress)?;
                let peer = typed.or_else(|| self.discovery.fixed_peer(&bare));
                if !self.discovery.remove_fixed_address(&bare) {
                    return Err(OrderError::NoPeer);
                }
                if let Some(peer) = peer {
                    self.dismiss(peer);
                }
                self.keep_added();
                Ok(())
            }
            Order::Ban(subject, time) => {
                let (who, now) = (who(subject), self.clock.now());
                if matches!(who, Who::Peer(peer) if peer == *self.swarm.local_peer_id()) {
                    return Err(OrderError::Ourselves);
                }
                if !self.gossip().ban(who, time.into()) {
                    return Err(OrderError::Exempt);
                }
                info!(?who, ?time, "the owner banned a peer or an address");
                self.gossip().turn_out(CloseReason::Removed, |peer, address| match who {
                    Who::Peer(banned) => *peer == banned,
                    Who::Address(ip) => {
                        ip_of(address).is_some_and(|other| bans::block_of(other) == bans::block_of(ip))
                    }
                });
                self.refuse_banned();
                self.keep_bans(now);
                Ok(())
            }
            Order::Unban(subject) => {
                let ended = self.gossip().unban(who(subject));
                self.refuse_banned();
                self.keep_bans(self.clock.now());
                if ended { Ok(()) } else { Err(OrderError::NoBan) }
            }
        }
    }

    /// Dials the peers that the owner added in earlier runs.
    pub(in crate::service) fn recall_added(&mut self, added: &[Multiaddr]) {
        for address in added {
            match self.add_peer(address, true) {
                Ok(()) => info!(%address, "a peer that the owner added in an earlier run is dialled"),
                Err(error) => {
                    warn!(%address, %error, "a peer that the owner added in an earlier run is not dialled")
                }
            }
        }
    }

    /// Keeps the added peers for the next run. If the store has no room for them, it is asked again with the known
    /// peers.
    pub(in crate::service) fn keep_added(&self) {
        let _ = self.writer.save_note(Note::AddedPeers, added::encode(&self.discovery.added()));
    }

    /// Disconnects a peer that is no reserved one any more. False if it was not connected.
    fn dismiss(&mut self, peer: PeerId) -> bool {
        self.gossip().set_reserved(&peer, false);
        self.gossip().turn_out(CloseReason::Removed, |other, _| *other == peer)
    }

    fn add_peer(&mut self, address: &Multiaddr, kept: bool) -> Result<(), OrderError> {
        let (bare, typed) = split_peer(address);
        let bare = dialable(bare).ok_or(OrderError::NoAddress)?;
        if typed == Some(*self.swarm.local_peer_id()) || self.listens_on(&bare) {
            return Err(OrderError::Ourselves);
        }
        if !self.discovery.add_fixed(bare, typed, kept) {
            return Err(OrderError::TooMany);
        }
        if let Some(peer) = typed {
            self.gossip().set_reserved(&peer, true);
        }
        Ok(())
    }
}

const fn who(subject: Subject) -> Who {
    match subject {
        Subject::Peer(peer) => Who::Peer(peer),
        Subject::Address(ip) => Who::Address(ip),
    }
}
