//! Whole simulations: one, many, and small networks drawn from seeds.

mod aggregates; // their machines alone
mod causes;
mod command;
mod jobs;
mod memory;
mod regressions;
mod swarm;
mod sweep;
mod textbook;
mod withholders;
