//! Whether simulations fit into the machine's memory. It is asked before anything is drawn, because a machine that
//! runs out of memory in the middle of a run may end other programs too.
//!
//! The answer is an estimate: a part for each node, one for each of its connections, and one for each item that it
//! holds. What types take is known. What engines allocate beside that was counted once, at every allocation, in
//! networks of 500 and 1,000 engines with 8 neighbours and 2 transactions. The constants are above what was counted,
//! because the allocator rounds up and loses some. 30,000 nodes with 8 neighbours and 2 transactions took 14.7 KiB
//! each with `announce` and 18.9 KiB with author trees, and the estimate for both is 18.5 KiB. A report has the
//! estimate beside what was really used.
//!
//! Deliberately absent: the program itself and its queue, some 20 MB, which are little beside many nodes; memory
//! that the allocator can't use because it is in small pieces; blocks with their own transactions, faults and
//! adversaries. A graph from a file is not estimated, because the file says how large it is. The limit of a
//! container is not looked at.

use std::num::NonZeroUsize;

use protocol::gossip::Gossip;
use protocol::limits::MEMPOOL_ENTRIES_MAX;

use crate::sim::scenario::Scenario;
use crate::sim::simulation::host::{Connection, Host, Link};
use crate::topology::NODES_DEFAULT;

/// What an engine allocates at its start and for its first item: some 2 KiB with `announce`. Author trees have six
/// caches beside, which begin with some 4 KiB.
const ENGINE_HEAP_BYTES: usize = 4 * 1024;

/// What an engine allocates for each connection. Counted: 376 bytes for the peer, 232 in the request tracker, and
/// some 100 for what waits, was announced and is charged, each of which is rounded up.
const PEER_HEAP_BYTES: usize = 850;

/// A message on its way: an event in the queue, the message in its box, and the list in it. At the busiest moment
/// there is about one for each end of a connection.
const MESSAGE_BYTES: usize = 256;

/// What an engine allocates for each item: its places in the mempool and its indexes, and in the inventory.
const ITEM_HEAP_BYTES: usize = 700;

/// A node by itself.
const NODE_BYTES: u64 = (size_of::<Host>() + size_of::<Gossip>() + ENGINE_HEAP_BYTES) as u64;

/// A connection, at one of its ends. A link belongs to both.
const END_BYTES: u64 = (size_of::<Connection>() + size_of::<Link>() / 2 + PEER_HEAP_BYTES + MESSAGE_BYTES) as u64;

/// An item at one node. When it arrived, from which node, and how early it could have been there are noted in 4 bytes
/// each.
const ITEM_BYTES: u64 = (ITEM_HEAP_BYTES + 3 * size_of::<u32>()) as u64;

const GIB: f64 = 1024.0 * 1024.0 * 1024.0;

/// Why simulations were not begun.
#[derive(Clone, Copy, Debug, PartialEq, thiserror::Error)]
#[error(
    "this needs an estimated {:.1} GiB of memory, and {:.1} GiB are available, so nothing was run: use fewer nodes, \
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
    Some(estimate_per_node(scenario)?.saturating_mul(nodes_of(scenario) as u64))
}

/// The same for each of its nodes.
#[must_use]
pub fn estimate_per_node(scenario: &Scenario) -> Option<u64> {
    let neighbours = scenario.topology.neighbours(nodes_of(scenario))? as u64;
    let items = scenario.workload.transactions().min(MEMPOOL_ENTRIES_MAX as u64);
    let connections = END_BYTES.saturating_mul(neighbours);
    Some(NODE_BYTES.saturating_add(connections).saturating_add(ITEM_BYTES.saturating_mul(items)))
}

/// How many of these simulations may run at once: as many as were `asked` for, or up to `usual` if nobody asked
/// and there is memory for them. `available` is the memory that is left, if the system tells it.
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

fn nodes_of(scenario: &Scenario) -> usize {
    scenario.nodes.unwrap_or(NODES_DEFAULT)
}

/// The bytes of a line such as `VmHWM:    1024 kB`.
fn kib_of(file: &str, name: &str) -> Option<u64> {
    let text = std::fs::read_to_string(file).ok()?;
    let line = text.lines().find_map(|line| line.strip_prefix(name))?;
    let kib: u64 = line.trim().strip_suffix("kB")?.trim().parse().ok()?;
    kib.checked_mul(1024)
}
