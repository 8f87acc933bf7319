//! A peer that says that an item is old speaks of its own copy. A copy that comes unasked is news, and travels
//! along the tree.

use protocol::gossip::{AuthorTree, Redundancy, RelayPolicy};
use protocol::limits::LIVE_AGE_MAX;
use protocol::time::Duration;
use protocol::wire::message::Message;

use crate::harness::{Mesh, transaction, tx};
use crate::say::{announced, body};

/// How long each item takes from node 1 through node 0 to node 2. A peer of node 0 has it `ahead` before node 0
/// would get it from node 1, and says that it is old. A flag decides whether the peer sends the body at once or
/// when it is asked.
fn times(ahead: Option<Duration>, unasked: bool) -> Vec<u64> {
    let none = AuthorTree { redundancy: Redundancy::default() };
    let mut mesh = Mesh::new(3, RelayPolicy::AuthorTree(none));
    mesh.connect(1, 0);
    mesh.connect(0, 2);
    mesh.run_secs(1);
    let (liar, origin) = (mesh.greeted(0), mesh.greeted(1));
    let mut times = Vec::new();
    for nonce in 0..20 {
        let item = transaction(8, nonce, 100);
        let body = body(&item);
        let begun = mesh.now;
        mesh.say(1, origin, body.clone());
        if let Some(ahead) = ahead.filter(|_| nonce >= 6) {
            mesh.run_for(mesh.latency - ahead);
            let age_ms = LIVE_AGE_MAX.as_millis() as u32 + 1_000;
            mesh.say(0, liar, announced(item.id().short(), age_ms));
            if !unasked {
                mesh.run_for(Duration::from_micros(500));
                assert!(mesh.heard(0, liar).iter().any(|message| matches!(message, Message::GetData { .. })));
            }
            mesh.say(0, liar, body);
        }
        while !mesh.accepted(2, tx(&item)) {
            mesh.run_for(Duration::from_millis(1));
        }
        times.push(mesh.now.since(begun).as_millis());
        mesh.run_secs(2);
    }
    times
}

#[test]
fn a_body_behind_the_claim_that_it_is_old_takes_no_item_off_its_tree() {
    let honest = times(None, true);
    for ahead_ms in [1, 5] {
        let ahead = Some(Duration::from_millis(ahead_ms));
        for unasked in [true, false] {
            let attacked = times(ahead, unasked);
            let slower = attacked.iter().zip(&honest).any(|(attacked, honest)| attacked > honest);
            assert!(!slower, "{ahead_ms} ms ahead, unasked {unasked}: {attacked:?}, and without {honest:?}");
        }
    }
}
