//! A slow link takes longer than its delay, in both directions, and no other link does.

use testnet::wan::{LinkPlan, Site, SlowLink};

use super::link::{DELAY, plan};

#[test]
fn a_slow_link_adds_its_time_in_both_directions() {
    let slow = vec![SlowLink { ends: (0, 2), by_us: 30_000 }];
    let plan = LinkPlan { slow, ..plan(3, "0%", "unlimited") };
    let delay_ms = |from: usize, to: usize| {
        let site = Site::new(plan.clone(), to).unwrap();
        site.delay_ns(from, 0.5) / 1_000_000
    };
    let usual = DELAY.as_millis() as u64;
    assert_eq!([delay_ms(0, 2), delay_ms(2, 0)], [usual + 30; 2]);
    assert_eq!([delay_ms(0, 1), delay_ms(1, 2)], [usual; 2]);
    // What is computed from the delays, such as the floor, doesn't know of it.
    assert_eq!(plan.delays.one_way_us(0, 2), DELAY.as_micros() as u64);
}
