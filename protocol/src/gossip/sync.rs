//! Headers and blocks: taking them in, catching up, what durable storage is asked for, and what a producer signs
//! next.

pub(super) mod behind;
pub(super) mod blocks;
pub(super) mod catch_up;
pub(super) mod detour;
pub(super) mod evidence;
mod header_requests;
pub(super) mod headers;
pub(super) mod limits;
pub(super) mod loads;
pub(super) mod stall;
mod template;
pub(super) mod their_chain;
