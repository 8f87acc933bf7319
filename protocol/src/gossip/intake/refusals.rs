//! Transactions that are refused: which rules refuse before a signature is checked, what is remembered of a
//! refusal, and what a refusal costs the sender.
//!
//! **Cheap rules first.** A rule that needs no signature is applied before the signature is checked, and again
//! afterwards, because the state may have changed in between.
//!
//! **A refusal is not final.** It rests on the height and the mempool of this node. An honest peer may have
//! another height and mempool, so no peer is blamed. A refusal is remembered until the height changes. If one link
//! has no room, this says nothing of other links. The refusal is then remembered for that link alone, and all
//! other peers that have the item are asked for it, one after the other. Otherwise a peer whose link is full could
//! keep an item from us by sending it first. If the author's share has no room, this holds for every link.
//!
//! **Limit.** If a peer is the first to announce an item while its link has no room, this peer is never asked for
//! the item. This is the brake on what a link brings. A peer announces an item once. So an item that only such
//! peers announce is missed, until one of them pushes it while its link has room, or until a block has it. When
//! one link refuses an item after its check, peers whose links have no room at that moment are not asked for it
//! either.
//!
//! **An unverified item pushes out no verified one.** Refusals at sight have their own memory. An id covers all
//! bytes of its transaction, so an unverified body says nothing of any other transaction.
//!
//! **Cost.** Two kinds of bodies cost their sender [`REFUSED_COST_BYTES`] more. The first is a body that had to be
//! verified and was then refused by a rule that needs verification. The second is a body that was refused before,
//! and that the same peer sends again unasked. An honest peer sends an item once. While its item is checked, the
//! nonce may be taken, the room used up or the last height reached. This costs nothing.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::sender::Sender;
use crate::gossip::Gossip;
use crate::gossip::api::{ItemId, PeerHandle, Refusal};
use crate::gossip::fetch::request::RequestKey;
use crate::gossip::inventory::Declined;
use crate::gossip::links::peer::Peer;
use crate::items::hash::TxId;
use crate::items::transaction::SignedTransaction;
use crate::limits::REFUSED_COST_BYTES;
use crate::time::Time;

impl Gossip {
    /// Why a transaction of a peer would be refused, if that can be told without checking its signature.
    pub(crate) fn refusal_at_sight(
        &mut self,
        now: Time,
        transaction: &SignedTransaction,
        from: PeerHandle,
    ) -> Option<Refusal> {
        let (tip, valid_until) = (self.chain.tip().height, transaction.valid_until());
        if valid_until <= tip {
            return Some(Refusal::Expired { valid_until, tip });
        }
        let refused = self.validator.transaction_at_sight(transaction, self.best_known(now));
        refused.err().or_else(|| self.mempool.refusal(now, transaction, Some(from.0)))
    }

    /// Refuses a transaction at sight.
    pub(crate) fn decline(&mut self, id: TxId, from: PeerHandle, refusal: Refusal) {
        let link = (refusal == Refusal::MempoolFull).then_some(from.0);
        self.inventory.decline(id, Declined { height: self.chain.tip().height, link });
        self.refuse(ItemId::Transaction(id), Some(from), refusal);
    }

    /// Asks other peers for a verified transaction, because a link no longer had room for it. Every other peer
    /// that is known to have it is asked, if its link has room. Their announcements were settled by the body, or
    /// came while it was checked.
    pub(crate) fn ask_others(&mut self, now: Time, transaction: &SignedTransaction, senders: &[Sender]) {
        let (short, bytes) = (transaction.id().short(), transaction.encoded().len());
        let holders = self.inventory.holders(short);
        let has = |(handle, peer): &(&PeerHandle, &Peer)| {
            holders.contains(peer.link) && senders.iter().all(|sender| sender.peer != **handle)
        };
        let mut others: Vec<PeerHandle> = self.peers.iter().filter(has).map(|(handle, _)| *handle).collect();
        others.retain(|handle| self.mempool.may_take(now, bytes, handle.0));
        for handle in &others {
            self.requests.announced(now, *handle, RequestKey::Short(short), bytes);
        }
        if !others.is_empty() && senders.first().is_some_and(Sender::is_live) {
            self.requests.mark_live(RequestKey::Short(short));
        }
    }

    /// Charges a peer for an item that was verified in vain. Nothing is charged if the nonce, the last height or
    /// the author's share is the reason. The item passed these rules at sight, so an honest peer may have lost a
    /// race.
    pub(crate) fn charge_verified(&mut self, now: Time, from: PeerHandle, refusal: &Refusal) {
        let lost_a_race = matches!(refusal, Refusal::NonceTaken | Refusal::Expired { .. } | Refusal::AuthorFull);
        if !lost_a_race {
            self.charge_refused(now, from);
        }
    }

    /// Charges a peer for a body that brought nothing, and that an honest peer would hardly send.
    pub(crate) fn charge_refused(&mut self, now: Time, from: PeerHandle) {
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.budget.spend(now, REFUSED_COST_BYTES);
        }
    }

    /// Accepts a verified transaction into the mempool by the first link that has room for it: a submission's own
    /// link, or that of a peer that sent it.
    pub(crate) fn admit_by_any(
        &mut self,
        now: Time,
        transaction: &Arc<SignedTransaction>,
        senders: &[Sender],
        submitted: bool,
    ) -> Result<(), Refusal> {
        let own = submitted.then_some(None);
        let mut result = Err(Refusal::MempoolFull);
        for link in own.into_iter().chain(senders.iter().map(|sender| Some(sender.peer))) {
            result = self.admit(now, transaction, link);
            if result != Err(Refusal::MempoolFull) {
                break;
            }
        }
        result
    }
}
