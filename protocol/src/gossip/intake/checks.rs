//! What is in verification, what it costs its sender meanwhile, and which peers wait for which verdict.
//!
//! Promises that a job is charged to its sender from the moment it leaves until its verdict is back. A verdict
//! that comes twice, or for a job that never was, changes nothing. Deliberately absent: what a verdict means,
//! which is in `transactions`, and in `sync` for headers and blocks.

use alloc::collections::BTreeMap;
use alloc::sync::Arc;
use alloc::vec::Vec;

use super::header_checks::HeaderChecks;
use super::sender::{CheckedTransaction, Sender};
use crate::footprint::{block, tree};
use crate::gossip::Gossip;
use crate::gossip::api::{Output, PeerHandle};
use crate::gossip::links::peer::Peer;
use crate::gossip::links::peers::Peers;
use crate::items::block::{Block, SignedHeader};
use crate::items::hash::BlockId;
use crate::items::transaction::SignedTransaction;
use crate::items::verify::{JobId, SentBy, Verdict, VerifyJob};
use crate::ledger::chain::Standing;
use crate::limits::CHECKS_LOCAL_MAX;
use crate::sorted::SortedMap;
use crate::time::Time;

/// Everything that is in verification.
#[derive(Debug, Default)]
pub(crate) struct Checks {
    jobs: SortedMap<JobId, Checking>,
    /// The headers in verification, and the peers that announced them meanwhile.
    pub(crate) headers: HeaderChecks,
    /// Blocks whose transactions are in verification, in one job or several.
    bodies: BTreeMap<BlockId, CheckedBlock>,
    /// Submitted items.
    local: usize,
    last_job: u64,
}

/// Something in verification, and what it costs its sender meanwhile.
#[derive(Debug)]
pub(crate) struct Checking {
    pub(crate) what: Checked,
    pub(crate) from: Option<PeerHandle>,
    pub(crate) bytes: usize,
}

#[derive(Debug)]
pub(crate) enum Checked {
    Transaction(CheckedTransaction),
    /// Headers that follow each other, all from one message, and how they came.
    Headers(Vec<SignedHeader>, Standing),
    /// A block that came with a header that isn't in the tree.
    Block(Arc<Block>),
    /// Some of the transactions of a block whose header is known.
    BlockPart(BlockId),
}

/// A block whose header is known and whose transactions' signatures are being checked.
#[derive(Debug)]
pub(crate) struct CheckedBlock {
    pub(crate) header: SignedHeader,
    pub(crate) transactions: Vec<Arc<SignedTransaction>>,
    pub(crate) from: Option<PeerHandle>,
    pub(crate) bytes: usize,
    /// Jobs that are not back yet.
    pub(crate) pending: usize,
    pub(crate) valid: bool,
}

impl Checking {
    /// What its sender is charged for. No frame is longer than 4 GiB.
    fn charge(&self) -> u32 {
        u32::try_from(self.bytes).unwrap_or(u32::MAX)
    }
}

impl Checks {
    /// The memory of a job for one transaction, beside its encoded bytes: its entry, the transaction, and a list of
    /// senders with room for four.
    pub(crate) const JOB_BYTES: usize =
        tree(size_of::<(JobId, Checking)>()) + SignedTransaction::HELD_BYTES + block(4 * size_of::<Sender>());

    /// The name of the next job.
    pub(crate) fn next_job(&mut self) -> JobId {
        self.last_job = self.last_job.saturating_add(1);
        JobId(self.last_job)
    }

    /// A job leaves: its sender is charged for it.
    pub(crate) fn begin(&mut self, peers: &mut Peers, job: JobId, checking: Checking) {
        match checking.from.and_then(|from| peers.get_mut(&from)) {
            Some(peer) => {
                peer.checks = peer.checks.saturating_add(1);
                peer.check_bytes = peer.check_bytes.saturating_add(checking.charge());
            }
            None if checking.from.is_none() => self.local = self.local.saturating_add(1),
            None => {}
        }
        self.jobs.insert(job, checking);
    }

    /// A job is done: its sender is no longer charged for it.
    pub(crate) fn finish(&mut self, peers: &mut Peers, job: JobId) -> Option<Checking> {
        let checking = self.jobs.remove(&job)?;
        match checking.from.and_then(|from| peers.get_mut(&from)) {
            Some(peer) => {
                peer.checks = peer.checks.saturating_sub(1);
                peer.check_bytes = peer.check_bytes.saturating_sub(checking.charge());
            }
            None if checking.from.is_none() => self.local = self.local.saturating_sub(1),
            None => {}
        }
        Some(checking)
    }

