//! Deliveries as CSV, and back.

use node::trace::Kind;
use protocol::hash::ShortId;
use testnet::report::deliveries::{DeliveriesError, Delivery, from_csv, to_csv};

fn rows() -> Vec<Delivery> {
    let first = Delivery {
        kind: Kind::Transaction,
        item: ShortId([0xab; 8]),
        bytes: 0,
        origin: 3,
        node: 17,
        from: Some(4),
        latency_ms: Some(12.345),
        within_block: false,
    };
    let second = Delivery { kind: Kind::Block, from: None, latency_ms: None, within_block: true, ..first.clone() };
    vec![first, second]
}

const TEXT: &str = "kind,item,origin,node,from,latency_ms,within_block\n\
                    tx,abababababababab,3,17,4,12.345,false\n\
                    block,abababababababab,3,17,,,true\n";

#[test]
fn rows_are_written_and_read_back() {
    assert_eq!(to_csv(&rows()), TEXT);
    assert_eq!(from_csv(TEXT).unwrap(), rows());
}

#[test]
fn damage_is_named_by_its_line() {
    assert_eq!(from_csv(""), Err(DeliveriesError::Header));
    assert_eq!(from_csv("kind,item\n"), Err(DeliveriesError::Header));
    for damaged in [TEXT.replace("block,", "bloc,"), TEXT.replace(",,,", ",,"), TEXT.replace(",,,", ",x,,")] {
        assert_eq!(from_csv(&damaged), Err(DeliveriesError::Line(3)), "{damaged}");
    }
}
