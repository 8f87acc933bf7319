//! How bytes become messages and messages become bytes: deterministic CBOR, strict in both directions. What a
//! message means is in `gossip`.

pub mod codec;
pub mod frame;
mod head;
pub(crate) mod limits;
pub mod message;
pub mod symbol;
