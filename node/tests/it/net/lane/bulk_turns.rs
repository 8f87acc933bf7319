//! Bodies to several peers leave in the order in which they begin, and older blocks leave after all others.

use node::net::lane::turns::Turns;

/// The order in which bodies that begin one after the other leave; blocks by height.
fn order(bodies: &[Option<u64>]) -> Vec<Option<u64>> {
    let mut turns = Turns::default();
    let mut waiting: Vec<_> = bodies.iter().map(|body| (turns.begin(*body), *body)).collect();
    waiting.sort_unstable();
    waiting.into_iter().map(|(_, body)| body).collect()
}

#[test]
fn bodies_leave_in_the_order_in_which_they_began() {
    assert_eq!(order(&[Some(1), None, Some(2), Some(3), None]), [Some(1), None, Some(2), Some(3), None]);
    assert_eq!(order(&[Some(9), Some(9), Some(9)]), [Some(9); 3]);
}

#[test]
fn the_two_newest_blocks_and_all_transactions_go_before_older_blocks() {
    let bodies = [Some(100), Some(7), Some(98), None, Some(99), Some(8), Some(101)];
    assert_eq!(order(&bodies), [Some(100), None, Some(99), Some(101), Some(7), Some(98), Some(8)]);
}
