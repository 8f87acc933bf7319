//! What is sent and signed: transactions, blocks, statements of members, their names, keys and checks. Types and
//! their rules only. Who has which item is in `ledger`, and how items travel is in `gossip`.

pub mod batch;
pub mod block;
pub mod equivocation;
pub mod hash;
pub mod keys;
pub(crate) mod limits;
pub mod member;
pub mod network;
pub mod refusal;
pub mod transaction;
pub mod validator;
pub mod verify;
