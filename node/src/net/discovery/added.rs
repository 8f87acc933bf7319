//! Addresses that the owner adds and takes out while the node runs. They are fixed addresses like those of the start, and
//! dialled like reserved ones.
//!
//! They are kept for the next run, unless the owner says otherwise.
//!
//! Deliberately absent: when they are dialled (`poll.rs`).

use bytes::Bytes;
use libp2p::multiaddr::Protocol;
use libp2p::{Multiaddr, PeerId};
use protocol::wire::codec::{Decode, DecodeError, Encode, Reader, Writer};

use super::fixed::Fixed;
use super::{Discovery, Retry, Target};

/// Addresses that the owner may add while the node runs. Each costs a dial now and then, and some 300 bytes.
pub const ADDED_PEERS_MAX: usize = 64;

/// Bytes of a kept address as text. Two IPv6 addresses with ports and peer ids, as a circuit has them, take some 250.
/// A longer one is not kept. All together take at most 32 KiB of a note.
const ADDED_ADDRESS_BYTES_MAX: usize = 512;

/// Encodes added addresses for the store: at most [`ADDED_PEERS_MAX`] of them.
#[must_use]
pub fn encode(added: &[Multiaddr]) -> Vec<u8> {
    let texts = added.iter().map(ToString::to_string).filter(|text| text.len() <= ADDED_ADDRESS_BYTES_MAX);
    Texts(texts.take(ADDED_PEERS_MAX).collect()).to_bytes()
}

/// Decodes the bytes that [`encode`] made.
///
/// # Errors
/// If [`encode`] did not make these bytes.
pub fn decode(bytes: Vec<u8>) -> Result<Vec<Multiaddr>, DecodeError> {
    let texts = Texts::from_bytes(&Bytes::from(bytes))?;
    texts.0.iter().map(|text| text.parse().map_err(|_| DecodeError::BadValue("an added address"))).collect()
}

struct Texts(Vec<String>);

impl Encode for Texts {
    fn encode(&self, writer: &mut Writer<'_>) {
        writer.array(self.0.len());
        self.0.iter().for_each(|text| writer.text(text));
    }
}

impl Decode for Texts {
    fn decode(reader: &mut Reader) -> Result<Self, DecodeError> {
        let count = reader.array("added addresses", ADDED_PEERS_MAX)?;
        let mut texts = Vec::with_capacity(count);
        for _ in 0..count {
            let text = reader.text("an added address", ADDED_ADDRESS_BYTES_MAX)?;
            let text = core::str::from_utf8(&text).map_err(|_| DecodeError::BadValue("an added address"))?;
            texts.push(text.to_owned());
        }
        Ok(Self(texts))
    }
}

impl Discovery {
    /// Adds an address of the owner, without `/p2p`, which is dialled like a reserved one until the node ends. If it is
    /// `kept`, the next run is to dial it as well. False if there are too many.
    pub fn add_fixed(&mut self, address: Multiaddr, typed: Option<PeerId>, kept: bool) -> bool {
        let added = Fixed {
            address,
            typed,
            found: None,
            reserved: true,
            kept,
            removed: false,
            retry: Retry::default(),
            trouble: None,
            warned: None,
        };
        let busy = |index: usize| self.dials.values().any(|dial| dial.target == Target::Fixed(index));
        let same = self.fixed.iter().position(|fixed| fixed.address == added.address);
        let free = || self.fixed.iter().enumerate().find(|(index, fixed)| fixed.removed && !busy(*index));
        match same.or_else(|| free().map(|(index, _)| index)) {
            Some(index) => {
                if let Some(fixed) = self.fixed.get_mut(index) {
                    *fixed = added;
                }
            }
            None if self.added >= ADDED_PEERS_MAX => return false,
            None => {
                self.added += 1;
                self.fixed.push(added);
            }
        }
        true
    }

    /// The addresses that the next run is to dial, with `/p2p` where the owner named a peer.
    #[must_use]
    pub fn added(&self) -> Vec<Multiaddr> {
        let kept = self.fixed.iter().filter(|fixed| fixed.kept && !fixed.removed);
        let whole = |fixed: &Fixed| match fixed.typed {
            Some(peer) => fixed.address.clone().with(Protocol::P2p(peer)),
            None => fixed.address.clone(),
        };
        kept.map(whole).collect()
    }

    /// The peer to which a fixed address without `/p2p` leads, as far as it is known.
    #[must_use]
    pub fn fixed_peer(&self, address: &Multiaddr) -> Option<PeerId> {
        self.fixed.iter().filter(|fixed| !fixed.removed && fixed.address == *address).find_map(Fixed::peer)
    }

    /// Takes out the addresses that lead to a peer. False if there are none.
    pub fn remove_fixed(&mut self, peer: &PeerId) -> bool {
        self.take_out(|fixed| fixed.peer().as_ref() == Some(peer))
    }

    /// Takes out an address without `/p2p`. False if there is none.
    pub fn remove_fixed_address(&mut self, address: &Multiaddr) -> bool {
        self.take_out(|fixed| fixed.address == *address)
    }

    fn take_out(&mut self, is_meant: impl Fn(&Fixed) -> bool) -> bool {
        let mut removed = false;
        for fixed in self.fixed.iter_mut().filter(|fixed| !fixed.removed && is_meant(fixed)) {
            (fixed.removed, fixed.typed, fixed.found) = (true, None, None);
            removed = true;
        }
        removed
    }
}
