//! The load: when and where items are submitted, and of which length.

mod blocks;
mod kinds;
mod parts;
mod schedule;
mod table;
mod transactions;
