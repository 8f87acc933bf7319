//! Commands that go on: they print what there is, and then what changes. If the node ends, they look for it once a second.
//!
//! Deliberately absent: what is printed (`watch.rs`, `follow.rs`).

use std::io::{self, Write as _};
use std::process::ExitCode;
use std::time::{Duration, UNIX_EPOCH};

use tokio::time::timeout;

use super::{AskError, Node};
use crate::cli::AskArgs;
use crate::observe::logging::to_stderr;

/// From one look for a node that is gone to the next.
const SEARCH_EVERY: Duration = Duration::from_secs(1);

/// Which side ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Ended {
    Node,
    /// Nobody reads the output any more.
    Reader,
}

/// Watches the node until the command is stopped, or nobody reads its output any more. `watch` sets its flag when it has
/// reached the node. Until then, an error ends the command.
pub(super) fn until_unread(
    ask: &AskArgs,
    watch: impl Fn(&Node, &mut bool) -> Result<Ended, AskError>,
) -> Result<ExitCode, AskError> {
    let mut was_there = false;
    loop {
        match Node::find(ask).and_then(|node| watch(&node, &mut was_there)) {
            Ok(Ended::Reader) => return Ok(ExitCode::SUCCESS),
            Ok(Ended::Node) => to_stderr("the node is gone: looking for it each second"),
            Err(error) if !was_there => return Err(error),
            // It is looked for in silence.
            Err(_) => {}
        }
        std::thread::sleep(SEARCH_EVERY);
    }
}

/// Opens a stream of events, within the time that the node has for an answer.
pub(super) fn open<T>(node: &Node, opening: impl Future<Output = Result<T, AskError>>) -> Result<T, AskError> {
    let opened = node.runtime.block_on(async { timeout(node.timeout, opening).await });
    opened.map_err(|_| AskError::NoAnswer {
        address: node.address.clone(),
        error: format!("it took longer than {}", humantime::format_duration(node.timeout)),
    })?
}

/// Says on stderr that events were lost.
pub(super) fn tell_lost(events: u64) {
    to_stderr(&format!("{events} changes were lost, because they came faster than they were read"));
}

/// A point in time, given in milliseconds since 1970.
pub(super) fn at(ms: u64) -> String {
    let time = UNIX_EPOCH.checked_add(Duration::from_millis(ms)).unwrap_or(UNIX_EPOCH);
    humantime::format_rfc3339_millis(time).to_string()
}

/// Prints a line; false if nobody reads any more.
pub(super) fn put(line: &str) -> io::Result<bool> {
    let mut out = io::stdout().lock();
    match writeln!(out, "{line}").and_then(|()| out.flush()) {
        Err(error) if error.kind() == io::ErrorKind::BrokenPipe => Ok(false),
        other => other.map(|()| true),
    }
}
