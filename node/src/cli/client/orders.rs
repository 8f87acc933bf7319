//! What only the node's owner may do to its peers and its log: `node peers add`, `remove`, `ban` and `unban`, and
//! `node log`. Also `node bans`, which everybody may ask for.

use std::process::ExitCode;

use super::columns::{Column, render};
use super::{AskError, Node, print, print_json, text};
use crate::cli::{AskArgs, PeersCommand};
use crate::observe::logging::to_stderr;
use crate::rpc::ApiClient as _;
use crate::rpc::command::BanStatus;

/// `node peers add`, `remove`, `ban` and `unban`.
pub(super) fn peers(command: &PeersCommand) -> Result<ExitCode, AskError> {
    match command {
        PeersCommand::Add { address, forget, ask } => {
            let node = Node::find_as_owner(ask)?;
            node.call(async |client| client.add_peer(address.to_string(), Some(!forget)).await)?;
            to_stderr(if *forget {
                "the node keeps a connection to it until it ends"
            } else {
                "the node keeps a connection to it, also after a restart, until `node peers remove`"
            });
        }
        PeersCommand::Remove { who, ask } => {
            Node::find_as_owner(ask)?.call(async |client| client.remove_peer(who.clone()).await)?;
            to_stderr("disconnected. It may connect again; `node peers ban` prevents that");
        }
        PeersCommand::Ban { who, time, ask } => {
            let seconds = time.as_secs();
            let node = Node::find_as_owner(ask)?;
            node.call(async |client| client.ban_peer(who.clone(), Some(seconds)).await)?;
            to_stderr(&format!("banned for {}, also over a restart", humantime::format_duration(*time)));
        }
        PeersCommand::Unban { who, ask } => {
            Node::find_as_owner(ask)?.call(async |client| client.unban_peer(who.clone()).await)?;
            to_stderr("the ban has ended");
        }
    }
    Ok(ExitCode::SUCCESS)
}

/// `node bans`.
///
/// # Errors
/// See [`AskError`].
pub fn bans(ask: &AskArgs) -> Result<ExitCode, AskError> {
    let bans = Node::find(ask)?.call(async |client| client.bans_list().await)?;
    if ask.json {
        print_json(&bans)?;
    } else if bans.is_empty() {
        to_stderr("no peer and no address is banned");
    } else {
        print(&table(&bans))?;
    }
    Ok(ExitCode::SUCCESS)
}

/// `node log`.
///
/// # Errors
/// See [`AskError`].
pub fn log(filter: &str, ask: &AskArgs) -> Result<ExitCode, AskError> {
    let node = Node::find_as_owner(ask)?;
    let before = node.call(async |client| client.set_log_filter(filter.to_owned()).await)?;
    if ask.json {
        print_json(&serde_json::json!({ "before": before }))?;
    } else {
        to_stderr(&format!("changed until the node ends; before, it was {}", text::plain(&before)));
    }
    Ok(ExitCode::SUCCESS)
}

fn table(bans: &[BanStatus]) -> String {
    let columns = [
        Column::new("BANNED", bans, |ban| text::plain(&ban.who)),
        Column::new("REASON", bans, |ban| text::plain(&ban.reason)),
        Column::new("LEFT", bans, |ban| text::span(ban.left_s)).numbers(),
    ];
    render(&columns)
}
