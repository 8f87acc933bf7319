//! The instrument's behaviour through its public door.

#![expect(clippy::unwrap_used, reason = "a test that can't go on fails")]

mod blocks;
mod bulk_link;
mod capacity_report;
mod capacity_search;
mod checkers;
mod collector;
mod collector_cost;
mod collector_links;
mod command_line;
mod compare_flags;
mod compare_tables;
mod compared_nodes;
mod deliveries;
mod faults;
mod floor;
mod link;
mod link_access;
mod models;
mod plan_links;
mod random;
mod real_nodes;
mod regressions;
mod scenario;
mod schema;
mod sim_command;
mod sim_determinism;
mod sim_queue;
mod simulated;
mod statistics;
mod submission_queues;
mod swarm;
mod sweep;
mod tables;
mod topology;
mod topology_drawn;
mod topology_file;
mod transactions;
mod virtual_pace;
mod wan;
mod withholders;
mod workload;
mod workload_kinds;
mod workload_parts;
mod workload_table;
