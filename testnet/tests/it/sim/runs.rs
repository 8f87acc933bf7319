//! Whole simulations: one, many, and small networks drawn from seeds.

mod command;
mod regressions;
mod swarm;
mod sweep;
mod textbook;
mod withholders;
