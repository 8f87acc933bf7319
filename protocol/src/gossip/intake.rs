//! From a body that came to a verdict: what is refused at sight, what is in verification, and whether a transaction
//! is confirmed already.

pub(super) mod acknowledged;
mod arrival;
pub(super) mod betrayals;
pub(super) mod checks;
pub(super) mod first;
pub(super) mod found;
pub(super) mod header_checks;
pub(super) mod limits;
pub(super) mod refusals;
pub(super) mod sender;
pub(super) mod transactions;
pub(super) mod turns;
