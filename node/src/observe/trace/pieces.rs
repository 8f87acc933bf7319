//! Reads a trace while its node still writes it: bytes come in pieces of any length, and whole records go out.
//!
//! Deliberately absent: the file. The caller reads it as far as it has grown.

use bytes::Bytes;
use protocol::wire::codec::{DecodeError, Reader};

use super::{Header, Record, TraceError, read_header, read_record};

/// The part of a trace that was read so far. It holds the header, and the bytes of at most one unfinished record.
#[derive(Debug, Default)]
pub struct TracePieces {
    header: Option<Header>,
    rest: Vec<u8>,
    done: usize,
}

impl TracePieces {
    /// The header, once it has come.
    #[must_use]
    pub const fn header(&self) -> Option<&Header> {
        self.header.as_ref()
    }

    /// Takes the next bytes, and calls `each` with every record that is whole now.
    ///
    /// # Errors
    /// Says whether the header or a record is at fault. The place counts from the start of the trace. The reader is
    /// of no use afterwards.
    pub fn push(&mut self, piece: &[u8], each: &mut dyn FnMut(Record)) -> Result<(), TraceError> {
        self.rest.extend_from_slice(piece);
        let bytes = Bytes::from(std::mem::take(&mut self.rest));
        let mut reader = Reader::new(bytes.clone());
        let mut read = 0;
        while reader.finish().is_err() {
            let at = self.done.saturating_add(read);
            match self.next(&mut reader, at, each) {
                Ok(()) => read = reader.position(),
                Err(TraceError::Header(DecodeError::Truncated))
                | Err(TraceError::Record { error: DecodeError::Truncated, .. }) => break,
                Err(error) => return Err(error),
            }
        }
        self.done = self.done.saturating_add(read);
        self.rest = bytes.slice(read..).to_vec();
        Ok(())
    }

    fn next(&mut self, reader: &mut Reader, at: usize, each: &mut dyn FnMut(Record)) -> Result<(), TraceError> {
        if self.header.is_none() {
            self.header = Some(read_header(reader).map_err(TraceError::Header)?);
        } else {
            each(read_record(reader).map_err(|error| TraceError::Record { at, error })?);
        }
        Ok(())
    }
}
