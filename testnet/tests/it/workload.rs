//! What is submitted: when, where, and of which length.

mod blocks;
mod kinds;
mod parts;
mod schedule;
mod table;
mod transactions;
