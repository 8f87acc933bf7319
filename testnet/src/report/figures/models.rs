//! What theory expects of a rumor: the share of nodes that know it after each round, the number of rounds it
//! takes, and the line through measured rounds. It is pure arithmetic on expected values, without randomness and
//! without an engine.
//!
//! **SI** (Demers and others, "Epidemic algorithms for replicated database maintenance", 1987, there *simple
//! epidemics* by push): in every round, each node that knows the rumor tells `f` others, which are drawn at random
//! from all. It does so forever. If `u` nodes don't know the rumor, one of them remains uninformed if none of the
//! `f·i` contacts of the `i` informed ones hits it:
//!
//! ```text
//! u' = u · (1 - 1/(n-1))^(f·i)
//! ```
//!
//! For `f` = 1, Pittel ("On spreading a rumor", 1987) shows that it takes `log2 n + ln n` rounds, plus or minus a
//! constant, until every node knows. With `f` contacts, the informed nodes multiply by `f + 1` at first, and at
//! the end the rest shrinks by `e^-f`: `log(f+1) n + ln n / f`.
//!
//! **SIR** adds that nodes cool, as the engine's do (`protocol`, `gossip/relay/rumor.rs`): after a number of
//! sends, and with feedback when more than half of the contacts of one round were in vain. In the mean field, all
//! nodes that have been hot for `a` rounds are alike. Each of them makes `n(a) = min(f, sends left)` contacts, and
//! all hot nodes together make `c`. If several contacts hit one node, only the first is useful. So `g = u · (1 -
//! (1 - 1/(n-1))^c)` of them are useful, and a contact is in vain with the probability `w = 1 - g/c`. A node that
//! made `k` contacts cools with `P(Binomial(k, w) > k/2)`.
//!
//! Both models leave out the reason why the engine is better on small networks: a node never pushes to a peer that
//! is known to have the rumor.

/// Shares below this count as zero: a ten thousandth of a node in the largest network.
const NEGLIGIBLE: f64 = 1e-9;

/// The share of `nodes` that is informed after 0, 1, … `rounds` rounds by SI with `fanout` contacts a round.
#[must_use]
pub fn si(nodes: usize, fanout: f64, rounds: usize) -> Vec<f64> {
    let n = nodes as f64;
    let mut ignorant = n - 1.0;
    let mut shares = vec![share(n, ignorant)];
    for _ in 0..rounds {
        ignorant -= gained(n, ignorant, fanout * (n - ignorant));
        shares.push(share(n, ignorant));
    }
    shares
}

/// The end of a node's part in a rumor.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Removal {
    /// It cools after this number of sends.
    pub sends_max: u32,
    /// It cools when more than half of the contacts of one round were in vain.
    pub feedback: bool,
}

/// The share of `nodes` that is informed after 0, 1, … `rounds` rounds by SIR with `fanout` contacts a round.
#[must_use]
pub fn sir(nodes: usize, fanout: u32, removal: Removal, rounds: usize) -> Vec<f64> {
    let n = nodes as f64;
    let (fanout, sends_max) = (fanout.max(1), removal.sends_max.max(1));
    // Nodes that have been hot for `age` rounds may have fewer contacts left.
    let contacts = |age: usize| fanout.min(sends_max.saturating_sub(fanout.saturating_mul(age as u32)));
    let ages = sends_max.div_ceil(fanout) as usize;
    let mut hot = vec![0.0; ages];
    if let Some(newest) = hot.first_mut() {
        *newest = 1.0;
    }
    let mut ignorant = n - 1.0;
    let mut shares = vec![share(n, ignorant)];
    for _ in 0..rounds {
        let made: f64 = hot.iter().enumerate().map(|(age, nodes)| nodes * f64::from(contacts(age))).sum();
        let useful = gained(n, ignorant, made);
        let vain = if made > NEGLIGIBLE { (1.0 - useful / made).clamp(0.0, 1.0) } else { 1.0 };
        let stay = |age: usize| if removal.feedback { 1.0 - most_of(contacts(age), vain) } else { 1.0 };
        let grown = hot.iter().enumerate().map(|(age, nodes)| nodes * stay(age));
        hot = std::iter::once(useful).chain(grown).take(ages).collect();
        ignorant -= useful;
        shares.push(share(n, ignorant));
    }
    shares
}

/// The expected number of rounds until every node knows, for large `nodes` and push to `fanout` others a round
/// (see above).
#[must_use]
pub fn rounds_to_all(nodes: f64, fanout: f64) -> f64 {
    nodes.ln() / (fanout + 1.0).ln() + nodes.ln() / fanout
}

/// The first round after which at least this share is informed.
#[must_use]
pub fn rounds_until(shares: &[f64], wanted: f64) -> Option<usize> {
    shares.iter().position(|share| *share >= wanted)
}

/// A straight line through points.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Line {
    /// By how much it rises for each unit.
    pub slope: f64,
    /// Its height at 0.
    pub intercept: f64,
    /// The share of the points' variance that it explains, 0 to 1.
    pub r_squared: f64,
}

impl Line {
    /// The line of least squares. `None` if the points have fewer than two different places.
    #[must_use]
    pub fn through(points: &[(f64, f64)]) -> Option<Self> {
        let count = points.len() as f64;
        let mean_x = points.iter().map(|point| point.0).sum::<f64>() / count;
        let mean_y = points.iter().map(|point| point.1).sum::<f64>() / count;
        let sum = |of: fn(f64, f64) -> f64| points.iter().map(|(x, y)| of(x - mean_x, y - mean_y)).sum::<f64>();
        let (xx, xy, yy) = (sum(|x, _| x * x), sum(|x, y| x * y), sum(|_, y| y * y));
        if points.len() < 2 || xx <= 0.0 {
            return None;
        }
        let slope = xy / xx;
        // Points at the same height lie on the line.
        let r_squared = if yy > 0.0 { xy * xy / (xx * yy) } else { 1.0 };
        Some(Self { slope, intercept: mean_y - slope * mean_x, r_squared })
    }

    /// Its height.
    #[must_use]
    pub fn at(&self, x: f64) -> f64 {
        self.slope * x + self.intercept
    }
}

fn share(nodes: f64, ignorant: f64) -> f64 {
    if nodes > 0.0 { ((nodes - ignorant) / nodes).clamp(0.0, 1.0) } else { 0.0 }
}

/// The number of nodes that learn of the rumor by this number of contacts.
fn gained(nodes: f64, ignorant: f64, contacts: f64) -> f64 {
    if nodes < 2.0 || contacts <= 0.0 {
        return 0.0;
    }
    ignorant * (1.0 - (1.0 - 1.0 / (nodes - 1.0)).powf(contacts))
}

/// The probability that more than half of `tries` succeed, each with probability `p`.
fn most_of(tries: u32, p: f64) -> f64 {
    let more_than_half = tries / 2 + 1..=tries;
    more_than_half
        .map(|hits| binomial(tries, hits) * p.powi(hits as i32) * (1.0 - p).powi((tries - hits) as i32))
        .sum()
}

fn binomial(n: u32, k: u32) -> f64 {
    (0..k).map(|step| f64::from(n - step) / f64::from(step + 1)).product()
}
