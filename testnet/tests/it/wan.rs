//! Links between nodes: their delays, and emulated links.

mod distances;
pub(crate) mod link;
mod link_access;
mod link_partition;
mod partition;
mod slow_link;
mod virtual_pace;
