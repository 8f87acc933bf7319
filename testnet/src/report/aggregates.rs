//! How fast aggregates over links settle, how far they are off in bad weather, and how good the estimate of the size
//! is: the figures of `testnet aggregates`.

use serde::{Deserialize, Serialize};

use super::figures::models::Line;
use super::statistics::Sorted;

/// The value of [`Aggregated::kind`].
pub const KIND: &str = "aggregates";

/// All figures.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Aggregated {
    /// The version of the schema.
    pub schema: u32,
    /// [`KIND`].
    pub kind: String,
    /// The command that made the report.
    pub command: String,
    /// Each member's links.
    pub degree: usize,
    /// The seeds of each number of members in `growth`.
    pub seeds: u64,
    /// Push-sum in fair weather.
    pub growth: Vec<Growth>,
    /// Push-sum while messages are lost, and members come and go.
    pub faulty: Vec<Faulty>,
    /// Estimates of the size.
    pub sizes: Vec<Sizes>,
}

/// How fast push-sum settles.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Growth {
    /// Members.
    pub nodes: usize,
    /// For each seed, the ticks until all members were within 1 % of the average; none if they never were.
    pub ticks: Vec<Option<u64>>,
}

/// How far estimates are off at each moment in bad weather. Shares of the average; none if a member has no estimate.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Faulty {
    /// Members.
    pub nodes: usize,
    /// The share of messages that are lost.
    pub loss: f64,
    /// The share of members that leave in a minute. As many join.
    pub churn: f64,
    /// The worst before anybody left.
    pub calm: Option<f64>,
    /// The median over members and moments.
    pub p50: Option<f64>,
    /// 90 % of them are closer.
    pub p90: Option<f64>,
    /// 99 % of them are closer.
    pub p99: Option<f64>,
    /// The worst.
    pub max: Option<f64>,
    /// The share of members and moments that are within 2 %.
    pub good: f64,
    /// The ticks after the last one left until all were within 2 %. Messages are still lost.
    pub settled_after: Option<u64>,
}

/// How good estimates of the size are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize)]
pub struct Sizes {
    /// The true number.
    pub members: usize,
    /// Estimates, each of another epoch.
    pub epochs: usize,
    /// How many of them are within twice the standard error.
    pub within_twice: usize,
    /// Their mean, over the true number.
    pub mean: f64,
    /// Their standard deviation, over the true number.
    pub deviation: f64,
    /// The standard error that each of them states.
    pub standard_error: f64,
}

impl Aggregated {
    /// log2 of the number of members, and the slowest seed's ticks.
    #[must_use]
    pub fn points(&self) -> Vec<(f64, f64)> {
        let slowest = |growth: &Growth| Some(((growth.nodes as f64).log2(), growth.at(100)?));
        self.growth.iter().filter_map(slowest).collect()
    }

    /// The line of least squares through [`Aggregated::points`].
    #[must_use]
    pub fn line(&self) -> Option<Line> {
        Line::through(&self.points())
    }

    /// What should hold, and whether it does.
    #[must_use]
    pub fn goals(&self) -> Vec<(&'static str, bool)> {
        let mut goals = Vec::new();
        if !self.growth.is_empty() {
            let all = self.growth.iter().all(|growth| growth.at(100).is_some());
            goals.push(("push-sum: all members come within 1 % of the average", all));
        }
        let over_log: Vec<f64> = self.points().iter().map(|(log, ticks)| ticks / log).collect();
        if let [first, others @ ..] = over_log.as_slice()
            && !others.is_empty()
        {
            let slow = others.iter().all(|ticks| *ticks <= first * 1.1);
            goals.push(("push-sum: the ticks grow no faster than the logarithm of members", slow));
        }
        if !self.faulty.is_empty() {
            let close = |share: fn(&Faulty) -> Option<f64>| {
                self.faulty.iter().all(|faulty| share(faulty).is_some_and(|error| error <= 0.02))
            };
            goals.push((
                "bad weather: the worst estimate before anybody leaves is within 2 %",
                close(|one| one.calm),
            ));
            goals.push(("bad weather: half of all estimates are within 2 % at each moment", close(|one| one.p50)));
            goals.push(("bad weather: nine in ten are", close(|one| one.p90)));
            goals.push(("bad weather: all are", close(|one| one.max)));
        }
        if !self.sizes.is_empty() {
            let good = |sizes: &Sizes| sizes.within_twice * 10 >= sizes.epochs * 9;
            let all = self.sizes.iter().all(good);
            goals.push(("size: nine in ten estimates are within twice the standard error", all));
        }
        goals
    }
}

impl Growth {
    /// The seeds' ticks at a percentile. A seed that never settled is the slowest.
    #[must_use]
    pub fn at(&self, percent: u32) -> Option<f64> {
        let ticks = self.ticks.iter().map(|ticks| ticks.map_or(f64::INFINITY, |ticks| ticks as f64));
        Sorted::new(ticks).percentile(percent).filter(|ticks| ticks.is_finite())
    }
}

impl Sizes {
    /// The figures of these estimates.
    #[must_use]
    pub fn of(members: usize, estimates: &[u64], standard_error: f64) -> Self {
        let shares: Vec<f64> = estimates.iter().map(|estimate| *estimate as f64 / members.max(1) as f64).collect();
        let count = shares.len().max(1) as f64;
        let mean = shares.iter().sum::<f64>() / count;
        let variance = shares.iter().map(|share| (share - mean).powi(2)).sum::<f64>() / (count - 1.0).max(1.0);
        let within_twice = shares.iter().filter(|share| (**share - 1.0).abs() <= 2.0 * standard_error).count();
        let deviation = variance.sqrt();
        Self { members, epochs: estimates.len(), within_twice, mean, deviation, standard_error }
    }
}
