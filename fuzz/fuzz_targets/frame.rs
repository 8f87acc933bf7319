#![no_main]

use hearsay_fuzz::{frame, within_heap};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| within_heap(data.len(), || frame::check(data)));
