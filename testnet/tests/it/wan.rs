//! Links between nodes: how far apart they are, and links that are emulated.

mod distances;
pub(crate) mod link;
mod link_access;
mod link_partition;
mod partition;
mod virtual_pace;
