//! The simulator: the node's own engine in virtual time.

pub mod floor;
