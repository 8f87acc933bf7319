#![no_main]

use hearsay_fuzz::engine;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| engine::check(data));
