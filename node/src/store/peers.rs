//! The known peers, in the form in which the store keeps them: bounded rows of an id and some addresses, both
//! opaque. Deliberately absent: which peers are worth knowing.

use bytes::Bytes;
use protocol::wire::codec::{Decode, DecodeError, Encode, Reader, Writer};

use super::error::StoreError;

/// Peers that are kept. With 8 addresses of some 80 bytes: 0.7 MiB.
pub const KEPT_PEERS_MAX: usize = 1_024;
/// Addresses of a peer that are kept. The address book may know some more (`PEER_ADDRESSES_MAX`); the first of
/// them are kept.
pub const KEPT_ADDRESSES_MAX: usize = 8;
/// Bytes of a peer id: a multihash of 64 bytes and its prefix, with room to spare.
pub const PEER_ID_BYTES_MAX: usize = 128;
/// Bytes of an address as text: the longest DNS name (253) and the text around it.
pub const PEER_ADDRESS_BYTES_MAX: usize = 512;

/// A peer that is worth a try after a restart.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct KnownPeer {
    /// Its peer id, in bytes.
    pub peer: Vec<u8>,
    /// Its addresses: multiaddresses as text.
    pub addresses: Vec<String>,
}

impl KnownPeer {
    /// A peer in the form in which it is kept: the first of its addresses that fit. An address that is too long
    /// takes no other's place.
    #[must_use]
    pub fn new(peer: Vec<u8>, addresses: impl IntoIterator<Item = String>) -> Self {
        let fits = |address: &String| address.len() <= PEER_ADDRESS_BYTES_MAX;
        Self { peer, addresses: addresses.into_iter().filter(fits).take(KEPT_ADDRESSES_MAX).collect() }
    }

    /// Refuses peers that are over a bound.
    pub(super) fn check(peers: &[Self]) -> Result<(), StoreError> {
        let bound =
            |what, count: usize, max| if count > max { Err(StoreError::TooMany { what, max }) } else { Ok(()) };
        bound("the number of known peers", peers.len(), KEPT_PEERS_MAX)?;
        for peer in peers {
            bound("the length of a peer id", peer.peer.len(), PEER_ID_BYTES_MAX)?;
            bound("the number of a peer's addresses", peer.addresses.len(), KEPT_ADDRESSES_MAX)?;
            for address in &peer.addresses {
                bound("the length of an address", address.len(), PEER_ADDRESS_BYTES_MAX)?;
            }
        }
        Ok(())
    }

    /// Reads a row.
    pub(super) fn read(row: &[u8]) -> Result<Self, StoreError> {
        Self::from_bytes(&Bytes::copy_from_slice(row))
            .map_err(|error| StoreError::undecodable("a known peer", error))
    }
}

impl Encode for KnownPeer {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(2);
        writer.bytes(&self.peer);
        writer.array(self.addresses.len());
        for address in &self.addresses {
            writer.text(address);
        }
    }
}

impl Decode for KnownPeer {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        reader.array_of("a known peer", 2)?;
        let peer = reader.bytes("a peer id", PEER_ID_BYTES_MAX)?.to_vec();
        let count = reader.array("addresses", KEPT_ADDRESSES_MAX)?;
        let mut addresses = Vec::with_capacity(count);
        for _ in 0..count {
            let text = reader.text("an address", PEER_ADDRESS_BYTES_MAX)?;
            let text = core::str::from_utf8(&text).map_err(|_| DecodeError::BadValue("an address"))?;
            addresses.push(text.to_owned());
        }
        Ok(Self { peer, addresses })
    }
}
