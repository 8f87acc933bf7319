//! The tree of an item as text.

use testnet::report::deliveries::files::write_hops;
use testnet::report::deliveries::hops::{Blame, Hop};
use testnet::report::tables::layout::Page;
use testnet::report::tables::tree::{SLOWEST, TreeError, render};

use crate::report::files::data_files::hop;

const WIDE: Page = Page { width: 120, color: false };

/// Item 0xab: 0 to 1, 1 to 2, 0 to 3. Item 0xac: 0 to 1, later.
fn written() -> tempfile::TempDir {
    let dir = tempfile::tempdir().unwrap();
    let innocent = |hop: Hop| Hop { blame: Blame::Nobody, ..hop };
    let hops = [
        innocent(hop(0xab, 0, 1, 2.0)),
        Hop { hop_ms: Some(5.0), blame: Blame::Node(2), ..hop(0xab, 1, 2, 7.0) },
        innocent(hop(0xab, 0, 3, 3.0)),
        innocent(hop(0xac, 0, 1, 12.0)),
    ];
    write_hops(dir.path(), &hops).unwrap();
    dir
}

#[test]
fn each_node_hangs_below_its_neighbour_with_latency_cause_and_blame() {
    let dir = written();
    let text = render(dir.path(), "ABAB", WIDE).unwrap();
    let lines: Vec<&str> = text.lines().collect();
    let (title, tree) = (lines[0], &lines[1..]);
    assert!(
        title.starts_with("transaction abababababababab entered at node 0 and reached 3 other nodes"),
        "{title}"
    );
    assert_eq!(tree[0], "node 0");
    assert!(tree[1].starts_with("├─ node 1  2.0 ms  (+2.0)  pushed (author-route)  queue 1.5"), "{}", tree[1]);
    assert!(
        tree[2].starts_with("│  └─ node 2  7.0 ms  (+5.0)  pushed (author-route)  slow: node 2  queue 1.5"),
        "{}",
        tree[2]
    );
    assert!(tree[3].starts_with("└─ node 3  3.0 ms  (+3.0)  pushed (author-route)"), "{}", tree[3]);
    assert_eq!(tree.len(), 4);
}

#[test]
fn lines_are_no_wider_than_the_page_and_colour_comes_only_where_it_may() {
    let dir = written();
    let narrow = render(dir.path(), "ab", Page { width: 40, color: false }).unwrap();
    assert!(narrow.lines().all(|line| line.chars().count() <= 40) && !narrow.contains('\u{1b}'), "{narrow}");
    let coloured = render(dir.path(), "ab", Page { width: 80, color: true }).unwrap();
    assert_eq!(coloured.matches("\u{1b}[0m").count(), 1, "{coloured}");
}

#[test]
fn the_slowest_item_is_the_default_and_a_prefix_must_name_one_item() {
    let dir = written();
    assert!(render(dir.path(), SLOWEST, WIDE).unwrap().starts_with("transaction acacacacacacacac"));
    let several = render(dir.path(), "a", WIDE).unwrap_err();
    assert!(matches!(&several, TreeError::Several { found, .. } if found.len() == 2), "{several}");
    assert!(matches!(render(dir.path(), "ff", WIDE), Err(TreeError::Nothing(_))));
}
