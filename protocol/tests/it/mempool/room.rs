//! Room: an engine that is given less remembers less, and decides the same.

use protocol::gossip::bounds::BOUNDS;
use protocol::gossip::{Config, Gossip, Input, Output, Reconciliation, RelayPolicy, Room};
use protocol::items::validator::Producers;
use protocol::items::verify::Verdict;
use protocol::limits::MEMPOOL_BYTES_MAX;
use protocol::time::Time;

use crate::harness::network;
use crate::make;

/// Bytes of the transactions that are held after this many were submitted, of 60 KiB each.
fn held(room: &Room, submitted: u32) -> (usize, usize) {
    let config = Config {
        network: network(),
        relay: RelayPolicy::Announce,
        reconciliation: Reconciliation::default(),
        producers: Producers::Open,
    };
    let mut engine = Gossip::new(config, [7; 32]).with_room(room);
    for author in 0..submitted {
        let mut inputs = vec![Input::SubmittedTransaction(make::sized(author, 1, 60 * 1024))];
        while let Some(input) = inputs.pop() {
            engine.handle(Time::from_micros(u64::from(author)), input);
            while let Some(output) = engine.poll_output() {
                if let Output::Verify(job) = output {
                    inputs.push(Input::Verified { job: job.id, verdict: Verdict::Valid });
                }
            }
        }
    }
    (engine.mempool().transactions, engine.mempool().bytes)
}

#[test]
fn a_mempool_holds_what_it_was_given_and_not_more() {
    let small = Room { mempool_bytes: MEMPOOL_BYTES_MAX / 8, ..Room::default() };
    assert_eq!(held(&small, 60), held(&Room::default(), 60), "while there is room, room changes nothing");
    let (transactions, bytes) = held(&small, 100);
    assert!(bytes <= small.mempool_bytes && bytes + 60 * 1024 > small.mempool_bytes, "{bytes}");
    assert_eq!((transactions, held(&Room::default(), 100).0), (68, 100));
}

#[test]
fn by_default_room_is_what_the_bounds_say() {
    let room = Room::default();
    let scaled: Vec<_> = BOUNDS.iter().filter(|bound| room.limit_of(bound).is_some()).collect();
    assert_eq!(scaled.len(), 14);
    assert!(scaled.iter().all(|bound| room.limit_of(bound) == Some(bound.limit)), "{scaled:?}");
    // Headers say how deep a branch may be, and don't depend on room.
    assert!(scaled.iter().all(|bound| !bound.what.contains("header")));
}
