//! Runs of real nodes: plans, loads, the collector and the search for the capacity.

mod bad_manners;
mod capacity_search;
mod causes;
mod collector;
mod collector_cost;
mod collector_links;
mod collector_partition;
mod compared_nodes;
mod plan_links;
mod real_nodes;
mod submission_queues;
mod watched_nodes; // members of real nodes
