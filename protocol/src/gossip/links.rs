//! One peer: what may be queued for it, what it is owed, what it costs, and the messages to it.

pub(super) mod announce;
pub(super) mod budget;
pub(super) mod by_handle;
pub(super) mod cost;
pub(super) mod credit;
pub(super) mod dealings;
pub(super) mod limits;
pub(super) mod peer;
pub(super) mod peers;
pub(super) mod steadiness;
pub(super) mod talk;
