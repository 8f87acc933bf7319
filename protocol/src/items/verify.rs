//! Signature checks as work to hand out: the engine asks for them, the driver runs them where it chooses (on a
//! pool, or from memory in a simulator), and the verdict comes back as an input.
//!
//! [`check_together`] checks what is waiting in batches. Its verdicts are those of [`VerifyJob::run`], which checks
//! one signature after the other:
//!
//! * **A batch** is of at most [`BATCH_SIGNATURES_MAX`] signatures that are there. Nothing waits to fill one. A job
//!   of more signatures, such as a block's, is split.
//! * **A stranger is checked alone.** Signatures of a link on trial are put into batches of this link only.
//!   *Rationale:* a bad signature makes the whole batch run again, and a new link costs nothing. So strangers would
//!   make the checks of all others run twice.
//! * **A batch that fails** is checked again by sender, and what a sender with a bad signature sent is checked one by
//!   one. Signatures behind a job's first bad one are left out.
//!
//! Deliberately absent: who is on trial, which the engine knows, and what follows from a verdict.

use alloc::sync::Arc;
use alloc::vec;
use alloc::vec::Vec;

use super::batch::all_hold;
use super::block::SignedHeader;
use super::keys::{Equation, PublicKey, VerifyingKey};
use super::member::Statement;
use super::member::epoch::Epoch;
use super::member::ticket::Ticket;
use super::network::NetworkId;
use super::transaction::SignedTransaction;
use crate::limits::BATCH_SIGNATURES_MAX;

/// Names one outstanding job. Not reused in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// The sender of what a job checks. It decides what may be checked together.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum SentBy {
    /// It entered at this node.
    Ourselves,
    /// The link of this number, which has delivered enough good items.
    Link(u32),
    /// The link of this number, which has not.
    OnTrial(u32),
}

/// Signatures to check. The verdict tells up to where they are good, so that one bad signature does not affect
/// those before it.
#[derive(Clone, Debug)]
pub struct VerifyJob {
    /// To be given back with the verdict.
    pub id: JobId,
    /// The sender of all of it.
    pub sent_by: SentBy,
    /// The network that the signatures must be for.
    pub network: NetworkId,
    /// Headers to check.
    pub headers: Vec<SignedHeader>,
    /// Transactions to check.
    pub transactions: Vec<Arc<SignedTransaction>>,
    /// Statements and tickets of members to check.
    pub statements: Vec<Signed>,
}

/// Something that a member signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Signed {
    /// A statement.
    Statement(Statement),
    /// A ticket, for this epoch.
    Ticket(Arc<Epoch>, Ticket),
}

/// The outcome of a [`VerifyJob`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every signature is good.
    Valid,
    /// One is not good, or its key is not usable. Nothing is known of the signatures behind it. (A header that
    /// follows a bad one names the bad one as its parent, and a block with a bad transaction is no block.)
    Invalid {
        /// How many are good before it: headers are counted first, then transactions, then
        /// statements and tickets.
        first: usize,
    },
}

/// What a round of checks found, and what it took.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tally {
    /// The verdicts, in the order of the jobs.
    pub verdicts: Vec<Verdict>,
    /// Equations of several signatures.
    pub batches: usize,
    /// Signatures that were checked alone.
    pub alone: usize,
}

/// Checks all jobs. `key` decompresses a public key, or returns an
/// earlier decompression. `secret` must be unknown to the peers ([`all_hold`]).
pub fn check_together(
    jobs: &[VerifyJob],
    secret: &[u8; 32],
    mut key: impl FnMut(&PublicKey) -> Option<VerifyingKey>,
) -> Tally {
    let mut by_sender: Vec<(usize, &VerifyJob)> = jobs.iter().enumerate().collect();
    by_sender.sort_by_key(|(_, job)| job.sent_by);
    let done = Tally { verdicts: vec![Verdict::Valid; jobs.len()], batches: 0, alone: 0 };
    let mut checks = Batcher { secret, batch: Vec::new(), done };
    for group in by_sender.chunk_by(|(_, one), (_, next)| one.sent_by.may_join(next.sent_by)) {
        for (number, job) in group {
            checks.take(*number, job, &mut key);
        }
        checks.settle();
    }
    checks.done
}

