//! A lane carries messages, and three frames that only drivers see: an ack, a ping and a pong. No message has the
//! tag of one of the three.

use bytes::Bytes;
use protocol::wire::codec::{Decode as _, DecodeError, Encode as _, Misread};
use protocol::wire::frame::{Frame, PLACE_BYTES};
use protocol::wire::message::Message;

fn drivers_own() -> [(&'static str, Frame); 4] {
    let (pong, placed) = (Frame::Pong([2; 8]), Frame::PlacedPong([2; 8], [3; PLACE_BYTES]));
    [("ack", Frame::Ack(16_384)), ("ping", Frame::Ping([1; 8])), ("pong", pong), ("pong", placed)]
}

#[test]
fn a_message_has_the_same_bytes_and_name_as_its_frame() {
    let message = Message::Inv(Vec::new());
    let frame = Frame::from(message.clone());
    assert_eq!((frame.to_bytes(), frame.name()), (message.to_bytes(), message.name()));
    assert_eq!(Frame::from_bytes(&message.to_bytes().into()), Ok(frame));
}

#[test]
fn an_ack_a_ping_and_a_pong_are_frames() {
    for (name, frame) in drivers_own() {
        assert_eq!(frame.name(), name);
        assert_eq!(Frame::from_bytes(&frame.to_bytes().into()), Ok(frame), "{name}");
    }
}

#[test]
fn an_ack_a_ping_and_a_pong_are_no_messages() {
    let unknown = Misread { what: "a message's tag", at: 1, error: DecodeError::BadValue("a message tag") };
    for (name, frame) in drivers_own() {
        assert_eq!(Message::parse(&frame.to_bytes().into()), Err(unknown), "{name}");
    }
}

#[test]
fn a_pong_may_have_a_place_and_nothing_else_may() {
    let frame = |tag: u8, place: usize| {
        let bytes = [&[0x83, tag, 0x48][..], &[1; 8], &[0x58, place as u8], &vec![2; place]].concat();
        Frame::parse(&Bytes::from(bytes))
    };
    assert_eq!(frame(0x17, PLACE_BYTES), Ok(Frame::PlacedPong([1; 8], [2; PLACE_BYTES])));
    assert_eq!(frame(0x17, PLACE_BYTES - 1).map_err(|misread| misread.what), Err("a place"));
    assert_eq!(frame(0x17, PLACE_BYTES + 1).map_err(|misread| misread.what), Err("a place"));
    assert_eq!(frame(0x16, PLACE_BYTES).map_err(|misread| misread.what), Err("a message"));
}

#[test]
fn a_nonce_has_eight_bytes() {
    let ping = |nonce: &[u8]| {
        let bytes = [&[0x82, 0x16, 0x40 + nonce.len() as u8][..], nonce].concat();
        Frame::parse(&Bytes::from(bytes))
    };
    assert_eq!(ping(&[1; 8]), Ok(Frame::Ping([1; 8])));
    let short = Misread { what: "a nonce", at: 2, error: DecodeError::BadValue("a nonce") };
    let long = Misread { error: DecodeError::TooLong { what: "a nonce", max: 8 }, ..short };
    assert_eq!((ping(&[1; 7]), ping(&[1; 9])), (Err(short), Err(long)));
}
