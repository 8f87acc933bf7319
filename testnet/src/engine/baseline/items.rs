//! The way of an item: it is decoded, checked if the variant requires it, relayed, accepted and counted.
//!
//! A block is relayed as soon as its header's signature and its root are checked. It is accepted when the
//! signatures of its transactions are checked too, except those that were checked here before.

use std::sync::Arc;

use bytes::Bytes;
use libp2p::PeerId;
use libp2p_gossipsub::{IdentTopic, Message, MessageAcceptance, MessageId, PublishError};
use node::clock::wall_ns;
use node::observe::trace::What;
use protocol::gossip::{ItemId, Refusal, Submission};
use protocol::items::block::{Block, Header, transactions_root};
use protocol::items::hash::{BlockId, TxId};
use protocol::items::transaction::SignedTransaction;
use protocol::items::verify::{JobId, SentBy, Verdict, VerifyJob};
use protocol::limits::BLOCK_JOB_SIGNATURES;
use protocol::wire::codec::{Decode as _, Encode as _};

use super::Form;
use super::pending::{Body, Check, Checked, Origin, Reply, reply_to};
use super::service::{Service, named};
use super::swarm::{BLOCK_TOPIC, TRANSACTION_TOPIC, is_block};

impl Service {
    pub(super) fn on_message(&mut self, peer: PeerId, message: MessageId, content: Message) {
        // The sender may be gone by now. Then its number is lost, but the item is not.
        let number = self.links.get_mut(&peer).map_or(u32::MAX, |link| {
            link.delivered = link.delivered.saturating_add(1);
            link.number
        });
        let bytes = content.data.len();
        let (block, data) = (is_block(&content.topic), Bytes::from(content.data));
        let origin = Origin::There { peer, number, message };
        if block {
            match Block::parse(&data) {
                Ok(block) => {
                    self.note_body(ItemId::Block(block.header.id()), bytes, number, false);
                    self.take_block(Arc::new(block), bytes, origin);
                }
                Err(error) => self.refuse(origin, Refusal::Malformed(error)),
            }
            return;
        }
        match SignedTransaction::parse(&data) {
            Ok(transaction) => {
                self.note_body(ItemId::Transaction(transaction.id()), bytes, number, false);
                self.take_transaction(Arc::new(transaction), origin);
            }
            Err(error) => self.refuse(origin, Refusal::Malformed(error)),
        }
    }

    pub(super) fn on_submitted_transaction(&mut self, transaction: Arc<SignedTransaction>, reply: Reply) {
        if self.ledger.has_transaction(&transaction.id()) {
            return reply_to(Some(reply), Ok(Submission::Held));
        }
        self.take_transaction(transaction, Origin::Here(Some(reply)));
    }

    pub(super) fn on_submitted_block(&mut self, block: Arc<Block>, reply: Reply) {
        if self.ledger.has_block(&block.header.id()) {
            return reply_to(Some(reply), Ok(Submission::Held));
        }
        let bytes = block.encoded_len();
        self.take_block(block, bytes, Origin::Here(Some(reply)));
    }

    /// Makes a block of the transactions that were accepted since the last one. It is empty if there are none.
    pub(super) fn produce(&mut self) {
        let (ids, transactions): (Vec<TxId>, Vec<Bytes>) = self.ledger.take_waiting().into_iter().unzip();
        let (tip, key) = (self.ledger.tip(), self.config.key.clone());
        let header = Header {
            height: tip.height.saturating_add(1),
            parent: tip.id,
            producer: key.public(),
            timestamp_ms: wall_ns() / 1_000_000,
            transactions_root: transactions_root(&ids),
            count: u32::try_from(ids.len()).unwrap_or(u32::MAX),
        };
        let block = Block { header: header.sign(&key, &self.config.network), transactions };
        let bytes = block.encoded_len();
        self.recorder.submitted(ItemId::Block(block.header.id()), bytes);
        self.take_block(Arc::new(block), bytes, Origin::Here(None));
    }

