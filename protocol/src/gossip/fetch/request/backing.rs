//! Which peers had an item, as far as it matters: whether all of them could be one peer under several names.

use crate::gossip::api::{AddressGroup, PeerHandle};

/// Where a peer is, in as much detail as is needed to tell whether two peers count as one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Source {
    Group(AddressGroup),
    /// A peer without a remembered address group: itself.
    Peer(PeerHandle),
}

/// The peers that had an item, in as much detail as is needed to tell whether all were of one group.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(crate) enum Backing {
    Nobody,
    One(Source),
    Several,
}

impl Backing {
    /// The same with one more peer that had it.
    pub(crate) fn and(self, source: Source) -> Self {
        match self {
            Self::Nobody => Self::One(source),
            Self::One(known) if known == source => self,
            Self::One(_) | Self::Several => Self::Several,
        }
    }
}
