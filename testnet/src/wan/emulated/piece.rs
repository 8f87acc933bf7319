//! The protocol of two ends of an emulated link on the real socket, below the bytes that they carry: their
//! numbers, and pieces with a head. None of it counts as wire bytes.
//!
//! Preamble: `hsl1`, and the node's number (u32). Head of a piece: the time when its last byte left the uplink
//! (u64, nanoseconds of `CLOCK_MONOTONIC`), and its length (u32). The highest bit of the length is set in the
//! first piece of a write. A length of 0 is the end. All numbers are little-endian.

/// Bytes of a preamble.
pub(super) const PREAMBLE_BYTES: usize = 8;

/// Bytes of a piece's head.
pub(super) const HEAD_BYTES: usize = 12;

const LINK_MAGIC: [u8; 4] = *b"hsl1";

const FIRST: u32 = 1 << 31;

/// The head of a piece.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Head {
    /// When the last byte left.
    pub(super) left_ns: u64,
    /// The piece's length.
    pub(super) bytes: usize,
    /// Whether a write begins with it.
    pub(super) first: bool,
}

/// The first bytes of a node.
pub(super) fn preamble(number: usize) -> [u8; PREAMBLE_BYTES] {
    let [a, b, c, d] = LINK_MAGIC;
    let [e, f, g, h] = u32::try_from(number).unwrap_or(u32::MAX).to_le_bytes();
    [a, b, c, d, e, f, g, h]
}

/// The sender's number; `None` if it is no preamble.
pub(super) fn read_preamble(bytes: &[u8]) -> Option<usize> {
    let number = bytes.strip_prefix(&LINK_MAGIC)?;
    usize::try_from(u32::from_le_bytes(number.try_into().ok()?)).ok()
}

impl Head {
    pub(super) fn encode(self) -> [u8; HEAD_BYTES] {
        let mut encoded = [0; HEAD_BYTES];
        let (left, length) = encoded.split_at_mut(8);
        left.copy_from_slice(&self.left_ns.to_le_bytes());
        // Pieces are shorter than a send buffer.
        let bytes = self.bytes as u32 & !FIRST;
        length.copy_from_slice(&(if self.first { bytes | FIRST } else { bytes }).to_le_bytes());
        encoded
    }

    /// `None` if there are not exactly [`HEAD_BYTES`] bytes.
    pub(super) fn decode(bytes: &[u8]) -> Option<Self> {
        let (left, length) = bytes.split_at_checked(8)?;
        let length = u32::from_le_bytes(length.try_into().ok()?);
        Some(Self {
            left_ns: u64::from_le_bytes(left.try_into().ok()?),
            bytes: (length & !FIRST) as usize,
            first: length & FIRST != 0,
        })
    }
}
