//! Deterministic CBOR (RFC 8949, section 4.2.1), strict in both directions: bytes that decode have exactly one
//! encoding, and that is the one that was read. Long integers, indefinite lengths, tags, floats, maps and trailing
//! bytes are refused where they occur, so nothing is read twice and no re-encoding is needed to check.
//!
//! A declared length is compared with its bound and with the bytes that are left before anything is allocated. The
//! formats are fixed arrays at most three deep, so no input can make the reader recurse.
//!
//! Deliberately absent: serde. The wire format is written by hand, so that renaming a field never changes it.

use alloc::vec::Vec;
use core::convert::Infallible;

use bytes::Bytes;
use ciborium_ll::{Decoder, Encoder, Header, simple};

/// Why bytes were refused. Nothing was stored or changed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[non_exhaustive]
pub enum DecodeError {
    /// The input ends inside an item.
    #[error("the input ends inside an item")]
    Truncated,
    /// Bytes follow the one item that was expected.
    #[error("{0} bytes follow the item")]
    TrailingBytes(usize),
    /// An integer or length was not in its shortest form.
    #[error("a length or integer is not in its shortest form")]
    NotShortest,
    /// An item of indefinite length.
    #[error("an item of indefinite length")]
    Indefinite,
    /// An item of another type than the format has at this place.
    #[error("{0} was wanted here")]
    WrongType(&'static str),
    /// A count or length over its bound.
    #[error("{what} is over its bound of {max}")]
    TooLong {
        /// What was counted.
        what: &'static str,
        /// Its bound.
        max: usize,
    },
    /// A number to which the format gives no meaning.
    #[error("{0} has a value without meaning")]
    BadValue(&'static str),
}

/// Why bytes were refused, and where: for people who look for the mistake.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{what} at byte {at}: {error}")]
pub struct Misread {
    /// The field.
    pub what: &'static str,
    /// Where its item begins, counted in bytes from the start of what was read.
    pub at: usize,
    /// What is wrong with it.
    pub error: DecodeError,
}

/// Something with exactly one encoding.
pub trait Encode {
    /// Writes the item.
    fn encode(&self, writer: &mut Writer<'_>);

    /// The item's bytes.
    fn to_bytes(&self) -> Vec<u8> {
        let mut bytes = Vec::with_capacity(self.encoded_len());
        self.append_to(&mut bytes);
        bytes
    }

    /// Appends the item's bytes to `bytes`.
    fn append_to(&self, bytes: &mut Vec<u8>) {
        self.encode(&mut Writer(Target::Bytes(Encoder::from(Sink(bytes)))));
    }

    /// How many bytes [`Encode::to_bytes`] gives, without making them.
    fn encoded_len(&self) -> usize {
        let mut count = 0;
        self.encode(&mut Writer(Target::Count(&mut count)));
        count
    }
}

/// Something that reads back what [`Encode`] wrote, and refuses everything else.
pub trait Decode: Sized {
    /// Reads one item.
    ///
    /// # Errors
    /// Says what was wrong with the bytes. After that the reader is of no use.
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError>;

    /// Reads an item that fills `bytes` entirely.
    ///
    /// # Errors
    /// As [`Decode::decode`], and [`DecodeError::TrailingBytes`].
    fn from_bytes(bytes: &Bytes) -> Result<Self, DecodeError> {
        Self::parse(bytes).map_err(|misread| misread.error)
    }

    /// The same, with an error that tells the field and the place.
    ///
    /// # Errors
    /// As [`Decode::from_bytes`].
    fn parse(bytes: &Bytes) -> Result<Self, Misread> {
        let mut reader = Reader::new(bytes.clone());
        let item = Self::decode(&mut reader).and_then(|item| reader.finish().map(|()| item));
        item.map_err(|error| reader.misread(error))
    }
}

/// Writes shortest-form headers and what follows them.
pub struct Writer<'a>(Target<'a>);

impl Writer<'_> {
    /// Starts an array of `len` items.
    pub fn array(&mut self, len: usize) {
        self.header(Header::Array(Some(len)));
    }

    /// An unsigned integer.
    pub fn uint(&mut self, value: u64) {
        self.header(Header::Positive(value));
    }

    /// A byte string.
    pub fn bytes(&mut self, value: &[u8]) {
        self.header(Header::Bytes(Some(value.len())));
        self.raw(value);
    }

    /// A text string.
    pub fn text(&mut self, value: &str) {
        self.header(Header::Text(Some(value.len())));
        self.raw(value.as_bytes());
    }

    /// True or false.
    pub fn bool(&mut self, value: bool) {
        self.header(Header::Simple(if value { simple::TRUE } else { simple::FALSE }));
    }

    /// Bytes that are an encoded item already.
    pub fn raw(&mut self, value: &[u8]) {
        match &mut self.0 {
            Target::Bytes(encoder) => {
                let Ok(()) = ciborium_io::Write::write_all(encoder, value);
            }
            Target::Count(count) => **count = count.saturating_add(value.len()),
        }
    }

    fn header(&mut self, header: Header) {
        match &mut self.0 {
            Target::Bytes(encoder) => {
                let Ok(()) = encoder.push(header);
            }
            Target::Count(count) => **count = count.saturating_add(shortest(header)),
        }
    }
}

/// Reads strictly. Byte strings are slices of the input, not copies.
pub struct Reader {
    input: Bytes,
    at: usize,
    /// The field that is being read, and where it begins.
    field: (&'static str, usize),
    /// The name of the next item.
    next: Option<&'static str>,
}

impl Reader {
    /// A reader at the start of `input`.
    #[must_use]
    pub const fn new(input: Bytes) -> Self {
        Self { input, at: 0, field: ("an item", 0), next: None }
    }

