//! x
pub mod collect;
pub mod items;
pub mod topology;
pub mod workload;
