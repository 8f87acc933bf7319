//! The wire's decoders: what decodes has one encoding, which is the one that was read, and of the length that was told.

use std::fmt::Debug;

use bytes::Bytes;
use protocol::wire::codec::{Decode, Encode};

/// What the bytes are, if they are that.
pub fn decode<T: Decode>(input: &Bytes) -> Option<T> {
    T::from_bytes(input).ok()
}

/// What must hold of an item that was decoded.
pub fn check<T: Decode + Encode + Debug + PartialEq>(input: &Bytes, item: &T) {
    assert_eq!(item.encoded_len(), input.len(), "{item:?}");
    assert_eq!(item.to_bytes(), *input, "{item:?}");
}
