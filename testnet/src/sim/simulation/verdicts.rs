//! Remembered signature checks: ten thousand nodes check the same signature, and the answer is always the same.

use protocol::items::hash::{BlockId, ShortId, TxId};
use protocol::items::keys::PublicKey;
use protocol::items::verify::{Signed, Verdict, VerifyJob};

use super::ledger::hashed::ById;

/// Every signature that was checked in this run.
#[derive(Debug, Default)]
pub struct Verdicts {
    transactions: ById<TxId, bool>,
    headers: ById<BlockId, bool>,
    statements: ById<ShortId, bool>,
}

impl Verdicts {
    /// The verdict on a job, as the node's pool would give it.
    pub fn of(&mut self, job: &VerifyJob) -> Verdict {
        let bad = job.headers.iter().position(|header| {
            !*self.headers.entry(header.id()).or_insert_with(|| {
                header.header().producer.decompress().is_some_and(|key| header.verify(&key, &job.network))
            })
        });
        let bad = bad.or_else(|| {
            let place = job.transactions.iter().position(|transaction| {
                !*self.transactions.entry(transaction.id()).or_insert_with(|| {
                    let key = PublicKey::decompress(&transaction.author());
                    key.is_some_and(|key| transaction.verify(&key, &job.network))
                })
            })?;
            Some(job.headers.len().saturating_add(place))
        });
        let bad = bad.or_else(|| {
            let place = job.statements.iter().position(|signed| match signed {
                Signed::Statement(statement) => !*self.statements.entry(statement.id()).or_insert_with(|| {
                    let key = statement.signer().decompress();
                    key.is_some_and(|key| statement.verify(&key, &job.network))
                }),
                Signed::Ticket(epoch, ticket) => {
                    let key = ticket.member.decompress();
                    !key.is_some_and(|key| ticket.verify(&key, &job.network, epoch))
                }
            })?;
            Some(job.headers.len().saturating_add(job.transactions.len()).saturating_add(place))
        });
        bad.map_or(Verdict::Valid, |first| Verdict::Invalid { first })
    }

    /// Whether a transaction's signature was found good. `None` if nobody has checked it.
    #[must_use]
    pub fn transaction(&self, id: &TxId) -> Option<bool> {
        self.transactions.get(id).copied()
    }

    /// The same for a block's header.
    #[must_use]
    pub fn header(&self, id: &BlockId) -> Option<bool> {
        self.headers.get(id).copied()
    }
}
