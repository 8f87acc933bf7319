//! Frames: however a stream is cut, it gives the same frames and ends with the same error, within the lane's
//! bound.

use bytes::Bytes;
use node::net::framing::{FrameError, FrameReader, Step};

use super::cursor::Cursor;

/// The bound of the lane here. It is small, so that an input can reach it.
const BYTES_MAX: usize = 1_000;

/// The result of reading a stream.
#[derive(Debug, PartialEq)]
pub struct Came {
    frames: Vec<Bytes>,
    ended: Option<FrameError>,
    inside: bool,
}

/// Reads a stream in pieces of at most this number of bytes.
pub fn read(stream: &[u8], piece: usize) -> Came {
    let mut reader = FrameReader::new(BYTES_MAX);
    let mut frames = Vec::new();
    for mut piece in stream.chunks(piece.max(1)) {
        loop {
            match reader.feed(&mut piece) {
                Ok(Step::More) => break,
                Ok(Step::Begun(length)) => assert!(length <= BYTES_MAX, "{length}"),
                Ok(Step::Frame(frame)) => frames.push(frame),
                Err(error) => return Came { frames, ended: Some(error), inside: reader.is_inside() },
            }
            assert!(reader.allocated() <= BYTES_MAX, "{} bytes for a frame", reader.allocated());
        }
    }
    Came { frames, ended: None, inside: reader.is_inside() }
}

/// Reads a stream whole and in pieces. The first byte decides the length of the pieces.
pub fn check(input: &[u8]) {
    let mut cursor = Cursor(input);
    let piece = 1 + cursor.below(64);
    let came = read(cursor.0, usize::MAX);
    assert!(came.frames.iter().all(|frame| !frame.is_empty() && frame.len() <= BYTES_MAX));
    assert_eq!(read(cursor.0, piece), came);
}
