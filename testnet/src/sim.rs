//! The simulator: thousands of the node's own engines in virtual time, in one thread, exact.
//!
//! A [`scenario`] says what a run is made of. The [`simulation`] is the world that runs it, over [`link`]s, with
//! [`fault`]s and [`adversary`] nodes in it and [`checker`]s that watch. [`measure`] makes figures of what is left, and
//! [`runner`] and [`swarm`] run one scenario or many.

pub mod adversary;
pub mod checker;
pub mod fault;
pub mod link;
pub mod measure;
pub mod runner;
pub mod scenario;
pub mod simulation;
pub mod swarm;
pub mod watchers;
