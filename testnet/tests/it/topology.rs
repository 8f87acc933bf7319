//! Graphs, and how early an item could be at each node.

mod drawn;
mod file;
mod floor;
mod regular;
