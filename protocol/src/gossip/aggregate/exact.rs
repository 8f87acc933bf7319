//! Exact aggregates over the values of a full view: count, sum, average, minimum, maximum, median and trimmed
//! mean.
//!
//! * **One member counts once.** If a member occurs twice, its last value counts.
//! * **Rounding** is that of [`value`](super::value): once, at the end. Minimum, maximum, sum and count are never
//!   rounded.
//! * **Nothing overflows**: a sum of [`EXACT_MEMBERS_MAX`] values has 67 bits, and is kept in 128.
//!
//! Deliberately absent: whose values count. The caller leaves out members that it takes for dead. Also absent: any
//! defence against a member that lies about itself. Median and trimmed mean limit what it can do, and
//! `docs/AGGREGATES.md` says by how much.

use alloc::vec::Vec;

use super::value::{Value, mean};
use crate::limits::{EXACT_MEMBERS_MAX, TRIM_MAX};

/// The values of a view, in order.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Exact<M> {
    /// By value, then by member.
    ordered: Vec<(Value, M)>,
}

/// There are more than [`EXACT_MEMBERS_MAX`] values. Nothing was computed.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error("more values than {EXACT_MEMBERS_MAX}: take a uniform sample of them")]
pub struct TooManyValues;

/// How much a trimmed mean leaves out, in thousandths of the members, at either end. At most [`TRIM_MAX`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Trim(u16);

impl Trim {
    /// This number of thousandths at either end; `None` beyond [`TRIM_MAX`].
    #[must_use]
    pub const fn thousandths(thousandths: u16) -> Option<Self> {
        if thousandths > TRIM_MAX { None } else { Some(Self(thousandths)) }
    }
}

impl<M: Copy + Ord> Exact<M> {
    /// Takes the value of each member.
    ///
    /// # Errors
    /// [`TooManyValues`], with at most one value more than the bound read.
    pub fn over(values: impl IntoIterator<Item = (M, Value)>) -> Result<Self, TooManyValues> {
        let mut taken = Vec::new();
        for value in values {
            if taken.len() >= EXACT_MEMBERS_MAX {
                return Err(TooManyValues);
            }
            taken.push(value);
        }
        // The last value of a member comes first, and is the one that stays.
        taken.reverse();
        taken.sort_by_key(|(member, _)| *member);
        taken.dedup_by_key(|(member, _)| *member);
        let mut ordered: Vec<(Value, M)> = taken.into_iter().map(|(member, value)| (value, member)).collect();
        ordered.sort_unstable();
        Ok(Self { ordered })
    }

    /// How many members have a value.
    #[must_use]
    pub const fn count(&self) -> usize {
        self.ordered.len()
    }

    /// The sum, in millionths. It may be larger than any [`Value`].
    #[must_use]
    pub fn sum(&self) -> i128 {
        sum(&self.ordered)
    }

    /// The lowest value, and the member that has it. Of several members, the lowest.
    #[must_use]
    pub fn minimum(&self) -> Option<(M, Value)> {
        self.ordered.first().map(|(value, member)| (*member, *value))
    }

    /// The highest value, and the member that has it. Of several members, the highest.
    #[must_use]
    pub fn maximum(&self) -> Option<(M, Value)> {
        self.ordered.last().map(|(value, member)| (*member, *value))
    }

    /// The sum divided by the count.
    #[must_use]
    pub fn average(&self) -> Option<Value> {
        mean(self.sum(), self.count())
    }

    /// The value in the middle. Of an even number, the mean of the two in the middle.
    #[must_use]
    pub fn median(&self) -> Option<Value> {
        let last = self.count().checked_sub(1)?;
        let (low, high) = (self.ordered.get(last / 2)?, self.ordered.get(self.count() / 2)?);
        mean(sum(&[*low, *high]), 2)
    }

    /// The average of what is left when the lowest and the highest values are left out: at either end `trim` of
    /// the members, rounded down to a whole number of them.
    #[must_use]
    pub fn trimmed_mean(&self, trim: Trim) -> Option<Value> {
        let cut = self.count().saturating_mul(usize::from(trim.0)) / 1_000;
        let kept = self.ordered.get(cut..self.count().saturating_sub(cut))?;
        mean(sum(kept), kept.len())
    }
}

fn sum<M>(values: &[(Value, M)]) -> i128 {
    values.iter().map(|(value, _)| i128::from(value.millionths())).sum()
}
