//! The kinds of misbehavior: what each is called in a plan, and a node of each.

use std::fmt;

use protocol::items::network::NetworkId;

use super::backdate::Backdate;
use super::claims::{HugeOpen, Smear};
use super::craft::{Craft, Pace};
use super::forge::{Equivocate, Flood, Invalid};
use super::grafts::TakeGrafts;
use super::hide::Hide;
use super::junk::{JunkBlocks, Refused};
use super::noise::{Replay, Spam};
use super::producers::{Coy, Decoy, Fill, Repeat, Signer, Split};
use super::routes::{Dawdle, Mark, Meddle};
use super::tail::ForgeTail;
use super::withhold::{Idle, Late, Silent, Withhold};
use super::{Adversary, AdversaryPlan};
use crate::keys::node_key;
use crate::random::Seed;

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
    Hide,
    HideLate,
    TakeGrafts,
    Backdate,
    ForgeTail,
    JunkBlocks,
    Refused,
    HugeOpen,
    Smear,
    Idle,
    Decoy,
    Split,
    Coy,
    Repeat,
    Fill,
}

impl AdversaryPlan {
    /// One node that misbehaves.
    #[must_use]
    pub fn adversary(&self, kind: Kind, node: usize, network: &NetworkId, seed: Seed) -> Box<dyn Adversary> {
        let mut craft = Craft { network: network.clone(), draws: seed.draws(&format!("adversary {node}")) };
        let pace = Pace::new(self.rate);
        let signer = || Signer { key: node_key(seed, node), network: network.clone() };
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
            Kind::Hide => Box::new(Hide::default()),
            Kind::HideLate => Box::new(Hide::announcing()),
            Kind::TakeGrafts => Box::new(TakeGrafts::new(craft.draws.chance(0.5))),
            Kind::Backdate => Box::new(Backdate::default()),
            Kind::ForgeTail => Box::new(ForgeTail { craft }),
            Kind::JunkBlocks => Box::new(JunkBlocks::new(craft, pace)),
            Kind::Refused => Box::new(Refused::new(craft, pace)),
            Kind::HugeOpen => Box::new(HugeOpen { craft, genesis: network.genesis() }),
            Kind::Smear => Box::new(Smear { craft }),
            Kind::Idle => Box::new(Idle),
            Kind::Decoy => Box::new(Decoy::new(signer(), craft)),
            Kind::Split => Box::new(Split::new(signer())),
            Kind::Coy => Box::new(Coy::new(signer())),
            Kind::Repeat => Box::new(Repeat::new(signer())),
            Kind::Fill => Box::new(Fill::new(signer(), pace)),
        }
    }
}

impl Kind {
    /// Whether only an allowed producer can do it.
    #[must_use]
    pub const fn produces(self) -> bool {
        matches!(self, Self::Equivocate | Self::Decoy | Self::Split | Self::Coy | Self::Repeat | Self::Fill)
    }

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
            Self::Hide => "hide",
            Self::HideLate => "hide_late",
            Self::TakeGrafts => "take_grafts",
            Self::Backdate => "backdate",
            Self::ForgeTail => "forge_tail",
            Self::JunkBlocks => "junk_blocks",
            Self::Refused => "refused",
            Self::HugeOpen => "huge_open",
            Self::Smear => "smear",
            Self::Idle => "idle",
            Self::Decoy => "decoy",
            Self::Split => "split",
            Self::Coy => "coy",
            Self::Repeat => "repeat",
            Self::Fill => "fill",
        }
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.key())
    }
}
