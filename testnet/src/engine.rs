//! The engine that is measured: Hearsay, or gossipsub as a [`baseline`]. A [`worker`] is one node of either.

pub mod baseline;
pub mod manners;
pub mod worker;

use std::fmt;
use std::str::FromStr;

/// The engine of a worker.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Hash)]
pub enum Engine {
    /// Hearsay.
    #[default]
    Hearsay,
    /// libp2p's gossipsub with anonymous messages, whose items are checked before they are passed on.
    Gossipsub,
    /// libp2p's gossipsub with the library's defaults: every message is signed by its publisher.
    GossipsubSigned,
}

impl FromStr for Engine {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        match text {
            "hearsay" => Ok(Self::Hearsay),
            "gossipsub" => Ok(Self::Gossipsub),
            "gossipsub-signed" => Ok(Self::GossipsubSigned),
            _ => Err(format!("{text:?} is no engine: hearsay, gossipsub or gossipsub-signed is wanted")),
        }
    }
}

impl fmt::Display for Engine {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Hearsay => "hearsay",
            Self::Gossipsub => "gossipsub",
            Self::GossipsubSigned => "gossipsub-signed",
        })
    }
}
