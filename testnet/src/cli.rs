//! The command line. Deliberately absent: doing any of it.

mod aggregates;
mod compare;
mod links;
mod load;
mod members;
mod planted;
mod report;
mod run;
mod sim;
mod watched;
mod worker;

use std::path::PathBuf;

use clap::{Parser, Subcommand};

pub use aggregates::AggregatesArgs;
pub use compare::CompareArgs;
pub use links::LinkArgs;
pub use load::LoadArgs;
pub use members::MembersArgs;
pub use planted::PlantedArgs;
pub use report::ReportArgs;
pub use run::RunArgs;
pub use sim::SimArgs;
pub use watched::WatchedArgs;
pub use worker::WorkerArgs;

/// Launches real Hearsay nodes on this machine or simulates them, loads them and measures how items spread.
#[derive(Debug, Parser)]
// A script gives its own flags first and its caller's flags last. The later one wins.
#[command(name = "testnet", version, arg_required_else_help = true, args_override_self = true)]
pub struct Cli {
    /// The command to run.
    #[command(subcommand)]
    pub command: Command,
}

/// The commands.
#[derive(Debug, Subcommand)]
pub enum Command {
    /// Launch nodes, load them, and report
    Run(Box<RunArgs>),
    /// Run several engines and policies on the same work in turn, and compare
    Compare(Box<CompareArgs>),
    /// Run the same engine in virtual time, on thousands of nodes and emulated links, and report
    Sim(Box<SimArgs>),
    /// Launch nodes, kill, stop and restart some, and report how soon the others see it
    Members(Box<WatchedArgs>),
    /// Run the machines of aggregates over links alone, on up to 100,000 members and more, and report
    Aggregates(Box<AggregatesArgs>),
    /// Show a finished run in the browser, from its traces, with a slider for the time
    Replay {
        /// The --out directory of a run of real nodes
        dir: PathBuf,
    },
    /// Run one node of a run in this process; the other commands start these
    #[command(hide = true)]
    Worker(Box<WorkerArgs>),
    /// Show finished runs again, write a run's page again, and draw pictures that are missing
    Report(ReportArgs),
}

/// A word, quoted so that a shell reads it as the same word.
#[must_use]
pub fn quoted(word: &str) -> String {
    let plain = |c: char| c.is_ascii_alphanumeric() || "-_./:=,@%+".contains(c);
    if !word.is_empty() && word.chars().all(plain) {
        word.to_owned()
    } else {
        format!("'{}'", word.replace('\'', r"'\''"))
    }
}
