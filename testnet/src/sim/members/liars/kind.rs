//! The kinds of liars: the name of each, and how to make one.

use std::fmt;
use std::str::FromStr;

use protocol::items::keys::SecretKey;

use super::Liar;
use super::accuse::{Accuse, Ask};
use super::flood::{Crowd, FatEntries, Invent};
use super::forge::{Forge, Replay};
use super::silent::{Mute, Speaker};
use super::voice::Voice;
use crate::sim::adversary::Adversary;
use crate::text::serde_as_text;

/// A kind of liar.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Kind {
    /// Accuses one honest member each second, at each of its incarnations, and passes on no refutation of it.
    Accuse,
    /// Asks its peers each second to try this member.
    Ask,
    /// Sends records, entries and accusations in the names of others, with signatures that are wrong, zero, or those of
    /// older statements. Some of the records refute for others.
    Forge,
    /// Sends statements again that went by before.
    Replay,
    /// Half of them never answer anybody. The other half have their keys, refute for them with higher and higher
    /// incarnations, and claim that they answer.
    Refute,
    /// Accepts connections, and says nothing any more.
    Mute,
    /// Sends new entries of maximal size each second.
    FatEntries,
    /// Invents members. Half of them have an address that names nobody, and half that of one honest member. Then it
    /// accuses this member in their names.
    Invent,
}

/// Several kinds.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Kinds(Vec<Kind>);

impl Kind {
    /// Every kind.
    pub const ALL: [Self; 8] = [
        Self::Accuse,
        Self::Ask,
        Self::Forge,
        Self::Replay,
        Self::Refute,
        Self::Mute,
        Self::FatEntries,
        Self::Invent,
    ];

    /// Its name.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Accuse => "accuse",
            Self::Ask => "ask",
            Self::Forge => "forge",
            Self::Replay => "replay",
            Self::Refute => "refute",
            Self::Mute => "mute",
            Self::FatEntries => "fat_entries",
            Self::Invent => "invent",
        }
    }
}

impl Liar {
    pub(super) fn made(self, voice: Voice, body: Option<SecretKey>, crowd: Option<Crowd>) -> Box<dyn Adversary> {
        if self.silent {
            return Box::new(Mute::from(voice));
        }
        match (self.kind, body, crowd) {
            (Kind::Refute, Some(body), _) => Box::new(Speaker::new(voice, body)),
            (Kind::Invent, _, Some(crowd)) => Box::new(Invent::new(voice, crowd)),
            (Kind::Ask, ..) => Box::new(Ask { voice }),
            (Kind::Forge, ..) => Box::new(Forge::new(voice)),
            (Kind::Replay, ..) => Box::new(Replay::new(voice)),
            (Kind::FatEntries, ..) => Box::new(FatEntries { voice }),
            (Kind::Accuse | Kind::Refute | Kind::Mute | Kind::Invent, ..) => Box::new(Accuse::new(voice)),
        }
    }
}

impl Kinds {
    /// These kinds.
    #[must_use]
    pub fn of(kinds: &[Kind]) -> Self {
        Self(kinds.to_vec())
    }

    /// Whether there is none.
    #[must_use]
    pub const fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// The kind of the liar with this number, so that there are as many of each.
    pub(super) fn at(&self, number: usize) -> Kind {
        self.0.get(number.checked_rem(self.0.len()).unwrap_or_default()).copied().unwrap_or(Kind::Mute)
    }
}

impl FromStr for Kinds {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        if text == "all" {
            return Ok(Self(Kind::ALL.to_vec()));
        }
        let kind = |name: &str| {
            let found = Kind::ALL.into_iter().find(|kind| kind.name() == name.replace('-', "_"));
            found.ok_or_else(|| {
                let names: Vec<&str> = Kind::ALL.iter().map(|kind| kind.name()).collect();
                format!("{name:?} is no kind of liar: all, or some of {} are wanted", names.join(","))
            })
        };
        text.split(',').filter(|name| !name.is_empty()).map(kind).collect::<Result<_, _>>().map(Self)
    }
}

impl fmt::Display for Kinds {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let names: Vec<&str> = self.0.iter().map(|kind| kind.name()).collect();
        f.write_str(&names.join(","))
    }
}

serde_as_text!(Kinds);
