//! Hearsay's gossip engine: a deterministic state machine that decides what to tell to which peer.
//!
//! There is no clock, no socket, no thread, no file and no global randomness in here. Time and randomness are
//! arguments, and the same inputs and seed give the same outputs, byte for byte. `no_std` enforces this.
#![no_std]
#![forbid(unsafe_code)]
#![deny(missing_docs)]
#![deny(clippy::iter_over_hash_type, clippy::unwrap_used, clippy::expect_used, clippy::panic)]

extern crate alloc;

pub mod codec;
pub mod footprint;
pub mod gossip;
pub mod items;
pub mod ledger;
pub mod limits;
pub mod seeded;
mod sorted;
pub mod time;
pub mod wire;
