//! A rule for payloads, on top of other rules: those of a network that has none of its own, or a chain's validator.
//!
//! The rule is asked wherever the validator is asked about a transaction: at sight, before the mempool, and in a block.
//! So a block with a payload that breaks it is invalid. It is asked first, because it is cheap.

use std::fmt;
use std::sync::Arc;

use protocol::gossip::Refusal;
use protocol::items::block::{Header, SignedHeader};
use protocol::items::transaction::{Height, SignedTransaction};
use protocol::items::validator::{BlockPlace, Validator};

/// Says whether a payload may be in a transaction, or why not.
pub(super) type PayloadRule = Arc<dyn Fn(&[u8]) -> Result<(), &'static str> + Send + Sync>;

/// A validator with a rule for payloads before it.
pub(super) struct WithPayloadRule {
    pub(super) rule: PayloadRule,
    pub(super) then: Arc<dyn Validator>,
}

impl WithPayloadRule {
    fn check(&self, transaction: &SignedTransaction) -> Result<(), Refusal> {
        (self.rule)(transaction.payload()).map_err(Refusal::Rule)
    }
}

impl Validator for WithPayloadRule {
    fn transaction(&self, transaction: &SignedTransaction, tip: Height) -> Result<(), Refusal> {
        self.check(transaction)?;
        self.then.transaction(transaction, tip)
    }

    fn transaction_at_sight(&self, transaction: &SignedTransaction, tip: Height) -> Result<(), Refusal> {
        self.check(transaction)?;
        self.then.transaction_at_sight(transaction, tip)
    }

    fn transaction_in_block(&self, transaction: &SignedTransaction, place: BlockPlace) -> Result<(), Refusal> {
        self.check(transaction)?;
        self.then.transaction_in_block(transaction, place)
    }

    fn header(&self, header: &Header) -> Result<(), Refusal> {
        self.then.header(header)
    }

    fn block(&self, header: &Header, transactions: &[Arc<SignedTransaction>]) -> Result<(), Refusal> {
        self.then.block(header, transactions)
    }

    fn connected(&self, header: &SignedHeader, transactions: &[Arc<SignedTransaction>]) {
        self.then.connected(header, transactions);
    }

    fn connected_from(&self) -> Option<Height> {
        self.then.connected_from()
    }
}

impl fmt::Debug for WithPayloadRule {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("WithPayloadRule").field("then", &self.then).finish_non_exhaustive()
    }
}
