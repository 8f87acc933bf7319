//! Transactions that wait for a node are sent in order, a few calls at a time.

use testnet::local::load::queues::{CALL_ITEMS_MAX, CALLS_MAX, Queues};

#[test]
fn below_its_limit_every_item_has_a_call_of_its_own() {
    let mut queues = Queues::new(2);
    for item in 0..CALLS_MAX {
        queues.push(1, item);
        assert_eq!(queues.call(1), Some(vec![item]));
    }
    assert_eq!(queues.call(0), None);
}

#[test]
fn above_it_what_waits_goes_together_and_in_order() {
    let mut queues = Queues::new(1);
    for item in 0..CALLS_MAX {
        queues.push(0, item);
        queues.call(0).unwrap();
    }
    let waiting: Vec<usize> = (0..CALL_ITEMS_MAX + 5).collect();
    for item in &waiting {
        queues.push(0, *item);
        assert_eq!(queues.call(0), None, "no more than {CALLS_MAX} calls are under way");
    }
    queues.ended(0);
    assert_eq!(queues.call(0).unwrap(), waiting[..CALL_ITEMS_MAX]);
    assert_eq!(queues.call(0), None);
    queues.ended(0);
    assert_eq!(queues.call(0).unwrap(), waiting[CALL_ITEMS_MAX..]);
    queues.ended(0);
    assert_eq!(queues.call(0), None);
}

#[test]
fn one_node_holds_up_no_other() {
    let mut queues = Queues::new(2);
    for item in 0..CALLS_MAX + 1 {
        queues.push(0, item);
        queues.call(0);
    }
    queues.push(1, 7);
    assert_eq!(queues.call(1), Some(vec![7]));
}
