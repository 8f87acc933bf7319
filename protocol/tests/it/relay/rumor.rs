//! The rumor policy: rounds, the peers that get a transaction, when it cools, and the effect of feedback.

use std::collections::BTreeSet;
use std::sync::Arc;

use protocol::gossip::{DisconnectReason, Input, PeerHandle, RelayPolicy, Rumor};
use protocol::items::hash::{ShortId, TxId};
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{
    CONTROL_CREDIT_BYTES, GETDATA_ENTRIES_MAX, HAD_ENTRIES_MAX, INBOUND_BURST_BYTES, INV_COST_FACTOR,
    RUMOR_HOT_MAX,
};
use protocol::time::{Duration, Time};
use protocol::wire::codec::Encode as _;
use protocol::wire::message::{Lane, Message, TxRef};

use crate::harness::{Checking, Mesh, block, genesis, transaction, tx};
use crate::make;
use crate::say::announced;

/// No feedback, and more sends than any test has peers.
const PLAIN: Rumor = Rumor { fanout: 3, round: Duration::from_secs(1), nodes: 1_000_000, feedback: false };

fn alone(rumor: Rumor, peers: usize) -> (Mesh, Vec<PeerHandle>) {
    let mut mesh = Mesh::new(1, RelayPolicy::Rumor(rumor));
    let peers = (0..peers).map(|_| mesh.greeted(0)).collect();
    (mesh, peers)
}

/// Runs to the next whole second, where all rounds of a second tick. Returns the peers to which the item was
/// pushed since.
fn round(mesh: &mut Mesh, peers: &[PeerHandle], item: &SignedTransaction) -> Vec<PeerHandle> {
    let next = Time::from_micros((mesh.now.as_micros() / 1_000_000 + 1) * 1_000_000);
    mesh.run_for(next.since(mesh.now));
    let mut pushed = Vec::new();
    for peer in peers {
        for message in mesh.heard(0, *peer) {
            match message {
                Message::Transactions { bodies, .. } => {
                    assert_eq!(bodies, [item.encoded().clone().into()], "one body, once");
                    pushed.push(*peer);
                }
                other => assert!(matches!(other, Message::Hello(_)), "{other:?}"),
            }
        }
    }
    pushed
}

fn say_all(mesh: &mut Mesh, peers: &[PeerHandle], message: &Message) {
    peers.iter().for_each(|peer| mesh.say(0, *peer, message.clone()));
}

fn is_hot(mesh: &Mesh) -> bool {
    mesh.nodes[0].poll_timeout().is_some()
}

fn had(item: &SignedTransaction) -> Message {
    Message::Had(vec![item.id().short()])
}

fn bodies(items: &[&SignedTransaction]) -> Message {
    Message::Transactions { via: None, bodies: items.iter().map(|item| item.encoded().clone().into()).collect() }
}

fn inv(id: TxId) -> Message {
    announced(id.short(), 0)
}

#[test]
fn the_classic_form_reaches_all_of_a_complete_graph_without_echo() {
    let mut mesh = Mesh::new(16, RelayPolicy::Rumor(Rumor::default()));
    for (a, b) in (0..16).flat_map(|a| (0..a).map(move |b| (a, b))) {
        mesh.connect(a, b);
    }
    mesh.run_secs(1);
    let items: Vec<_> = (0..8).map(|nonce| transaction(1, nonce, 40)).collect();
    items.iter().enumerate().for_each(|(place, item)| mesh.submit(place * 2, item));
    mesh.run_secs(30);
    for item in &items {
        assert_eq!(mesh.nodes_with(tx(item)), 16);
    }
    let (mut heard, mut pushed, mut echoes, mut answers) = (BTreeSet::new(), 0, 0, 0);
    for (node, peer, speaks, bytes) in &mesh.traffic {
        match mesh_message(bytes) {
            Message::Transactions { bodies, .. } => {
                for id in bodies.iter().map(|body| body.id()) {
                    pushed += usize::from(*speaks);
                    echoes += usize::from(*speaks && heard.contains(&(*node, *peer, id)));
                    if !*speaks {
                        heard.insert((*node, *peer, id));
                    }
                }
            }
            Message::Had(_) => answers += 1,
            message => assert!(matches!(message, Message::Hello(_)), "{message:?}"),
        }
    }
    assert!(pushed >= 8 * 15, "{pushed} pushes");
    assert!(answers > 0);
    assert_eq!(echoes, 0);
    assert!(mesh.nodes.iter().all(|node| node.poll_timeout().is_none()), "everything has cooled");
    assert_eq!(mesh.disconnects, []);
}