    /// Names the next item, in case it is wrong.
    pub const fn field(&mut self, what: &'static str) -> &mut Self {
        self.next = Some(what);
        self
    }

    /// The error with its field and place.
    #[must_use]
    pub fn misread(&self, error: DecodeError) -> Misread {
        match error {
            DecodeError::TrailingBytes(_) => Misread { what: "the end", at: self.at, error },
            _ => Misread { what: self.field.0, at: self.field.1, error },
        }
    }

    /// Says that the error is in this field at this place, and not in the item that was read last.
    pub(crate) const fn blame(&mut self, what: &'static str, at: usize) {
        self.field = (what, at);
    }

    /// Position in the input, in bytes.
    #[must_use]
    pub const fn position(&self) -> usize {
        self.at
    }

    /// The input from `start` to the current position.
    #[must_use]
    pub fn since(&self, start: usize) -> Bytes {
        self.input.slice(start.min(self.at)..self.at)
    }

    /// Checks that nothing is left.
    ///
    /// # Errors
    /// [`DecodeError::TrailingBytes`] with their number.
    pub fn finish(&self) -> Result<(), DecodeError> {
        match self.input.len().saturating_sub(self.at) {
            0 => Ok(()),
            left => Err(DecodeError::TrailingBytes(left)),
        }
    }

    /// An array's length, at most `max`.
    ///
    /// # Errors
    /// Anything that is not an array of definite, shortest-form length within the bound. A length that the rest of
    /// the input can't hold (an item takes at least one byte) is refused here, before any allocation.
    pub fn array(&mut self, what: &'static str, max: usize) -> Result<usize, DecodeError> {
        match self.field(what).header()? {
            Header::Array(Some(len)) if len > max => Err(DecodeError::TooLong { what, max }),
            Header::Array(Some(len)) if len > self.left() => Err(DecodeError::Truncated),
            Header::Array(Some(len)) => Ok(len),
            Header::Array(None) => Err(DecodeError::Indefinite),
            _ => Err(DecodeError::WrongType("an array")),
        }
    }

    /// An array of exactly `len` items.
    ///
    /// # Errors
    /// As [`Reader::array`]; another length is a value without meaning.
    pub fn array_of(&mut self, what: &'static str, len: usize) -> Result<(), DecodeError> {
        match self.array(what, len)? {
            found if found == len => Ok(()),
            _ => Err(DecodeError::BadValue(what)),
        }
    }

    /// An unsigned integer.
    ///
    /// # Errors
    /// Anything else, and integers in a longer form than they need.
    pub fn uint(&mut self) -> Result<u64, DecodeError> {
        match self.header()? {
            Header::Positive(value) => Ok(value),
            _ => Err(DecodeError::WrongType("an unsigned integer")),
        }
    }

