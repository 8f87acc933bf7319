//! Hashes and the ids made of them. This file imports nothing of ours.
//!
//! `ShortId` is what announcements carry: the first 8 bytes of an id. An attacker can make two of its own items
//! share one. To make an item that shares one with an honest item takes 2^64 work (second preimage).

use alloc::string::String;
use core::cmp::Ordering;
use core::fmt;
use core::hash::{Hash, Hasher};
use core::str::FromStr;

use sha2::{Digest, Sha256};

/// SHA-256 over the concatenation of `parts`.
#[must_use]
pub fn sha256(parts: &[&[u8]]) -> [u8; 32] {
    let mut hasher = Sha256::new();
    for part in parts {
        hasher.update(part);
    }
    hasher.finalize().into()
}

/// The order of 32 bytes. Ids and keys nearly always differ in their first eight bytes, which are compared as one
/// number. Ordered maps compare some ten times in each look-up.
pub(super) fn by_bytes(one: &[u8; 32], other: &[u8; 32]) -> Ordering {
    let first = |[a, b, c, d, e, f, g, h, ..]: &[u8; 32]| u64::from_be_bytes([*a, *b, *c, *d, *e, *f, *g, *h]);
    first(one).cmp(&first(other)).then_with(|| one.cmp(other))
}

/// A string is not 64 hexadecimal digits.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("not an id: 64 hexadecimal digits are wanted")]
pub struct ParseIdError;

macro_rules! id {
    ($(#[$doc:meta])* $name:ident) => {
        $(#[$doc])*
        #[derive(Clone, Copy, Default, PartialEq, Eq, Hash)]
        pub struct $name(pub [u8; 32]);

        impl $name {
            /// The 32 bytes of the id.
            #[must_use]
            pub const fn as_bytes(&self) -> &[u8; 32] {
                &self.0
            }

            /// The first 8 bytes, as announcements carry them.
            #[must_use]
            pub const fn short(&self) -> ShortId {
                let [a, b, c, d, e, f, g, h, ..] = self.0;
                ShortId([a, b, c, d, e, f, g, h])
            }
        }

        impl Ord for $name {
            fn cmp(&self, other: &Self) -> Ordering {
                by_bytes(&self.0, &other.0)
            }
        }

        impl PartialOrd for $name {
            fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
                Some(self.cmp(other))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                f.write_str(&hex::encode(self.0))
            }
        }

        impl fmt::Debug for $name {
            fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
                write!(f, concat!(stringify!($name), "({}…)"), self.short())
            }
        }

        impl FromStr for $name {
            type Err = ParseIdError;

            fn from_str(text: &str) -> Result<Self, ParseIdError> {
                let mut bytes = [0; 32];
                hex::decode_to_slice(text, &mut bytes).map_err(|_| ParseIdError)?;
                Ok(Self(bytes))
            }
        }
    };
}

id! {
    /// SHA-256 of a transaction's full encoded bytes, signature included.
    TxId
}

id! {
    /// SHA-256 of a block's encoded signed header.
    BlockId
}

id! {
    /// A plain SHA-256 value, such as a Merkle root.
    Hash256
}

/// Names a route: the tree along which items are pushed that enter at one place. An author's name is made from the
/// author's key ([`RouteId::of`]). An entry node draws the names of its own routes.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct RouteId(pub [u8; 8]);

/// What travels on a route.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum RouteKind {
    /// Transactions of an author.
    Transaction,
    /// Blocks of a producer.
    Block,
}

/// What the hash of a route's name starts with.
const ROUTE_DOMAIN: &[u8] = b"hearsay route 1";

impl RouteId {
    /// The route of what `author` (a public key) signs: the first 8 bytes of SHA-256 over the domain, a byte for
    /// the kind (0 transactions, 1 blocks) and one for the stripe (always 0), and the key.
    #[must_use]
    pub fn of(kind: RouteKind, author: &[u8; 32]) -> Self {
        let kind = match kind {
            RouteKind::Transaction => 0,
            RouteKind::Block => 1,
        };
        let [a, b, c, d, e, f, g, h, ..] = sha256(&[ROUTE_DOMAIN, &[kind, 0], author]);
        Self([a, b, c, d, e, f, g, h])
    }
}

/// As one number: an array is hashed with its length in front, which takes twice the work.
impl Hash for RouteId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(u64::from_be_bytes(self.0));
    }
}

impl fmt::Debug for RouteId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "RouteId({})", hex::encode(self.0))
    }
}

/// The first 8 bytes of an id.
#[derive(Clone, Copy, Default, PartialEq, Eq, PartialOrd, Ord)]
pub struct ShortId(pub [u8; 8]);

impl ShortId {
    /// The same 8 bytes as a number.
    pub(crate) const fn number(self) -> u64 {
        u64::from_be_bytes(self.0)
    }
}

/// As one number, like [`RouteId`].
impl Hash for ShortId {
    fn hash<H: Hasher>(&self, state: &mut H) {
        state.write_u64(self.number());
    }
}

impl fmt::Display for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let text: String = hex::encode(self.0);
        f.write_str(&text)
    }
}

impl fmt::Debug for ShortId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "ShortId({self})")
    }
}
