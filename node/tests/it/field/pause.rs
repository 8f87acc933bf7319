//! In the field: a process that is stopped for a while and continues, as on a laptop or in a debugger.

use std::thread::sleep;
use std::time::Duration;

use nix::sys::signal::Signal;
use tempfile::tempdir;

use crate::support::namespaces::{Space, until};

/// Three status lines would have been due, and 35 blocks.
const PAUSE: Duration = Duration::from_secs(35);

#[test]
#[ignore = "takes most of a minute: scripts/prove.sh field"]
fn a_process_that_was_stopped_goes_on_with_one_status_line_and_one_block() {
    let dir = tempdir().expect("a directory");
    let space = Space::of_this_machine(dir.path());
    let args = ["--listen", "/ip4/127.0.0.1/tcp/0", "--produce-every", "1s", "--log", "warn,node=debug"];
    let node = space.node("node", &args);
    until(|| (node.lines_with("status: ") > 0).then_some(())).expect("its first line");
    node.signal(Signal::SIGSTOP);
    sleep(PAUSE);
    let (lines, blocks) = (node.lines_with("status: "), node.lines_with("produced a block"));
    node.signal(Signal::SIGCONT);
    sleep(Duration::from_secs(4));
    assert_eq!(node.lines_with("status: ") - lines, 1, "{}", node.said());
    let made = node.lines_with("produced a block") - blocks;
    assert!((2..=6).contains(&made), "{made} blocks in 4 s, at one a second: {}", node.said());
}
