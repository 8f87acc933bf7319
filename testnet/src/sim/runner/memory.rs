//! Whether simulations fit into the machine's memory. It is asked before anything is drawn, because a machine that
//! runs out of memory in the middle of a run may end other programs too.
//!
//! The estimate has three parts, all measured (`docs/SIMULATION.md`, "How large, and what limits it"): a node by
//! itself, each of its connections, and each item that it holds. Deliberately absent: blocks with their own
//! transactions, faults and adversaries, whose memory is small beside that of many nodes. A graph from a file is
//! not estimated, because the file says how large it is.

use std::num::NonZeroUsize;

use protocol::limits::MEMPOOL_ENTRIES_MAX;

use crate::sim::scenario::Scenario;
use crate::topology::NODES_DEFAULT;

/// Bytes of a node without connections and items.
const NODE_BYTES: u64 = 6 * 1024;

/// Bytes of each connection, at one of its ends.
const CONNECTION_BYTES: u64 = 1_500;

/// Bytes of each item at each node. They are most of all where an item comes with announcements from all peers.
const ITEM_BYTES: u64 = 1_024;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// Why simulations were not begun.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "this needs about {:.1} GiB of memory, and {:.1} GiB are available, so nothing was run: use fewer nodes, \
     neighbours or transactions, or a lower --jobs, or --no-memory-check to try it",
    *needed as f64 / GIB,
    *available as f64 / GIB
)]
pub struct TooLarge {
    /// Bytes that the simulations would need.
    pub needed: u64,
    /// Bytes that this machine has left.
    pub available: u64,
}

/// About how many bytes a simulation needs; `None` if a file decides on the graph.
#[must_use]
pub fn estimate(scenario: &Scenario) -> Option<u64> {
    let nodes = scenario.nodes.unwrap_or(NODES_DEFAULT);
    let neighbours = scenario.topology.neighbours(nodes)? as u64;
    let items = scenario.workload.transactions().min(MEMPOOL_ENTRIES_MAX as u64);
    let connections = CONNECTION_BYTES.saturating_mul(neighbours);
    let node = NODE_BYTES.saturating_add(connections).saturating_add(ITEM_BYTES.saturating_mul(items));
    Some(node.saturating_mul(nodes as u64))
}

/// How many of these simulations may run at once: as many as were `asked` for, or up to `usual` if nobody asked and
/// there is memory for them. `available` is the memory that is left, if the system tells it.
///
/// # Errors
/// If that many need more than is available.
pub fn at_once(
    mut estimates: Vec<u64>,
    asked: Option<NonZeroUsize>,
    usual: NonZeroUsize,
    available: Option<u64>,
) -> Result<NonZeroUsize, TooLarge> {
    let available = available.unwrap_or(u64::MAX);
    estimates.sort_unstable_by(|a, b| b.cmp(a));
    let needed =
        |count: NonZeroUsize| estimates.iter().take(count.get()).fold(0_u64, |sum, one| sum.saturating_add(*one));
    let mut count = asked.unwrap_or(usual);
    while asked.is_none() && needed(count) > available && count > NonZeroUsize::MIN {
        count = NonZeroUsize::new(count.get() - 1).unwrap_or(NonZeroUsize::MIN);
    }
    let needed = needed(count);
    if needed > available { Err(TooLarge { needed, available }) } else { Ok(count) }
}

/// Bytes that programs can still use (`MemAvailable`), if the system tells it.
#[must_use]
pub fn available() -> Option<u64> {
    kib_of("/proc/meminfo", "MemAvailable:")
}

/// This process's peak resident memory (`VmHWM`) in bytes, if the system tells it.
#[must_use]
pub fn peak() -> Option<u64> {
    kib_of("/proc/self/status", "VmHWM:")
}

/// The bytes of a line such as `VmHWM:    1024 kB`.
fn kib_of(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
