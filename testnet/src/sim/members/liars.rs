//! Members that lie about members. Each runs the same engine as every node, and stands between this engine and its
//! links, as the adversaries of the relay do (`sim/adversary`). Before the load, liars keep all rules, so that everybody
//! knows them. They lie during the load.
//!
//! Which nodes lie, and which honest member they lie about, is drawn from the seed. Deliberately absent: how a lie is
//! judged (`lies.rs`), and the links of liars, which are those of the graph.

mod accuse;
mod flood;
mod forge;
mod kind;
mod silent;
mod voice;

use anyhow::bail;
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::time::Time;

pub use self::kind::{Kind, Kinds};
use self::voice::Voice;
use crate::random::Seed;
use crate::random::keys::node_key;
use crate::sim::adversary::Adversary;

/// Who lies in a run.
#[derive(Clone, Debug)]
pub struct Lying {
    /// The liars.
    pub liars: Vec<Liar>,
    /// The honest member that they lie about.
    pub victim: usize,
    /// Members that they invent, all together.
    pub invented: usize,
}

/// One liar.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Liar {
    /// The node.
    pub node: usize,
    /// What it does.
    pub kind: Kind,
    /// Whether it says nothing itself, and answers nobody.
    pub silent: bool,
    /// The silent liar that it speaks for.
    pub speaks_for: Option<usize>,
}

/// What liars know of the world.
#[derive(Clone, Debug)]
pub struct About {
    /// The network.
    pub network: NetworkId,
    /// The seed.
    pub seed: Seed,
    /// When they begin to lie.
    pub from: Time,
    /// What the clocks show at the beginning, in milliseconds since 1970.
    pub epoch_ms: u64,
    /// The number of nodes.
    pub nodes: usize,
}

impl Lying {
    /// Draws this number of the nodes as liars, as many of each kind, and the honest member that they lie about. Nodes in
    /// `spared` are none of these. `None` if there is nobody to lie.
    ///
    /// # Errors
    /// If too few nodes are left.
    pub fn draw(
        kinds: &Kinds,
        count: usize,
        invented: usize,
        nodes: usize,
        spared: &[usize],
        seed: Seed,
    ) -> anyhow::Result<Option<Self>> {
        if count == 0 || kinds.is_empty() {
            return Ok(None);
        }
        let mut free: Vec<usize> = (0..nodes).filter(|node| !spared.contains(node)).collect();
        seed.draws("liars").shuffle(&mut free);
        let victim = free.pop().filter(|_| free.len() > count);
        let Some(victim) = victim else {
            bail!("{count} members are to lie about another one, and too few are left: lower the share of liars");
        };
        let places = (0..count).zip(&free);
        let mut liars: Vec<Liar> = places.map(|(place, node)| Liar::new(*node, kinds.at(place))).collect();
        liars.sort_by_key(|liar| liar.kind);
        pair(&mut liars);
        Ok(Some(Self { liars, victim, invented }))
    }

    /// The nodes that are liars, and the one that they lie about.
    pub fn taken(&self) -> impl Iterator<Item = usize> {
        self.liars.iter().map(|liar| liar.node).chain([self.victim])
    }

    /// The misbehavior of each liar, in the order of [`Lying::liars`].
    #[must_use]
    pub fn made(&self, about: &About) -> Vec<Box<dyn Adversary>> {
        let inventors = self.liars.iter().filter(|liar| liar.kind == Kind::Invent).count();
        let key = |node: usize| node_key(about.seed, node);
        let mut number = 0;
        let made = self.liars.iter().map(|liar| {
            let voice = Voice::new(about, liar.node, key(self.victim).public());
            let body: Option<SecretKey> = liar.speaks_for.map(key);
            if liar.kind != Kind::Invent {
                return liar.made(voice, body, None);
            }
            // Each inventor has its part of the invented members.
            let part = number * self.invented / inventors..(number + 1) * self.invented / inventors;
            number += 1;
            liar.made(voice, body, Some(flood::Crowd::new(about, self.victim, part)))
        });
        made.collect()
    }
}

impl Liar {
    const fn new(node: usize, kind: Kind) -> Self {
        Self { node, kind, silent: matches!(kind, Kind::Mute), speaks_for: None }
    }
}

/// Half of those that refute are silent, and each has another one that speaks for it. A single one is silent.
fn pair(liars: &mut [Liar]) {
    let mut last = None;
    for liar in liars.iter_mut().filter(|liar| liar.kind == Kind::Refute) {
        liar.speaks_for = last.take();
        if liar.speaks_for.is_none() {
            liar.silent = true;
            last = Some(liar.node);
        }
    }
}
