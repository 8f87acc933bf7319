//! Why an item came to this node: the causes of arrivals, with their names for people and for files. Data only.
//!
//! A cause says what this node knows of a body at the moment when it comes. Why a peer pushed it, only the peer
//! knows. So a push is told apart by the route that it names, and by what is known here of that route.

/// Why an item came to this node.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArrivalCause {
    /// It entered here: a client submitted it, or this node made it.
    Submitted,
    /// Pushed on its author's route. For a block, this is the route of its producer.
    AuthorRoute,
    /// Pushed on a named route: that of the node at which it entered.
    EntryRoute,
    /// Pushed by a peer that this node had grafted in a late parent's place, and that has brought nothing on the route
    /// since. A graft for the wanted redundancy, or of an alarmed node, is not told apart from other pushes on the route.
    Graft,
    /// Pushed before this node knew its route: a flood that teaches it.
    NewRoute,
    /// Pushed, and this node keeps no author trees.
    Policy,
    /// Asked for: it was announced, it was waited for until the grace was over, and no push came.
    AfterGrace,
    /// Asked for at once: it was announced, and no push was likely to come.
    Announced,
    /// Asked for, because another peer that was asked before did not bring it in time.
    Retry,
    /// Asked for: a comparison by sketch showed that it was missing.
    Sketch,
    /// Asked for: a peer listed it, and it was missing.
    List,
    /// A block that was asked for to catch up, although no peer had announced it.
    CatchUp,
    /// A transaction that came as a part of a block.
    WithinBlock,
}

/// How an item comes, in one word.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum ArrivalWay {
    /// It entered here.
    Entered,
    /// A peer sent it unasked.
    Pushed,
    /// This node asked for it.
    Fetched,
    /// It came as a part of something else.
    Enclosed,
}

impl ArrivalCause {
    /// All causes, each at the place of its code. A new cause comes last, because codes stand in files.
    pub const ALL: [Self; 13] = [
        Self::Submitted,
        Self::AuthorRoute,
        Self::EntryRoute,
        Self::Graft,
        Self::NewRoute,
        Self::Policy,
        Self::AfterGrace,
        Self::Announced,
        Self::Retry,
        Self::Sketch,
        Self::List,
        Self::CatchUp,
        Self::WithinBlock,
    ];

    /// Its number in files.
    #[must_use]
    pub fn code(self) -> u64 {
        Self::ALL.iter().position(|cause| *cause == self).unwrap_or_default() as u64
    }

    /// The cause with this number, if there is one.
    #[must_use]
    pub fn from_code(code: u64) -> Option<Self> {
        Self::ALL.get(usize::try_from(code).ok()?).copied()
    }

    /// Its name in JSON and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Submitted => "submitted",
            Self::AuthorRoute => "author-route",
            Self::EntryRoute => "entry-route",
            Self::Graft => "graft",
            Self::NewRoute => "new-route",
            Self::Policy => "policy",
            Self::AfterGrace => "after-grace",
            Self::Announced => "announced",
            Self::Retry => "retry",
            Self::Sketch => "sketch",
            Self::List => "list",
            Self::CatchUp => "catch-up",
            Self::WithinBlock => "within-block",
        }
    }

    /// The cause with this name, if there is one.
    #[must_use]
    pub fn named(name: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|cause| cause.name() == name)
    }

    /// How the item came.
    #[must_use]
    pub const fn way(self) -> ArrivalWay {
        match self {
            Self::Submitted => ArrivalWay::Entered,
            Self::AuthorRoute | Self::EntryRoute | Self::Graft | Self::NewRoute | Self::Policy => {
                ArrivalWay::Pushed
            }
            Self::AfterGrace | Self::Announced | Self::Retry | Self::Sketch | Self::List | Self::CatchUp => {
                ArrivalWay::Fetched
            }
            Self::WithinBlock => ArrivalWay::Enclosed,
        }
    }

    /// The reason for people. It goes on after "pushed by A", "fetched from A" and the like.
    #[must_use]
    pub const fn reason(self) -> &'static str {
        match self {
            Self::Submitted => "by a client, or made here",
            Self::AuthorRoute => "on its author's route",
            Self::EntryRoute => "on the route of the node at which it entered",
            Self::Graft => "after a graft of this node",
            Self::NewRoute => "before this node knew its route",
            Self::Policy => "without a route: this node keeps no author trees",
            Self::AfterGrace => "after the grace, because it was announced and no push came",
            Self::Announced => "at once, because it was announced and no push was likely to come",
            Self::Retry => "because another peer that was asked did not bring it in time",
            Self::Sketch => "because a comparison by sketch showed that it was missing",
            Self::List => "because a peer listed it and it was missing",
            Self::CatchUp => "to catch up with the chain",
            Self::WithinBlock => "as a part of a block",
        }
    }
}

impl ArrivalWay {
    /// Its name in JSON and in tables.
    #[must_use]
    pub const fn name(self) -> &'static str {
        match self {
            Self::Entered => "entered",
            Self::Pushed => "pushed",
            Self::Fetched => "fetched",
            Self::Enclosed => "enclosed",
        }
    }
}
