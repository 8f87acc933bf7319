//! The kinds of misbehavior: the name of each in a plan, and how to make a node of each.

use std::fmt;

use protocol::items::network::NetworkId;

use super::Adversary;
use super::craft::{Craft, Pace};
use super::flooding::claims::{HugeOpen, Smear};
use super::flooding::forge::{Equivocate, Flood, Invalid};
use super::flooding::junk::{JunkBlocks, Refused};
use super::flooding::noise::{Replay, Spam};
use super::flooding::tail::ForgeTail;
use super::producers::{Coy, Decoy, Fill, Repeat, Signer, Split};
use super::serving::backdate::Backdate;
use super::serving::grafts::TakeGrafts;
use super::serving::hide::Hide;
use super::serving::instead::Instead;
use super::serving::routes::{Dawdle, Mark, Meddle};
use super::serving::withhold::{Idle, Late, Silent, Withhold};
use crate::random::Seed;
use crate::random::keys::node_key;

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

impl Kind {
    /// One node of this kind. A kind that acts at a rate acts `rate` times a second.
    pub(super) fn adversary(self, rate: f64, node: usize, network: &NetworkId, seed: Seed) -> Box<dyn Adversary> {
        let mut craft = Craft { network: network.clone(), draws: seed.draws(&format!("adversary {node}")) };
        let pace = Pace::new(rate);
        let signer = || Signer { key: node_key(seed, node), network: network.clone() };
        match self {
            Self::Equivocate => Box::new(Equivocate::new(node_key(seed, node), network.clone())),
            Self::Withhold => Box::new(Withhold),
            Self::Silent => Box::new(Silent),
            Self::Spam => Box::new(Spam { craft, pace, withholds: false }),
            Self::SpamHard => Box::new(Spam { craft, pace, withholds: true }),
            Self::Invalid => Box::new(Invalid { craft }),
            Self::Replay => Box::new(Replay::new(craft, pace)),
            Self::ManyIds => {
                let key = Some(craft.key());
                Box::new(Flood { craft, pace, key })
            }
            Self::OneTime => Box::new(Flood { craft, pace, key: None }),
            Self::Late => Box::new(Late),
            Self::Mark => Box::new(Mark { craft }),
            Self::Dawdle => Box::new(Dawdle),
            Self::Meddle => Box::new(Meddle::new(craft, pace)),
            Self::Hide => Box::new(Instead::new(Hide::default())),
            Self::HideLate => Box::new(Instead::new(Hide::announcing())),
            Self::TakeGrafts => Box::new(Instead::new(TakeGrafts::new(craft.draws.chance(0.5)))),
            Self::Backdate => Box::new(Instead::new(Backdate)),
            Self::ForgeTail => Box::new(ForgeTail { craft }),
            Self::JunkBlocks => Box::new(JunkBlocks::new(craft, pace)),
            Self::Refused => Box::new(Refused::new(craft, pace)),
            Self::HugeOpen => Box::new(HugeOpen { craft, genesis: network.genesis() }),
            Self::Smear => Box::new(Smear { craft }),
            Self::Idle => Box::new(Idle),
            Self::Decoy => Box::new(Decoy::new(signer(), craft)),
            Self::Split => Box::new(Split::new(signer())),
            Self::Coy => Box::new(Coy::new(signer())),
            Self::Repeat => Box::new(Repeat::new(signer())),
            Self::Fill => Box::new(Fill::new(signer(), pace)),
        }
    }

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
