//! The inputs that fuzzing kept, run again: each check of `fuzz/` holds for each of its inputs.

#![expect(unreachable_pub, reason = "the checks are the fuzz targets' too")]

use std::path::Path;

use bytes::Bytes;
use protocol::items::block::Block;
use protocol::items::transaction::SignedTransaction;
use protocol::wire::frame::Frame;

#[path = "../../../fuzz/checks/cursor.rs"]
mod cursor;
#[path = "../../../fuzz/checks/decoders.rs"]
mod decoders;
#[path = "../../../fuzz/checks/engine.rs"]
mod engine;
#[path = "../../../fuzz/checks/sketch.rs"]
mod sketch;
#[path = "../../../fuzz/checks/tracker.rs"]
mod tracker;

/// Every input of a target's corpus. A missing corpus is a fault, because the test would check nothing.
fn each(target: &str, check: impl Fn(&[u8])) {
    let corpus = Path::new(env!("CARGO_MANIFEST_DIR")).join("../fuzz/corpus").join(target);
    let mut inputs = 0;
    for entry in corpus.read_dir().expect("a corpus") {
        let path = entry.expect("a file").path();
        // Printed only if the check fails.
        println!("{}", path.display());
        check(&std::fs::read(path).expect("a file"));
        inputs += 1;
    }
    assert!(inputs >= 3, "{inputs} inputs of {target}");
}

fn decodes<T: protocol::wire::codec::Decode + protocol::wire::codec::Encode + std::fmt::Debug + PartialEq>(
    input: &[u8],
) {
    let input = Bytes::copy_from_slice(input);
    if let Some(item) = decoders::decode::<T>(&input) {
        decoders::check(&input, &item);
    }
}

#[test]
fn what_decodes_has_one_encoding() {
    each("message", decodes::<Frame>);
    each("transaction", decodes::<SignedTransaction>);
    each("block", decodes::<Block>);
}

#[test]
fn a_sketch_costs_what_its_symbols_allow() {
    each("sketch", sketch::check);
}

#[test]
fn a_tracker_answers_as_its_model_does() {
    each("tracker", tracker::check);
}

#[test]
fn an_engine_keeps_its_bounds_and_blames_nobody_honest() {
    each("engine", engine::check);
}