fn mesh_message(bytes: &bytes::Bytes) -> Message {
    protocol::wire::codec::Decode::from_bytes(bytes).unwrap()
}

#[test]
fn a_round_pushes_to_exactly_as_many_peers_as_the_fanout_says() {
    let (mut mesh, peers) = alone(PLAIN, 10);
    let item = transaction(1, 1, 10);
    assert!(!is_hot(&mesh));
    mesh.submit(0, &item);
    mesh.run_for(Duration::from_micros(999_999));
    assert_eq!(mesh.nodes[0].poll_timeout(), Some(Time::from_micros(2_000_000)));
    let mut reached = BTreeSet::new();
    for wanted in [3, 3, 3, 1] {
        let pushed = round(&mut mesh, &peers, &item);
        assert_eq!(pushed.len(), wanted);
        reached.extend(pushed);
    }
    assert_eq!(reached.len(), 10);
    // No peer lacks it: it has cooled, and no timer is left.
    assert!(!is_hot(&mesh));
}

#[test]
fn everybody_is_as_likely_to_be_chosen() {
    let (mut mesh, peers) = alone(Rumor { fanout: 2, nodes: 1, ..PLAIN }, 10);
    for nonce in 0..100 {
        mesh.submit(0, &transaction(1 + nonce as u8, nonce, 10));
    }
    mesh.run_for(Duration::from_millis(1_500));
    let first = peers.iter().map(|peer| {
        let messages = mesh.heard(0, *peer);
        messages
            .iter()
            .map(|message| if let Message::Transactions { bodies, .. } = message { bodies.len() } else { 0 })
            .sum()
    });
    // 20 each on the average, with a standard deviation of 4.
    let first: Vec<usize> = first.collect();
    assert_eq!(first.iter().sum::<usize>(), 200);
    assert!(first.iter().all(|count| (8..=32).contains(count)), "{first:?}");
}

#[test]
fn rounds_tick_at_whole_multiples_of_their_length_and_are_not_made_up_for() {
    let rumor = Rumor { fanout: 1, round: Duration::from_millis(700), ..PLAIN };
    let (mut mesh, _) = alone(rumor, 5);
    mesh.submit(0, &transaction(1, 1, 10));
    mesh.run_for(Duration::from_millis(300));
    assert_eq!(mesh.nodes[0].poll_timeout(), Some(Time::from_micros(1_400_000)));
    // The clock jumps over several rounds: one push, and the next whole multiple.
    mesh.now = Time::from_micros(5_000_000);
    mesh.sent.clear();
    mesh.input(0, Input::Timeout);
    assert_eq!(mesh.sent.len(), 1);
    assert_eq!(mesh.nodes[0].poll_timeout(), Some(Time::from_micros(5_600_000)));
    mesh.now = Time::from_micros(5_600_000 - 1);
    mesh.input(0, Input::Timeout);
    assert_eq!(mesh.sent.len(), 1);
}

#[test]
fn it_cools_after_four_sends_for_each_digit_of_the_number_of_nodes() {
    for (nodes, sends) in [(1, 4), (9, 4), (10, 8), (99, 8), (100, 12), (u32::MAX, 40)] {
        let (mut mesh, peers) = alone(Rumor { fanout: 1, nodes, ..PLAIN }, 45);
        let item = transaction(1, 1, 10);
        mesh.submit(0, &item);
        for number in 1..=sends {
            assert_eq!(round(&mut mesh, &peers, &item).len(), 1, "send {number} of {sends}");
            assert_eq!(is_hot(&mesh), number < sends, "send {number} of {sends}");
        }
        assert_eq!(round(&mut mesh, &peers, &item), []);
    }
    // The last round takes the remaining sends: 3 and 1.
    let (mut mesh, peers) = alone(Rumor { nodes: 9, ..PLAIN }, 10);
    let item = transaction(1, 1, 10);
    mesh.submit(0, &item);
    assert_eq!([0, 0, 0].map(|_| round(&mut mesh, &peers, &item).len()), [3, 1, 0]);
}

