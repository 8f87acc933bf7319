//! The simulator: thousands of the node's own engines in virtual time, in one thread, exact.
//!
//! A [`scenario`] says what a run consists of. The [`simulation`] is the world that runs it, with [`link`]s,
//! [`fault`]s, [`adversary`] nodes, and [`checker`]s that watch. With [`members`], nodes also watch each other; a
//! [`rival`] can take their machine's place. [`measure`] turns the result of a run into figures. [`runner`] runs one
//! scenario, and [`swarm`] draws and runs many.

pub mod adversary;
pub mod checker;
pub mod fault;
pub mod link;
pub mod measure;
pub mod members;
pub mod rival;
pub mod runner;
pub mod scenario;
pub mod simulation;
pub mod swarm;
pub mod watchers;
