//! `node tx pool`: the pending transactions of a running node, page by page.

use std::process::ExitCode;

use super::columns::{Column, render};
use super::follow::follow;
use super::{AskError, Node, print, print_json};
use crate::cli::PoolArgs;
use crate::observe::logging::to_stderr;
use crate::observe::units::bytes_text;
use crate::rpc::ApiClient as _;
use crate::rpc::feeds::Topic;
use crate::rpc::lists::PoolView;

/// `node tx pool`.
pub(super) fn run(args: &PoolArgs) -> Result<ExitCode, AskError> {
    if args.follow {
        return follow(&args.ask, &[Topic::Transactions], |node| list(node, args));
    }
    list(&Node::find(&args.ask)?, args).map(|()| ExitCode::SUCCESS)
}

fn list(node: &Node, args: &PoolArgs) -> Result<(), AskError> {
    let after = args.after.map(|id| id.to_string());
    let page = node.call(async |client| client.pool_content(after, Some(args.count)).await)?;
    if args.ask.json {
        print_json(&page)?;
    } else if page.transactions.is_empty() {
        to_stderr("no transaction is pending");
    } else {
        print(&table(&page))?;
    }
    Ok(())
}

fn table(page: &PoolView) -> String {
    let shown = &page.transactions;
    let columns = [
        Column::new("TRANSACTION", shown, |one| one.id.clone()),
        Column::new("SIZE", shown, |one| bytes_text(one.bytes as u64)).numbers(),
        Column::new("UNTIL", shown, |one| one.valid_until.to_string()).numbers(),
    ];
    let more = page.next.as_ref().map(|next| format!("\nthe next page: --after {next}")).unwrap_or_default();
    format!("{}\n{} pending, {}{more}", render(&columns), page.total, bytes_text(page.bytes as u64))
}
