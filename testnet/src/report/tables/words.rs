//! The meanings of the words in the tables, one line each. Each table is followed by the lines for its words.
//! `docs/MEASURING.md` has the full explanations.

use super::layout::Grid;
use crate::report::schema::ByHand;

/// Words of headings and rows, and their meanings. None of these lines is wider than a page.
const WORDS: [(&str, &str); 28] = [
    ("to all", "until the last node has it; of items that every node got"),
    ("warm", "without each author's first 3 items, strays and one-time authors"),
    ("stretch", "latency over the delays of the shortest path from the origin"),
    ("limit", "the shortest path's delays, and the item once at the bandwidth"),
    ("originated", "accepted by the node where it was submitted"),
    ("expected", "deliveries of what originated to all nodes but its origin"),
    ("coverage", "delivered over expected"),
    ("redundancy", "bodies received for each useful one, minus 1"),
    ("echoes", "items sent back to a peer that had just sent them; must be 0"),
    ("starved", "rounds in which the machine was too slow to measure the protocol"),
    ("wire", "bytes read below the encryption, without TCP/IP headers"),
    ("payload", "the encoded items that were delivered by themselves"),
    ("bytes", "read from the transport below the encryption, without TCP/IP headers"),
    ("timer lateness", "of a 50 ms timer in the nodes; high if the machine is slow"),
    ("lag", "the p99 lateness of a 50 ms timer in the nodes"),
    ("control", "what a block in the way costs announcements, over the link's delay"),
    ("RSS", "the median node's peak memory"),
    ("carried", "all was accepted, and arrived before the drain ended"),
    ("submit late", "by how much the instrument's own submissions were late at worst"),
    ("cut", "the partition's beginning; its end is the heal"),
    ("converged", "all nodes have the same transactions and the same tip"),
    ("in theory", "log(fanout+1) of the nodes, and ln of them over the fanout"),
    ("fullest structure", "how full the fullest bounded memory of an engine was"),
    ("memory per node", "peak resident memory of the process, over the nodes"),
    ("estimated", "before the run, from its nodes, links and transactions"),
    ("counted memory", "what peers can make the engine hold, as it counts it"),
    ("violations", "rules that a checker found broken"),
    ("fingerprint", "a hash of all that happened; one seed and commit give one"),
];

/// The lines for the words of a table, each with a line break before it.
pub(super) fn explained(grid: &Grid) -> String {
    let named: Vec<String> = grid.words().map(|word| word.replace('\n', " ")).collect();
    let has = |word: &str| named.iter().any(|name| contains(name, word));
    // If two words mean the same, one line is enough.
    let twice = |word: &str| word == "bytes" && has("wire");
    WORDS
        .iter()
        .filter(|(word, _)| has(word) && !twice(word))
        .map(|(word, meaning)| format!("\n {word}: {meaning}"))
        .collect()
}

/// The warning that a person has changed the run.
pub(super) fn by_hand(done: ByHand) -> String {
    let all = [
        (done.transactions, "transactions sent"),
        (done.blocks, "blocks published"),
        (done.killed, "nodes killed"),
        (done.paused, "nodes stopped for a while"),
        (done.cuts, "cuts"),
    ];
    let said: Vec<String> =
        all.iter().filter(|(count, _)| *count > 0).map(|(count, what)| format!("{count} {what}")).collect();
    format!("DRIVEN BY HAND: {}. These figures can't be compared with those of another run.", said.join(", "))
}

/// Whether a name has a word, as a whole.
fn contains(name: &str, word: &str) -> bool {
    name.match_indices(word).any(|(at, _)| {
        let (before, after) = (&name[..at], &name[at + word.len()..]);
        !before.ends_with(char::is_alphanumeric) && !after.starts_with(char::is_alphanumeric)
    })
}
