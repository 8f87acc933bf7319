//! The search for the highest rate that is carried: it doubles until a rate is not carried, then bisects. It only
//! decides. The caller tries the rates and tells the results.

/// The lowest rate that is tried, in transactions a second.
pub const TX_RATE_MIN: f64 = 1.0;

/// The state. It assumes that a network that carries a rate carries every lower one.
#[derive(Clone, Debug, PartialEq)]
pub struct Search {
    first: f64,
    most: f64,
    within: f64,
    carried: Option<f64>,
    failed: Option<f64>,
}

impl Search {
    /// Begins at `first` and never goes above `most`. It ends when the lowest rate that failed is at most `within`
    /// (0.1 for 10 %) above the highest that was carried.
    #[must_use]
    pub fn new(first: f64, most: f64, within: f64) -> Self {
        let first = first.clamp(TX_RATE_MIN, most);
        // Below a thousandth, the bisection would continue over differences that no clock can show.
        Self { first, most, within: within.max(0.001), carried: None, failed: None }
    }

    /// The next rate to try; `None` at the end.
    #[must_use]
    pub fn next(&self) -> Option<f64> {
        match (self.carried, self.failed) {
            (None, None) => Some(self.first),
            (Some(carried), None) => Some((carried * 2.0).min(self.most)).filter(|next| *next > carried),
            (None, Some(failed)) => Some((failed / 2.0).max(TX_RATE_MIN)).filter(|next| *next < failed),
            // The middle of the ratio, because it takes the fewest steps to a bound on a ratio.
            (Some(carried), Some(failed)) => {
                (failed > carried * (1.0 + self.within)).then(|| (carried * failed).sqrt())
            }
        }
    }

    /// The result of a rate.
    pub fn tell(&mut self, rate: f64, carried: bool) {
        if carried {
            self.carried = Some(self.carried.map_or(rate, |highest| highest.max(rate)));
        } else {
            self.failed = Some(self.failed.map_or(rate, |lowest| lowest.min(rate)));
        }
    }

    /// The highest rate that was carried so far.
    #[must_use]
    pub const fn carried(&self) -> Option<f64> {
        self.carried
    }

    /// The lowest rate that was not carried.
    #[must_use]
    pub const fn failed(&self) -> Option<f64> {
        self.failed
    }
}
