//! Graphs, and the earliest possible arrival of an item at each node.

mod drawn;
mod file;
mod floor;
mod regular;
