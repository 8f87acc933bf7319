//! Signature checks as work to hand out: the engine asks for them, the driver runs them where it chooses (on a
//! pool, or from memory in a simulator), and the verdict comes back as an input.

use alloc::sync::Arc;
use alloc::vec::Vec;

use super::block::SignedHeader;
use super::keys::{PublicKey, VerifyingKey};
use super::network::NetworkId;
use super::transaction::SignedTransaction;

/// Names one outstanding job. Not reused in a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct JobId(pub u64);

/// Signatures to check. The verdict tells up to where they are good, so that one bad signature does not affect
/// those before it.
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
    /// One is not good, or its key is not usable. Nothing is known of the signatures behind it. (A header that
    /// follows a bad one names the bad one as its parent, and a block with a bad transaction is no block.)
    Invalid {
        /// How many are good before it: headers are counted first, then transactions.
        first: usize,
    },
}

impl VerifyJob {
    /// How many signatures the job has.
    #[must_use]
    pub fn signatures(&self) -> usize {
        self.transactions.len().saturating_add(self.headers.len())
    }

    /// Checks the signatures in order, each by the strict rule, and stops at the first bad one. `key` decompresses
    /// a public key, or returns an earlier decompression.
    pub fn run(&self, mut key: impl FnMut(&PublicKey) -> Option<VerifyingKey>) -> Verdict {
        let bad = self.headers.iter().position(|header| {
            !key(&header.header().producer).is_some_and(|producer| header.verify(&producer, &self.network))
        });
        let bad = bad.or_else(|| {
            let place = self.transactions.iter().position(|transaction| {
                !key(&transaction.author()).is_some_and(|author| transaction.verify(&author, &self.network))
            })?;
            Some(self.headers.len().saturating_add(place))
        });
        bad.map_or(Verdict::Valid, |first| Verdict::Invalid { first })
    }
}
