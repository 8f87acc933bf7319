//! Links between nodes: their delays, and emulated links.

mod distances;
pub(crate) mod link;
mod link_access;
mod link_partition;
mod partition;
mod virtual_pace;
