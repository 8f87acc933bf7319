//! One peer's side of the tracker: what it announced, what is ready to be asked of it, what is in flight, and its
//! standing. It knows no other peer.

use alloc::boxed::Box;

use super::pace::Pace;
use super::strikes::Strikes;
use super::{Load, RequestKey};
use crate::gossip::{AddressGroup, Direction};
use crate::limits::{
    REQUEST_ANNOUNCEMENTS_MAX, REQUEST_BLOCK_ANNOUNCEMENTS_MAX, REQUEST_BLOCK_SHARERS,
    REQUEST_BLOCKS_IN_FLIGHT_MAX, REQUESTS_IN_FLIGHT_MAX,
};
use crate::sorted::SortedSet;
use crate::time::{Duration, Time};

/// A tracked key's number. Blocks sort before transactions, and each kind by first announcement.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Slot(u64);

/// Set for transactions. To count up to it takes longer than any run.
const TRANSACTION: u64 = 1 << 63;

impl Slot {
    pub(super) const fn new(key: &RequestKey, number: u64) -> Self {
        match key {
            RequestKey::Block(_) => Self(number),
            RequestKey::Short(_) | RequestKey::Full(_) => Self(number | TRANSACTION),
        }
    }

    const fn is_block(self) -> bool {
        self.0 & TRANSACTION == 0
    }
}

/// A peer's place in the order of asking; the lowest is first. The number is 0 for a proven peer, 1 for a new one,
/// and one more than its strikes for a struck one. The strikes of its group count too. Then outbound goes before
/// inbound.
pub(super) type Rank = (u32, bool);

#[derive(Debug)]
pub(super) struct Peer {
    pub(super) group: Option<AddressGroup>,
    pub(super) proven: bool,
    pub(super) strikes: Strikes,
    /// The strikes that its group had when it connected. They lower the peer's rank, and do nothing else.
    pub(super) inherited: Strikes,
    pub(super) pace: Pace,
    direction: Direction,
    /// `None` until it announces a block.
    blocks: Option<Box<Lot>>,
    transactions: Lot,
}

/// A peer's announcements of one kind.
#[derive(Debug)]
pub(super) struct Lot {
    announced: SortedSet<Slot>,
    /// The candidates for which nothing is in flight from anyone.
    ready: SortedSet<Slot>,
    in_flight: usize,
    in_flight_bytes: u64,
    is_of_blocks: bool,
}

impl Peer {
    pub(super) const fn new(direction: Direction, group: Option<AddressGroup>, inherited: Strikes) -> Self {
        Self {
            group,
            proven: false,
            strikes: Strikes::none(),
            inherited,
            pace: Pace::new(),
            direction,
            blocks: None,
            transactions: Lot::new(false),
        }
    }

    pub(super) fn rank(&self, now: Time) -> Rank {
        let strikes = self.strikes.at(now).saturating_add(self.inherited.at(now));
        let standing = match (strikes, self.proven) {
            (0, true) => 0,
            (0, false) => 1,
            (strikes, _) => strikes.saturating_add(1),
        };
        (standing, self.direction == Direction::Inbound)
    }

    /// What it announced of the kind of `slot`; `None` if that is nothing.
    pub(super) fn lot(&self, slot: Slot) -> Option<&Lot> {
        if slot.is_block() { self.blocks.as_deref() } else { Some(&self.transactions) }
    }

    pub(super) fn lot_mut(&mut self, slot: Slot) -> &mut Lot {
        match slot.is_block() {
            true => self.blocks.get_or_insert_with(|| Box::new(Lot::new(true))),
            false => &mut self.transactions,
        }
    }

    fn lots(&self) -> impl Iterator<Item = &Lot> {
        self.blocks.as_deref().into_iter().chain([&self.transactions])
    }

    /// The first ready key of each kind for which the peer has room for a request.
    pub(super) fn fronts(&self) -> impl Iterator<Item = Slot> {
        self.lots().filter_map(|lot| lot.front(&self.pace))
    }

    /// The first ready key of the kind of `slot`, if there is room.
    pub(super) fn front_like(&self, slot: Slot) -> Option<Slot> {
        self.lot(slot)?.front(&self.pace)
    }

