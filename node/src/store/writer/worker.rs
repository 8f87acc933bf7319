//! The thread that owns the store: it commits groups and answers questions, until nothing is left.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::{mpsc, watch};

use super::queue::{Question, Submission};
use super::{Answer, Kept, Shared};
use crate::store::Store;
use crate::store::error::StoreError;

/// The thread that owns the store.
pub(super) struct Worker {
    pub(super) store: Box<dyn Store>,
    pub(super) shared: Arc<Shared>,
    pub(super) answers: mpsc::UnboundedSender<Answer>,
    pub(super) progress: watch::Sender<Kept>,
}

impl Worker {
    pub(super) fn run(mut self) {
        loop {
            let committed = self.progress.borrow().committed;
            let Some(turn) = self.shared.next(committed) else { return };
            for question in turn.questions {
                self.answer(question);
            }
            if !turn.group.is_empty() {
                self.commit(turn.group);
            }
        }
    }

    fn commit(&mut self, group: Vec<Submission>) {
        let (mut number, mut bytes, mut records) = (0, 0_usize, Vec::new());
        for submission in group {
            number = submission.number;
            bytes = bytes.saturating_add(submission.bytes);
            records.extend(submission.records);
        }
        let began = Instant::now();
        match self.store.commit(&records) {
            Ok(()) => {
                let took = began.elapsed();
                self.shared.lock().committed(&records, bytes);
                // Both are sent at once: a caller that waits for the one may read the other.
                let totals = self.store.totals();
                self.progress.send_modify(|kept| {
                    kept.committed = number;
                    kept.totals = totals;
                    let written = &mut kept.written;
                    written.commits += 1;
                    written.records += records.len() as u64;
                    written.bytes += bytes as u64;
                    written.took += took;
                });
            }
            Err(error) => self.fail(error),
        }
    }

    /// Nothing more is kept.
    fn fail(&self, error: StoreError) {
        tracing::error!(%error, "the store failed");
        self.shared.lock().fail();
        self.progress.send_modify(|progress| {
            progress.failure.get_or_insert_with(|| Arc::new(error));
        });
    }

    /// The asker may no longer be waiting; then the answer is dropped.
    fn answer(&mut self, question: Question) {
        match question {
            Question::Load(load) => {
                let loaded = self.store.load(&load);
                let _ = self.answers.send(Answer { load, loaded });
            }
            Question::Transaction(id, reply) => {
                let found = self.store.transaction(&id);
                let _ = reply.send(self.told(found));
            }
            Question::SavePeers(peers, reply) => {
                let saved = self.store.save_peers(&peers);
                let _ = reply.send(self.told(saved));
            }
            Question::SaveNote(note, bytes, reply) => {
                let saved = self.store.save_note(note, &bytes);
                let _ = reply.send(self.told(saved));
            }
            Question::Prune(target, reply) => {
                let pruned = self.store.prune(target);
                self.tell_totals();
                let _ = reply.send(self.told(pruned));
            }
        }
    }

    /// The answer for the asker. If the store failed, `Writer::progress` tells the reason, and the asker gets
    /// `Poisoned`.
    fn told<T>(&self, done: Result<T, StoreError>) -> Result<T, StoreError> {
        match done {
            Err(error) if !matches!(error, StoreError::TooMany { .. }) => {
                self.fail(error);
                Err(StoreError::Poisoned)
            }
            done => done,
        }
    }

    fn tell_totals(&self) {
        let totals = self.store.totals();
        self.progress.send_modify(|progress| progress.totals = totals);
    }
}