    /// True or false.
    ///
    /// # Errors
    /// Anything else.
    pub fn bool(&mut self) -> Result<bool, DecodeError> {
        match self.header()? {
            Header::Simple(simple::TRUE) => Ok(true),
            Header::Simple(simple::FALSE) => Ok(false),
            _ => Err(DecodeError::WrongType("true or false")),
        }
    }

    /// A byte string of at most `max` bytes, as a slice of the input.
    ///
    /// # Errors
    /// Anything that is not a byte string of definite, shortest-form length within the bound and the input.
    pub fn bytes(&mut self, what: &'static str, max: usize) -> Result<Bytes, DecodeError> {
        match self.field(what).header()? {
            Header::Bytes(Some(len)) => self.take(what, len, max),
            Header::Bytes(None) => Err(DecodeError::Indefinite),
            _ => Err(DecodeError::WrongType("a byte string")),
        }
    }

    /// A text string of at most `max` bytes.
    ///
    /// # Errors
    /// As [`Reader::bytes`]; text that is not UTF-8 is a value without meaning.
    pub fn text(&mut self, what: &'static str, max: usize) -> Result<Bytes, DecodeError> {
        let text = match self.field(what).header()? {
            Header::Text(Some(len)) => self.take(what, len, max)?,
            Header::Text(None) => return Err(DecodeError::Indefinite),
            _ => return Err(DecodeError::WrongType("a text string")),
        };
        core::str::from_utf8(&text).map_err(|_| DecodeError::BadValue(what))?;
        Ok(text)
    }

    /// A byte string of exactly `N` bytes.
    ///
    /// # Errors
    /// As [`Reader::bytes`]; another length is a value without meaning.
    pub fn fixed<const N: usize>(&mut self, what: &'static str) -> Result<[u8; N], DecodeError> {
        let bytes = self.bytes(what, N)?;
        bytes.as_ref().try_into().map_err(|_| DecodeError::BadValue(what))
    }

    fn left(&self) -> usize {
        self.input.len().saturating_sub(self.at)
    }

    fn take(&mut self, what: &'static str, len: usize, max: usize) -> Result<Bytes, DecodeError> {
        if len > max {
            return Err(DecodeError::TooLong { what, max });
        }
        if len > self.left() {
            return Err(DecodeError::Truncated);
        }
        let start = self.at;
        self.at = start.saturating_add(len);
        Ok(self.input.slice(start..self.at))
    }

    fn header(&mut self) -> Result<Header, DecodeError> {
        self.field = (self.next.take().unwrap_or("an item"), self.at);
        let mut decoder = Decoder::from(self.input.get(self.at..).unwrap_or_default());
        let header = decoder.pull().map_err(|error| match error {
            ciborium_ll::Error::Io(_) => DecodeError::Truncated,
            ciborium_ll::Error::Syntax(_) => DecodeError::BadValue("a header"),
        })?;
        let taken = decoder.offset();
        // A float is refused by its type; a simple value in two bytes must be refused here.
        if taken != shortest(header) && !matches!(header, Header::Float(_)) {
            return Err(DecodeError::NotShortest);
        }
        self.at = self.at.saturating_add(taken);
        Ok(header)
    }
}

/// Bytes of a header in its shortest form. Types that none of our formats uses count as one byte, because they are
/// refused by their type anyway.
fn shortest(header: Header) -> usize {
    let value = match header {
        Header::Positive(value) | Header::Negative(value) | Header::Tag(value) => value,
        Header::Bytes(Some(len)) | Header::Text(Some(len)) | Header::Array(Some(len)) | Header::Map(Some(len)) => {
            len as u64
        }
        _ => 0,
    };
    match value {
        0..=23 => 1,
        24..=0xff => 2,
        0x100..=0xffff => 3,
        0x1_0000..=0xffff_ffff => 5,
        _ => 9,
    }
}

/// Where a [`Writer`] writes: into a buffer, or nowhere while it counts.
enum Target<'a> {
    Bytes(Encoder<Sink<'a>>),
    Count(&'a mut usize),
}

struct Sink<'a>(&'a mut Vec<u8>);

impl ciborium_io::Write for Sink<'_> {
    type Error = Infallible;

    fn write_all(&mut self, data: &[u8]) -> Result<(), Infallible> {
        self.0.extend_from_slice(data);
        Ok(())
    }

    fn flush(&mut self) -> Result<(), Infallible> {
        Ok(())
    }
}
