//! From measurements to the figures of a report: spreads over deliveries, healing after a partition, and what
//! theory expects of a rumor.

pub mod healing;
pub mod models;
pub mod spreads;
