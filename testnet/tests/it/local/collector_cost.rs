//! Costs, from handwritten samples.

use node::observe::trace::{Record, What};
use testnet::local::collect::{Observed, measure};
use testnet::report::schema::{Cost, Percentiles, RssMib};

use super::collector::{TX, accepted, at, observed, submitted};

const MIB: u64 = 1_048_576;

fn sample(ms: u64, wire_in: u64, cpu_us: u64, rss_mib: u64) -> Record {
    let rss_peak = rss_mib * MIB;
    at(ms, What::Sample { wire_in, wire_out: 7, cpu_us, rss_peak, peers: 1, lateness_us: vec![] })
}

/// Two nodes, idle at 100 bytes and 50 µs a second, then one delivery of 100 bytes.
fn two_nodes() -> Vec<Vec<Record>> {
    let samples = |wire: u64, cpu: u64, rss: u64| {
        vec![
            sample(100, 1_000, 500, 1),
            sample(600, 1_050, 525, 1),
            // The last sample before the load, which begins at 1,000 ms.
            sample(900, 1_080, 540, 2),
            sample(1_900, 1_080 + wire, 540 + cpu, rss),
            // The first sample after the drain, which ends at 3,000 ms.
            sample(3_400, 1_080 + wire + 250, 540 + cpu + 125, rss),
            sample(4_400, 9_999, 9_999, rss),
        ]
    };
    let mut origin = samples(0, 0, 20);
    let mut other = samples(300, 1_000, 10);
    origin.extend([submitted(1_000, TX, 1), accepted(1_000, TX, 1, None)]);
    other.push(accepted(1_010, TX, 1, Some(0)));
    [origin, other].map(sorted).into()
}

fn sorted(mut records: Vec<Record>) -> Vec<Record> {
    records.sort_by_key(|record| record.at_ns);
    records
}

#[test]
fn costs_are_counter_differences_less_the_idle_rate() {
    let measured = measure(&observed(two_nodes()));
    // From 900 to 3,400 ms are 2.5 s. Idling takes 250 bytes and 125 µs at each node. The origin used 250 - 250
    // bytes and 125 - 125 µs, and the other node 550 - 250 and 1,125 - 125.
    let expected = Cost {
        wire_bytes_per_delivery: Some(300.0),
        wire_ratio: Some(3.0),
        idle_bytes_per_s_per_node: Some(100.0),
        cpu_us_per_delivery: Some(1_000.0),
        rss_mib: RssMib { p50: Some(10.0), max: Some(20.0) },
        lag_ms: None,
        control_excess_ms: Percentiles::default(),
    };
    assert_eq!(measured.cost, expected);
}

#[test]
fn what_came_inside_a_block_adds_no_length_of_its_own() {
    let mut traces = two_nodes();
    for record in traces.iter_mut().flatten() {
        if let What::Accepted { from: Some(_), within, .. } = &mut record.what {
            *within = true;
        }
    }
    let cost = measure(&observed(traces)).cost;
    assert_eq!((cost.wire_bytes_per_delivery, cost.wire_ratio), (Some(300.0), None));
}

#[test]
fn a_node_without_samples_leaves_costs_unknown() {
    let mut traces = two_nodes();
    traces[0].retain(|record| !matches!(record.what, What::Sample { .. }));
    let cost = measure(&observed(traces)).cost;
    assert_eq!((cost.wire_ratio, cost.idle_bytes_per_s_per_node, cost.cpu_us_per_delivery), (None, None, None));
}

#[test]
fn a_network_that_was_busier_with_itself_before_the_load_leaves_costs_unknown() {
    let mut traces = two_nodes();
    for record in traces.iter_mut().flatten().filter(|record| record.at_ns < 800_000_000) {
        if let What::Sample { wire_in, .. } = &mut record.what {
            *wire_in = 0;
        }
    }
    let cost = measure(&observed(traces)).cost;
    assert_eq!((cost.wire_bytes_per_delivery, cost.wire_ratio), (None, None));
    assert!(cost.idle_bytes_per_s_per_node.is_some() && cost.cpu_us_per_delivery.is_some());
}

#[test]
fn killed_nodes_cost_nothing() {
    let mut seen = observed(two_nodes());
    seen.nodes.push(seen.nodes[1].clone());
    seen.nodes[2].survived = false;
    assert_eq!(measure(&seen).cost.wire_bytes_per_delivery, Some(300.0));
}

fn lagging(late_us: u64) -> Observed {
    let mut traces = two_nodes();
    let late =
        What::Sample { wire_in: 0, wire_out: 0, cpu_us: 0, rss_peak: 0, peers: 0, lateness_us: vec![late_us] };
    // Only the time in load and drain counts.
    let outside =
        What::Sample { wire_in: 0, wire_out: 0, cpu_us: 0, rss_peak: 0, peers: 0, lateness_us: vec![1 << 40] };
    traces[0].extend([at(1_500, late), at(5_000, outside)]);
    observed(traces.into_iter().map(sorted).collect())
}

#[test]
fn late_timers_starve_a_run() {
    let fine = measure(&lagging(50_000));
    assert_eq!((fine.cost.lag_ms, fine.starved), (Some(50.0), false));
    let late = measure(&lagging(50_001));
    assert_eq!((late.cost.lag_ms, late.starved), (Some(50.001), true));
}

#[test]
fn slow_networks_may_have_later_timers() {
    // The one delivery now takes 600 ms, a tenth of which is 60.
    let slow = |late_us| {
        let mut seen = lagging(late_us);
        for record in &mut seen.nodes[1].records {
            if matches!(record.what, What::Accepted { .. }) {
                record.at_ns = 1_600_000_000;
            }
        }
        measure(&seen).starved
    };
    assert_eq!((slow(60_000), slow(60_001)), (false, true));
}

#[test]
fn too_few_originated_items_starve_a_run() {
    let offered =
        |offered_transactions| measure(&Observed { offered_transactions, ..observed(two_nodes()) }).starved;
    assert_eq!((offered(1), offered(2)), (false, true));
}
