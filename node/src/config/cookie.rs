//! The node's cookie: 32 random bytes that are made at every start. A client that can read them from the data dir
//! may change the node. All other clients on the machine may only ask it and send transactions.
//!
//! The file itself is in `data_dir.rs`. Deliberately absent: accounts, and secrets that outlive a run.

use std::fmt;
use std::io;

use rand::TryRng as _;
use rand::rngs::SysRng;

/// How a cookie is sent: `Authorization: Bearer <64 hexadecimal digits>`.
const SCHEME: &str = "Bearer";

/// A cookie.
#[derive(Clone, PartialEq, Eq)]
pub struct Cookie([u8; 32]);

/// What is wrong with a cookie's text.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("a cookie has 64 hexadecimal digits")]
pub struct CookieError;

impl Cookie {
    /// Makes a new one from the system's randomness.
    ///
    /// # Errors
    /// The system's error.
    pub fn generate() -> io::Result<Self> {
        let mut bytes = [0; 32];
        SysRng.try_fill_bytes(&mut bytes).map_err(io::Error::other)?;
        Ok(Self(bytes))
    }

    /// Reads a cookie from `text`.
    ///
    /// # Errors
    /// [`CookieError`].
    pub fn parse(text: &str) -> Result<Self, CookieError> {
        let mut bytes = [0; 32];
        hex::decode_to_slice(text.trim(), &mut bytes).map_err(|_| CookieError)?;
        Ok(Self(bytes))
    }

    /// The content of the cookie file.
    #[must_use]
    pub fn to_text(&self) -> String {
        hex::encode(self.0)
    }

    /// The value of the `Authorization` header.
    #[must_use]
    pub fn to_header(&self) -> String {
        format!("{SCHEME} {}", self.to_text())
    }

    /// Whether an `Authorization` header carries this cookie. Takes the same time, whichever byte differs.
    #[must_use]
    pub fn is_in(&self, header: &str) -> bool {
        let Some((scheme, rest)) = header.split_once(' ') else { return false };
        let Ok(other) = Self::parse(rest) else { return false };
        let differing =
            self.0.iter().zip(other.0).fold(0, |differing, (mine, theirs)| differing | (mine ^ theirs));
        scheme.eq_ignore_ascii_case(SCHEME) && differing == 0
    }
}

impl fmt::Debug for Cookie {
    /// Shows nothing: a cookie must not appear in a log.
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("Cookie")
    }
}
