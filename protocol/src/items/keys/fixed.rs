//! How hashes, ids, keys and signatures are encoded: each is a byte string of its own length.

use super::{PublicKey, Signature};
use crate::codec::{Decode, DecodeError, Encode, Reader, Writer};
use crate::items::hash::{BlockId, Hash256, RouteId, ShortId, TxId};

macro_rules! fixed_bytes {
    ($($name:ident $what:literal),* $(,)?) => {$(
        impl Encode for $name {
            fn encode(&self, writer: &mut Writer<'_>) {
                writer.bytes(&self.0);
            }
        }

        impl Decode for $name {
            fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
                reader.fixed($what).map(Self)
            }
        }
    )*};
}

fixed_bytes! {
    TxId "a transaction id",
    BlockId "a block id",
    Hash256 "a hash",
    ShortId "a short id",
    RouteId "a route",
    PublicKey "a public key",
    Signature "a signature",
}
