#![no_main]

use hearsay_fuzz::tracker;
use libfuzzer_sys::fuzz_target;

fuzz_target!(|data: &[u8]| tracker::check(data));
