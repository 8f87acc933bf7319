//! A member's record: who it is, where it can be reached, and whether it is there.
//!
//! * **Order.** Of two records of one member, the one with the higher incarnation counts. If the incarnations are
//!   equal, the one that was issued later counts. A member signs its record again each day without raising the
//!   incarnation.
//! * **Replay.** A record is refused when it was issued more than [`RECORD_AGE_MAX_MS`] ago, or lies more than
//!   [`RECORD_AHEAD_MAX_MS`] ahead. So a record of a member that everybody has forgotten can't bring it back.
//!
//! Addresses are opaque bytes here. The driver knows what they mean.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use super::{Incarnation, Instance};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::footprint::block;
use crate::items::keys::{Equation, PublicKey, SecretKey, Signature, VerifyingKey};
use crate::items::network::NetworkId;
use crate::limits::{
    AGENT_LEN_MAX, MEMBER_ADDRESS_BYTES_MAX, MEMBER_ADDRESSES_MAX, MEMBER_RELAYS_MAX, RECORD_AGE_MAX_MS,
    RECORD_AHEAD_MAX_MS, RECORD_BYTES_MAX,
};

/// What signed bytes of a record start with.
pub const RECORD_DOMAIN: &str = "hearsay member 1";

/// Whether a member takes part, by its own word.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum Presence {
    /// It takes part.
    #[default]
    Alive,
    /// It has left.
    Left,
}

/// The fields that a member signs.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct MemberRecord {
    /// The member's key, which signs it.
    pub key: PublicKey,
    /// The run of the member's program.
    pub instance: Instance,
    /// Rises with each change.
    pub incarnation: Incarnation,
    /// When it was signed, by the member's clock, in milliseconds since 1970.
    pub issued_ms: u64,
    /// The version of the protocol that the member speaks.
    pub version: u32,
    /// The member's program, for people; at most [`AGENT_LEN_MAX`] bytes.
    pub agent: String,
    /// Where it can be dialled: at most [`MEMBER_ADDRESSES_MAX`] of at most [`MEMBER_ADDRESS_BYTES_MAX`] bytes.
    /// Empty if it does not say, or if it can only be reached through `relays`.
    pub addresses: Vec<Bytes>,
    /// Peers that relay for it, at most [`MEMBER_RELAYS_MAX`]. Empty unless `addresses` is.
    pub relays: Vec<PublicKey>,
    /// Whether it takes part.
    pub presence: Presence,
}

/// A record with its signature and encoded bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedRecord {
    key: PublicKey,
    instance: Instance,
    incarnation: Incarnation,
    issued_ms: u64,
    presence: Presence,
    encoded: Bytes,
}

/// Why a record is not accepted at this time. Its signature may be good.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum Untimely {
    /// Issued too long ago.
    #[error("the record was issued more than three days ago")]
    Stale,
    /// Issued too far in the future.
    #[error("the record lies more than a day ahead: one of the two clocks is wrong")]
    Ahead,
}

impl MemberRecord {
    /// Signs the record for `network`. The key field is set from `key`.
    ///
    /// # Errors
    /// If a list, the agent, an address or the whole record is above its bound, or if there are relays beside
    /// addresses, because every node would refuse the bytes.
    pub fn sign(mut self, key: &SecretKey, network: &NetworkId) -> Result<SignedRecord, DecodeError> {
        self.key = key.public();
        let mut content = Vec::new();
        Fields(&self).append_to(&mut content);
        let signature = key.sign(&SigningBytes(network, &content).to_bytes());
        SignedRecord::from_bytes(&Signed(&content, signature).to_bytes().into())
    }

    fn read(reader: &mut Reader) -> Result<Self, DecodeError> {
        let key = PublicKey::decode(reader)?;
        let instance = Instance::decode(reader)?;
        let incarnation = reader.field("an incarnation").uint()?;
        let issued_ms = reader.field("the time of issue").uint()?;
        let version = reader.field("a version").uint()?;
        let version = u32::try_from(version).map_err(|_| DecodeError::BadValue("a version"))?;
        let agent = reader.text("an agent", AGENT_LEN_MAX)?;
        let agent = core::str::from_utf8(&agent).map_err(|_| DecodeError::BadValue("an agent"))?.into();
        let mut addresses = Vec::new();
        for _ in 0..reader.array("addresses", MEMBER_ADDRESSES_MAX)? {
            addresses.push(reader.bytes("an address", MEMBER_ADDRESS_BYTES_MAX)?);
        }
        let mut relays = Vec::new();
        for _ in 0..reader.array("relays", MEMBER_RELAYS_MAX)? {
            relays.push(PublicKey::decode(reader)?);
        }
        if !addresses.is_empty() && !relays.is_empty() {
            return Err(DecodeError::BadValue("relays"));
        }
        let presence = match reader.field("a presence").uint()? {
            0 => Presence::Alive,
            1 => Presence::Left,
            _ => return Err(DecodeError::BadValue("a presence")),
        };
        Ok(Self { key, instance, incarnation, issued_ms, version, agent, addresses, relays, presence })
    }
}

impl SignedRecord {
    /// The memory of a record that is held, beside its encoded bytes: its fields behind two counts, and the record
    /// of 24 bytes by which copies share the encoded bytes.
    pub const HELD_BYTES: usize = block(size_of::<Self>() + 16) + block(24);

