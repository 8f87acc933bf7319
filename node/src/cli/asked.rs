//! What may be typed to ask about members. Deliberately absent: what is printed (`client/members.rs`).

use clap::{Args, Subcommand};

use super::AskArgs;

/// `node members`.
#[derive(Clone, Debug, Args)]
#[command(args_conflicts_with_subcommands = true)]
pub struct MembersArgs {
    /// What to show; without it, all members are listed.
    #[command(subcommand)]
    pub command: Option<MembersCommand>,

    /// Go on, and print a line for each change
    #[arg(long)]
    pub watch: bool,

    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `node members …`.
#[derive(Clone, Debug, Subcommand)]
pub enum MembersCommand {
    /// Show a member: its record, its entries, and who accuses it.
    Show {
        /// Its peer id, or its public key
        #[arg(value_name = "ID")]
        id: String,
        /// Which node to ask.
        #[command(flatten)]
        ask: AskArgs,
    },
}

/// `node set`.
#[derive(Clone, Debug, Args)]
pub struct SetArgs {
    /// The entry's key, at most 64 bytes
    #[arg(value_name = "KEY")]
    pub key: String,

    /// Its value, as text
    #[arg(
        value_name = "VALUE",
        required_unless_present = "remove",
        conflicts_with = "remove",
        allow_hyphen_values = true
    )]
    pub value: Option<String>,

    /// Remove the entry
    #[arg(long)]
    pub remove: bool,

    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,
}

/// `node get`.
#[derive(Clone, Debug, Args)]
pub struct GetArgs {
    /// The entry's key
    #[arg(value_name = "KEY")]
    pub key: String,

    /// The member that has it, by its peer id or its public key, instead of the node itself
    #[arg(long, value_name = "ID")]
    pub member: Option<String>,

    /// Which node to ask.
    #[command(flatten)]
    pub ask: AskArgs,
}
