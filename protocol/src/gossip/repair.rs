//! Repair: peers compare what they hold, and exchange the difference that relay did not bring.

pub(super) mod compare;
pub(super) mod conversations;
pub(super) mod limits;
pub(super) mod lists;
pub mod sketch;
