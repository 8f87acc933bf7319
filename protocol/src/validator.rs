//! Where a chain adds its own rules.
//!
//! A validator's refusal is no misbehavior: an honest peer may hold another view. Signatures, sizes, Merkle roots
//! and the shape of the chain are not its business; the engine checks them before it is asked.

use alloc::collections::BTreeSet;
use alloc::sync::Arc;
use core::fmt;

use crate::block::Header;
use crate::keys::PublicKey;
use crate::limits::VALID_UNTIL_AHEAD_MAX;
use crate::refusal::Refusal;
use crate::transaction::{Height, SignedTransaction};

/// A chain's own rules. Must be deterministic: the same arguments give the same answer on every node.
pub trait Validator: fmt::Debug + Send + Sync {
    /// Whether a transaction may enter the mempool of a node whose best chain ends at `tip`.
    ///
    /// # Errors
    /// Says why not. The transaction is remembered as rejected; its sender is not blamed.
    fn transaction(&self, transaction: &SignedTransaction, tip: Height) -> Result<(), Refusal>;

    /// Whether a block from the network with this header may be taken.
    ///
    /// # Errors
    /// Says why not. The block is not relayed; its sender is not blamed.
    fn header(&self, header: &Header) -> Result<(), Refusal>;
}

/// Whose blocks count.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Producers {
    /// Anyone's: open test networks only.
    Open,
    /// These keys'. None at all means that no block from the network counts.
    Allowed(Arc<BTreeSet<PublicKey>>),
}

impl Producers {
    /// Whether `producer` is among them.
    #[must_use]
    pub fn allows(&self, producer: &PublicKey) -> bool {
        match self {
            Self::Open => true,
            Self::Allowed(keys) => keys.contains(producer),
        }
    }
}

/// The rules of a network without rules of its own: `valid_until` within reach, producers on the list.
#[derive(Clone, Debug)]
pub struct StandardValidator {
    producers: Producers,
}

impl StandardValidator {
    /// Takes blocks of `producers` only.
    #[must_use]
    pub const fn new(producers: Producers) -> Self {
        Self { producers }
    }
}

impl Validator for StandardValidator {
    fn transaction(&self, transaction: &SignedTransaction, tip: Height) -> Result<(), Refusal> {
        let valid_until = transaction.valid_until();
        if valid_until <= tip {
            return Err(Refusal::Expired { valid_until, tip });
        }
        if valid_until > tip.saturating_add(VALID_UNTIL_AHEAD_MAX) {
            return Err(Refusal::TooFarAhead { valid_until, tip });
        }
        Ok(())
    }

    fn header(&self, header: &Header) -> Result<(), Refusal> {
        if self.producers.allows(&header.producer) { Ok(()) } else { Err(Refusal::ProducerNotAllowed) }
    }
}
