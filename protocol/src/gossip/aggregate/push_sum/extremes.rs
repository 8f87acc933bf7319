//! How the lowest and the highest value spread: each member keeps the widest range that it has heard of.
//! Deliberately absent: their encoding.

use crate::wire::message::Extremes;

impl Extremes {
    /// Those of one value.
    pub(super) const fn of(above_low: u64) -> Self {
        Self { lowest: above_low, highest: above_low }
    }

    /// Whether they can be those of values in a range of this length.
    pub(super) const fn are_within(&self, span: u64) -> bool {
        self.lowest <= self.highest && self.highest <= span
    }

    /// Those of the values of both.
    pub(super) fn widened(one: Option<Self>, other: Option<Self>) -> Option<Self> {
        match (one, other) {
            (Some(one), Some(other)) => {
                Some(Self { lowest: one.lowest.min(other.lowest), highest: one.highest.max(other.highest) })
            }
            (one, other) => one.or(other),
        }
    }
}
