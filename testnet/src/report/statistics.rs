//! Percentiles and cumulative curves of measured values.
//!
//! A percentile is the **nearest rank**: of n values in order, p is the one at rank ceil(p / 100 × n), where the
//! lowest has rank 1. It is always a value that was measured. Nothing is interpolated, so the p99 of fewer than
//! 100 values is their maximum.

/// Bytes of a mebibyte.
pub const MIB: f64 = 1_048_576.0;

/// Values in ascending order.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sorted(Vec<f64>);

impl Sorted {
    /// Sorts `values`. NaN values are left out.
    #[must_use]
    pub fn new(values: impl IntoIterator<Item = f64>) -> Self {
        let mut values: Vec<f64> = values.into_iter().filter(|value| !value.is_nan()).collect();
        values.sort_unstable_by(f64::total_cmp);
        Self(values)
    }

    /// The number of values.
    #[must_use]
    pub fn len(&self) -> usize {
        self.0.len()
    }

    /// Whether there are no values.
    #[must_use]
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The percentile at `percent` (0 to 100) by nearest rank; the lowest value for 0. `None` without values.
    #[must_use]
    pub fn percentile(&self, percent: u32) -> Option<f64> {
        let rank = (self.0.len() as u64 * u64::from(percent)).div_ceil(100);
        let index = usize::try_from(rank.max(1) - 1).ok()?;
        self.0.get(index.min(self.0.len().saturating_sub(1))).copied()
    }

    /// The values, lowest first.
    pub fn iter(&self) -> impl Iterator<Item = f64> + '_ {
        self.0.iter().copied()
    }

    /// The highest value.
    #[must_use]
    pub fn max(&self) -> Option<f64> {
        self.0.last().copied()
    }

    /// The cumulative curve as corners (value, share of `whole` at or below it), one for each distinct value. If
    /// `whole` is above the number of values, the curve ends below 1, because missing items are part of the whole.
    #[must_use]
    pub fn cumulative(&self, whole: usize) -> Vec<(f64, f64)> {
        let whole = whole.max(self.0.len()) as f64;
        let mut corners: Vec<(f64, f64)> = Vec::new();
        for (count, &value) in (1_u64..).zip(&self.0) {
            let share = count as f64 / whole;
            match corners.last_mut() {
                Some(last) if last.0 == value => last.1 = share,
                _ => corners.push((value, share)),
            }
        }
        corners
    }
}

/// `part / whole`, or `None` if there is no whole.
#[must_use]
pub fn ratio(part: f64, whole: f64) -> Option<f64> {
    (whole > 0.0).then(|| part / whole)
}

/// `value` with this number of digits after the point.
#[must_use]
pub fn rounded(value: f64, digits: i32) -> f64 {
    let scale = 10_f64.powi(digits);
    (value * scale).round() / scale
}
