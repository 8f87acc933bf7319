//! Streams of bytes that are no frames, frames that are no messages, and a frame that only the bulk lane accepts.
//! They come from `docs/vectors/negative.json`, which the engine's tests write. Each is refused for the reason in
//! that file, or read.

use bytes::Bytes;
use node::net::framing::{FrameError, FrameReader, Step, frame_bytes_max};
use protocol::wire::codec::Decode as _;
use protocol::wire::frame::Frame;
use protocol::wire::message::Lane;
use serde_json::Value;

const GOOD: &str = "it is good";

/// Why the stream is refused, [`GOOD`], or nothing yet.
fn verdict(lane: Lane, mut input: &[u8]) -> Option<&'static str> {
    let mut frames = FrameReader::new(frame_bytes_max(lane));
    loop {
        match frames.feed(&mut input) {
            Ok(Step::More) => return None,
            Ok(Step::Begun(_)) => {}
            Ok(Step::Frame(frame)) => {
                let read = Frame::parse(&Bytes::from(frame.to_vec()));
                return Some(if read.is_ok() { GOOD } else { "no_message" });
            }
            Err(FrameError::TooLarge { .. }) => return Some("frame_too_large"),
            Err(FrameError::BadPrefix) => return Some("bad_prefix"),
            Err(FrameError::Empty) => return Some("empty_frame"),
            Err(FrameError::Undecodable(_)) => return Some("no_message"),
        }
    }
}

#[test]
fn each_stream_of_the_vectors_is_refused_for_the_stated_reason_or_read() {
    let path = concat!(env!("CARGO_MANIFEST_DIR"), "/../docs/vectors/negative.json");
    let vectors: Value = serde_json::from_str(&std::fs::read_to_string(path).expect("readable")).expect("JSON");
    let streams = vectors["streams"].as_array().expect("a list");
    assert!(streams.len() >= 8);
    for stream in streams {
        let text = |name: &str| stream[name].as_str().expect("a text");
        let lane = if text("lane") == "bulk" { Lane::Bulk } else { Lane::Control };
        let mut bytes = hex::decode(text("bytes")).expect("hexadecimal");
        bytes.extend(vec![0; stream["zeros"].as_u64().unwrap_or_default() as usize]);
        let expected = if stream["reason"].is_null() { GOOD } else { text("reason") };
        assert_eq!(verdict(lane, &bytes), Some(expected), "{}", text("name"));
        // One byte less says nothing yet.
        assert_eq!(verdict(lane, &bytes[..bytes.len() - 1]), None, "{}", text("name"));
    }
}
