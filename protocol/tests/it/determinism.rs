//! The same seed and inputs give the same outputs, byte for byte; another seed may not.

use protocol::gossip::{Direction, RelayPolicy, Rumor};
use protocol::time::Duration;
use protocol::wire::message::{Hello, Message};

use crate::harness::{Mesh, Sent, block, genesis, network, transaction};
use crate::say::announced;

fn rumor() -> RelayPolicy {
    RelayPolicy::Rumor(Rumor { round: Duration::from_millis(50), ..Rumor::default() })
}

/// A busy mesh, with a peer that announces and withholds and one that disconnects.
fn run(relay: RelayPolicy, seed: u8) -> Vec<Sent> {
    let mut mesh = Mesh::with_seed(12, relay, seed);
    mesh.connect_all();
    let withholder = mesh.raw(3, Direction::Inbound);
    mesh.say(3, withholder, Message::Hello(Hello::new(&network(), genesis())));
    for nonce in 0..60 {
        let item = transaction(nonce as u8 % 7, nonce, 30 * nonce as usize);
        mesh.say(3, withholder, announced(item.id().short(), 0));
        mesh.submit((nonce as usize * 5) % 12, &item);
        mesh.run_for(Duration::from_millis(3));
    }
    mesh.publish(0, &block(genesis(), &[transaction(8, 1, 9_000)], 3));
    mesh.run_secs(10);
    mesh.sent
}

#[test]
fn the_same_seed_gives_the_same_outputs() {
    for relay in [RelayPolicy::Announce, RelayPolicy::Flood, rumor()] {
        let (first, second) = (run(relay, 1), run(relay, 1));
        assert!(first.len() > 500);
        assert!(first == second, "two runs with one seed differ");
    }
}

#[test]
fn another_seed_gives_other_choices() {
    for relay in [RelayPolicy::Announce, rumor()] {
        assert!(run(relay, 1) != run(relay, 2));
    }
}