impl SentBy {
    /// Whether signatures of two senders may be in one batch.
    fn may_join(self, other: Self) -> bool {
        self == other || !matches!((self, other), (Self::OnTrial(_), _) | (_, Self::OnTrial(_)))
    }
}

impl VerifyJob {
    /// How many signatures the job has.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.headers.len().saturating_add(self.transactions.len()).saturating_add(self.statements.len())
    }

    /// Checks the signatures one after the other, and stops at the first bad one. `key` is as in
    /// [`check_together`].
    pub fn run(&self, mut key: impl FnMut(&PublicKey) -> Option<VerifyingKey>) -> Verdict {
        let bad = (0..self.signatures())
            .find(|place| !self.equation(*place, &mut key).is_some_and(|equation| equation.holds()));
        bad.map_or(Verdict::Valid, |first| Verdict::Invalid { first })
    }

    /// The equation of the signature at a place, unless it is bad as it stands.
    fn equation(
        &self,
        place: usize,
        key: &mut impl FnMut(&PublicKey) -> Option<VerifyingKey>,
    ) -> Option<Equation> {
        if let Some(header) = self.headers.get(place) {
            return header.equation(&key(&header.header().producer)?, &self.network);
        }
        let place = place.checked_sub(self.headers.len())?;
        if let Some(transaction) = self.transactions.get(place) {
            return transaction.equation(&key(&transaction.author())?, &self.network);
        }
        match self.statements.get(place.checked_sub(self.transactions.len())?)? {
            Signed::Statement(statement) => statement.equation(&key(&statement.signer())?, &self.network),
            Signed::Ticket(epoch, ticket) => ticket.equation(&key(&ticket.member)?, &self.network, epoch),
        }
    }
}

/// A round of checks: the batch that is being filled, and what is known of each job so far.
struct Batcher<'a> {
    secret: &'a [u8; 32],
    batch: Vec<Placed>,
    done: Tally,
}

/// An equation, and where it comes from.
struct Placed {
    equation: Equation,
    sent_by: SentBy,
    job: usize,
    place: usize,
}

impl Batcher<'_> {
    /// Adds a job's signatures to the batch, which is checked whenever it is full.
    fn take(&mut self, number: usize, job: &VerifyJob, key: &mut impl FnMut(&PublicKey) -> Option<VerifyingKey>) {
        for place in 0..job.signatures() {
            if !self.matters(number, place) {
                return;
            }
            match job.equation(place, key) {
                Some(equation) => self.batch.push(Placed { equation, sent_by: job.sent_by, job: number, place }),
                None => self.note_bad(number, place),
            }
            if self.batch.len() >= BATCH_SIGNATURES_MAX {
                self.settle();
            }
        }
    }

    /// Checks what is in the batch.
    fn settle(&mut self) {
        let batch = core::mem::take(&mut self.batch);
        if !self.holds(&batch) {
            for part in batch.chunk_by(|one, next| one.sent_by == next.sent_by) {
                // The batch of one sender has been checked as a whole already.
                if part.len() == batch.len() || !self.holds(part) {
                    self.check_one_by_one(part);
                }
            }
        }
        self.batch = batch;
        self.batch.clear();
    }

    /// Whether all are known to be good by one equation. A single one is left to [`Batcher::check_one_by_one`].
    fn holds(&mut self, part: &[Placed]) -> bool {
        if part.len() < 2 {
            return false;
        }
        self.done.batches = self.done.batches.saturating_add(1);
        all_hold(part.iter().map(|placed| &placed.equation), self.secret)
    }

    fn check_one_by_one(&mut self, part: &[Placed]) {
        for Placed { equation, job, place, .. } in part {
            if self.matters(*job, *place) {
                self.done.alone = self.done.alone.saturating_add(1);
                if !equation.holds() {
                    self.note_bad(*job, *place);
                }
            }
        }
    }

    /// Whether no bad signature is known before this place.
    fn matters(&self, job: usize, place: usize) -> bool {
        match self.done.verdicts.get(job) {
            Some(Verdict::Invalid { first }) => place < *first,
            _ => true,
        }
    }

    /// A signature is bad. That of an earlier place counts.
    fn note_bad(&mut self, job: usize, place: usize) {
        if self.matters(job, place)
            && let Some(verdict) = self.done.verdicts.get_mut(job)
        {
            *verdict = Verdict::Invalid { first: place };
        }
    }
}
