//! Tickets: a member's word that it is there in an [epoch](super::epoch). The estimate of a network's size counts
//! them.
//!
//! A ticket is signed by its member. *Rationale:* without a signature anybody could make up keys by counting. It is
//! as long as its parts: it has no encoding of its own, because the message that carries tickets names their epoch
//! once.

use super::epoch::Epoch;
use crate::codec::{Encode, Writer};
use crate::items::keys::{Equation, PublicKey, SecretKey, Signature, VerifyingKey};
use crate::items::network::NetworkId;

/// The prefix of a ticket's signed bytes.
pub const TICKET_DOMAIN: &str = "hearsay ticket 1";

/// A member's part in an epoch's size. Whether the signature is good is known only after a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The member.
    pub member: PublicKey,
    /// Its signature on network and epoch.
    pub signature: Signature,
}

impl Ticket {
    /// The ticket of the member with this key.
    #[must_use]
    pub fn sign(key: &SecretKey, network: &NetworkId, epoch: &Epoch) -> Self {
        Self { member: key.public(), signature: key.sign(&SigningBytes(network, epoch).to_bytes()) }
    }

    /// Whether the signature is the member's for this network and epoch. `key` must be the member's, decompressed.
    #[must_use]
    pub fn verify(&self, key: &VerifyingKey, network: &NetworkId, epoch: &Epoch) -> bool {
        self.equation(key, network, epoch).is_some_and(|equation| equation.holds())
    }

    /// The equation that holds if the signature is good, as in [`VerifyingKey::equation`]. So tickets can be
    /// checked in batches.
    #[must_use]
    pub fn equation(&self, key: &VerifyingKey, network: &NetworkId, epoch: &Epoch) -> Option<Equation> {
        key.equation(&SigningBytes(network, epoch).to_bytes(), &self.signature)
    }
}

/// The CBOR sequence (RFC 8742) that is signed: domain, network, and the epoch's number and block as an array.
struct SigningBytes<'a>(&'a NetworkId, &'a Epoch);

impl Encode for SigningBytes<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.text(TICKET_DOMAIN);
        writer.text(self.0.as_str());
        writer.array(2);
        writer.uint(self.1.number);
        self.1.block.encode(writer);
    }
}