#[test]
fn it_cools_when_nobody_is_left_who_lacks_it() {
    for (count, hot) in [(3, false), (4, true)] {
        let (mut mesh, peers) = alone(PLAIN, count);
        let item = transaction(1, 1, 10);
        mesh.submit(0, &item);
        assert_eq!(round(&mut mesh, &peers, &item).len(), 3);
        assert_eq!(is_hot(&mesh), hot, "{count} peers");
    }
    // The sender and the announcer count as having it. A peer that hasn't said Hello does not count.
    let (mut mesh, peers) = alone(PLAIN, 3);
    let silent = mesh.raw(0, protocol::gossip::Direction::Inbound);
    let item = transaction(1, 1, 10);
    mesh.say(0, peers[0], bodies(&[&item]));
    mesh.say(0, peers[1], inv(item.id()));
    assert_eq!(round(&mut mesh, &peers, &item), [peers[2]]);
    assert!(mesh.accepted(0, tx(&item)));
    assert_eq!(round(&mut mesh, &peers, &item), []);
    assert!(matches!(mesh.heard(0, silent)[..], [Message::Hello(_)]));
}

#[test]
fn a_node_without_peers_lets_it_cool_and_tells_a_new_peer() {
    let (mut mesh, _) = alone(PLAIN, 0);
    let item = transaction(1, 1, 10);
    mesh.submit(0, &item);
    mesh.run_secs(2);
    assert!(!is_hot(&mesh));
    let peer = mesh.raw(0, protocol::gossip::Direction::Inbound);
    mesh.say(0, peer, Message::Hello(hello()));
    mesh.run_secs(2);
    let told = mesh.heard(0, peer);
    assert!(told.iter().any(|message| matches!(message, Message::Inv(_))), "{told:?}");
}

#[test]
fn it_cools_when_most_of_a_rounds_peers_had_it() {
    let (mut mesh, peers) = alone(Rumor { fanout: 4, feedback: true, ..PLAIN }, 20);
    let item = transaction(1, 1, 10);
    mesh.submit(0, &item);
    let chosen = round(&mut mesh, &peers, &item);
    // Half of the peers is not most of them, however often one of them says it.
    say_all(&mut mesh, &[chosen[0], chosen[1], chosen[1]], &had(&item));
    assert!(is_hot(&mesh));
    // Each round is counted by itself. The peers of an earlier round have no say any more.
    let again = round(&mut mesh, &peers, &item);
    assert_eq!(again.len(), 4);
    say_all(&mut mesh, &[again[0], again[1], chosen[2], chosen[3]], &had(&item));
    assert!(is_hot(&mesh));
    mesh.say(0, again[2], had(&item));
    assert!(!is_hot(&mesh));
    assert_eq!(round(&mut mesh, &peers, &item), []);
}

#[test]
fn a_had_of_a_peer_that_was_not_chosen_silences_nothing() {
    let (mut mesh, peers) = alone(Rumor { feedback: true, ..PLAIN }, 20);
    let item = transaction(1, 1, 10);
    mesh.submit(0, &item);
    let chosen = round(&mut mesh, &peers, &item);
    let others: Vec<_> = peers.iter().copied().filter(|peer| !chosen.contains(peer)).collect();
    let (liars, rest) = others.split_at(14);
    say_all(&mut mesh, liars, &had(&item));
    assert!(is_hot(&mesh));
    // These peers count as having it: it goes to the others, and then every peer has it.
    assert_eq!(round(&mut mesh, &peers, &item), rest);
    assert!(!is_hot(&mesh));
}

#[test]
fn without_feedback_a_had_only_tells_what_a_peer_has() {
    let (mut mesh, peers) = alone(PLAIN, 10);
    let item = transaction(1, 1, 10);
    mesh.submit(0, &item);
    let chosen = round(&mut mesh, &peers, &item);
    say_all(&mut mesh, &chosen, &had(&item));
    assert!(is_hot(&mesh));
    assert_eq!(round(&mut mesh, &peers, &item).len(), 3);
}

#[test]
fn a_peer_that_leaves_is_no_longer_counted() {
    let (mut mesh, peers) = alone(Rumor { fanout: 4, feedback: true, ..PLAIN }, 20);
    let item = transaction(1, 1, 10);
    mesh.submit(0, &item);
    let chosen = round(&mut mesh, &peers, &item);
    say_all(&mut mesh, &[chosen[0], chosen[1]], &had(&item));
    assert!(is_hot(&mesh));
    mesh.input(0, Input::PeerDisconnected { peer: chosen[2] });
    assert!(!is_hot(&mesh));
}

