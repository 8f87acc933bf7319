//! The word that a goodbye gives as its reason.

use core::fmt;

use bytes::Bytes;

use crate::codec::DecodeError;
use crate::limits::GOODBYE_REASON_LEN_MAX;

/// Why the speaker of a goodbye closes the connection. It is one word like the label of a counter: lower-case
/// letters, digits and underscores, 1 to [`GOODBYE_REASON_LEN_MAX`] of them. Nobody has checked it. It is for a
/// person to read. At most it tells the listener when to come back.
#[derive(Clone, PartialEq, Eq)]
pub struct GoodbyeReason(Bytes);

impl GoodbyeReason {
    /// A goodbye for this reason.
    ///
    /// # Errors
    /// If the word is empty, too long or has other characters.
    pub fn new(word: &str) -> Result<Self, DecodeError> {
        Self::checked(Bytes::copy_from_slice(word.as_bytes()))
    }

    /// The word.
    #[must_use]
    pub fn as_str(&self) -> &str {
        core::str::from_utf8(&self.0).unwrap_or_default()
    }

    pub(super) fn checked(word: Bytes) -> Result<Self, DecodeError> {
        let fits = |byte: &u8| byte.is_ascii_lowercase() || byte.is_ascii_digit() || *byte == b'_';
        match !word.is_empty() && word.len() <= GOODBYE_REASON_LEN_MAX && word.iter().all(fits) {
            true => Ok(Self(word)),
            false => Err(DecodeError::BadValue("a goodbye's reason")),
        }
    }
}

impl fmt::Debug for GoodbyeReason {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
