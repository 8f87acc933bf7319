//! A link that announces without end changes nothing for the others.

use protocol::codec::Decode as _;
use protocol::gossip::{PeerHandle, RelayPolicy};
use protocol::items::hash::ShortId;
use protocol::time::Duration;
use protocol::wire::message::{InvEntry, Message, TxRef};

use crate::harness::{Checking, Mesh, Sent, block, genesis};
use crate::make;
use crate::say::body;

const ROUNDS: u32 = 100;
const IDS_A_ROUND: u64 = 1_000;

/// What the third peer does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Third {
    IsNotThere,
    SaysNothing,
    Announces,
}

fn inv(ids: impl Iterator<Item = ShortId>) -> Message {
    Message::Inv(ids.map(|id| InvEntry { transaction: TxRef::Short(id), age_ms: 0 }).collect())
}

/// Announces 1,000 items that don't exist and those that the node has, and answers every request with notfound.
fn announce(mesh: &mut Mesh, third: PeerHandle, round: u32, held: &[ShortId]) {
    let start = u64::from(round) * IDS_A_ROUND;
    let made_up = (start..start + IDS_A_ROUND).map(|number| ShortId((number + (1 << 40)).to_be_bytes()));
    mesh.say(0, third, inv(made_up.chain(held.iter().copied()).take(1_024)));
    for message in mesh.heard(0, third) {
        if let Message::GetData { wanted, .. } = message {
            mesh.say(0, third, Message::NotFound { transactions: wanted, blocks: vec![] });
        }
    }
}

/// What the first two peers are sent.
fn run(relay: RelayPolicy, third: Third) -> Vec<Sent> {
    let mut mesh = Mesh::new(1, relay);
    mesh.checking = Checking::Assumed;
    let peers = [mesh.greeted(0), mesh.greeted(0)];
    let hostile = (third != Third::IsNotThere).then(|| mesh.greeted(0));
    // Announced before everything else, and submitted after it.
    let early: Vec<_> = (0..20).map(|number| make::transaction(ROUNDS + number, 0, 100, 1)).collect();
    mesh.say(0, peers[0], inv(early.iter().map(|item| item.id().short())));
    let mut held = Vec::new();
    for round in 0..ROUNDS {
        let [announced, pushed, submitted, known] =
            [0, 1, 2, 3].map(|nonce| make::transaction(round, nonce, 100, 1));
        mesh.say(0, peers[0], inv([announced.id(), known.id()].iter().map(|id| id.short())));
        if let Some(hostile) = hostile.filter(|_| third == Third::Announces) {
            announce(&mut mesh, hostile, round, &held);
        }
        mesh.run_for(Duration::from_millis(7));
        mesh.say(0, peers[0], body(&announced));
        mesh.say(0, peers[1], body(&pushed));
        mesh.submit(0, &submitted);
        // The first peer has announced it, so it is not told of it.
        mesh.submit(0, &known);
        mesh.run_for(Duration::from_millis(40));
        held.extend([announced, pushed, submitted, known].iter().map(|item| item.id().short()));
        let first = held.len().saturating_sub(24);
        held.drain(..first);
    }
    assert_eq!(mesh.disconnects, []);
    early.iter().for_each(|item| mesh.submit(0, item));
    mesh.publish(0, &block(genesis(), &[], 1));
    mesh.run_secs(2);
    mesh.sent.retain(|sent| peers.contains(&sent.to));
    mesh.sent
}

#[test]
fn a_link_that_announces_without_end_changes_nothing_for_the_others() {
    for relay in [RelayPolicy::Announce, RelayPolicy::Flood] {
        let alone = run(relay, Third::IsNotThere);
        assert!(alone.len() > 2 * ROUNDS as usize, "{} messages", alone.len());
        let messages = alone.iter().map(|sent| Message::from_bytes(&sent.bytes).expect("it was encoded here"));
        assert!(messages.filter(|message| matches!(message, Message::BlockHeader { .. })).count() <= 2);
        assert_eq!(run(relay, Third::Announces), alone);
    }
}

#[test]
fn nor_does_it_along_author_trees() {
    // Each lazy announcement to a link draws from the node's chance, so the link must be there in both runs.
    let quiet = run(RelayPolicy::default(), Third::SaysNothing);
    assert_eq!(run(RelayPolicy::default(), Third::Announces), quiet);
}
