//! The work that waits for the store's thread: records to commit, and questions. It says what is next, and when.
//!
//! Pure: no thread, no lock, no clock; times are arguments. Its promises are at the head of `writer.rs`.

use std::collections::{HashMap, VecDeque};
use std::sync::Arc;
use std::time::Duration;

use protocol::items::block::Block;
use protocol::items::hash::{BlockId, TxId};
use protocol::ledger::durable::{Load, Loaded, Record};
use protocol::time::Time;
use tokio::sync::oneshot;

use super::{AWAITED_WAIT, Awaited, GROUP_BYTES_ENOUGH, GROUP_BYTES_MAX, QUESTIONS_MAX, WriterBusy};
use crate::store::error::StoreError;
use crate::store::peers::KnownPeer;
use crate::store::{FoundTransaction, Note, PruneTarget, Pruned};

/// The memory of a record besides the bytes of its items: the record itself and its place in the queue.
const QUEUED_RECORD_BYTES: usize = 64;

/// The queue.
#[derive(Debug, Default)]
pub(super) struct Queue {
    submissions: VecDeque<Submission>,
    /// Bytes of submissions that are not committed, those in hand included.
    backlog_bytes: usize,
    submitted: u64,
    /// When the submissions that aren't committed are to be committed.
    due: Option<Time>,
    questions: VecDeque<(u64, Question)>,
    /// Blocks in submissions that are not committed.
    blocks: HashMap<BlockId, Waiting>,
    failed: bool,
    closing: bool,
}

/// A block in a submission, and the ids of its transactions.
#[derive(Debug)]
struct Waiting {
    block: Arc<Block>,
    ids: Arc<[TxId]>,
}

/// Records that are committed together or not at all.
#[derive(Debug)]
pub(super) struct Submission {
    pub(super) number: u64,
    pub(super) bytes: usize,
    pub(super) records: Vec<Record>,
}

/// Each question comes with the number of the submission that it must see.
#[derive(Debug)]
pub(super) enum Question {
    Load(Load),
    Transaction(TxId, oneshot::Sender<Result<Option<FoundTransaction>, StoreError>>),
    SavePeers(Vec<KnownPeer>, oneshot::Sender<Result<(), StoreError>>),
    SaveNote(Note, Vec<u8>, oneshot::Sender<Result<(), StoreError>>),
    Prune(PruneTarget, oneshot::Sender<Result<Pruned, StoreError>>),
}

/// What the thread does next.
pub(super) struct Turn {
    pub(super) group: Vec<Submission>,
    pub(super) questions: Vec<Question>,
}

impl Queue {
    /// Takes records, which may wait for others for `wait`. Returns their number, or the last number if there are
    /// none, and whether the thread is to be woken. It stays asleep if it would only see that it has to wait.
    pub(super) fn submit(
        &mut self,
        records: Vec<Record>,
        awaited: Awaited,
        wait: Duration,
        now: Time,
    ) -> (u64, bool) {
        if !records.is_empty() {
            self.take(records);
            self.due.get_or_insert(now + wait.into());
        }
        if awaited == Awaited::Yes {
            let soon = now + AWAITED_WAIT.into();
            self.due = self.due.map(|due| due.min(soon));
        }
        let first = self.submissions.len() == 1;
        (self.submitted, awaited == Awaited::Yes || first || self.is_enough())
    }

    /// Takes a question.
    pub(super) fn ask(&mut self, question: Question) -> Result<(), WriterBusy> {
        if self.questions.len() >= QUESTIONS_MAX {
            return Err(WriterBusy);
        }
        // Peers cause loads, which therefore do not cause an earlier commit. A block that isn't in the queue is in
        // the store or nowhere, and the engine has the newest headers in memory.
        let after = if matches!(question, Question::Load(_)) { 0 } else { self.submitted };
        self.questions.push_back((after, question));
        Ok(())
    }

    /// A group of this number of bytes was committed.
    pub(super) fn committed(&mut self, records: &[Record], bytes: usize) {
        self.backlog_bytes = self.backlog_bytes.saturating_sub(bytes);
        for record in records {
            if let Record::Block { block, .. } = record {
                self.blocks.remove(&block.header.id());
            }
        }
    }

