//! Who breaks the rules, and how: the plan as a person writes it, and the nodes that are drawn from it.

use std::fmt;

use protocol::network::NetworkId;
use serde::{Deserialize, Serialize};

use super::Adversary;
use super::craft::{Craft, Pace};
use super::forge::{Equivocate, Flood, Invalid};
use super::noise::{Replay, Spam};
use super::routes::{Dawdle, Mark, Meddle};
use super::withhold::{Late, Silent, Withhold};
use crate::keys::node_key;
use crate::random::Seed;
use crate::sim::fault::{PlanError, share};

/// Share of the nodes that misbehave, by kind: the table `[adversaries]` of a scenario. The default is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdversaryPlan {
    /// Announce each item before all others, and never send it.
    pub withhold: f64,
    /// Announce as others do, and answer no request.
    pub silent: f64,
    /// Announce `rate` random ids a second to each peer, and say notfound when asked: too little to be left for.
    pub spam: f64,
    /// The same, and let requests expire: each is struck, and left after many.
    pub spam_hard: f64,
    /// Push items with bad signatures, and bytes that are no item.
    pub invalid: f64,
    /// Sign two blocks at one height, and send each to half of the peers. Taken from the producers, as far as there are
    /// any.
    pub equivocate: f64,
    /// Send `rate` old bodies and announcements a second again.
    pub replay: f64,
    /// Flood `rate` transactions a second of one author and nonce.
    pub many_ids: f64,
    /// Flood `rate` valid transactions a second, each of another author.
    pub one_time: f64,
    /// Do everything, answers included, just under the shortest expiry of a request late.
    pub late: f64,
    /// Pass each transaction on as if it travelled on a route that nobody has seen.
    pub mark: f64,
    /// Push just under the time that a push is waited for late.
    pub dawdle: f64,
    /// Prune and graft `rate` times a second at random.
    pub meddle: f64,
    /// How often those do it that do something at a rate, a second.
    pub rate: f64,
}

/// The highest [`AdversaryPlan::rate`]. Ten times as many checks as a node lets one peer cause.
pub const RATE_MAX: f64 = 40_000.0;

/// A kind of misbehavior.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[expect(missing_docs, reason = "the plan's fields say what each does")]
pub enum Kind {
    Equivocate,
    Withhold,
    Silent,
    Spam,
    SpamHard,
    Invalid,
    Replay,
    ManyIds,
    OneTime,
    Late,
    Mark,
    Dawdle,
    Meddle,
}

impl Default for AdversaryPlan {
    fn default() -> Self {
        Self {
            withhold: 0.0,
            silent: 0.0,
            spam: 0.0,
            spam_hard: 0.0,
            invalid: 0.0,
            equivocate: 0.0,
            replay: 0.0,
            many_ids: 0.0,
            one_time: 0.0,
            late: 0.0,
            mark: 0.0,
            dawdle: 0.0,
            meddle: 0.0,
            rate: 20.0,
        }
    }
}

impl AdversaryPlan {
    /// The share of each kind, in the order in which nodes are drawn.
    #[must_use]
    pub const fn shares(&self) -> [(Kind, f64); 13] {
        [
            (Kind::Equivocate, self.equivocate),
            (Kind::Withhold, self.withhold),
            (Kind::Silent, self.silent),
            (Kind::Spam, self.spam),
            (Kind::SpamHard, self.spam_hard),
            (Kind::Invalid, self.invalid),
            (Kind::Replay, self.replay),
            (Kind::ManyIds, self.many_ids),
            (Kind::OneTime, self.one_time),
            (Kind::Late, self.late),
            (Kind::Mark, self.mark),
            (Kind::Dawdle, self.dawdle),
            (Kind::Meddle, self.meddle),
        ]
    }

