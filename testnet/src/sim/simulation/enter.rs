//! The items that enter: transactions of the workload at their authors' homes, and blocks at their producers.

use std::sync::Arc;

use bytes::Bytes;
use node::observe::trace::Kind;
use protocol::gossip::{Input, ItemId};
use protocol::items::block::Block;
use protocol::time::Duration;
use protocol::wire::codec::Encode as _;

use super::super::adversary::Entered;
use super::trace::Mark;
use super::{Happening, SimError, Simulation, word};
use crate::workload::Entry;

/// The clocks of the world show this time at its beginning, in milliseconds since 1970: the start of 2026.
pub const EPOCH_MS: u64 = 1_767_225_600_000;

impl Simulation {
    pub(super) fn schedule_submission(&mut self) -> Result<(), SimError> {
        if let Some(entry) = self.workload.next_entry()? {
            let due = Duration::from(entry.due);
            self.queue.push(self.load_from + due, Happening::Submit(Box::new(entry)));
        }
        Ok(())
    }

    pub(super) fn submit(&mut self, entry: &Entry) {
        self.ledger.offered(Kind::Transaction);
        // Adversaries have no honest users. Their users go to the next honest node.
        let Some(node) = self.honest_from(entry.node) else { return };
        if self.hosts[node].engine.is_none() || self.is_paused(node) {
            return;
        }
        let transaction = Arc::new(entry.transaction.clone());
        let id = ItemId::Transaction(transaction.id());
        self.submitted(id, transaction.encoded().len() as u64, node, entry.warm);
        self.enters(node, &Entered { id, encoded: transaction.encoded(), block: None });
        self.step(node, Input::SubmittedTransaction(transaction));
    }

    pub(super) fn on_block(&mut self, index: usize) -> Result<(), SimError> {
        let Some(&(_, node)) = self.blocks.get(index) else { return Ok(()) };
        let honest = self.hosts[node].is_honest();
        if honest {
            self.ledger.offered(Kind::Block);
        }
        let clock = self.hosts[node].local(self.now);
        let Some(engine) = self.hosts[node].engine.as_ref() else { return Ok(()) };
        let timestamp_ms = EPOCH_MS + clock.as_micros() / 1_000;
        let maker = self.makers.iter_mut().find(|(producer, _)| *producer == node);
        let block = match maker {
            Some((_, maker)) => maker.make(engine.tip(), timestamp_ms)?,
            None => {
                let key = crate::random::keys::node_key(self.seed, node);
                let (header, transactions) =
                    engine.block_template(key.public(), timestamp_ms, self.block_bytes_max);
                Block { header: header.sign(&key, &self.config.network), transactions }
            }
        };
        let block = Arc::new(block);
        let id = ItemId::Block(block.header.id());
        // The items of a node that breaks the rules are not part of the workload.
        if honest {
            let warm = index as u64 >= crate::workload::COLD_ITEMS;
            self.submitted(id, block.encoded_len() as u64, node, warm);
            self.enters(node, &Entered { id, encoded: &Bytes::new(), block: Some(&block) });
        }
        self.step(node, Input::SubmittedBlock(block));
        Ok(())
    }

    /// An item of the workload is being submitted.
    fn submitted(&mut self, id: ItemId, bytes: u64, node: usize, warm: bool) {
        if let Some(records) = &mut self.records {
            records.submitted(self.now, node, &id, bytes);
        }
        self.ledger.submitted(id, bytes, node, self.now, warm);
    }

    /// An item of the workload enters.
    fn enters(&mut self, node: usize, item: &Entered<'_>) {
        self.hash.note(self.now, Mark::Submitted, node, node, [word(&item.id), 0]);
        for checker in &mut self.checkers {
            checker.submitted(self.now, node, &item.id);
        }
        self.tell_adversaries(item);
    }

    fn tell_adversaries(&mut self, item: &Entered<'_>) {
        for node in 0..self.hosts.len() {
            if self.hosts[node].adversary.is_none() || self.hosts[node].engine.is_none() {
                continue;
            }
            let peers = self.hosts[node].peers();
            if let Some(adversary) = self.hosts[node].adversary.as_mut() {
                adversary.entered(self.now, *item, &peers, &mut self.sendings);
            }
            self.hosts[node].deeds += self.sendings.len() as u64;
            self.dispatch(node);
        }
    }

    fn honest_from(&self, node: usize) -> Option<usize> {
        let nodes = self.hosts.len();
        (0..nodes).map(|step| (node + step) % nodes).find(|&node| self.hosts[node].is_honest())
    }
}
