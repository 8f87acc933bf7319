//! A member's entries: named values that it owns, such as its tip or what an application says of it.
//!
//! Each member has one namespace. A statement has all of it, so a key that is not in it does not exist. The
//! statement has a version, and so has each entry: the statement's version when the entry was last set. Of two
//! statements of one member, the one with the higher version counts. Keys come in the order of their bytes, each
//! once.
//!
//! The signature is over a digest of the list, the SHA-256 of its encoding. So the digest stands for the whole
//! namespace: two nodes that compare digests know whether they hold the same entries.

use alloc::string::String;
use alloc::vec::Vec;
use core::fmt;

use bytes::Bytes;

use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::footprint::block;
use crate::items::hash::{Hash256, sha256};
use crate::items::keys::{Equation, PublicKey, SecretKey, Signature, VerifyingKey};
use crate::items::network::NetworkId;
use crate::limits::{ENTRIES_BYTES_MAX, ENTRIES_MAX, ENTRIES_STATEMENT_BYTES_MAX, ENTRY_KEY_LEN_MAX};

/// What signed bytes of entries start with.
pub const ENTRIES_DOMAIN: &str = "hearsay entries 1";

/// A value with its name.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entry {
    /// Its name: 1 to [`ENTRY_KEY_LEN_MAX`] bytes.
    pub key: String,
    /// Anything.
    pub value: Bytes,
    /// The version of the statement in which it was set.
    pub version: u64,
}

/// What an owner signs. The keys and values together have at most [`ENTRIES_BYTES_MAX`] bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Entries {
    /// The member that owns them and signs.
    pub owner: PublicKey,
    /// Rises with each change.
    pub version: u64,
    /// At most [`ENTRIES_MAX`], in the order of their keys.
    pub entries: Vec<Entry>,
}

/// Entries with their owner's signature and encoded bytes.
#[derive(Clone, PartialEq, Eq)]
pub struct SignedEntries {
    owner: PublicKey,
    version: u64,
    digest: Hash256,
    encoded: Bytes,
}

impl Entries {
    /// Signs the entries for `network`. The owner field is set from `key`.
    ///
    /// # Errors
    /// If there are too many, if a key or all of them are too long, or if they are not in order, because every
    /// node would refuse the bytes.
    pub fn sign(mut self, key: &SecretKey, network: &NetworkId) -> Result<SignedEntries, DecodeError> {
        self.owner = key.public();
        let list = List(&self.entries).to_bytes();
        let digest = Hash256(sha256(&[&list]));
        let signing = SigningBytes { network, owner: self.owner, version: self.version, digest };
        let signature = key.sign(&signing.to_bytes());
        SignedEntries::from_bytes(&Signed { entries: &self, list: &list, signature }.to_bytes().into())
    }

    fn read(reader: &mut Reader) -> Result<(Self, Bytes), DecodeError> {
        let owner = PublicKey::decode(reader)?;
        let version = reader.field("a version of entries").uint()?;
        let start = reader.position();
        let mut entries: Vec<Entry> = Vec::new();
        let mut bytes = 0_usize;
        for _ in 0..reader.array("entries", ENTRIES_MAX)? {
            let entry = Entry::decode(reader)?;
            bytes = bytes.saturating_add(entry.key.len()).saturating_add(entry.value.len());
            if bytes > ENTRIES_BYTES_MAX {
                return Err(DecodeError::TooLong { what: "the entries of a member", max: ENTRIES_BYTES_MAX });
            }
            if entry.version > version {
                return Err(DecodeError::BadValue("an entry's version"));
            }
            if entries.last().is_some_and(|last| last.key >= entry.key) {
                return Err(DecodeError::BadValue("the order of entries"));
            }
            entries.push(entry);
        }
        Ok((Self { owner, version, entries }, reader.since(start)))
    }
}

impl SignedEntries {
    /// The memory of entries that are held, beside their encoded bytes: the fields behind two counts, and the
    /// record of 24 bytes by which copies share the encoded bytes.
    pub const HELD_BYTES: usize = block(size_of::<Self>() + 16) + block(24);

    /// The member that owns them.
    #[must_use]
    pub const fn owner(&self) -> PublicKey {
        self.owner
    }

