//! A key of the tracker: which peers announced it, and what is in flight for it.

use alloc::vec::Vec;

use super::RequestKey;
use super::pace::Asked;
use crate::gossip::PeerHandle;
use crate::time::Time;

/// A key and the peers that announced it.
#[derive(Debug)]
pub(super) struct Entry {
    pub(super) key: RequestKey,
    pub(super) flight: Option<Flight>,
    /// Until when it is not ready (rule 11). There is no flight while this is set.
    pub(super) held: Option<Time>,
    /// Whether the flight was promised, and not asked for.
    pub(super) promised: bool,
    /// Whether it was held once.
    pub(super) waited: bool,
    /// Whether it is news, by the word of a peer that announced it.
    pub(super) live: bool,
    /// Sorted by peer. Never empty.
    pub(super) announcements: Vec<Announcement>,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Flight {
    pub(super) peer: PeerHandle,
    pub(super) deadline: Time,
    pub(super) asked: Asked,
    pub(super) expected_bytes: u32,
}

#[derive(Clone, Copy, Debug)]
pub(super) struct Announcement {
    pub(super) peer: PeerHandle,
    pub(super) expected_bytes: u32,
    pub(super) state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum State {
    Candidate,
    /// The entry's flight belongs to this announcement.
    Requested,
    /// Keeps when it was asked if the request expired, because a body may still come.
    Completed(Option<Asked>),
}

impl Entry {
    /// Where a peer's announcement is, or would have to be.
    pub(super) fn place(&self, peer: PeerHandle) -> Result<usize, usize> {
        self.announcements.binary_search_by_key(&peer, |announcement| announcement.peer)
    }

    /// When a peer was asked, if a body from it would answer that request.
    pub(super) fn asked(&self, peer: PeerHandle) -> Option<Asked> {
        let announcement = self.place(peer).ok().and_then(|place| self.announcements.get(place))?;
        match announcement.state {
            State::Candidate => None,
            State::Requested => self.flight.map(|flight| flight.asked),
            State::Completed(asked) => asked,
        }
    }
}