    /// The member's key.
    #[must_use]
    pub const fn key(&self) -> PublicKey {
        self.key
    }

    /// The run that signed it.
    #[must_use]
    pub const fn instance(&self) -> Instance {
        self.instance
    }

    /// The member's incarnation.
    #[must_use]
    pub const fn incarnation(&self) -> Incarnation {
        self.incarnation
    }

    /// When it was signed, in milliseconds since 1970.
    #[must_use]
    pub const fn issued_ms(&self) -> u64 {
        self.issued_ms
    }

    /// Whether the member takes part.
    #[must_use]
    pub const fn presence(&self) -> Presence {
        self.presence
    }

    /// All fields, read again from the encoded bytes.
    #[must_use]
    pub fn record(&self) -> MemberRecord {
        let mut reader = Reader::new(self.encoded.slice(1.min(self.encoded.len())..));
        MemberRecord::read(&mut reader).unwrap_or_else(|_| MemberRecord {
            // The bytes decoded before, so they decode again.
            key: self.key,
            instance: self.instance,
            incarnation: self.incarnation,
            issued_ms: self.issued_ms,
            version: 0,
            agent: String::new(),
            addresses: Vec::new(),
            relays: Vec::new(),
            presence: self.presence,
        })
    }

    /// The encoded bytes, signature included, as peers exchange them.
    #[must_use]
    pub const fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// Whether it counts in place of another record of the same member.
    #[must_use]
    pub fn supersedes(&self, other: &Self) -> bool {
        (self.incarnation, self.issued_ms) > (other.incarnation, other.issued_ms)
    }

    /// Whether it was issued at a time at which it may still be accepted, at `wall_ms` milliseconds since 1970.
    ///
    /// # Errors
    /// If it was issued too long ago, or lies too far ahead.
    pub const fn check_time(&self, wall_ms: u64) -> Result<(), Untimely> {
        if self.issued_ms.saturating_add(RECORD_AGE_MAX_MS) < wall_ms {
            Err(Untimely::Stale)
        } else if self.issued_ms > wall_ms.saturating_add(RECORD_AHEAD_MAX_MS) {
            Err(Untimely::Ahead)
        } else {
            Ok(())
        }
    }

    /// Whether the signature is the member's for `network`. `key` must be the member's, decompressed.
    #[must_use]
    pub fn verify(&self, key: &VerifyingKey, network: &NetworkId) -> bool {
        self.equation(key, network).is_some_and(|equation| equation.holds())
    }

    /// The equation that holds if the signature is the member's for `network`, as in [`VerifyingKey::equation`].
    #[must_use]
    pub fn equation(&self, key: &VerifyingKey, network: &NetworkId) -> Option<Equation> {
        let (content, signature) = self.encoded.split_last_chunk::<64>()?;
        // Behind the array's header of 1 byte, and before the signature's of 2.
        let content = content.get(1..content.len().checked_sub(2)?)?;
        key.equation(&SigningBytes(network, content).to_bytes(), &Signature(*signature))
    }

    /// The same record with its own bytes, so that it does not keep a larger buffer alive.
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.encoded = Bytes::copy_from_slice(&self.encoded);
        self
    }
}

impl Decode for SignedRecord {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let start = reader.position();
        reader.array_of("a record", 10)?;
        let record = MemberRecord::read(reader)?;
        Signature::decode(reader)?;
        let encoded = reader.since(start);
        if encoded.len() > RECORD_BYTES_MAX {
            reader.blame("a record", start);
            return Err(DecodeError::TooLong { what: "a record", max: RECORD_BYTES_MAX });
        }
        let MemberRecord { key, instance, incarnation, issued_ms, presence, .. } = record;
        Ok(Self { key, instance, incarnation, issued_ms, presence, encoded })
    }
}

impl Encode for SignedRecord {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.raw(&self.encoded);
    }
}

impl fmt::Debug for SignedRecord {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedRecord")
            .field("key", &self.key)
            .field("instance", &self.instance)
            .field("incarnation", &self.incarnation)
            .field("issued_ms", &self.issued_ms)
            .field("presence", &self.presence)
            .finish_non_exhaustive()
    }
}

/// The nine fields, without an array around them.
struct Fields<'a>(&'a MemberRecord);

impl Encode for Fields<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        let record = self.0;
        record.key.encode(writer);
        record.instance.encode(writer);
        writer.uint(record.incarnation);
        writer.uint(record.issued_ms);
        writer.uint(u64::from(record.version));
        writer.text(&record.agent);
        writer.array(record.addresses.len());
        for address in &record.addresses {
            writer.bytes(address);
        }
        writer.array(record.relays.len());
        for relay in &record.relays {
            relay.encode(writer);
        }
        writer.uint(match record.presence {
            Presence::Alive => 0,
            Presence::Left => 1,
        });
    }
}

struct Signed<'a>(&'a [u8], Signature);

impl Encode for Signed<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(10);
        writer.raw(self.0);
        self.1.encode(writer);
    }
}

/// The CBOR sequence (RFC 8742) that is signed: domain, network, and the nine encoded fields as an array.
struct SigningBytes<'a>(&'a NetworkId, &'a [u8]);

impl Encode for SigningBytes<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.text(RECORD_DOMAIN);
        writer.text(self.0.as_str());
        writer.array(9);
        writer.raw(self.1);
    }
}
