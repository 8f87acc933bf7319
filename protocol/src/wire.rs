//! How bytes become messages and messages bytes: deterministic CBOR, strict both ways. What a message means is in `gossip`.

pub mod codec;
pub(crate) mod limits;
pub mod message;
