//! How bytes become messages and messages become bytes. What a message means is in `gossip`, and the encoding that
//! messages share with items is in `codec`.

pub mod frame;
mod head;
pub(crate) mod limits;
pub mod message;
pub mod symbol;

pub use crate::codec;
