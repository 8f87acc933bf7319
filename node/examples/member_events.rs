//! Runs a node in this process, and prints what changes about the members of its network.
//!
//! ```text
//! cargo run -p hearsay-node --example member_events -- --network dev --bootstrap /ip4/127.0.0.1/tcp/30400
//! ```
//!
//! The arguments are those of the node.

use std::process::ExitCode;

use node::MemberEvents;
use node::cli::Cli;
use node::protocol::items::keys::PublicKey;
use node::run;

/// An application that wants to know who comes and goes.
struct Printer;

impl MemberEvents for Printer {
    fn joined(&mut self, member: PublicKey) {
        println!("{member} is here");
    }

    fn failed(&mut self, member: PublicKey) {
        println!("{member} answers nobody");
    }

    fn left(&mut self, member: PublicKey) {
        println!("{member} has left");
    }

    fn returned(&mut self, member: PublicKey) {
        println!("{member} is here again");
    }
}

fn main() -> ExitCode {
    let ended = run::run_with(Cli::read().run, |builder| builder.member_events(Printer));
    ended.unwrap_or_else(|error| {
        eprintln!("error: {error}");
        ExitCode::FAILURE
    })
}
