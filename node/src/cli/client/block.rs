//! `node block …`: gives an encoded block to a running node, which requires its cookie, and looks up blocks.

use std::path::Path;
use std::process::ExitCode;

use protocol::items::block::Block;
use protocol::items::hash::BlockId;
use protocol::limits::BLOCK_BYTES_MAX;
use protocol::wire::codec::Decode as _;

use super::{AskError, Node, print, print_json, read_up_to, text};
use crate::cli::{AskArgs, BlockCommand};
use crate::observe::logging::to_stderr;
use crate::rpc::ApiClient as _;

/// `node block …`.
///
/// # Errors
/// See [`AskError`].
pub fn run(command: BlockCommand) -> Result<ExitCode, AskError> {
    match command {
        BlockCommand::Publish { file, ask } => publish(&file, &ask),
        BlockCommand::Get { id, ask } => get_block(id, &ask),
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

fn get_block(id: BlockId, ask: &AskArgs) -> Result<ExitCode, AskError> {
    let node = Node::find(ask)?;
    let found = node.call(async |client| client.block_get(id.to_string()).await)?;
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
