//! The inputs that fuzzing kept, run again: frames and the RPC's envelope. The engine's tests run the others.

#![expect(unreachable_pub, reason = "the checks are the fuzz targets' too")]

use std::path::Path;

#[path = "../../../fuzz/checks/cursor.rs"]
#[expect(dead_code, reason = "other checks use the rest")]
mod cursor;
#[path = "../../../fuzz/checks/frame.rs"]
mod frame;
#[path = "../../../fuzz/checks/rpc.rs"]
mod rpc;

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

#[test]
fn however_a_stream_is_cut_the_same_frames_come_out() {
    each("frame", frame::check);
}

#[test]
fn whatever_is_asked_the_answer_is_one_of_json_rpc() {
    each("rpc", rpc::check);
}
