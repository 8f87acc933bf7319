//! Gauges: what is aggregated over links. A gauge is a number that each member may have, with a name and a range.
//!
//! * **The range belongs to the gauge.** Nodes that give different ranges have different gauges, and do not mix.
//!   *Rationale:* a value outside is moved to the range's end, so no member can claim an absurd one. What members
//!   exchange are positions in the range, whose bounds every node can check.
//! * **A position** is where in the range a value lies: 0 at the low end, [`WEIGHT_ONE`] at the high end. It is
//!   exact to a part in 2^40 of the range. Choose the range no wider than it must be.
//!
//! Deliberately absent: which gauges a node takes part in.

use alloc::sync::Arc;

use super::value::{Value, rounded};
use crate::items::hash::sha256;
use crate::limits::{GAUGE_NAME_BYTES_MAX, WEIGHT_ONE};
pub use crate::wire::message::GaugeId;

/// What the hash of a gauge's id starts with.
const GAUGE_DOMAIN: &[u8] = b"hearsay gauge 1";

/// A number that members have.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Gauge {
    id: GaugeId,
    name: Arc<str>,
    low: Value,
    high: Value,
}

/// Why there can't be such a gauge.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum GaugeError {
    /// The name is empty, or has more than [`GAUGE_NAME_BYTES_MAX`] bytes.
    #[error("a gauge's name has 1 to {GAUGE_NAME_BYTES_MAX} bytes")]
    Name,
    /// The low end of the range is not below the high end.
    #[error("the low end of a gauge's range must be below the high end")]
    Range,
}

impl Gauge {
    /// The gauge with this name and range. Both ends belong to the range.
    ///
    /// # Errors
    /// Says which of them can't be.
    pub fn new(name: &str, low: Value, high: Value) -> Result<Self, GaugeError> {
        if name.is_empty() || name.len() > GAUGE_NAME_BYTES_MAX {
            return Err(GaugeError::Name);
        }
        if low >= high {
            return Err(GaugeError::Range);
        }
        let ends = [low.millionths().to_be_bytes(), high.millionths().to_be_bytes()];
        let [a, b, c, d, e, f, g, h, ..] = sha256(&[GAUGE_DOMAIN, ends.as_flattened(), name.as_bytes()]);
        Ok(Self { id: GaugeId([a, b, c, d, e, f, g, h]), name: name.into(), low, high })
    }

    /// Its name in messages.
    #[must_use]
    pub const fn id(&self) -> GaugeId {
        self.id
    }

    /// Its name for people.
    #[must_use]
    pub fn name(&self) -> &str {
        &self.name
    }

    /// The range's length, in millionths. Neither end is beyond 2^53, so it is at most 2^54.
    pub(super) const fn span(&self) -> u64 {
        self.high.millionths().abs_diff(self.low.millionths())
    }

    /// How far above the low end a value is, in millionths. A value outside of the range is moved to its end.
    pub(super) fn above_low(&self, value: Value) -> u64 {
        value.clamp(self.low, self.high).millionths().abs_diff(self.low.millionths())
    }

    /// The value this far above the low end; the high end if that is further than it.
    pub(super) fn value_above(&self, above: u64) -> Value {
        let above = i64::try_from(above.min(self.span())).unwrap_or_default();
        Value::from_millionths(self.low.millionths().saturating_add(above)).unwrap_or(self.high)
    }

    /// A value's position in the range, from 0 to [`WEIGHT_ONE`], to the nearest.
    pub(super) fn position(&self, value: Value) -> u64 {
        // At most 2^54 * 2^40.
        let scaled = i128::from(self.above_low(value)).saturating_mul(i128::from(WEIGHT_ONE));
        let position = rounded(scaled, i128::from(self.span())).unwrap_or_default();
        u64::try_from(position).unwrap_or_default()
    }

    /// The value at the position `part / whole` of the range, to the nearest millionth; `None` if `whole` is zero.
    /// The whole is a weight of at most 65 bits.
    pub(super) fn value_at(&self, part: u128, whole: u128) -> Option<Value> {
        // At most 2^54 * 2^65.
        let scaled = u128::from(self.span()).checked_mul(part.min(whole))?;
        let above = rounded(i128::try_from(scaled).ok()?, i128::try_from(whole).ok()?)?;
        Some(self.value_above(u64::try_from(above).ok()?))
    }
}
