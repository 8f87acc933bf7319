//! Where an item stands, and why it does not stand well. Data only.

use crate::items::transaction::Height;
use crate::items::verify::JobId;

/// Why a rejected transaction stays rejected.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Rejection {
    /// The bytes can never be valid: a peer that sends them is to blame.
    Invalid,
    /// Refused in the state of this tip height. At another height the answer may differ.
    Refused(Height),
}

/// On what a refusal at sight rests.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Declined {
    /// The tip's height at that time. At another height the answer may differ.
    pub height: Height,
    /// Set if one peer's link had no room: the peer's number. Then the refusal holds for this link alone.
    pub link: Option<u32>,
}

/// What a node has done with an item. An item may be in verification although it was accepted before, or refused
/// at another height. By default nothing was done with it.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Standing {
    /// Whether it was accepted, and so verified.
    pub accepted: bool,
    /// The job that checks it now.
    pub job: Option<JobId>,
    pub(super) unfit: Option<Unfit>,
}

impl Standing {
    /// Whether the item is rejected for a node at height `tip`.
    #[must_use]
    pub fn rejected(&self, tip: Height) -> Option<Rejection> {
        match self.unfit? {
            Unfit::Invalid => Some(Rejection::Invalid),
            Unfit::Refused(height) if height == tip => Some(Rejection::Refused(height)),
            Unfit::Refused(_) | Unfit::Declined(_) => None,
        }
    }

    /// On what the refusal at sight rests, if a node at height `tip` refuses the item when this peer sends it.
    #[must_use]
    pub fn declined(&self, tip: Height, from: u32) -> Option<Declined> {
        let Some(Unfit::Declined(declined)) = self.unfit else { return None };
        let holds = declined.height == tip && declined.link.is_none_or(|link| link == from);
        holds.then_some(declined)
    }

    /// Whether it says nothing new that this peer has the item.
    pub(super) fn covers(&self, tip: Height, from: u32) -> bool {
        self.accepted || self.job.is_some() || self.rejected(tip).is_some() || self.declined(tip, from).is_some()
    }
}

/// Why an item was not accepted. A rejection in one piece would take 8 bytes more in each entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Unfit {
    Invalid,
    Refused(Height),
    Declined(Declined),
}

impl From<Rejection> for Unfit {
    fn from(rejection: Rejection) -> Self {
        match rejection {
            Rejection::Invalid => Self::Invalid,
            Rejection::Refused(height) => Self::Refused(height),
        }
    }
}

/// What keeps an entry.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Shelf {
    /// Nothing: the entry is not in use.
    Vacant,
    /// The links that have the item, each of which is charged for it.
    Unhandled,
    /// Its check.
    Checking,
    /// The memory of what was accepted …
    Accepted,
    /// … of what was rejected …
    Rejected,
    /// … and of what was refused at sight.
    Declined,
}

impl Shelf {
    /// What keeps an item that stands like this.
    pub(super) const fn of(standing: &Standing) -> Self {
        match standing {
            Standing { accepted: true, .. } => Self::Accepted,
            Standing { unfit: Some(Unfit::Invalid | Unfit::Refused(_)), .. } => Self::Rejected,
            Standing { unfit: Some(Unfit::Declined(_)), .. } => Self::Declined,
            Standing { job: Some(_), .. } => Self::Checking,
            Standing { .. } => Self::Unhandled,
        }
    }
}
