//! Transactions that are refused: by what rules before a signature is checked, what is remembered of it, and what it costs
//! whoever sent it.
//!
//! **Cheap rules first.** What can be said without a signature is said before one is checked, and again afterwards, because the
//! state may have changed in between.
//!
//! **A refusal is not final.** It rests on the height and the mempool of this node, so nobody is blamed for it: an honest peer
//! may know otherwise. It is remembered until the height changes. That there is no room by one link says nothing of the
//! others: it is remembered of that link alone, and all others that have the item are asked for it, one after the other. Else
//! a peer whose link is full could keep an item from us by sending it first. That there is no room by its author's share
//! holds for every link.
//!
//! **Limit.** While its link has no room, what a peer is the first to announce is not asked of it, not then and not later: this
//! is the brake on what a link brings. A peer announces an item once, so an item that only such peers announce is missed,
//! until one pushes it while its link has room, or a block has it. Nor are those asked whose links have no room at the
//! moment at which another link refuses it after its check.
//!
//! **What nobody has verified pushes out nothing that was.** Refusals at sight have a memory of their own. An id covers all
//! bytes of its transaction, so an unverified body says nothing of any other than itself.
//!
//! **Cost.** A body that had to be verified and was refused then by a rule that needs that, and one that was refused before and
//! that the same peer sends again unasked, cost it [`REFUSED_COST_BYTES`] more. An honest peer sends an item once. It may
//! lose a race while its item is checked (for the nonce, the room or the last height), and that costs nothing.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::seen::Declined;
use super::sender::Sender;
use crate::gossip::Gossip;
use crate::gossip::api::{ItemId, PeerHandle, Refusal};
use crate::gossip::fetch::request::RequestKey;
use crate::gossip::links::peer::Peer;
use crate::items::hash::TxId;
use crate::items::transaction::SignedTransaction;
use crate::limits::REFUSED_COST_BYTES;
use crate::time::Time;

impl Gossip {
    /// Why a transaction of a peer would be refused, as far as that can be said without its signature.
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
        let link = (refusal == Refusal::MempoolFull).then_some(from);
        self.seen.decline(id, Declined { height: self.chain.tip().height, link });
        self.refuse(ItemId::Transaction(id), Some(from), refusal);
    }

    /// A link had no room for a verified transaction any more. Whoever else is known to have it is asked for it, if its link
    /// has room: their announcements were settled by the body, or came while it was checked.
    pub(crate) fn ask_others(&mut self, now: Time, transaction: &SignedTransaction, senders: &[Sender]) {
        let (short, bytes) = (transaction.id().short(), transaction.encoded().len());
        let has = |(handle, peer): &(&PeerHandle, &Peer)| {
            peer.known.contains(short) && senders.iter().all(|sender| sender.peer != **handle)
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

    /// Charges a peer for what was verified in vain, unless that can't be told from an honest one that lost a race: what might
    /// have been refused at sight was not.
    pub(crate) fn charge_verified(&mut self, now: Time, from: PeerHandle, refusal: &Refusal) {
        let lost_a_race = matches!(refusal, Refusal::NonceTaken | Refusal::Expired { .. } | Refusal::AuthorFull);
        if !lost_a_race {
            self.charge_refused(now, from);
        }
    }

    /// Charges a peer for a body that brought nothing, and that an honest one would hardly send.
    pub(crate) fn charge_refused(&mut self, now: Time, from: PeerHandle) {
        if let Some(peer) = self.peers.get_mut(&from) {
            peer.budget.spend(now, REFUSED_COST_BYTES);
        }
    }

    /// Lets a verified transaction into the mempool by the first link that has room for it: a submission's own, or that of a
    /// peer that sent it.
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