    /// The peer that sent what a job checks.
    pub(crate) fn sender(&self, job: JobId) -> Option<PeerHandle> {
        self.jobs.get(&job).and_then(|checking| checking.from)
    }

    /// Whether as many submitted items are in verification as may be at once.
    pub(crate) const fn is_busy(&self) -> bool {
        self.local >= CHECKS_LOCAL_MAX
    }

    /// The transaction that a job checks.
    pub(crate) fn transaction_of(&self, job: JobId) -> Option<&CheckedTransaction> {
        match self.jobs.get(&job)? {
            Checking { what: Checked::Transaction(checked), .. } => Some(checked),
            Checking { .. } => None,
        }
    }

    /// The same, to change what is known of it.
    pub(crate) fn transaction_mut(&mut self, job: JobId) -> Option<&mut CheckedTransaction> {
        match self.jobs.get_mut(&job)? {
            Checking { what: Checked::Transaction(checked), .. } => Some(checked),
            Checking { .. } => None,
        }
    }

    /// A block waits for the verdicts on its transactions.
    pub(crate) fn await_block(&mut self, id: BlockId, checked: CheckedBlock) {
        self.bodies.insert(id, checked);
    }

    /// A block whose transactions are in verification.
    pub(crate) fn block(&self, id: &BlockId) -> Option<&CheckedBlock> {
        self.bodies.get(id)
    }

    /// One job of a block is back. Returns the block, if it was the last job.
    pub(crate) fn part_done(&mut self, id: &BlockId, verdict: Verdict) -> Option<CheckedBlock> {
        let checked = self.bodies.get_mut(id)?;
        checked.pending = checked.pending.saturating_sub(1);
        checked.valid &= verdict == Verdict::Valid;
        if checked.pending > 0 {
            return None;
        }
        self.bodies.remove(id)
    }

    /// Whether a block, or its header, is in verification.
    pub(crate) fn has_block(&self, id: &BlockId) -> bool {
        self.headers.contains(id) || self.bodies.contains_key(id)
    }

    /// Jobs that are out, and how many of them are for submitted items.
    pub(crate) fn len(&self) -> (usize, usize) {
        (self.jobs.len(), self.local)
    }

    /// Reads a field of each part, so that all of this struct is in the processor's cache.
    #[cfg(feature = "simulator")]
    pub(crate) fn foresee(&self) -> u64 {
        let counts = [self.jobs.len(), self.headers.len(), self.bodies.len()];
        counts.iter().fold(self.last_job, |sum, count| sum.wrapping_add(*count as u64))
    }
}

impl Gossip {
    /// Hands a job out and charges its sender until the verdict is back.
    pub(crate) fn check(&mut self, job: VerifyJob, checking: Checking) {
        self.checks.begin(&mut self.peers, job.id, checking);
        self.outputs.push_back(Output::Verify(job));
    }

    pub(crate) fn new_job(
        &mut self,
        from: Option<PeerHandle>,
        headers: Vec<SignedHeader>,
        transactions: Vec<Arc<SignedTransaction>>,
    ) -> VerifyJob {
        let sent_by = match from {
            None => SentBy::Ourselves,
            // A link that is gone has nothing to lose.
            Some(from) if self.peers.get(&from).is_none_or(Peer::is_on_trial) => SentBy::OnTrial(from.0),
            Some(from) => SentBy::Link(from.0),
        };
        let (id, network) = (self.checks.next_job(), self.config.network.clone());
        VerifyJob { id, sent_by, network, headers, transactions, statements: Vec::new() }
    }

    /// A verdict is back. The machine that had the job made decides what it means.
    pub(crate) fn on_verified(&mut self, now: Time, job: JobId, verdict: Verdict) {
        if self.take_statement_verdict(now, job, verdict) || self.take_ticket_verdict(now, job, verdict) {
            return;
        }
        if let Some(checked) = self.checks.transaction_of(job)
            && verdict == Verdict::Valid
            && self.is_first_unknown(checked.transaction())
        {
            let id = checked.transaction().id();
            return self.put_off_admission(now, job, id);
        }
        // A verdict that comes twice, or for a job that never was, changes nothing.
        let Some(Checking { what, from, .. }) = self.checks.finish(&mut self.peers, job) else { return };
        match what {
            Checked::Transaction(checked) => self.on_checked_transaction(now, checked, verdict),
            Checked::Headers(headers, standing) => {
                self.on_checked_headers(now, from, &headers, standing, verdict);
            }
            Checked::Block(block) => self.on_checked_block(now, from, &block, verdict),
            Checked::BlockPart(id) => self.on_checked_part(now, id, verdict),
        }
    }
}
