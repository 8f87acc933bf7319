//! The engine's parts through their public doors.

mod chain_bodies;
mod chain_fork_choice;
mod chain_headers;
mod chain_reorg;
mod chain_sync;
mod make;
mod mempool_bounds;
mod mempool_eviction;
mod mempool_model;
mod merkle;
mod orphan;