    /// Nothing more is kept. Waiting work is given up, so that the queue stays empty from now on.
    pub(super) fn fail(&mut self) {
        self.failed = true;
        self.submissions.clear();
        self.due = None;
        self.backlog_bytes = 0;
        self.blocks.clear();
    }

    /// Nothing more comes: everything that is here is due.
    pub(super) const fn close(&mut self) {
        self.closing = true;
    }

    pub(super) const fn is_closing(&self) -> bool {
        self.closing
    }

    /// When the submissions that aren't committed are to be committed.
    pub(super) const fn due(&self) -> Option<Time> {
        self.due
    }

    /// Bytes of submissions that are not committed.
    pub(super) const fn backlog_bytes(&self) -> usize {
        self.backlog_bytes
    }

    fn take(&mut self, records: Vec<Record>) {
        self.submitted = self.submitted.saturating_add(1);
        if self.failed {
            return;
        }
        let bytes = records.iter().map(record_bytes).fold(0, usize::saturating_add);
        for record in &records {
            if let Record::Block { block, transactions } = record {
                let waiting = Waiting { block: Arc::clone(block), ids: Arc::clone(transactions) };
                self.blocks.insert(block.header.id(), waiting);
            }
        }
        self.backlog_bytes = self.backlog_bytes.saturating_add(bytes);
        self.submissions.push_back(Submission { number: self.submitted, bytes, records });
    }

    /// The answer to `load` from a submission that is not committed, if one has it.
    pub(super) fn queued(&self, load: &Load) -> Option<Loaded> {
        match load {
            Load::Block(id) => {
                let block = Arc::clone(&self.blocks.get(id)?.block);
                Some(Loaded::Block { id: *id, block: Some(block) })
            }
            Load::Contents(id) => {
                let ids = Arc::clone(&self.blocks.get(id)?.ids);
                Some(Loaded::Contents { id: *id, transactions: Some(ids) })
            }
            Load::HeadersAfter(_) | Load::First(_) => None,
        }
    }

    /// Whether so much waits that more would make a commit no cheaper.
    const fn is_enough(&self) -> bool {
        self.backlog_bytes >= GROUP_BYTES_ENOUGH
    }

    /// Whether what was submitted is to be committed now.
    fn is_due(&self, committed: u64, now: Time) -> bool {
        let asked = self.questions.iter().any(|(after, _)| *after > committed);
        let old = self.due.is_some_and(|due| due <= now);
        self.closing || asked || old || self.is_enough()
    }

    /// The questions that need not wait for anything, and the next group, if it is time for one.
    pub(super) fn turn(&mut self, committed: u64, now: Time) -> Turn {
        let ready = if self.failed { u64::MAX } else { committed };
        let mut questions = Vec::new();
        for _ in 0..self.questions.len() {
            match self.questions.pop_front() {
                Some((after, question)) if after <= ready => questions.push(question),
                Some(later) => self.questions.push_back(later),
                None => {}
            }
        }
        let (mut group, mut bytes) = (Vec::new(), 0_usize);
        if !self.is_due(committed, now) {
            return Turn { group, questions };
        }
        while bytes < GROUP_BYTES_MAX
            && let Some(submission) = self.submissions.pop_front()
        {
            bytes = bytes.saturating_add(submission.bytes);
            group.push(submission);
        }
        // The submissions that a full group left behind have waited already.
        self.due = self.due.filter(|_| !self.submissions.is_empty());
        Turn { group, questions }
    }
}

/// Roughly the memory that a record takes in the queue, in bytes.
fn record_bytes(record: &Record) -> usize {
    let items = match record {
        Record::Pending(transaction) => transaction.encoded().len(),
        Record::Gone(ids) => ids.len().saturating_mul(32),
        Record::Block { block, transactions } => block
            .transactions
            .iter()
            .fold(transactions.len().saturating_mul(64), |sum, transaction| sum.saturating_add(transaction.len())),
        Record::Best { blocks, .. } => blocks.len().saturating_mul(32),
        Record::Returned(_) => 32,
        Record::Dropped(ids) => ids.len().saturating_mul(32),
    };
    items.saturating_add(QUEUED_RECORD_BYTES)
}