    /// Draws which node is of which kind: a place for each node. Producers are taken for equivocation only, and no other
    /// kind of node for that.
    ///
    /// # Errors
    /// If a share is none, or if nobody would be left who keeps the rules.
    pub fn kinds(&self, nodes: usize, producers: &[usize], seed: Seed) -> Result<Vec<Option<Kind>>, PlanError> {
        for (kind, wanted) in self.shares() {
            share(kind.key(), wanted)?;
        }
        if !(0.0..=RATE_MAX).contains(&self.rate) {
            return Err(PlanError::Rate { name: "rate", value: self.rate, max: RATE_MAX });
        }
        let mut draws = seed.draws("adversaries");
        let mut others: Vec<usize> = (0..nodes).filter(|node| !producers.contains(node)).collect();
        let mut makers = producers.to_vec();
        makers.sort_unstable();
        makers.dedup();
        draws.shuffle(&mut others);
        draws.shuffle(&mut makers);
        let free = others.len();
        let (mut others, mut makers) = (others.into_iter(), makers.into_iter());
        let mut kinds = vec![None; nodes];
        let mut wanted = 0;
        for (kind, share) in self.shares() {
            let count = (share * nodes as f64).round() as usize;
            for _ in 0..count {
                let node = if kind == Kind::Equivocate { makers.next() } else { others.next() };
                wanted += usize::from(kind != Kind::Equivocate);
                if let Some(place) = node.and_then(|node| kinds.get_mut(node)) {
                    *place = Some(kind);
                }
            }
        }
        if wanted > free || kinds.iter().all(Option::is_some) && nodes > 0 {
            return Err(PlanError::TooMany { wanted, nodes, free });
        }
        Ok(kinds)
    }

    /// The nodes' misbehavior, a place for each.
    ///
    /// # Errors
    /// As [`AdversaryPlan::kinds`].
    pub fn draw(
        &self,
        nodes: usize,
        producers: &[usize],
        network: &NetworkId,
        seed: Seed,
    ) -> Result<Vec<Option<Box<dyn Adversary>>>, PlanError> {
        let kinds = self.kinds(nodes, producers, seed)?;
        let made = kinds.into_iter().enumerate();
        Ok(made.map(|(node, kind)| kind.map(|kind| self.adversary(kind, node, network, seed))).collect())
    }

    /// One node that misbehaves.
    #[must_use]
    pub fn adversary(&self, kind: Kind, node: usize, network: &NetworkId, seed: Seed) -> Box<dyn Adversary> {
        let mut craft = Craft { network: network.clone(), draws: seed.draws(&format!("adversary {node}")) };
        let pace = Pace::new(self.rate);
        match kind {
            Kind::Equivocate => Box::new(Equivocate::new(node_key(seed, node), network.clone())),
            Kind::Withhold => Box::new(Withhold),
            Kind::Silent => Box::new(Silent),
            Kind::Spam => Box::new(Spam { craft, pace, withholds: false }),
            Kind::SpamHard => Box::new(Spam { craft, pace, withholds: true }),
            Kind::Invalid => Box::new(Invalid { craft }),
            Kind::Replay => Box::new(Replay::new(craft, pace)),
            Kind::ManyIds => {
                let key = Some(craft.key());
                Box::new(Flood { craft, pace, key })
            }
            Kind::OneTime => Box::new(Flood { craft, pace, key: None }),
            Kind::Late => Box::new(Late),
            Kind::Mark => Box::new(Mark { craft }),
            Kind::Dawdle => Box::new(Dawdle),
            Kind::Meddle => Box::new(Meddle::new(craft, pace)),
        }
    }
}

impl Kind {
    /// Its key in the plan.
    #[must_use]
    pub const fn key(self) -> &'static str {
        match self {
            Self::Equivocate => "equivocate",
            Self::Withhold => "withhold",
            Self::Silent => "silent",
            Self::Spam => "spam",
            Self::SpamHard => "spam_hard",
            Self::Invalid => "invalid",
            Self::Replay => "replay",
            Self::ManyIds => "many_ids",
            Self::OneTime => "one_time",
            Self::Late => "late",
            Self::Mark => "mark",
            Self::Dawdle => "dawdle",
            Self::Meddle => "meddle",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}
