//! One link each: what a peer knows, may queue, is owed and costs; and the talk with it.

pub(super) mod announce;
mod budget;
pub(super) mod cost;
mod credit;
pub(super) mod dealings;
mod known;
pub(super) mod limits;
pub(super) mod peer;
pub(super) mod peers;
pub(super) mod steadiness;
pub(super) mod talk;
