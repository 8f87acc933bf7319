//! What a member of a network says of itself and of others: its record, its entries, its accusations, and its ticket
//! for an epoch. Each is signed by the member that makes it, so that it can be passed on by anyone and changed by
//! nobody.
//!
//! A ticket is no statement, because other messages carry it. Each kind of statement has its own signing domain, and the network's name is signed. So no statement is valid
//! as one of another kind, on another network, or as a transaction or header. Signatures are checked by the rule
//! of all items ([`keys`](super::keys)). A statement that decodes is not checked yet.
//!
//! Deliberately absent: what follows from a statement, and how it travels.

pub mod accusation;
pub mod entries;
pub mod epoch;
pub mod record;
pub mod ticket;

use alloc::sync::Arc;
use core::fmt;

use sha2::{Digest as _, Sha256};

use self::accusation::{Accusation, SignedAccusation};
use self::entries::{Entries, SignedEntries};
use self::record::{MemberRecord, SignedRecord};
use super::hash::ShortId;
use super::keys::{Equation, PublicKey, SecretKey, VerifyingKey};
use super::network::NetworkId;
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};

/// A number that rises whenever a member says something new of itself. In a record it is in milliseconds since
/// 1970 at the start of a run, and higher by at least one each time after that.
pub type Incarnation = u64;

/// A random number that a member draws when it starts. Two machines with one key have different ones.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Instance(pub [u8; 8]);

/// A statement that is to be signed.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Unsigned {
    /// A record of the signer.
    Record(MemberRecord),
    /// All entries of the signer.
    Entries(Entries),
    /// An accusation by the signer.
    Accusation(Accusation),
}

/// A signed statement. Its signature may be wrong: see [`Statement::verify`]. It owns its bytes, so that it keeps
/// no larger buffer alive, and copies share them.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Statement {
    /// A member's record.
    Record(Arc<SignedRecord>),
    /// All entries of a member.
    Entries(Arc<SignedEntries>),
    /// An accusation.
    Accusation(SignedAccusation),
}

impl Unsigned {
    /// Signs the statement for `network`. The field with the signer's key is set from `key`.
    ///
    /// # Errors
    /// If a part is above its bound, because every node would refuse the bytes.
    pub fn sign(self, key: &SecretKey, network: &NetworkId) -> Result<Statement, DecodeError> {
        Ok(match self {
            Self::Record(record) => Statement::Record(Arc::new(record.sign(key, network)?)),
            Self::Entries(entries) => Statement::Entries(Arc::new(entries.sign(key, network)?)),
            Self::Accusation(accusation) => Statement::Accusation(accusation.sign(key, network)),
        })
    }
}

impl Statement {
    /// The member whose signature it has.
    #[must_use]
    pub fn signer(&self) -> PublicKey {
        match self {
            Self::Record(record) => record.key(),
            Self::Entries(entries) => entries.owner(),
            Self::Accusation(accusation) => accusation.accuser(),
        }
    }

    /// The member that it is about.
    #[must_use]
    pub fn subject(&self) -> PublicKey {
        match self {
            Self::Record(record) => record.key(),
            Self::Entries(entries) => entries.owner(),
            Self::Accusation(accusation) => accusation.subject(),
        }
    }

    /// Names these bytes: the first 8 bytes of their SHA-256. The signature is part of them.
    #[must_use]
    pub fn id(&self) -> ShortId {
        let [a, b, c, d, e, f, g, h, ..]: [u8; 32] = match self {
            Self::Record(record) => Sha256::digest(record.encoded()).into(),
            Self::Entries(entries) => Sha256::digest(entries.encoded()).into(),
            Self::Accusation(accusation) => Sha256::digest(accusation.to_bytes()).into(),
        };
        ShortId([a, b, c, d, e, f, g, h])
    }

    /// Whether the signature is the signer's for `network`. `key` must be the signer's, decompressed.
    #[must_use]
    pub fn verify(&self, key: &VerifyingKey, network: &NetworkId) -> bool {
        self.equation(key, network).is_some_and(|equation| equation.holds())
    }

    /// The equation that holds if the signature is the signer's for `network`, as in [`VerifyingKey::equation`].
    #[must_use]
    pub fn equation(&self, key: &VerifyingKey, network: &NetworkId) -> Option<Equation> {
        match self {
            Self::Record(record) => record.equation(key, network),
            Self::Entries(entries) => entries.equation(key, network),
            Self::Accusation(accusation) => accusation.equation(key, network),
        }
    }
}

const RECORD_TAG: u64 = 0;
const ENTRIES_TAG: u64 = 1;
const ACCUSATION_TAG: u64 = 2;

impl Encode for Statement {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(2);
        match self {
            Self::Record(record) => {
                writer.uint(RECORD_TAG);
                record.encode(writer);
            }
            Self::Entries(entries) => {
                writer.uint(ENTRIES_TAG);
                entries.encode(writer);
            }
            Self::Accusation(accusation) => {
                writer.uint(ACCUSATION_TAG);
                accusation.encode(writer);
            }
        }
    }
}

impl Decode for Statement {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.array_of("a statement", 2)?;
        match reader.field("a kind of statement").uint()? {
            RECORD_TAG => Ok(Self::Record(Arc::new(SignedRecord::decode(reader)?.detached()))),
            ENTRIES_TAG => Ok(Self::Entries(Arc::new(SignedEntries::decode(reader)?.detached()))),
            ACCUSATION_TAG => SignedAccusation::decode(reader).map(Self::Accusation),
            _ => Err(DecodeError::BadValue("a kind of statement")),
        }
    }
}

impl Encode for Instance {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.bytes(&self.0);
    }
}

impl Decode for Instance {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.fixed("an instance").map(Self)
    }
}

impl fmt::Debug for Instance {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: alloc::string::String = hex::encode(self.0);
        write!(f, "Instance({text})")
    }
}
