//! Draws: the 256 numbers that follow from a ticket. They follow from the member's key and the epoch. So nobody
//! chooses draws, and a node that has the ticket knows them all.

use super::exponential::exponential;
use crate::items::hash::sha256;
use crate::items::keys::PublicKey;
use crate::items::member::epoch::Epoch;
use crate::limits::DRAWS;

/// The prefix of the bytes that are hashed to a draw.
const DRAW_DOMAIN: &[u8] = b"hearsay draw 1";

/// One of a member's draws: 64 uniform bits. The more they are, the smaller is the exponential variable.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Draw(pub u64);

impl Draw {
    /// The exponential variable of mean 1, in units of 2^-48.
    #[must_use]
    pub const fn exponential(self) -> u64 {
        exponential(self.0)
    }
}

/// The [`DRAWS`] draws of a member in an epoch. Each hash over epoch, member and a number has four.
pub fn draws(member: &PublicKey, epoch: &Epoch) -> impl Iterator<Item = Draw> + use<> {
    let (member, epoch) = (*member, *epoch);
    let hashes = (0..DRAWS.div_ceil(4) as u32).map(move |number| {
        let epoch_number = epoch.number.to_be_bytes();
        sha256(&[DRAW_DOMAIN, &epoch_number, &epoch.block.0, &member.0, &number.to_be_bytes()])
    });
    hashes.flat_map(|hash| {
        let (words, _) = hash.as_chunks::<8>();
        let [a, b, c, d] = [0, 1, 2, 3].map(|place: usize| words.get(place).copied().unwrap_or_default());
        [a, b, c, d].map(|word| Draw(u64::from_be_bytes(word)))
    })
}