#[test]
fn it_cools_when_it_leaves_the_mempool() {
    let (mut mesh, peers) = alone(PLAIN, 10);
    let item = transaction(1, 1, 10);
    mesh.submit(0, &item);
    assert_eq!(round(&mut mesh, &peers, &item).len(), 3);
    mesh.publish(0, &block(genesis(), std::slice::from_ref(&item), 1));
    mesh.run_for(Duration::from_millis(1));
    peers.iter().for_each(|peer| assert!(mesh.heard(0, *peer).len() == 1, "the block's header"));
    assert_eq!(round(&mut mesh, &peers, &item), []);
    assert!(!is_hot(&mesh));
}

/// When the credit is used up, further transactions are announced instead of pushed. Each is told once.
#[test]
fn the_hot_list_is_bounded_and_the_oldest_cools() {
    for (count, first) in [(RUMOR_HOT_MAX, 0), (RUMOR_HOT_MAX + 1, 1)] {
        let (mut mesh, peers) = alone(Rumor { fanout: 1, ..PLAIN }, 1);
        mesh.checking = Checking::Assumed;
        let items: Vec<Arc<SignedTransaction>> =
            (0..count as u32).map(|number| make::transaction(number, 1, 100, 1)).collect();
        for item in &items {
            mesh.submit(0, item);
            mesh.run_for(Duration::from_micros(100));
        }
        assert_eq!(mesh.nodes[0].mempool().transactions, count);
        mesh.run_secs(2);
        let (mut told, mut pushed) = (Vec::new(), 0);
        for message in mesh.heard(0, peers[0]) {
            match message {
                Message::Transactions { bodies, .. } => {
                    pushed += bodies.len();
                    told.extend(bodies.iter().map(|body| body.id().short()));
                }
                Message::Inv(entries) => told.extend(entries.iter().map(|entry| entry.transaction.short())),
                other => panic!("{other:?}"),
            }
        }
        let wanted: Vec<ShortId> = items[first..].iter().map(|item| item.id().short()).collect();
        assert!(told == wanted, "{} told, in the order in which they became hot", told.len());
        assert!((1_000..2_000).contains(&pushed), "{pushed} fit into the credit");
        assert!(!is_hot(&mesh));
    }
}

#[test]
fn a_large_body_is_pushed_on_the_bulk_lane() {
    let (mut mesh, peers) = alone(PLAIN, 4);
    let item = transaction(1, 1, 9_000);
    mesh.submit(0, &item);
    assert_eq!(round(&mut mesh, &peers, &item).len(), 3);
    assert_eq!(mesh.sent.iter().filter(|sent| sent.lane == Lane::Bulk).count(), 3);
}

#[test]
fn a_peer_without_credit_is_chosen_once_and_told_when_there_is_room() {
    let (mut mesh, _) = alone(Rumor { fanout: 1, ..PLAIN }, 0);
    mesh.draining = false;
    let peers = [mesh.greeted(0), mesh.greeted(0)];
    // Each answer is a notfound of 8.5 KiB, until there is no room for one more.
    let nothing = Message::GetData { graft: false, wanted: vec![TxRef::Full(TxId([1; 32])); GETDATA_ENTRIES_MAX] };
    (0..CONTROL_CREDIT_BYTES / 8_000).for_each(|_| say_all(&mut mesh, &peers, &nothing));
    let item = transaction(1, 1, 10);
    mesh.submit(0, &item);
    for peer in peers {
        assert!(mesh.heard(0, peer).iter().all(|message| matches!(message, Message::NotFound { .. })));
    }
    assert_eq!(round(&mut mesh, &peers, &item), []);
    assert!(is_hot(&mesh));
    assert_eq!(round(&mut mesh, &peers, &item), []);
    assert!(!is_hot(&mesh), "both are being told");
    for peer in peers {
        mesh.input(0, Input::Drained { peer, lane: Lane::Control, bytes: CONTROL_CREDIT_BYTES });
        let invs = mesh.heard(0, peer);
        let invs: Vec<_> = invs.iter().filter(|message| !matches!(message, Message::NotFound { .. })).collect();
        assert!(matches!(invs[..], [Message::Inv(entries)] if entries.len() == 1), "{invs:?}");
    }
}

