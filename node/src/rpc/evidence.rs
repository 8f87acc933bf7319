//! Evidence against producers that signed two blocks for one height, in the form of the RPC and the command line.
//! Deliberately absent: any judgement. A reader with both headers can check them against the producer's key.

use protocol::gossip::Equivocation;
use protocol::wire::codec::Encode as _;
use serde::{Deserialize, Serialize};

/// Two headers that one producer signed for one height.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct EvidenceView {
    /// The producer's public key, in hexadecimal.
    pub producer: String,
    /// The height.
    pub height: u64,
    /// The two headers, first the one that arrived here first.
    pub headers: [HeaderView; 2],
}

/// A signed header.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
pub struct HeaderView {
    /// The block's id.
    pub id: String,
    /// The encoded signed header in hexadecimal.
    pub encoded: String,
}

impl From<&Equivocation> for EvidenceView {
    fn from(pair: &Equivocation) -> Self {
        let view = |header: &protocol::items::block::SignedHeader| HeaderView {
            id: header.id().to_string(),
            encoded: hex::encode(header.to_bytes()),
        };
        let [first, second] = &*pair.headers;
        let headers = [view(first), view(second)];
        Self { producer: pair.producer().to_string(), height: pair.height(), headers }
    }
}
