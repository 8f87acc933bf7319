//! Nodes that announce first and withhold: nobody else goes without an item.

use protocol::gossip::RelayPolicy;
use testnet::sim::withholders::compare;

#[test]
fn a_third_of_withholders_keeps_no_item_from_anyone() {
    let compared = compare(100, 60, 0.3, RelayPolicy::Announce, 1).unwrap();
    println!("{compared:?}: ratio {:.2}", compared.later_ratio());
    assert_eq!((compared.clean.missing, compared.withheld.missing), (0, 0));
}
