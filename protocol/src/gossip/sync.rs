//! Catching up: headers, bodies, which of them are missing, and what durable storage is asked for.

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
pub(super) mod their_chain;
