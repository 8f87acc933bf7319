//! The shared parts of the fuzz targets: a counted heap, and the checks, which `cargo test` also runs over the
//! kept corpora.
//!
//! Deliberately absent: the code of the checks. It is in `checks/`, without anything of libFuzzer.

use std::alloc::System;

use cap::Cap;

#[path = "../checks/cursor.rs"]
pub mod cursor;
#[path = "../checks/decoders.rs"]
pub mod decoders;
#[path = "../checks/engine.rs"]
pub mod engine;
#[path = "../checks/frame.rs"]
pub mod frame;
#[path = "../checks/rpc.rs"]
pub mod rpc;
#[path = "../checks/sketch.rs"]
pub mod sketch;
#[path = "../checks/tracker.rs"]
pub mod tracker;

/// The tracker's naive model, which is the tests'.
#[path = "../../protocol/tests/it/fetch"]
mod fetch {
    pub(crate) mod request_naive;
    #[expect(dead_code, reason = "it is the tests'")]
    mod request_support;
}

/// Counts the heap of our code. libFuzzer's own heap is C++ and is not counted.
#[global_allocator]
static HEAP: Cap<System> = Cap::new(System, usize::MAX);

/// Bytes of heap that a decoder may take in addition to four times its input.
pub const HEAP_BYTES: usize = 1024 * 1024;

/// Runs a decoder. The process ends at the allocation that takes more than four times the input plus
/// [`HEAP_BYTES`]. libFuzzer reports this as a crash of that input.
pub fn within_heap<T>(input: usize, decode: impl FnOnce() -> T) -> T {
    let most = HEAP.allocated() + 4 * input + HEAP_BYTES;
    HEAP.set_limit(most).expect("more than is allocated");
    let decoded = decode();
    HEAP.set_limit(usize::MAX).expect("more than is allocated");
    decoded
}
