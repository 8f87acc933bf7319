//! What a page holds, for the other tests.

use std::path::Path;

use node::observe::trace::Kind;
use protocol::items::hash::ShortId;
use serde_json::Value;
use testnet::report::deliveries::Delivery;
use testnet::report::schema::Report;
use testnet::report::{self, PAGE_FILE};

/// A delivery of a transaction, from the neighbour with the next lower number.
pub(crate) fn delivery(item: u64, node: usize, latency_ms: f64) -> Delivery {
    Delivery {
        kind: Kind::Transaction,
        item: ShortId(item.to_be_bytes()),
        bytes: 0,
        origin: 0,
        node,
        from: node.checked_sub(1),
        latency_ms: Some(latency_ms),
        within_block: false,
        floor_ms: None,
    }
}

/// The page of this run.
pub(crate) fn page(report: &Report, deliveries: &[Delivery]) -> String {
    let dir = tempfile::tempdir().unwrap();
    report::write(dir.path(), report, deliveries).unwrap();
    page_in(dir.path())
}

/// The page in a directory.
pub(crate) fn page_in(dir: &Path) -> String {
    std::fs::read_to_string(dir.join(PAGE_FILE)).unwrap()
}

/// A block of data of the page, as a browser finds it: up to the first end of a `script` element.
pub(crate) fn block(page: &str, id: &str) -> Value {
    let (_, from) = page.split_once(&format!("<script type=\"application/json\" id=\"{id}\">")).unwrap();
    let (json, _) = from.split_once("</script").unwrap();
    serde_json::from_str(json).unwrap()
}
