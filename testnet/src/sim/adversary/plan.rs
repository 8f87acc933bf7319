//! Which nodes break the rules, and how: the plan as a person writes it, and the nodes that are drawn from it.

use protocol::items::network::NetworkId;
use serde::{Deserialize, Serialize};

use super::Adversary;
use super::kind::Kind;
use crate::random::Seed;
use crate::sim::fault::{PlanError, share};
use crate::topology::Graph;

/// The share of the nodes that misbehave, by kind: the table `[adversaries]` of a scenario. The default is none.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize)]
#[serde(default, deny_unknown_fields)]
pub struct AdversaryPlan {
    /// Announce each item before all others, and never send it.
    pub withhold: f64,
    /// Announce as others do, and answer no request.
    pub silent: f64,
    /// Announce `rate` random ids a second to each peer, and say notfound when asked: too little to be
    /// disconnected for.
    pub spam: f64,
    /// The same, and let requests expire. Each of these peers gets strikes, and is disconnected after many.
    pub spam_hard: f64,
    /// Push items with bad signatures, and bytes that are no item.
    pub invalid: f64,
    /// Sign two blocks at one height, and send each to half of the peers. They are taken from the producers as
    /// long as there are any.
    pub equivocate: f64,
    /// Resend `rate` old bodies and announcements a second.
    pub replay: f64,
    /// Flood `rate` transactions a second of one author and nonce.
    pub many_ids: f64,
    /// Flood `rate` valid transactions a second, each of another author.
    pub one_time: f64,
    /// Do everything late, answers included: just before the shortest expiry of a request.
    pub late: f64,
    /// Relay each transaction as if it travelled on a route that nobody has seen.
    pub mark: f64,
    /// Push late: just before the time is over for which a push is waited for.
    pub dawdle: f64,
    /// Prune and graft `rate` times a second at random.
    pub meddle: f64,
    /// Push every second item before all others, and keep silent about the rest.
    pub hide: f64,
    /// The same, and announce the rest 400 ms late. They serve it when asked.
    pub hide_late: f64,
    /// Half of them push everything before all others at first, and late from then on. The other half claim that
    /// they had each item before all others, are grafted for that, and push nothing.
    pub take_grafts: f64,
    /// Claim of each transaction that it is too old for news, and push it before all others.
    pub backdate: f64,
    /// Send fresh honest headers with forged ones behind them, so that each peer that announces the honest ones is
    /// suspected.
    pub forge_tail: f64,
    /// Send `rate` blocks a second on parents that don't exist. Their producer never signed them.
    pub junk_blocks: f64,
    /// Send `rate` transactions a second from a stock that is refused as a whole, again and again.
    pub refused: f64,
    /// Open a conversation with each new peer, and each second, claim a mempool of a million transactions, and
    /// list nothing.
    pub huge_open: f64,
    /// Announce made-up ids, let the requests expire, and come again. This aims at the other nodes of their
    /// address group.
    pub smear: f64,
    /// Say hello and nothing else.
    pub idle: f64,
    /// Sign two headers without bodies on each tip, for one peer at a time. Like the next four kinds, they are
    /// taken from the producers.
    pub decoy: f64,
    /// Sign four blocks at one height, and send each peer one of them.
    pub split: f64,
    /// Announce their blocks to all peers, and give the body to one.
    pub coy: f64,
    /// Make blocks of transactions that are already in the chain.
    pub repeat: f64,
    /// Sign four branches of two headers just below the tip, `rate` times a second, for all peers.
    pub fill: f64,
    /// The share of all nodes to which each adversary is connected besides its neighbours.
    pub reach: f64,
    /// How often a second adversaries act, if they act at a rate.
    pub rate: f64,
}

/// The highest [`AdversaryPlan::rate`]: ten times as many checks as a node lets one peer cause.
pub const ADVERSARY_RATE_MAX: f64 = 40_000.0;

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
            hide: 0.0,
            hide_late: 0.0,
            take_grafts: 0.0,
            backdate: 0.0,
            forge_tail: 0.0,
            junk_blocks: 0.0,
            refused: 0.0,
            huge_open: 0.0,
            smear: 0.0,
            idle: 0.0,
            decoy: 0.0,
            split: 0.0,
            coy: 0.0,
            repeat: 0.0,
            fill: 0.0,
            reach: 0.0,
            rate: 20.0,
        }
    }
}

impl AdversaryPlan {
    /// The share of each kind, in the order in which nodes are drawn.
    #[must_use]
    pub const fn shares(&self) -> [(Kind, f64); 28] {
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
            (Kind::Hide, self.hide),
            (Kind::HideLate, self.hide_late),
            (Kind::TakeGrafts, self.take_grafts),
            (Kind::Backdate, self.backdate),
            (Kind::ForgeTail, self.forge_tail),
            (Kind::JunkBlocks, self.junk_blocks),
            (Kind::Refused, self.refused),
            (Kind::HugeOpen, self.huge_open),
            (Kind::Smear, self.smear),
            (Kind::Idle, self.idle),
            (Kind::Decoy, self.decoy),
            (Kind::Split, self.split),
            (Kind::Coy, self.coy),
            (Kind::Repeat, self.repeat),
            (Kind::Fill, self.fill),
        ]
    }

    /// Draws the kind of each node: a place for each node. Kinds that only producers can be take producers, and
    /// other kinds take none.
    ///
    /// # Errors
    /// If a number is not a share, or if no node that keeps the rules would remain.
    pub fn kinds(&self, nodes: usize, producers: &[usize], seed: Seed) -> Result<Vec<Option<Kind>>, PlanError> {
        for (kind, wanted) in self.shares() {
            share(kind.key(), wanted)?;
        }
        share("reach", self.reach)?;
        if !(0.0..=ADVERSARY_RATE_MAX).contains(&self.rate) {
            return Err(PlanError::Rate { name: "rate", value: self.rate, max: ADVERSARY_RATE_MAX });
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
                let node = if kind.produces() { makers.next() } else { others.next() };
                wanted += usize::from(!kind.produces());
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

    /// The graph with the additional links of the adversaries.
    #[must_use]
    pub fn widened(&self, graph: Graph, kinds: &[Option<Kind>], seed: Seed) -> Graph {
        let nodes = graph.nodes();
        let count = (self.reach * nodes as f64).round() as usize;
        if count == 0 || kinds.iter().all(Option::is_none) {
            return graph;
        }
        let mut draws = seed.draws("reach");
        let mut edges = Vec::new();
        for node in 0..nodes {
            edges.extend(graph.neighbours(node).iter().map(|&other| (node, other as usize)));
            if kinds.get(node).is_some_and(Option::is_some) {
                let mut others: Vec<usize> = (0..nodes).filter(|other| *other != node).collect();
                draws.shuffle(&mut others);
                edges.extend(others.into_iter().take(count).map(|other| (node, other)));
            }
        }
        Graph::of(nodes, edges)
    }

    /// One node that misbehaves.
    #[must_use]
    pub fn adversary(&self, kind: Kind, node: usize, network: &NetworkId, seed: Seed) -> Box<dyn Adversary> {
        kind.adversary(self.rate, node, network, seed)
    }

    /// The misbehavior of nodes of these kinds, with a place for each node.
    #[must_use]
    pub fn made(
        &self,
        kinds: &[Option<Kind>],
        network: &NetworkId,
        seed: Seed,
    ) -> Vec<Option<Box<dyn Adversary>>> {
        let made = kinds.iter().enumerate();
        made.map(|(node, kind)| kind.map(|kind| self.adversary(kind, node, network, seed))).collect()
    }
}