    pub(super) fn on_verdict(&mut self, job: JobId, verdict: Verdict) {
        let Some(check) = self.checks.remove(&job) else { return };
        let good = verdict == Verdict::Valid;
        match check {
            Check::Transaction { origin, .. } | Check::Header { origin, .. } if !good => {
                self.refuse(origin, Refusal::InvalidSignature);
            }
            Check::Transaction { transaction, origin } => self.pass_on_transaction(&transaction, origin),
            Check::Header { body, origin } => self.pass_on_block(body, origin),
            Check::Part(block) => self.on_checked_part(block, good),
        }
    }

    fn take_transaction(&mut self, transaction: Arc<SignedTransaction>, origin: Origin) {
        if self.form == Form::Signed {
            return self.pass_on_transaction(&transaction, origin);
        }
        let job = self.job(Vec::new(), vec![Arc::clone(&transaction)]);
        self.check(job, Check::Transaction { transaction, origin });
    }

    fn take_block(&mut self, block: Arc<Block>, bytes: usize, origin: Origin) {
        let ids: Vec<TxId> = block.transactions.iter().map(|body| SignedTransaction::id_of(body)).collect();
        let body = Box::new(Body { block, ids, bytes });
        if self.form == Form::Signed {
            return self.pass_on_block(body, origin);
        }
        let header = body.block.header;
        let root = header.header().transactions_root == transactions_root(&body.ids);
        if !root || usize::try_from(header.header().count) != Ok(body.ids.len()) {
            return self.refuse(origin, Refusal::WrongRoot);
        }
        if matches!(origin, Origin::There { .. }) && !self.config.producers.allows(&header.header().producer) {
            return self.refuse(origin, Refusal::ProducerNotAllowed);
        }
        let job = self.job(vec![header], Vec::new());
        self.check(job, Check::Header { body, origin });
    }

    fn pass_on_transaction(&mut self, transaction: &SignedTransaction, origin: Origin) {
        let (item, encoded) = (ItemId::Transaction(transaction.id()), transaction.encoded());
        if let Err(refusal) = self.pass_on(TRANSACTION_TOPIC, &origin, || encoded.to_vec()) {
            return self.refuse(origin, refusal);
        }
        let new = self.ledger.accept(transaction.id(), encoded);
        if new {
            self.counters.transactions_accepted = self.counters.transactions_accepted.saturating_add(1);
            self.note_accepted(item, encoded.len(), origin.number(), false);
        }
        origin.tell(Ok(if new { Submission::Accepted } else { Submission::Held }));
    }

    /// Relays a block, and checks those of its transactions that were not checked.
    fn pass_on_block(&mut self, body: Box<Body>, origin: Origin) {
        if let Err(refusal) = self.pass_on(BLOCK_TOPIC, &origin, || body.block.to_bytes()) {
            return self.refuse(origin, refusal);
        }
        let mut unchecked = Vec::new();
        if self.form == Form::Anonymous {
            let unknown = body.ids.iter().zip(&body.block.transactions);
            for (_, encoded) in unknown.filter(|(id, _)| !self.ledger.has_transaction(id)) {
                match SignedTransaction::parse(encoded) {
                    Ok(transaction) => unchecked.push(Arc::new(transaction)),
                    Err(error) => return self.refuse_passed(origin, Refusal::Malformed(error)),
                }
            }
        }
        let block = body.block.header.id();
        let parts = unchecked.chunks(BLOCK_JOB_SIGNATURES);
        if parts.len() == 0 {
            return self.connect(&body, origin);
        }
        self.checked.insert(block, Checked { body, origin, pending: parts.len(), good: true });
        for part in parts {
            let job = self.job(Vec::new(), part.to_vec());
            self.check(job, Check::Part(block));
        }
    }

    /// One job of a block has returned. When the last one has returned, the block is accepted or refused.
    fn on_checked_part(&mut self, block: BlockId, good: bool) {
        let Some(checked) = self.checked.get_mut(&block) else { return };
        checked.pending = checked.pending.saturating_sub(1);
        checked.good &= good;
        if checked.pending > 0 {
            return;
        }
        match self.checked.remove(&block) {
            Some(Checked { body, origin, good: true, .. }) => self.connect(&body, origin),
            Some(Checked { origin, .. }) => self.refuse_passed(origin, Refusal::InvalidSignature),
            None => {}
        }
    }