#[test]
fn what_was_pushed_in_vain_is_answered_in_one_had() {
    let (mut mesh, peers) = alone(Rumor { feedback: true, ..PLAIN }, 2);
    let (first, second, new) = (transaction(1, 1, 10), transaction(1, 2, 10), transaction(1, 3, 10));
    let refused = make::transaction(7, 1, 0, 1);
    mesh.say(0, peers[0], bodies(&[&first, &second]));
    mesh.run_for(Duration::from_millis(1));
    mesh.checking = Checking::Assumed;
    mesh.say(0, peers[0], bodies(&[&refused]));
    mesh.run_for(Duration::from_millis(1));
    mesh.checking = Checking::Held;
    mesh.say(0, peers[0], bodies(&[&new]));
    assert_eq!(mesh.heard(0, peers[0]), [], "nothing was in vain");
    // One is accepted, one is in verification, one is refused: all of them are here already.
    mesh.say(0, peers[1], bodies(&[&first, &new, &second, &refused]));
    let ids = [&first, &new, &second, &refused].map(|item| item.id().short());
    assert_eq!(mesh.heard(0, peers[1]), [Message::Had(ids.to_vec())]);
}

#[test]
fn what_was_asked_for_is_not_answered_with_a_had() {
    let (mut mesh, peers) = alone(Rumor { feedback: true, ..PLAIN }, 1);
    let item = transaction(1, 1, 10);
    mesh.say(0, peers[0], inv(item.id()));
    assert!(matches!(mesh.heard(0, peers[0])[..], [Message::GetData { .. }]));
    // It is submitted while the request is open.
    mesh.checking = Checking::Held;
    mesh.submit(0, &item);
    mesh.say(0, peers[0], bodies(&[&item]));
    assert_eq!(mesh.heard(0, peers[0]), []);
    mesh.say(0, peers[0], bodies(&[&item]));
    assert_eq!(mesh.heard(0, peers[0]), [had(&item)]);
}

#[test]
fn nobody_says_had_without_feedback() {
    for relay in [RelayPolicy::Announce, RelayPolicy::Flood, RelayPolicy::Rumor(PLAIN)] {
        let mut mesh = Mesh::new(1, relay);
        let peer = mesh.greeted(0);
        let item = transaction(1, 1, 10);
        mesh.say(0, peer, bodies(&[&item]));
        mesh.say(0, peer, bodies(&[&item]));
        mesh.run_secs(3);
        mesh.say(0, peer, bodies(&[&item]));
        mesh.say(0, peer, had(&item));
        assert_eq!(mesh.heard(0, peer), [], "{relay}");
        assert_eq!(mesh.disconnects, []);
    }
}

#[test]
fn a_spoiled_copy_is_no_copy_to_be_answered() {
    let (mut mesh, peers) = alone(Rumor { feedback: true, ..PLAIN }, 2);
    let spoiled = make::transaction(7, 1, 100, 1);
    mesh.say(0, peers[0], bodies(&[&spoiled]));
    mesh.run_for(Duration::from_millis(1));
    mesh.say(0, peers[1], bodies(&[&spoiled]));
    assert_eq!(mesh.disconnected(0, peers[1]), Some(DisconnectReason::InvalidSignature));
    assert_eq!(mesh.heard(0, peers[1]), []);
}

#[test]
fn a_had_costs_its_sender_as_much_as_an_inv() {
    let (mut mesh, peers) = alone(PLAIN, 1);
    let message = Message::Had((0..HAD_ENTRIES_MAX as u64).map(|id| ShortId(id.to_be_bytes())).collect());
    let spent = Message::Hello(hello()).encoded_len() as u64;
    let cost = message.encoded_len() as u64 * INV_COST_FACTOR;
    let within = (INBOUND_BURST_BYTES - spent) / cost;
    (0..within).for_each(|_| mesh.say(0, peers[0], message.clone()));
    assert_eq!(mesh.reads, []);
    mesh.say(0, peers[0], message);
    assert_eq!(mesh.reads, [(0, peers[0], false)]);
}

fn hello() -> protocol::wire::message::Hello {
    protocol::wire::message::Hello::new(&crate::harness::network(), genesis())
}
