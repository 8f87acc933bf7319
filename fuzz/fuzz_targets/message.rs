#![no_main]

use bytes::Bytes;
use hearsay_fuzz::{decoders, within_heap};
use libfuzzer_sys::fuzz_target;
use protocol::wire::frame::Frame;

fuzz_target!(|data: &[u8]| {
    let input = Bytes::copy_from_slice(data);
    let decoded = within_heap(data.len(), || decoders::decode::<Frame>(&input));
    if let Some(item) = decoded {
        decoders::check(&input, &item);
    }
});
