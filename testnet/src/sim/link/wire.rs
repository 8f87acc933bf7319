//! The cost of a message on the wire, as the node's transport would count it: the encoded bytes, the frame's
//! length prefix, and the bytes that yamux and noise add to a write. As in the transport, TCP and IP headers don't
//! count.
//!
//! The simulator passes decoded messages. These sizes are what it would have to send.

use node::net::lane::window::BULK_CHUNK_BYTES;
use node::net::lane::{ACK_BYTES_MAX, ACK_SELDOM_AFTER};
use protocol::wire::frame::Frame;

/// yamux's frame header, in bytes: version, type, flags, stream and length (yamux specification).
pub const YAMUX_HEADER_BYTES: u64 = 12;

/// Data bytes in one yamux frame: rust-yamux's default `split_send_size` of 16 KiB.
pub const YAMUX_DATA_BYTES_MAX: u64 = 16 * 1024;

/// Around each noise message: 2 bytes of length and 16 of authentication (Noise, section 3; libp2p noise).
pub const NOISE_OVERHEAD_BYTES: u64 = 2 + 16;

/// Bytes that data of `bytes` needs on the wire if it is written and flushed at once.
#[must_use]
pub const fn flushed(bytes: u64) -> u64 {
    bytes + bytes.div_ceil(YAMUX_DATA_BYTES_MAX) * YAMUX_HEADER_BYTES + NOISE_OVERHEAD_BYTES
}

/// Bytes that data on the bulk lane needs: each chunk is written and flushed by itself.
#[must_use]
pub const fn in_chunks(bytes: u64) -> u64 {
    bytes + bytes.div_ceil(BULK_CHUNK_BYTES as u64) * (YAMUX_HEADER_BYTES + NOISE_OVERHEAD_BYTES)
}

/// Bytes of a frame around a message of `bytes`: a varint of seven bits a byte.
#[must_use]
pub const fn framed(bytes: usize) -> u64 {
    let prefix = match bytes {
        0..=0x7f => 1,
        0x80..=0x3fff => 2,
        0x4000..=0x1f_ffff => 3,
        _ => 4,
    };
    bytes as u64 + prefix
}

/// Acks on the way back for a bulk message of `bytes`, as `(acks, wire bytes of all)`. The reader acknowledges the
/// first chunks one by one, then two at a time, and the rest at the end of a frame.
#[must_use]
pub fn acks(bytes: usize) -> (u64, u64) {
    use protocol::wire::codec::Encode as _;
    let (first, rest) =
        (framed(bytes).min(ACK_SELDOM_AFTER as u64), framed(bytes).saturating_sub(ACK_SELDOM_AFTER as u64));
    let acks = first.div_ceil(BULK_CHUNK_BYTES as u64) + rest.div_ceil(ACK_BYTES_MAX as u64);
    (acks, acks * flushed(framed(Frame::Ack(BULK_CHUNK_BYTES as u64).encoded_len())))
}
