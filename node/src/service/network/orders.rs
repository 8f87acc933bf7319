//! Carries out the owner's orders about peers.
//!
//! A ban is kept at once, so it outlives a restart or a kill. An added peer is forgotten at the end of the run: one that is
//! wanted for longer is a flag (`--reserved-peer`).

use libp2p::Multiaddr;
use tracing::info;

use crate::net::addresses::{dialable, ip_of, split_peer};
use crate::net::bans::{self, Who};
use crate::net::reason::CloseReason;
use crate::rpc::orders::{Order, OrderError, Subject};
use crate::service::Service;

impl Service {
    /// Carries out an order, or says why not.
    pub(in crate::service) fn order(&mut self, order: Order) -> Result<(), OrderError> {
        match order {
            Order::Add(address) => self.add_peer(address),
            Order::Remove(peer) => {
                let added = self.discovery.remove_fixed(&peer);
                self.gossip().set_reserved(&peer, false);
                let closed = self.gossip().turn_out(CloseReason::Removed, |other, _| *other == peer);
                if added || closed { Ok(()) } else { Err(OrderError::NoPeer) }
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

    fn add_peer(&mut self, address: Multiaddr) -> Result<(), OrderError> {
        let (bare, typed) = split_peer(&address);
        let bare = dialable(bare).ok_or(OrderError::NoAddress)?;
        if typed == Some(*self.swarm.local_peer_id()) || self.listens_on(&bare) {
            return Err(OrderError::Ourselves);
        }
        if !self.discovery.add_fixed(bare, typed) {
            return Err(OrderError::TooMany);
        }
        if let Some(peer) = typed {
            self.gossip().set_reserved(&peer, true);
        }
        info!(%address, "the owner added a peer");
        Ok(())
    }
}

const fn who(subject: Subject) -> Who {
    match subject {
        Subject::Peer(peer) => Who::Peer(peer),
        Subject::Address(ip) => Who::Address(ip),
    }
}
