//! Nodes that announce first and withhold: no other node goes without an item, or waits much longer after they are
//! known.

use protocol::gossip::RelayPolicy;
use testnet::sim::swarm::withholders::compare;

#[test]
fn three_in_ten_withholders_keep_no_item_from_anyone_and_are_soon_found_out() {
    let compared = compare(100, 60, 0.3, RelayPolicy::Announce, 1).unwrap();
    assert_eq!((compared.clean.missing, compared.withheld.missing), (0, 0));
    // The acceptance figure for byzantine networks: at most one and a half times as long, after the first items.
    assert!(compared.later_ratio() <= 1.5, "{:.2} times as long: {compared:?}", compared.later_ratio());
}
