//! The figures of a partition, against numbers worked out by hand.

use protocol::items::hash::ShortId;
use testnet::report::figures::healing::{Healing, TipAt};
use testnet::report::schema::Healed;
use testnet::wan::Outage;

const MS: u64 = 1_000_000;

/// Nodes 0 and 1 are on one side, 2 and 3 on the other. They are separated from 2 s to 5 s. The load begins at 1
/// s.
fn healing() -> Healing {
    let halves = serde_json::from_str("[true, true, false, false]").unwrap();
    Healing::new(Outage { from_ns: 2_000 * MS, to_ns: 5_000 * MS }, halves)
}

/// An item of node 0, and when it arrived at nodes 1, 2 and 3.
fn item(healing: &mut Healing, at_ms: u64, arrivals: &[(usize, u64)]) {
    healing.item(at_ms * MS, 0, arrivals.iter().map(|(node, ms)| (*node, ms * MS)), 3);
}

fn tip(node: usize, at_ms: u64, height: u64, id: u8) -> TipAt {
    TipAt { at_ns: at_ms * MS, node, height, id: ShortId([id; 8]) }
}

fn finish(healing: &Healing, same_tips: bool) -> Healed {
    healing.finish(1_000 * MS, &[0, 1, 2, 3], same_tips)
}

#[test]
fn the_last_item_from_before_the_heal_counts() {
    let mut healing = healing();
    item(&mut healing, 3_000, &[(1, 3_010), (2, 5_200), (3, 5_700)]);
    // An item that enters after the heal takes its usual time, which is no healing.
    item(&mut healing, 5_500, &[(1, 5_510), (2, 5_520), (3, 9_000)]);
    let healed = finish(&healing, true);
    assert_eq!((healed.at_ms, healed.lasts_ms, healed.halves), (1_000.0, 3_000.0, [2, 2]));
    assert_eq!((healed.items_after_ms, healed.tips_after_ms), (Some(700.0), Some(0.0)));
    assert_eq!((healed.converged_after_ms, healed.same_items, healed.crossed), (Some(700.0), true, 0));
}

#[test]
fn an_item_that_is_missing_somewhere_is_no_convergence() {
    let mut healing = healing();
    item(&mut healing, 3_000, &[(1, 3_010), (2, 5_200)]);
    let healed = finish(&healing, true);
    assert_eq!((healed.items_after_ms, healed.converged_after_ms, healed.same_items), (None, None, false));
}

#[test]
fn a_delivery_to_the_other_side_while_it_lasts_is_counted() {
    let mut healing = healing();
    // A delivery before the cut, or on the same side, is no crossing.
    item(&mut healing, 1_500, &[(1, 1_510), (2, 1_600), (3, 2_100)]);
    item(&mut healing, 3_000, &[(1, 3_010), (2, 4_999), (3, 5_000)]);
    assert_eq!(finish(&healing, true).crossed, 1);
}

#[test]
fn a_node_has_caught_up_with_the_best_tip_of_the_heal_or_a_higher_one() {
    let mut healing = healing();
    // One side has a block of height 7. The other has two of height 6, and one of these has the lower id.
    for (node, height, id) in [(0, 7, 9), (1, 7, 9), (2, 6, 1), (3, 6, 2)] {
        healing.tip(tip(node, 4_000, height, id));
    }
    healing.tip(tip(2, 5_300, 7, 9));
    healing.tip(tip(3, 5_400, 7, 10));
    healing.tip(tip(3, 5_900, 8, 4));
    let healed = finish(&healing, true);
    assert_eq!((healed.tips_after_ms, healed.converged_after_ms), (Some(900.0), Some(900.0)));
}

#[test]
fn tips_that_differ_in_the_end_are_no_convergence() {
    let mut healing = healing();
    item(&mut healing, 3_000, &[(1, 3_010), (2, 5_200), (3, 5_700)]);
    let healed = finish(&healing, false);
    assert_eq!((healed.items_after_ms, healed.converged_after_ms), (Some(700.0), None));
}

#[test]
fn a_node_that_never_catches_up_is_no_convergence() {
    let mut healing = healing();
    for node in 0..3 {
        healing.tip(tip(node, 4_000, 7, 9));
    }
    assert_eq!(finish(&healing, true).tips_after_ms, None);
}
