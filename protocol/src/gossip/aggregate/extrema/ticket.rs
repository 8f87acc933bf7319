//! Tickets: a member's word that it is there in an epoch. A ticket has 256 draws, and they follow from the
//! member's key and the epoch. So nobody chooses draws, and whoever has the ticket knows them all.
//!
//! A ticket is signed by its member. *Rationale:* without a signature anybody could make up keys by counting.

use alloc::vec::Vec;

use super::exponential::exponential;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::gossip::aggregate::epoch::{Epoch, EpochName};
use crate::items::hash::sha256;
use crate::items::keys::{Equation, PublicKey, SecretKey, Signature, VerifyingKey};
use crate::items::network::NetworkId;
use crate::limits::{DRAWS, TICKETS_PER_MESSAGE_MAX};

/// The prefix of a ticket's signed bytes.
pub const TICKET_DOMAIN: &str = "hearsay ticket 1";

/// The prefix of the bytes that are hashed to a draw.
const DRAW_DOMAIN: &[u8] = b"hearsay draw 1";

/// A member's part in an epoch's size. Whether the signature is good is known only after a check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Ticket {
    /// The member.
    pub member: PublicKey,
    /// Its signature on network and epoch.
    pub signature: Signature,
}

/// One of a member's draws: 64 uniform bits. The more they are, the smaller is the exponential variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Draw(pub u64);

/// What a member says on one link.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Tickets {
    /// In which epoch.
    pub epoch: EpochName,
    /// Names the tickets that the sender holds ([`Winners::fingerprint`](super::Winners::fingerprint)).
    pub fingerprint: Fingerprint,
    /// Some of them, at most [`TICKETS_PER_MESSAGE_MAX`].
    pub tickets: Vec<Ticket>,
}

/// The first 8 bytes of a hash over the members that hold the minima. It is a hint: a wrong one costs some bytes.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Fingerprint(pub [u8; 8]);

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

impl Draw {
    /// The exponential variable of mean 1, in units of 2^-48.
    #[must_use]
    pub const fn exponential(self) -> u64 {
        exponential(self.0)
    }
}

/// The [`DRAWS`] draws of a member in an epoch. Each hash over epoch, member and a number has four.
pub fn draws(member: &PublicKey, epoch: &Epoch) -> impl Iterator<Item = Draw> + use<> {
    let (member, epoch) = (*member, *epoch);
    let hashes = (0..DRAWS.div_ceil(4) as u32).map(move |number| {
        let epoch_number = epoch.number.to_be_bytes();
        sha256(&[DRAW_DOMAIN, &epoch_number, &epoch.block.0, &member.0, &number.to_be_bytes()])
    });
    hashes.flat_map(|hash| {
        let (words, _) = hash.as_chunks::<8>();
        let [a, b, c, d] = [0, 1, 2, 3].map(|place: usize| words.get(place).copied().unwrap_or_default());
        [a, b, c, d].map(|word| Draw(u64::from_be_bytes(word)))
    })
}

impl Encode for Tickets {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(3);
        self.epoch.encode(writer);
        writer.bytes(&self.fingerprint.0);
        writer.array(self.tickets.len().saturating_mul(2));
        for ticket in &self.tickets {
            ticket.member.encode(writer);
            ticket.signature.encode(writer);
        }
    }
}

impl Decode for Tickets {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.array_of("tickets", 3)?;
        let epoch = EpochName::decode(reader)?;
        let fingerprint = Fingerprint(reader.fixed("a fingerprint")?);
        let items = reader.array("a list of tickets", 2 * TICKETS_PER_MESSAGE_MAX)?;
        if !items.is_multiple_of(2) {
            return Err(DecodeError::BadValue("the length of a list of tickets"));
        }
        let mut tickets = Vec::with_capacity(items / 2);
        for _ in 0..items / 2 {
            tickets.push(Ticket { member: PublicKey::decode(reader)?, signature: Signature::decode(reader)? });
        }
        Ok(Self { epoch, fingerprint, tickets })
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
