//! The status tells every counter of the engine, by its name and in the engine's order. A node of an earlier version
//! may tell fewer.

use node::rpc::command::Counters;
use protocol::gossip::Stats;

#[test]
fn each_counter_of_the_engine_is_told_by_its_name() {
    let stats = Stats { refused: 3, equivocations: 5, ..Stats::default() };
    let told: Vec<String> = stats.each().map(|(name, count)| format!("\"{name}\":{count}")).collect();
    let json = serde_json::to_string(&Counters::from(stats)).expect("plain data");
    assert_eq!(json, format!("{{{}}}", told.join(",")));
}

#[test]
fn a_counter_that_is_not_told_is_zero() {
    let read: Counters = serde_json::from_str(r#"{"refused":3}"#).expect("counters");
    assert_eq!(read, Counters { refused: 3, ..Counters::default() });
}
