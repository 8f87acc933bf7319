//! A partition in the traces of real nodes.

use node::observe::trace::What;
use testnet::local::collect::{Observed, measure};
use testnet::wan::{LinkPlan, Outage};

use super::collector::{TX, accepted, at, id, observed, submitted};
use crate::wan::link::plan;

const MS: u64 = 1_000_000;

/// The load lasts from 1 s to 2 s. Node 0 is separated from nodes 1 and 2 from 1.2 s to 1.6 s.
fn seen(last_ms: u64) -> Observed {
    let links =
        LinkPlan { halves: serde_json::from_str("[true, false, false]").ok(), ..plan(3, "0%", "unlimited") };
    let tip = |ms| at(ms, What::Tip { item: id(9), height: 1, disconnected: 0 });
    Observed {
        links: Some(links),
        outage: Some(Outage { from_ns: 1_200 * MS, to_ns: 1_600 * MS }),
        same_tips: true,
        ..observed(vec![
            vec![submitted(1_300, TX, 1), accepted(1_301, TX, 1, None), tip(1_400)],
            vec![accepted(1_650, TX, 1, Some(1)), tip(1_680)],
            vec![accepted(last_ms, TX, 1, Some(1)), tip(1_690)],
        ])
    }
}

#[test]
fn items_and_tips_are_followed_until_the_last_node_has_them() {
    let healed = measure(&seen(1_660)).partition.unwrap();
    assert_eq!((healed.at_ms, healed.lasts_ms, healed.halves), (200.0, 400.0, [1, 2]));
    assert_eq!((healed.items_after_ms, healed.tips_after_ms), (Some(60.0), Some(90.0)));
    assert_eq!((healed.converged_after_ms, healed.same_items, healed.crossed), (Some(90.0), true, 0));
}

#[test]
fn what_came_across_too_early_is_counted() {
    assert_eq!(measure(&seen(1_599)).partition.unwrap().crossed, 1);
}

#[test]
fn without_a_partition_there_is_none() {
    assert_eq!(measure(&Observed { outage: None, ..seen(1_660) }).partition, None);
}
