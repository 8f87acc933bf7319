//! What a node holds: the mempool, the chain, blocks that wait for their parents, and the records that outlive a
//! run. Nothing here knows about peers and messages. A link is a number.

pub mod chain;
pub mod durable;
pub mod filter;
pub(crate) mod limits;
pub mod mempool;
pub mod orphan;
