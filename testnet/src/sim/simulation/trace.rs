//! The fingerprint of a run: a hash over all events, in order. Two runs with the same fingerprint did the same.
//! The same seed gives the same fingerprint on every machine.

use protocol::items::hash::sha256;
use protocol::time::Time;

/// The kind of a record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
#[repr(u8)]
#[expect(missing_docs, reason = "the names say it")]
pub enum Mark {
    Arrived = 1,
    Accepted = 2,
    Refused = 3,
    Disconnected = 4,
    Fault = 5,
    Submitted = 6,
    Lost = 7,
    Connected = 8,
    Member = 9,
}

/// Hashes records of 40 bytes: time, mark, two node numbers, two words of detail.
#[derive(Clone, Debug, Default)]
pub struct TraceHash {
    /// The hash of all earlier full buffers.
    chain: [u8; 32],
    buffer: Vec<u8>,
    records: u64,
}

const HASHED_AT_ONCE_BYTES: usize = 16 * 1024;

impl TraceHash {
    /// Notes one event.
    pub fn note(&mut self, at: Time, mark: Mark, node: usize, other: usize, detail: [u64; 2]) {
        let words = [at.as_micros(), mark as u64, (node as u64) << 32 | other as u64 & 0xffff_ffff];
        for word in words.iter().chain(&detail) {
            self.buffer.extend_from_slice(&word.to_le_bytes());
        }
        self.records += 1;
        if self.buffer.len() >= HASHED_AT_ONCE_BYTES {
            self.fold();
        }
    }

    /// Records noted.
    #[must_use]
    pub const fn records(&self) -> u64 {
        self.records
    }

    /// The fingerprint, as 64 hexadecimal digits.
    #[must_use]
    pub fn finish(mut self) -> String {
        self.fold();
        hex::encode(self.chain)
    }

    fn fold(&mut self) {
        self.chain = sha256(&[&self.chain, &self.buffer]);
        self.buffer.clear();
    }
}
