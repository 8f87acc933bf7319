//! The decoders of the wire. Everything that can be decoded has one encoding: the one that was read, with the
//! computed length.

use std::fmt::Debug;

use bytes::Bytes;
use protocol::wire::codec::{Decode, Encode};

/// The value in the bytes, if they are one.
pub fn decode<T: Decode>(input: &Bytes) -> Option<T> {
    T::from_bytes(input).ok()
}

/// The properties that every decoded item must have.
pub fn check<T: Decode + Encode + Debug + PartialEq>(input: &Bytes, item: &T) {
    assert_eq!(item.encoded_len(), input.len(), "{item:?}");
    assert_eq!(item.to_bytes(), *input, "{item:?}");
}
