//! What is kept of peers for another run: where they can be reached, how they stand, and who is banned.
//!
//! A failure shows in the store's progress. A store that is too busy has more important things to keep.

use protocol::time::{Duration, Time};

use crate::net::bans::{self, KeptBan};
use crate::net::discovery::book::{Kept, kept};
use crate::store::{KnownPeer, Note, Writer};

/// Between two times that new bans are kept: at most 200 KiB each, however many misbehave.
const BANS_KEPT_AFTER: Duration = Duration::from_secs(5);

/// What is not kept yet.
#[derive(Debug, Default)]
pub(super) struct Keeping {
    /// There are bans that are not kept yet.
    bans_changed: bool,
    /// When bans were kept last.
    bans_kept: Time,
}

impl Keeping {
    /// Keeps the known peers.
    pub(super) fn peers(known: &[Kept], writer: &Writer) {
        let standings = kept::encode(known);
        let known = known
            .iter()
            .map(|kept| KnownPeer::new(kept.peer.to_bytes(), kept.addresses.iter().map(ToString::to_string)));
        let _ = writer.save_peers(known.collect());
        let _ = writer.save_note(Note::Standings, standings);
    }

    /// Somebody was banned.
    pub(super) const fn on_ban(&mut self) {
        self.bans_changed = true;
    }

    /// Whether it is time to keep the bans.
    pub(super) fn bans_are_due(&self, now: Time) -> bool {
        self.bans_changed && now.since(self.bans_kept) >= BANS_KEPT_AFTER
    }

    /// Keeps the bans. A store that has no room for them is asked again.
    pub(super) fn bans(&mut self, bans: &[KeptBan], writer: &Writer, now: Time) {
        self.bans_changed &= writer.save_note(Note::Bans, bans::encode(bans)).is_err();
        self.bans_kept = now;
    }
}
