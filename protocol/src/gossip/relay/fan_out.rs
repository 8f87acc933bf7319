//! The one fan-out: does for each peer what a policy planned, as far as the peer's credit allows. Deliberately
//! absent: any policy.

use alloc::boxed::Box;
use alloc::vec::Vec;

use rand_core::Rng as _;

use crate::codec::Encode as _;
use crate::gossip::Gossip;
use crate::gossip::api::PeerHandle;
use crate::gossip::inventory::{Inventory, LinkSet};
use crate::gossip::links::peer::Peer;
use crate::gossip::links::peers::Peers;
use crate::items::block::SignedHeader;
use crate::items::hash::TxId;
use crate::time::Time;
use crate::wire::message::{Lane, Message};

/// What is planned for one peer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Act {
    Nothing,
    /// It is sent the body. Without credit for that, it is told now.
    Push,
    /// It is sent the body, if there is credit.
    PushOrNothing,
    /// It is told with the next batch.
    Announce,
    /// It is told when there is time. Only for transactions.
    AnnounceLazily,
}

/// What is passed on.
#[derive(Clone, Copy, Debug)]
pub(super) enum Item<'a> {
    Transaction(TxId),
    Block(&'a SignedHeader),
}

/// An item, and the message that has its body, if the body is here.
#[derive(Debug)]
pub(super) struct Parcel<'a> {
    item: Item<'a>,
    body: Option<(Lane, usize, Message)>,
}

/// The result of a fan-out.
#[derive(Debug, Default)]
pub(super) struct Outcome {
    /// The peers that are to be sent the body, in their order. They count as knowing it.
    pushes: Vec<PeerHandle>,
    /// Announcements for which there was no room.
    dropped: u64,
}

impl<'a> Parcel<'a> {
    pub(super) fn new(item: Item<'a>, body: Option<Message>) -> Self {
        Self { item, body: body.map(|message| (message.lane(), message.encoded_len(), message)) }
    }

    /// The lane on which its body travels, and the length of the message.
    pub(super) fn load(&self) -> Option<(Lane, usize)> {
        self.body.as_ref().map(|(lane, bytes, _)| (*lane, *bytes))
    }

    /// Does for each peer what is planned for it. The messages leave with [`Gossip::dispatch`].
    ///
    /// `plan` is told of each peer whether it lacks the item, as far as this node knows: whether the peer is ready
    /// and its link doesn't have the item. `chance` gives each lazy announcement its own time.
    pub(super) fn fan_out(
        &self,
        now: Time,
        peers: &mut Peers,
        inventory: &mut Inventory,
        chance: &mut rand_chacha::ChaCha8Rng,
        mut plan: impl FnMut(PeerHandle, &Peer, bool) -> Act,
    ) -> Outcome {
        let short = self.item.short();
        let (holders, mut pushed) = (inventory.holders(short), LinkSet::default());
        let mut outcome = Outcome::default();
        for (handle, peer) in peers.iter_mut() {
            let lacks = peer.ready && !holders.contains(peer.link);
            let act = plan(*handle, peer, lacks);
            let fits = self.load().is_some_and(|(lane, bytes)| peer.credit.fits_body(lane, bytes));
            let queued = match (act, self.item) {
                (Act::Nothing, _) => true,
                (Act::Push | Act::PushOrNothing, _) if fits => {
                    pushed.insert(peer.link);
                    outcome.pushes.push(*handle);
                    true
                }
                (Act::PushOrNothing, _) => true,
                (Act::AnnounceLazily, Item::Transaction(id)) => {
                    peer.announcements.push_lazily(now, id, u64::from(chance.next_u32() & 0x3ff))
                }
                (Act::Push | Act::Announce, Item::Transaction(id)) => peer.announcements.push(id),
                (Act::Push | Act::Announce | Act::AnnounceLazily, Item::Block(header)) => {
                    peer.announce_header(*header);
                    true
                }
            };
            outcome.dropped = outcome.dropped.saturating_add(u64::from(!queued));
        }
        inventory.note_all(&pushed, short);
        outcome
    }
}

impl Item<'_> {
    const fn short(&self) -> crate::items::hash::ShortId {
        match self {
            Self::Transaction(id) => id.short(),
            Self::Block(header) => header.id().short(),
        }
    }
}

impl Gossip {
    /// Sends the body to the peers that a fan-out chose. With `ahead`, a body on the bulk lane is announced before
    /// it leaves, so that no peer fetches it meanwhile.
    pub(super) fn dispatch(&mut self, parcel: Parcel<'_>, outcome: Outcome, ahead: bool) {
        self.stats.announcements_dropped = self.stats.announcements_dropped.saturating_add(outcome.dropped);
        let Some((lane, bytes, message)) = parcel.body else { return };
        // The last push takes the message itself.
        let copies = core::iter::repeat_n(message, outcome.pushes.len());
        for (handle, message) in outcome.pushes.into_iter().zip(copies) {
            if let Item::Block(header) = parcel.item
                && ahead
                && lane == Lane::Bulk
            {
                self.send(handle, Message::BlockHeader { header: Box::new(*header), pushed: true });
            }
            match (parcel.item, lane) {
                (Item::Transaction(_), Lane::Control) => self.send_push(handle, message, bytes),
                _ => self.send(handle, message),
            }
        }
    }
}