    /// Whether a key of either kind is ready.
    pub(super) fn has_ready(&self) -> bool {
        self.lots().any(|lot| !lot.ready.is_empty())
    }

    /// A request leaves to this peer. Returns how long it may stay open.
    pub(super) fn depart(&mut self, slot: Slot, expected_bytes: u32) -> Duration {
        let lot = self.lot_mut(slot);
        lot.in_flight += 1;
        lot.in_flight_bytes = lot.in_flight_bytes.saturating_add(u64::from(expected_bytes));
        let blocks = self.blocks.as_ref().map_or(0, |blocks| blocks.in_flight_bytes);
        let blocks = blocks.saturating_mul(REQUEST_BLOCK_SHARERS);
        self.pace.expiry(blocks.saturating_add(self.transactions.in_flight_bytes))
    }

    pub(super) fn announced(&self) -> impl Iterator<Item = Slot> {
        self.lots().flat_map(|lot| lot.announced.iter()).copied()
    }

    pub(super) fn announcements(&self) -> usize {
        self.lots().map(|lot| lot.announced.len()).sum()
    }

    pub(super) fn load(&self) -> Load {
        Load {
            transactions: self.transactions.announced.len(),
            blocks: self.blocks.as_ref().map_or(0, |blocks| blocks.announced.len()),
            transactions_in_flight: self.transactions.in_flight,
            blocks_in_flight: self.blocks.as_ref().map_or(0, |blocks| blocks.in_flight),
        }
    }

    pub(super) fn in_flight(&self) -> usize {
        self.lots().map(|lot| lot.in_flight).sum()
    }

    pub(super) fn is_idle(&self) -> bool {
        self.lots().all(Lot::is_idle)
    }
}

impl Lot {
    const fn new(is_of_blocks: bool) -> Self {
        Self {
            announced: SortedSet::new(),
            ready: SortedSet::new(),
            in_flight: 0,
            in_flight_bytes: 0,
            is_of_blocks,
        }
    }

    const fn announced_max(&self) -> usize {
        if self.is_of_blocks { REQUEST_BLOCK_ANNOUNCEMENTS_MAX } else { REQUEST_ANNOUNCEMENTS_MAX }
    }

    const fn in_flight_max(&self) -> usize {
        if self.is_of_blocks { REQUEST_BLOCKS_IN_FLIGHT_MAX } else { REQUESTS_IN_FLIGHT_MAX }
    }

    pub(super) fn is_full(&self) -> bool {
        self.announced.len() >= self.announced_max()
    }

    /// Rule 7, except for the caller's permission.
    pub(super) const fn has_room(&self, pace: &Pace) -> bool {
        self.in_flight == 0
            || (self.in_flight < self.in_flight_max() && self.in_flight_bytes < pace.queue_bytes_max())
    }

    /// Whether one more request may be in flight. Promised bodies count as well.
    pub(super) const fn may_fly(&self) -> bool {
        self.in_flight < self.in_flight_max()
    }

    pub(super) fn add(&mut self, slot: Slot, ready: bool) {
        self.announced.insert(slot);
        if ready {
            self.ready.insert(slot);
        }
    }

    pub(super) fn ready(&mut self, slot: Slot) {
        self.ready.insert(slot);
    }

    pub(super) fn unready(&mut self, slot: Slot) {
        self.ready.remove(&slot);
    }

    pub(super) fn remove(&mut self, slot: Slot) {
        self.announced.remove(&slot);
        self.ready.remove(&slot);
    }

    pub(super) const fn land(&mut self, expected_bytes: u32) {
        self.in_flight = self.in_flight.saturating_sub(1);
        self.in_flight_bytes = self.in_flight_bytes.saturating_sub(expected_bytes as u64);
    }

    fn front(&self, pace: &Pace) -> Option<Slot> {
        self.ready.first().copied().filter(|_| self.has_room(pace))
    }

    fn is_idle(&self) -> bool {
        self.announced.is_empty() && self.ready.is_empty() && self.in_flight == 0 && self.in_flight_bytes == 0
    }
}
