//! Signature checks as work to hand out: the engine asks for them, the driver runs them where it likes (on a
//! pool, or from memory in a simulator), and the verdict comes back as an input.

use alloc::sync::Arc;
use alloc::vec::Vec;

use crate::block::SignedHeader;
use crate::keys::{PublicKey, VerifyingKey};
use crate::network::NetworkId;
use crate::transaction::SignedTransaction;

/// Names one outstanding job. Not reused in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Signatures to check, all or nothing.
#[derive(Clone, Debug)]
pub struct VerifyJob {
    /// To be given back with the verdict.
    pub id: JobId,
    /// The network that the signatures must be for.
    pub network: NetworkId,
    /// Headers to check.
    pub headers: Vec<SignedHeader>,
    /// Transactions to check.
    pub transactions: Vec<Arc<SignedTransaction>>,
}

/// The outcome of a [`VerifyJob`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Verdict {
    /// Every signature is good.
    Valid,
    /// At least one is not, or its key is no usable key.
    Invalid,
}

impl VerifyJob {
    /// How many signatures the job has.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.transactions.len().saturating_add(self.headers.len())
    }

    /// Checks every signature, each by the strict rule, and stops at the first bad one. `key` decompresses
    /// a public key, or remembers an earlier decompression.
    pub fn run(&self, mut key: impl FnMut(&PublicKey) -> Option<VerifyingKey>) -> Verdict {
        let good = self.headers.iter().all(|header| {
            key(&header.header().producer).is_some_and(|producer| header.verify(&producer, &self.network))
        }) && self.transactions.iter().all(|transaction| {
            key(&transaction.author()).is_some_and(|author| transaction.verify(&author, &self.network))
        });
        if good { Verdict::Valid } else { Verdict::Invalid }
    }
}
