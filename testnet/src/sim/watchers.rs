//! The checkers of a run: every checker, a sample, or none.

use protocol::time::Duration;

use super::checker::Checker;
use super::checker::blame::Blame;
use super::checker::bounds::Bounds;
use super::checker::converged::Converged;
use super::checker::liveness::Liveness;
use super::checker::one_tip::OneTip;
use super::checker::safety::Safety;
use super::checker::sampled::sampled;
use super::simulation::{NodeSetup, Setup};
use crate::random::keys::node_key;

/// The checkers of a run.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Checks {
    /// Every checker sees every node; from [`SAMPLED_FROM`] nodes on, a sample of them.
    Auto,
    /// Every checker sees every node.
    All,
    /// As [`Checks::Auto`], and all nodes must end with the same items and the same tip.
    Converged,
    /// No checker.
    None,
}

/// From this number of nodes on, checkers see a sample, unless they must see everything.
pub const SAMPLED_FROM: usize = 1_000;

impl Checks {
    /// The name in the report.
    #[must_use]
    pub fn name(self, nodes: usize) -> &'static str {
        match self {
            Self::None => "none",
            Self::Auto if nodes >= SAMPLED_FROM => "sampled",
            Self::Converged if nodes >= SAMPLED_FROM => "sampled, converged",
            Self::Auto | Self::All => "all",
            Self::Converged => "all, converged",
        }
    }

    /// The checkers of a world that is set up.
    #[must_use]
    pub fn checkers(self, setup: &Setup) -> Vec<Box<dyn Checker>> {
        let every = || all(setup);
        let nodes = setup.graph.nodes();
        let samples = nodes >= SAMPLED_FROM && self != Self::All;
        let mut checkers = match self {
            Self::None => Vec::new(),
            _ if samples => every().into_iter().map(|one| sampled(one, nodes)).collect(),
            _ => every(),
        };
        if self == Self::Converged {
            checkers.push(Box::new(Converged::default()));
        }
        checkers
    }
}

/// Every checker, for a world that is set up.
#[must_use]
pub fn all(setup: &Setup) -> Vec<Box<dyn Checker>> {
    let Setup { graph, relay, reconciliation, network, blocks, nodes, seed, .. } = setup;
    let producers = blocks.iter().map(|(_, node)| node_key(*seed, *node).public()).collect();
    let slow = (0..nodes.len()).filter(|&node| nodes[node].slowness > Duration::ZERO).collect();
    let honest = nodes.iter().map(NodeSetup::is_honest).collect();
    vec![
        Box::new(Safety::new(network.clone(), producers)),
        Box::new(Blame::new(honest, slow)),
        Box::new(OneTip::new(graph.clone())),
        Box::new(Liveness::new(graph.clone(), *relay, *reconciliation)),
        Box::new(Bounds::new(graph.nodes())),
    ]
}
