#![no_main]

use hearsay_fuzz::{rpc, within_heap};
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| within_heap(data.len(), || rpc::check(data)));
