//! Frames: an unsigned-varint length and one encoded message. Sans-IO: bytes go in, frames come out.
//!
//! A length is compared with the lane's bound before a byte is allocated for it. The buffer grows with what has
//! arrived, so a peer that declares 4 MiB and sends nothing costs nothing.

use bytes::{Bytes, BytesMut};
use protocol::limits::{BULK_FRAME_BYTES_MAX, CONTROL_FRAME_BYTES_MAX};
use protocol::wire::codec::{Encode, Misread};
use protocol::wire::message::Lane;

/// Bytes of a length prefix: four groups of 7 bits reach 256 MiB, which is over every lane's bound.
pub const PREFIX_BYTES_MAX: usize = 4;

/// Why a peer's bytes are no frame, or no message. After this the stream is of no further use.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum FrameError {
    /// The declared length is over the lane's bound.
    #[error("a frame of {declared} bytes was declared where {max} are allowed")]
    TooLarge {
        /// The declared length.
        declared: u64,
        /// The lane's bound.
        max: usize,
    },
    /// The length is not a varint in its shortest form, or has too many bytes.
    #[error("a frame's length is not a shortest-form varint of at most {PREFIX_BYTES_MAX} bytes")]
    BadPrefix,
    /// A frame of no bytes.
    #[error("an empty frame is no message")]
    Empty,
    /// The frame is no message.
    #[error("{0}")]
    Undecodable(#[from] Misread),
}

/// The result of [`FrameReader::feed`].
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Step {
    /// The input is used up.
    More,
    /// A length was read; its frame follows.
    Begun(usize),
    /// A whole frame, without its prefix.
    Frame(Bytes),
}

/// Takes frames out of a stream of bytes.
#[derive(Debug)]
pub struct FrameReader {
    bytes_max: usize,
    prefix: [u8; PREFIX_BYTES_MAX],
    prefix_len: usize,
    declared: Option<usize>,
    body: BytesMut,
}

/// The bound of a lane's frames, in message bytes.
#[must_use]
pub const fn frame_bytes_max(lane: Lane) -> usize {
    match lane {
        Lane::Control => CONTROL_FRAME_BYTES_MAX,
        Lane::Bulk => BULK_FRAME_BYTES_MAX,
    }
}

/// Appends the frame of a message, an ack, a ping or a pong to `out`, and returns the bytes behind its prefix.
pub fn write_frame(message: &impl Encode, out: &mut Vec<u8>) -> usize {
    let body = message.encoded_len();
    out.reserve(body.saturating_add(PREFIX_BYTES_MAX));
    let mut prefix = unsigned_varint::encode::usize_buffer();
    out.extend_from_slice(unsigned_varint::encode::usize(body, &mut prefix));
    message.append_to(out);
    body
}

impl FrameReader {
    /// A reader for frames of up to `bytes_max` message bytes.
    #[must_use]
    pub fn new(bytes_max: usize) -> Self {
        Self { bytes_max, prefix: [0; PREFIX_BYTES_MAX], prefix_len: 0, declared: None, body: BytesMut::new() }
    }

    /// Whether the stream stands inside a frame.
    #[must_use]
    pub const fn is_inside(&self) -> bool {
        self.prefix_len > 0 || self.declared.is_some()
    }

    /// Bytes allocated for the frame that is arriving.
    #[must_use]
    pub fn allocated(&self) -> usize {
        self.body.capacity()
    }

    /// Takes bytes from the front of `input` up to the next event that is worth reporting.
    ///
    /// # Errors
    /// As soon as the prefix shows that the frame can't be accepted.
    pub fn feed(&mut self, input: &mut &[u8]) -> Result<Step, FrameError> {
        let declared = match self.declared {
            Some(declared) => declared,
            None => return self.feed_prefix(input),
        };
        let wanted = declared.saturating_sub(self.body.len()).min(input.len());
        let (taken, rest) = input.split_at(wanted);
        *input = rest;
        self.grow(declared, taken.len());
        self.body.extend_from_slice(taken);
        if self.body.len() < declared {
            return Ok(Step::More);
        }
        self.declared = None;
        Ok(Step::Frame(std::mem::take(&mut self.body).freeze()))
    }

    /// Makes room for `more` bytes: doubles the buffer, but never beyond what the frame needs.
    fn grow(&mut self, declared: usize, more: usize) {
        let needed = self.body.len().saturating_add(more);
        if self.body.capacity() < needed {
            let room = needed.max(self.body.len().saturating_mul(2)).min(declared);
            self.body.reserve(room.saturating_sub(self.body.len()));
        }
    }

    fn feed_prefix(&mut self, input: &mut &[u8]) -> Result<Step, FrameError> {
        while let Some((&byte, rest)) = input.split_first() {
            *input = rest;
            let slot = self.prefix.get_mut(self.prefix_len).ok_or(FrameError::BadPrefix)?;
            *slot = byte;
            self.prefix_len += 1;
            if byte & 0x80 != 0 {
                continue;
            }
            let prefix = self.prefix.get(..self.prefix_len).unwrap_or_default();
            let (declared, _) = unsigned_varint::decode::u64(prefix).map_err(|_| FrameError::BadPrefix)?;
            self.prefix_len = 0;
            return match usize::try_from(declared) {
                // No message is empty.
                Ok(0) => Err(FrameError::Empty),
                Ok(length) if length <= self.bytes_max => {
                    self.declared = Some(length);
                    Ok(Step::Begun(length))
                }
                _ => Err(FrameError::TooLarge { declared, max: self.bytes_max }),
            };
        }
        if self.prefix_len == PREFIX_BYTES_MAX { Err(FrameError::BadPrefix) } else { Ok(Step::More) }
    }
}
