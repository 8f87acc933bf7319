//! `node block …`: gives an encoded block to a running node, which requires its cookie, and looks up and lists blocks.

use std::path::Path;
use std::process::ExitCode;

use protocol::items::block::Block;
use protocol::limits::BLOCK_BYTES_MAX;
use protocol::wire::codec::Decode as _;

use super::columns::{Column, render};
use super::follow::follow;
use super::{AskError, Node, print, print_json, read_up_to, text};
use crate::cli::{AskArgs, BlockCommand, BlocksArgs};
use crate::observe::logging::to_stderr;
use crate::rpc::ApiClient as _;
use crate::rpc::feeds::Topic;
use crate::rpc::lists::BlockSummary;

/// `node block …`.
///
/// # Errors
/// See [`AskError`].
pub fn run(command: BlockCommand) -> Result<ExitCode, AskError> {
    match command {
        BlockCommand::Publish { file, ask } => publish(&file, &ask),
        BlockCommand::Get { id, ask } => get_block(id, &ask),
        BlockCommand::List(args) if args.follow => follow(&args.ask, &[Topic::Blocks], |node| list(node, &args)),
        BlockCommand::List(args) => list(&Node::find(&args.ask)?, &args).map(|()| ExitCode::SUCCESS),
    }
}

fn publish(file: &Path, ask: &AskArgs) -> Result<ExitCode, AskError> {
    // Hexadecimal takes two digits a byte, and a line end.
    let text = read_up_to(file, 2 * BLOCK_BYTES_MAX + 2)?;
    let bytes = hex::decode(text.trim_ascii()).unwrap_or(text);
    let refused = |reason: String| AskError::NoBlock { path: file.to_owned(), reason };
    if bytes.len() > BLOCK_BYTES_MAX {
        return Err(refused(format!("it has over {BLOCK_BYTES_MAX} bytes")));
    }
    Block::from_bytes(&bytes.clone().into()).map_err(|error| refused(error.to_string()))?;
    let node = Node::find_as_owner(ask)?;
    let submitted = node.call(async |client| client.block_publish(hex::encode(bytes)).await)?;
    if ask.json {
        print_json(&submitted)?;
    } else {
        print(&submitted.id)?;
        if !submitted.accepted {
            to_stderr("the node holds this block already");
        }
    }
    Ok(ExitCode::SUCCESS)
}

fn list(node: &Node, args: &BlocksArgs) -> Result<(), AskError> {
    let blocks = node.call(async |client| client.block_list(args.from, Some(args.count)).await)?;
    if args.ask.json {
        print_json(&blocks)?;
    } else if blocks.is_empty() {
        to_stderr("the node has no block there");
    } else {
        print(&table(&blocks))?;
    }
    Ok(())
}

fn table(blocks: &[BlockSummary]) -> String {
    let columns = [
        Column::new("HEIGHT", blocks, |block| block.height.to_string()).numbers(),
        Column::new("BLOCK", blocks, |block| block.id.clone()),
        Column::new("TXS", blocks, |block| block.transactions.to_string()).numbers(),
        Column::new("MADE", blocks, |block| text::made(block.timestamp_ms)),
    ];
    render(&columns)
}

fn get_block(id: String, ask: &AskArgs) -> Result<ExitCode, AskError> {
    let node = Node::find(ask)?;
    let found = node.call(async |client| client.block_get(id.clone()).await)?;
    if ask.json {
        print_json(&found)?;
    }
    let view = found.ok_or(AskError::UnknownBlock(id))?;
    if ask.json {
        return Ok(ExitCode::SUCCESS);
    }
    print(&text::block(view, text::width()))?;
    Ok(ExitCode::SUCCESS)
}
