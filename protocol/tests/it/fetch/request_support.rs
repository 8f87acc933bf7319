//! Helpers that the tests of the request tracker share.

use protocol::gossip::fetch::request::{Announced, RequestKey, RequestTracker};
use protocol::gossip::{AddressGroup, Direction, PeerHandle};
use protocol::items::hash::{BlockId, ShortId};
use protocol::time::Time;

/// A small transaction's encoded length.
pub(crate) const SMALL: usize = 300;

pub(crate) const fn at_ms(millis: u64) -> Time {
    Time::from_micros(millis * 1_000)
}

pub(crate) const fn peer(number: u32) -> PeerHandle {
    PeerHandle(number)
}

pub(crate) const fn transaction(number: u64) -> RequestKey {
    RequestKey::Short(ShortId(number.to_be_bytes()))
}

pub(crate) fn block(number: u8) -> RequestKey {
    RequestKey::Block(BlockId([number; 32]))
}

/// A tracker to which these peers have connected, without a group.
pub(crate) fn tracker(peers: &[(u32, Direction)]) -> RequestTracker {
    let mut tracker = RequestTracker::new([7; 32]);
    for (number, direction) in peers {
        tracker.peer_connected(Time::ZERO, peer(*number), *direction, None);
    }
    tracker
}

/// A peer of `group` connects, and withholds `count` of its own items until they have expired. 10 s pass.
pub(crate) fn withhold(
    tracker: &mut RequestTracker,
    start: Time,
    number: u32,
    group: Option<AddressGroup>,
    count: u64,
) {
    tracker.peer_connected(start, peer(number), Direction::Inbound, group);
    for item in 0..count {
        let key = transaction((u64::from(number) << 32) + item);
        assert_eq!(tracker.announced(start, peer(number), key, SMALL), Announced::Tracked);
    }
    assert_eq!(tracker.next_requests(start, |asked| asked == peer(number)).len() as u64, count);
    let later = Time::from_micros(start.as_micros() + 10_000_000);
    assert_eq!(tracker.expire(later).len() as u64, count);
}
