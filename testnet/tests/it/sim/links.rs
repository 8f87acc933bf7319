//! The links between simulated nodes: windows, queues and losses.

mod bulk_link;
mod slow_uplink;
mod unseen_loss;
