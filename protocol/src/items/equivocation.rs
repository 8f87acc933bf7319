//! Two signed headers of one producer for one height. Anyone can check them against the producer's key, and only
//! the producer can make them. Deliberately absent: how many are kept, and what follows from them.

use alloc::boxed::Box;

use super::block::SignedHeader;
use super::keys::PublicKey;
use super::transaction::Height;

/// Two different headers that one producer signed for one height.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Equivocation {
    /// The one that came first, and the other.
    pub headers: Box<[SignedHeader; 2]>,
}

impl Equivocation {
    /// The producer that signed both.
    #[must_use]
    pub fn producer(&self) -> PublicKey {
        let [first, _] = &*self.headers;
        first.header().producer
    }

    /// The height for which they were signed.
    #[must_use]
    pub fn height(&self) -> Height {
        let [first, _] = &*self.headers;
        first.header().height
    }
}
