//! Whom to ask for what, and what a peer that asks is sent.

pub mod request;
pub(super) mod serve;