    /// Their version.
    #[must_use]
    pub const fn version(&self) -> u64 {
        self.version
    }

    /// The SHA-256 of the encoded list.
    #[must_use]
    pub const fn digest(&self) -> Hash256 {
        self.digest
    }

    /// All entries, read again from the encoded bytes.
    #[must_use]
    pub fn entries(&self) -> Vec<Entry> {
        let mut reader = Reader::new(self.encoded.slice(1.min(self.encoded.len())..));
        // The bytes decoded before, so they decode again.
        Entries::read(&mut reader).map(|(read, _)| read.entries).unwrap_or_default()
    }

    /// The encoded bytes, signature included, as peers exchange them.
    #[must_use]
    pub const fn encoded(&self) -> &Bytes {
        &self.encoded
    }

    /// Whether the signature is the owner's for `network`. `key` must be the owner's, decompressed.
    #[must_use]
    pub fn verify(&self, key: &VerifyingKey, network: &NetworkId) -> bool {
        self.equation(key, network).is_some_and(|equation| equation.holds())
    }

    /// The equation that holds if the signature is the owner's for `network`, as in [`VerifyingKey::equation`].
    #[must_use]
    pub fn equation(&self, key: &VerifyingKey, network: &NetworkId) -> Option<Equation> {
        let signature = Signature(*self.encoded.last_chunk::<64>()?);
        let Self { owner, version, digest, .. } = *self;
        key.equation(&SigningBytes { network, owner, version, digest }.to_bytes(), &signature)
    }

    /// The same entries with their own bytes, so that they do not keep a larger buffer alive.
    #[must_use]
    pub fn detached(mut self) -> Self {
        self.encoded = Bytes::copy_from_slice(&self.encoded);
        self
    }
}

impl Decode for Entry {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.array_of("an entry", 3)?;
        let key = reader.text("an entry's key", ENTRY_KEY_LEN_MAX)?;
        let key = match core::str::from_utf8(&key) {
            Ok(key) if !key.is_empty() => key.into(),
            _ => return Err(DecodeError::BadValue("an entry's key")),
        };
        let value = reader.bytes("an entry's value", ENTRIES_BYTES_MAX)?;
        Ok(Self { key, value, version: reader.field("an entry's version").uint()? })
    }
}

impl Encode for Entry {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(3);
        writer.text(&self.key);
        writer.bytes(&self.value);
        writer.uint(self.version);
    }
}

impl Decode for SignedEntries {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let start = reader.position();
        reader.array_of("a member's entries", 4)?;
        let (Entries { owner, version, .. }, list) = Entries::read(reader)?;
        Signature::decode(reader)?;
        let encoded = reader.since(start);
        debug_assert!(encoded.len() <= ENTRIES_STATEMENT_BYTES_MAX, "the bounds of its parts give this one");
        Ok(Self { owner, version, digest: Hash256(sha256(&[&list])), encoded })
    }
}

impl Encode for SignedEntries {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.raw(&self.encoded);
    }
}

impl fmt::Debug for SignedEntries {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("SignedEntries")
            .field("owner", &self.owner)
            .field("version", &self.version)
            .field("digest", &self.digest)
            .finish_non_exhaustive()
    }
}

struct List<'a>(&'a [Entry]);

impl Encode for List<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(self.0.len());
        for entry in self.0 {
            entry.encode(writer);
        }
    }
}

struct Signed<'a> {
    entries: &'a Entries,
    list: &'a [u8],
    signature: Signature,
}

impl Encode for Signed<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(4);
        self.entries.owner.encode(writer);
        writer.uint(self.entries.version);
        writer.raw(self.list);
        self.signature.encode(writer);
    }
}

/// The CBOR sequence (RFC 8742) that is signed: domain, network, and owner, version and digest as an array.
struct SigningBytes<'a> {
    network: &'a NetworkId,
    owner: PublicKey,
    version: u64,
    digest: Hash256,
}

impl Encode for SigningBytes<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.text(ENTRIES_DOMAIN);
        writer.text(self.network.as_str());
        writer.array(3);
        self.owner.encode(writer);
        writer.uint(self.version);
        self.digest.encode(writer);
    }
}
