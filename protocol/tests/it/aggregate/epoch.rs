//! Which block names an epoch, when it begins, and what its name depends on. And gauges' names.

use protocol::gossip::aggregate::gauge::{Gauge, GaugeError};
use protocol::items::hash::BlockId;
use protocol::items::member::epoch::Epoch;
use protocol::limits::{EPOCH_BLOCKS, EPOCH_DEPTH, GAUGE_NAME_BYTES_MAX};

use super::net::{epoch, whole};

#[test]
fn an_epoch_begins_when_its_block_is_deep_enough() {
    let first = EPOCH_BLOCKS + EPOCH_DEPTH;
    let numbers = [
        (0, None),
        (EPOCH_BLOCKS, None),
        (first - 1, None),
        (first, Some(1)),
        (first + EPOCH_BLOCKS - 1, Some(1)),
        (first + EPOCH_BLOCKS, Some(2)),
    ];
    for (tip, number) in numbers {
        assert_eq!(Epoch::number_at(tip), number, "at {tip}");
    }
    assert_eq!(Epoch::height_of(2), 2 * EPOCH_BLOCKS);
    assert_eq!(Epoch::height_of(u64::MAX), u64::MAX);
}

#[test]
fn the_name_of_an_epoch_depends_on_number_and_block() {
    let name = epoch(1).name();
    assert_eq!(name, epoch(1).name());
    assert_ne!(name, Epoch { number: 2, ..epoch(1) }.name());
    assert_ne!(name, Epoch { block: BlockId([9; 32]), ..epoch(1) }.name());
}

#[test]
fn the_name_of_a_gauge_depends_on_its_text_and_range() {
    let gauge = |name: &str, low, high| Gauge::new(name, whole(low), whole(high)).map(|gauge| gauge.id());
    assert_eq!(gauge("load", 0, 10), gauge("load", 0, 10));
    for other in [gauge("lord", 0, 10), gauge("load", 1, 10), gauge("load", 0, 11)] {
        assert_ne!(gauge("load", 0, 10), other);
    }
    assert_eq!([gauge("load", 1, 1), gauge("load", 2, 1)], [Err(GaugeError::Range); 2]);
}

#[test]
fn the_name_of_a_gauge_has_a_bounded_length() {
    let named = |len: usize| Gauge::new(&"a".repeat(len), whole(0), whole(1)).map(|gauge| gauge.name().len());
    assert_eq!(named(GAUGE_NAME_BYTES_MAX), Ok(GAUGE_NAME_BYTES_MAX));
    assert_eq!([named(0), named(GAUGE_NAME_BYTES_MAX + 1)], [Err(GaugeError::Name); 2]);
}
