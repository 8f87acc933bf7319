//! A trace file tells the cause of each body. A file of an older node, which tells none, is read as well.

use node::observe::trace::{self, Kind, TraceWriter, What};
use protocol::gossip::ArrivalCause;
use protocol::items::hash::ShortId;

const fn body(cause: Option<ArrivalCause>) -> What {
    What::Body { kind: Kind::Transaction, item: ShortId([3; 8]), bytes: 100, from: 7, duplicate: false, cause }
}

#[test]
fn causes_come_back_as_they_were_written_and_their_absence_too() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trace");
    let mut writer = TraceWriter::create(&path, "peer", "test").expect("a file");
    let wanted: Vec<What> = ArrivalCause::ALL.into_iter().map(Some).chain([None]).map(body).collect();
    wanted.iter().for_each(|what| writer.write(what.clone()).expect("written"));
    writer.flush().expect("written");
    let (_, records) = trace::read(&path).expect("a whole trace");
    let read: Vec<What> = records.into_iter().map(|record| record.what).collect();
    assert_eq!(read, wanted);
}

#[test]
fn a_cause_that_only_a_newer_node_knows_is_none() {
    let dir = tempfile::tempdir().expect("a directory");
    let path = dir.path().join("trace");
    let mut writer = TraceWriter::create(&path, "peer", "test").expect("a file");
    writer.write(body(Some(ArrivalCause::WithinBlock))).expect("written");
    writer.flush().expect("written");
    let mut bytes = std::fs::read(&path).expect("a file");
    // The record's last byte is the code.
    assert_eq!(bytes.pop().map(u64::from), Some(ArrivalCause::WithinBlock.code()));
    bytes.push(23);
    std::fs::write(&path, bytes).expect("written");
    let (_, records) = trace::read(&path).expect("a whole trace");
    assert_eq!(records.into_iter().map(|record| record.what).collect::<Vec<_>>(), [body(None)]);
}
