//! The standings of the book's peers, as bytes for the store, beside the rows with their ids and addresses.
//! A row without a standing was kept by a program that knew no standings. It counts as told by the peer
//! itself from its address.

use std::collections::BTreeMap;

use bytes::Bytes;
use libp2p::{Multiaddr, PeerId};
use protocol::wire::codec::{DecodeError, Encode, Reader, Writer};

use super::{Group, Kept, Standing};
use crate::store::{KEPT_PEERS_MAX, KnownPeer, PEER_ID_BYTES_MAX};

/// The standings of peers, by the bytes of their ids.
pub type Standings = BTreeMap<Vec<u8>, Standing>;

/// Encodes the standings of these peers.
#[must_use]
pub fn encode(kept: &[Kept]) -> Vec<u8> {
    List(kept).to_bytes()
}

struct List<'a>(&'a [Kept]);

impl Encode for List<'_> {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(self.0.len());
        for kept in self.0 {
            let (kind, source) = match kept.standing {
                Standing::Told(Group(source)) => (0, source),
                Standing::Reached => (1, 0),
                Standing::Anchor => (2, 0),
            };
            writer.array(3);
            writer.bytes(&kept.peer.to_bytes());
            writer.uint(kind);
            writer.uint(source);
        }
    }
}

/// Decodes the bytes that [`encode`] made of standings.
///
/// # Errors
/// If [`encode`] did not make these bytes.
pub fn decode(bytes: Vec<u8>) -> Result<Standings, DecodeError> {
    let mut reader = Reader::new(Bytes::from(bytes));
    let mut standings = Standings::new();
    for _ in 0..reader.array("standings", KEPT_PEERS_MAX)? {
        reader.array_of("a standing", 3)?;
        let peer = reader.bytes("a peer id", PEER_ID_BYTES_MAX)?.to_vec();
        let standing = match (reader.uint()?, reader.uint()?) {
            (0, source) => Standing::Told(Group(source)),
            (1, _) => Standing::Reached,
            (2, _) => Standing::Anchor,
            _ => return Err(DecodeError::BadValue("a standing")),
        };
        standings.insert(peer, standing);
    }
    reader.finish()?;
    Ok(standings)
}

/// The store's rows, with their standings.
#[must_use]
pub fn of_rows(rows: Vec<KnownPeer>, mut standings: Standings, loopback_exempt: bool) -> Vec<Kept> {
    let kept = rows.into_iter().filter_map(|row| {
        let addresses: Vec<Multiaddr> = row.addresses.iter().filter_map(|address| address.parse().ok()).collect();
        let from = addresses.first().map_or(Group::NOWHERE, |first| Group::of(first, loopback_exempt));
        let standing = standings.remove(&row.peer).unwrap_or(Standing::Told(from));
        Some(Kept { peer: PeerId::from_bytes(&row.peer).ok()?, addresses, standing })
    });
    kept.collect()
}
