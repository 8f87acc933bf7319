//! The engine's tests, all through its public door and on virtual time.
#![allow(clippy::unwrap_used, clippy::cast_possible_truncation, missing_docs)]

mod harness;

mod blocks; // orphans, catching up, forks, confirmed transactions
mod determinism; // same seed, same outputs
mod flow_control; // credit per peer and lane
mod hello; // the greeting
mod inv_getdata; // announcing, asking, answering
mod misbehavior; // bad peers, and bounds on what they can do
mod propagation; // every item reaches every node; no echo
mod strictness; // one encoding, everything else refused
mod wire; // golden bytes of every message and item
//! The engine's behaviour, through its public door. One file a behaviour.

mod request_bounds;
mod request_fallback;
mod request_model;
mod request_support;
