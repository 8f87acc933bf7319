//! The name of a network. It is part of protocol names, signed bytes and the genesis id, so that nothing made for
//! one network is valid on another.

use alloc::string::String;
use alloc::sync::Arc;
use core::fmt;
use core::str::FromStr;

use super::hash::{BlockId, sha256};
use crate::limits::NETWORK_ID_LEN_MAX;

/// 1 to 32 characters of `a-z`, `0-9` and `-`, starting with a letter.
#[derive(Clone, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct NetworkId(Arc<str>);

/// A string that can't name a network.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} can't name a network: use 1 to 32 of a-z, 0-9 and -, starting with a letter")]
pub struct NetworkIdError(String);

impl NetworkId {
    /// The name.
    #[must_use]
    pub fn as_str(&self) -> &str {
        &self.0
    }

    /// The id that stands for height 0: SHA-256 of `hearsay genesis 1`, a zero byte and the name.
    #[must_use]
    pub fn genesis(&self) -> BlockId {
        BlockId(sha256(&[b"hearsay genesis 1\0", self.0.as_bytes()]))
    }
}

impl FromStr for NetworkId {
    type Err = NetworkIdError;

    fn from_str(text: &str) -> Result<Self, NetworkIdError> {
        let allowed = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '-';
        let starts_well = text.starts_with(|c: char| c.is_ascii_lowercase());
        if text.len() > NETWORK_ID_LEN_MAX || !starts_well || !text.chars().all(allowed) {
            return Err(NetworkIdError(text.chars().take(NETWORK_ID_LEN_MAX).collect()));
        }
        Ok(Self(text.into()))
    }
}

impl fmt::Display for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0)
    }
}

impl fmt::Debug for NetworkId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "NetworkId({self})")
    }
}
