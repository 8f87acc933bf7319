//! Why a body came: reads what the tracker, the routes and the conversations know of it at that moment. Changes
//! nothing, so no decision can depend on it.

use alloc::sync::Arc;

use super::sender::Sender;
use crate::gossip::Gossip;
use crate::gossip::api::{ArrivalCause, PeerHandle, Refusal};
use crate::gossip::fetch::request::RequestKey;
use crate::gossip::fetch::request::readings::Errand;
use crate::items::hash::{BlockId, RouteId, RouteKind, TxId};
use crate::items::transaction::SignedTransaction;

impl Gossip {
    /// Why this peer was asked for a transaction; `None` if its body answers no request. Must be read before the
    /// body settles the request.
    pub(super) fn errand(&self, from: PeerHandle, id: &TxId) -> Option<Errand> {
        let short = self.requests.errand(from, RequestKey::Short(id.short()));
        short.or_else(|| self.requests.errand(from, RequestKey::Full(*id)))
    }

    /// Why a transaction came. `fresh` is the transaction, if nothing of it was here.
    pub(super) fn why_it_came(
        &self,
        sender: &Sender,
        id: &TxId,
        errand: Option<Errand>,
        fresh: Option<&Result<Arc<SignedTransaction>, Refusal>>,
    ) -> ArrivalCause {
        let Some(errand) = errand.filter(|_| !sender.is_pushed()) else {
            let fresh = fresh.and_then(|looked| looked.as_deref().ok());
            return self.why_pushed(sender, id, fresh);
        };
        let offered = self.peers.get(&sender.peer).and_then(|peer| peer.dealings.offered());
        match (offered.filter(|offered| offered.places.contains_key(&id.short())), errand) {
            (Some(offered), _) if offered.listed => ArrivalCause::List,
            (Some(_), _) => ArrivalCause::Sketch,
            (None, Errand::Retry) => ArrivalCause::Retry,
            (None, Errand::AfterHold) => ArrivalCause::AfterGrace,
            (None, Errand::Promised | Errand::News | Errand::Other) => ArrivalCause::Announced,
        }
    }

    /// Why a peer sends the body of a block. Must be read before the body settles the request.
    pub(crate) fn why_block_came(&self, from: PeerHandle, id: BlockId) -> ArrivalCause {
        match self.requests.errand(from, RequestKey::Block(id)) {
            None | Some(Errand::Promised) if self.relay.grafts() => ArrivalCause::AuthorRoute,
            None | Some(Errand::Promised) => ArrivalCause::Policy,
            Some(Errand::Retry) => ArrivalCause::Retry,
            Some(Errand::AfterHold) => ArrivalCause::AfterGrace,
            Some(Errand::News) => ArrivalCause::Announced,
            Some(Errand::Other) => ArrivalCause::CatchUp,
        }
    }

    fn why_pushed(&self, sender: &Sender, id: &TxId, fresh: Option<&SignedTransaction>) -> ArrivalCause {
        // A second copy comes after the first has taught its route, or while the first is in verification.
        let checked = || {
            let job = self.inventory.standing(id).job?;
            Some(&**self.checks.transaction_of(job)?.transaction())
        };
        let author = || {
            let transaction = fresh.or_else(checked)?;
            Some(RouteId::of(RouteKind::Transaction, &transaction.author().0))
        };
        self.relay.why_pushed(sender.peer, sender.via, author)
    }
}
