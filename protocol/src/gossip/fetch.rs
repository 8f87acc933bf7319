//! Which peer to ask for what, and what a peer that asks is sent.

pub(super) mod ask;
pub(super) mod debts;
pub(super) mod lengths;
pub(super) mod limits;
pub mod request;
mod sent;
pub(super) mod serve;
