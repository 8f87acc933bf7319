//! An accusation: a member says that another one did not answer it. It is a reason to look, and no proof.
//!
//! An accusation names an incarnation. When the subject raises its incarnation, all accusations of the lower ones
//! mean nothing any more, however often they are sent again. That is why they carry no time.

use super::Incarnation;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::items::keys::{Equation, PublicKey, SecretKey, Signature, VerifyingKey};
use crate::items::network::NetworkId;

/// What signed bytes of an accusation start with.
pub const ACCUSATION_DOMAIN: &str = "hearsay suspect 1";

/// What an accuser signs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Accusation {
    /// The key that signs it.
    pub accuser: PublicKey,
    /// The member that did not answer.
    pub subject: PublicKey,
    /// The subject's incarnation, as far as the accuser knows it.
    pub incarnation: Incarnation,
}

/// An accusation with its signature.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SignedAccusation {
    accusation: Accusation,
    signature: Signature,
}

impl Accusation {
    /// Signs the accusation for `network`. The accuser field is set from `key`.
    #[must_use]
    pub fn sign(mut self, key: &SecretKey, network: &NetworkId) -> SignedAccusation {
        self.accuser = key.public();
        let signature = key.sign(&SigningBytes(network, &self).to_bytes());
        SignedAccusation { accusation: self, signature }
    }
}

impl SignedAccusation {
    /// The key that signed it.
    #[must_use]
    pub const fn accuser(&self) -> PublicKey {
        self.accusation.accuser
    }

    /// The member that did not answer.
    #[must_use]
    pub const fn subject(&self) -> PublicKey {
        self.accusation.subject
    }

    /// The accused incarnation.
    #[must_use]
    pub const fn incarnation(&self) -> Incarnation {
        self.accusation.incarnation
    }

    /// Whether the signature is the accuser's for `network`. `key` must be the accuser's, decompressed.
    #[must_use]
    pub fn verify(&self, key: &VerifyingKey, network: &NetworkId) -> bool {
        self.equation(key, network).is_some_and(|equation| equation.holds())
    }

    /// The equation that holds if the signature is the accuser's for `network`, as in [`VerifyingKey::equation`].
    #[must_use]
    pub fn equation(&self, key: &VerifyingKey, network: &NetworkId) -> Option<Equation> {
        key.equation(&SigningBytes(network, &self.accusation).to_bytes(), &self.signature)
    }
}

impl Encode for SignedAccusation {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(4);
        fields(&self.accusation, writer);
        self.signature.encode(writer);
    }
}

impl Decode for SignedAccusation {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.array_of("an accusation", 4)?;
        let accusation = Accusation {
            accuser: PublicKey::decode(reader)?,
            subject: PublicKey::decode(reader)?,
            incarnation: reader.field("an incarnation").uint()?,
        };
        Ok(Self { accusation, signature: Signature::decode(reader)? })
    }
}

/// The CBOR sequence (RFC 8742) that is signed: domain, network, and the three fields as an array.
struct SigningBytes<'a>(&'a NetworkId, &'a Accusation);

impl Encode for SigningBytes<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.text(ACCUSATION_DOMAIN);
        writer.text(self.0.as_str());
        writer.array(3);
        fields(self.1, writer);
    }
}

fn fields(accusation: &Accusation, writer: &mut Writer<'_>) {
    accusation.accuser.encode(writer);
    accusation.subject.encode(writer);
    writer.uint(accusation.incarnation);
}