    fn connect(&mut self, body: &Body, origin: Origin) {
        let header = &body.block.header;
        let before = self.ledger.tip();
        let Some(new) = self.ledger.connect(header, &body.ids) else {
            return origin.tell(Ok(Submission::Held));
        };
        let from = origin.number();
        self.counters.blocks_accepted = self.counters.blocks_accepted.saturating_add(1);
        self.note_accepted(ItemId::Block(header.id()), body.bytes, from, false);
        let lengths: std::collections::HashMap<&TxId, usize> =
            body.ids.iter().zip(body.block.transactions.iter().map(Bytes::len)).collect();
        for id in new {
            self.counters.transactions_accepted = self.counters.transactions_accepted.saturating_add(1);
            let bytes = lengths.get(&id).copied().unwrap_or_default();
            self.note_accepted(ItemId::Transaction(id), bytes, from, true);
        }
        let tip = self.ledger.tip();
        if tip != before {
            self.recorder.record(What::Tip { item: tip.id.short(), height: tip.height, disconnected: 0 });
        }
        origin.tell(Ok(Submission::Accepted));
    }

    /// Publishes an item that entered here. An item that entered elsewhere is relayed to the mesh by gossipsub. If
    /// gossipsub waits for our verdict, the verdict is given; otherwise gossipsub has relayed the item already.
    fn pass_on(&mut self, topic: &str, origin: &Origin, data: impl FnOnce() -> Vec<u8>) -> Result<(), Refusal> {
        let gossipsub = &mut self.swarm.behaviour_mut().gossipsub;
        match origin {
            Origin::Here(_) => match gossipsub.publish(IdentTopic::new(topic), data()) {
                // No peer is there to take the item, or the item came from elsewhere at the same moment. In both
                // cases the item is here, and that counts.
                Ok(_) | Err(PublishError::NoPeersSubscribedToTopic | PublishError::Duplicate) => Ok(()),
                Err(_) => Err(Refusal::Busy),
            },
            Origin::There { peer, message, .. } => {
                if self.form == Form::Anonymous {
                    // False if gossipsub has forgotten it meanwhile. Then it is not relayed from here.
                    gossipsub.report_message_validation_result(message, peer, MessageAcceptance::Accept);
                }
                Ok(())
            }
        }
    }

    fn refuse(&mut self, origin: Origin, refusal: Refusal) {
        if let (Origin::There { peer, message, .. }, Form::Anonymous) = (&origin, self.form) {
            let gossipsub = &mut self.swarm.behaviour_mut().gossipsub;
            gossipsub.report_message_validation_result(message, peer, MessageAcceptance::Reject);
        }
        self.refuse_passed(origin, refusal);
    }

    /// Refuses an item for which gossipsub waits for our verdict.
    fn refuse_passed(&mut self, origin: Origin, refusal: Refusal) {
        self.counters.refused = self.counters.refused.saturating_add(1);
        origin.tell(Err(refusal));
    }

    fn note_accepted(&mut self, item: ItemId, bytes: usize, from: Option<u32>, within: bool) {
        let (kind, item) = named(item);
        self.recorder.record(What::Accepted { kind, item, bytes: bytes as u64, from, within });
    }

    fn job(
        &mut self,
        headers: Vec<protocol::items::block::SignedHeader>,
        transactions: Vec<Arc<SignedTransaction>>,
    ) -> VerifyJob {
        self.jobs = self.jobs.saturating_add(1);
        // No link of a comparison is on trial: the pool checks what is waiting in batches, as it does for Hearsay.
        let (id, sent_by) = (JobId(self.jobs), SentBy::Ourselves);
        VerifyJob {
            id,
            sent_by,
            network: self.config.network.clone(),
            headers,
            transactions,
            statements: Vec::new(),
        }
    }

    fn check(&mut self, job: VerifyJob, check: Check) {
        self.checks.insert(job.id, check);
        self.submit(job);
    }
}
