//! Deliveries as CSV, and back.

use node::observe::trace::Kind;
use protocol::items::hash::ShortId;
use testnet::report::deliveries::{Columns, DeliveriesError, Delivery, Rows, read_each};

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
        floor_ms: None,
    };
    let second = Delivery { kind: Kind::Block, from: None, latency_ms: None, within_block: true, ..first.clone() };
    vec![first, second]
}

fn to_csv(rows: &[Delivery], columns: Columns) -> String {
    let mut text = Vec::new();
    let mut writer = Rows::new(&mut text, columns).unwrap();
    rows.iter().for_each(|row| writer.row(row).unwrap());
    writer.finish().unwrap();
    String::from_utf8(text).unwrap()
}

fn from_csv(text: &str) -> Result<Vec<Delivery>, DeliveriesError> {
    let mut rows = Vec::new();
    read_each(text, |row| rows.push(row))?;
    Ok(rows)
}

const TEXT: &str = "kind,item,origin,node,from,latency_ms,within_block\n\
                    tx,abababababababab,3,17,4,12.345,false\n\
                    block,abababababababab,3,17,,,true\n";

#[test]
fn rows_are_written_and_read_back() {
    assert_eq!(to_csv(&rows(), Columns::WithoutFloor), TEXT);
    assert_eq!(from_csv(TEXT).unwrap(), rows());
}

#[test]
fn simulated_deliveries_have_their_floor() {
    let mut rows = rows();
    rows[0].floor_ms = Some(9.5);
    let text = to_csv(&rows, Columns::WithFloor);
    assert!(text.ends_with(",12.345,false,9.500\nblock,abababababababab,3,17,,,true,\n"), "{text}");
    assert_eq!(from_csv(&text).unwrap(), rows);
    assert_eq!(from_csv(&text.replace(",floor_ms", "")), Err(DeliveriesError::Line(2)));
}

#[test]
fn damage_is_named_by_its_line() {
    assert_eq!(from_csv(""), Err(DeliveriesError::Header));
    assert_eq!(from_csv("kind,item\n"), Err(DeliveriesError::Header));
    for damaged in [TEXT.replace("block,", "bloc,"), TEXT.replace(",,,", ",,"), TEXT.replace(",,,", ",x,,")] {
        assert_eq!(from_csv(&damaged), Err(DeliveriesError::Line(3)), "{damaged}");
    }
}
