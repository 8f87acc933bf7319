//! How full the machine's memories are, and what each entry takes. Deliberately absent: the bounds themselves
//! (`limits.rs`), and the table of all bounds (`gossip/occupancy`).

use alloc::sync::Arc;

use super::Members;
use super::estimates::phi::PHI_BYTES;
use super::places::Places;
use super::seam::Membership;
use super::spread::Spread;
use super::spread::links::Link;
use super::view::{Member, Row};
use super::watching::cases::Cases;
use super::watching::errands::Errands;
use super::watching::feelers::Feelers;
use super::watching::probes::Probes;
use crate::footprint::{block, list, tree};
use crate::gossip::api::PeerHandle;
use crate::gossip::api::members::ProbeId;
use crate::items::hash::ShortId;
use crate::items::keys::PublicKey;
use crate::items::member::accusation::SignedAccusation;
use crate::items::member::entries::SignedEntries;
use crate::time::Time;
use crate::wire::message::MemberState;

/// How full the machine's memories are.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MembersOccupancy {
    /// Members in the view, this node among them.
    pub members: usize,
    /// Bytes of the view.
    pub bytes: usize,
    /// Pieces of news, and bytes of their statements.
    pub news: (usize, usize),
    /// Cases of accused members.
    pub cases: usize,
    /// Probes of this node's own, and for others.
    pub probes: (usize, usize),
    /// Members that are probed next.
    pub probed_next: usize,
    /// Addresses that were dialled lately for members that have never answered: by rounds, and by checks.
    pub feelers: (usize, usize),
    /// Members that were dialled because peers asked for it.
    pub errands: usize,
    /// Statements whose signatures are being checked.
    pub checking: usize,
    /// Of these, accusations that came with dials.
    pub handed: usize,
    /// Of these, bytes of records that an earlier run kept.
    pub recalling: usize,
    /// Members with two machines.
    pub conflicts: usize,
    /// Members whose place is known.
    pub places: usize,
}

/// The shortest statement: an accusation.
const STATEMENT_BYTES_LEAST: usize = 140;

impl Members {
    /// The memory of a piece of news beside its statement: its place in the order and among the topics, what stands
    /// for its statement, and a list of up to 128 links.
    pub(in crate::gossip) const NEWS_BYTES: usize = Spread::ENTRY_BYTES + list(128, size_of::<PeerHandle>());

    /// The memory of the case of an accused member.
    pub(in crate::gossip) const CASE_BYTES: usize = Cases::ENTRY_BYTES;

    /// The memory of an open probe.
    pub(in crate::gossip) const PROBE_BYTES: usize = Probes::ENTRY_BYTES;

    /// The memory of an address that was dialled for a stranger.
    pub(in crate::gossip) const FEELER_BYTES: usize = Feelers::ENTRY_BYTES;

    /// The memory of a member that was dialled because peers asked for it.
    pub(in crate::gossip) const ERRAND_BYTES: usize = Errands::ENTRY_BYTES;

    /// The memory of a member's turns: in the round of probes, among those to accuse, among those that are dead
    /// and tried again, and among those that were found dead while nobody was heard.
    pub(in crate::gossip) const TURN_BYTES: usize =
        4 * size_of::<Row>() + 2 * tree(size_of::<(Time, Row)>()) + tree(size_of::<Row>());

    /// The memory of a member's place.
    pub(in crate::gossip) const PLACE_BYTES: usize = Places::ENTRY_BYTES;

    /// The memory of a conflict.
    pub(in crate::gossip) const CONFLICT_BYTES: usize = tree(size_of::<(PublicKey, Time)>());

    /// The memory of a link, and of a peer that has not said Hello.
    pub(in crate::gossip) const LINK_BYTES: usize =
        tree(size_of::<(PeerHandle, Link)>()) + PHI_BYTES + tree(Membership::MET_BYTES);

    /// The memory of each byte of a statement in check: the byte itself, and a share of what the machine and the
    /// driver keep beside the shortest statement.
    pub(in crate::gossip) const CHECKED_BYTE_BYTES: usize =
        1 + Self::CHECKED_BYTES.div_ceil(STATEMENT_BYTES_LEAST);

    /// The memory of a statement in check, beside its encoded bytes.
    pub(in crate::gossip) const CHECKED_BYTES: usize = tree(Membership::CHECKING_BYTES)
        + tree(size_of::<ShortId>())
        + block(size_of::<Arc<()>>() + size_of::<SignedEntries>() + size_of::<SignedAccusation>());

    /// How full everything is.
    #[must_use]
    pub fn occupancy(&self) -> MembersOccupancy {
        MembersOccupancy {
            members: self.view.len(),
            bytes: self.view.bytes(),
            news: self.spread.len(),
            cases: self.watching.cases.len(),
            probes: self.watching.probes.len(),
            probed_next: self.watching.probed_next(),
            feelers: self.watching.feelers(),
            errands: self.watching.errands(),
            checking: self.checking.len(),
            handed: self.handed,
            recalling: self.recalling,
            conflicts: self.conflicts.len(),
            places: self.places.len(),
        }
    }

    /// How many members are alive, suspect, dead, and gone by their own word. Looks at each member once, and clones
    /// none.
    #[must_use]
    pub fn states(&self) -> [usize; 4] {
        let own_left = self.own.has_left();
        let left = |member: &Member| own_left && member.key() == self.own.key;
        self.view.iter().fold([0; 4], |mut counts, (_, member)| {
            let state = if left(member) { MemberState::Left } else { member.state() };
            let [alive, suspect, dead, gone] = &mut counts;
            *match state {
                MemberState::Alive => alive,
                MemberState::Suspect => suspect,
                MemberState::Dead => dead,
                MemberState::Left => gone,
            } += 1;
            counts
        })
    }
}

// An open probe is found by its name.
const _: () = assert!(size_of::<ProbeId>() == 8, "what the memory of a probe counts with");
