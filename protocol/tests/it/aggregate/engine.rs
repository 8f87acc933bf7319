//! Aggregates over links inside engines: over real messages, beside the relay of items.

use protocol::codec::Encode as _;
use protocol::gossip::aggregate::built_in::AggregatesConfig;
use protocol::gossip::aggregate::extrema::{Fingerprint, Ticket, Tickets};
use protocol::gossip::aggregate::push_sum::{Flow, Totals};
use protocol::gossip::aggregate::value::Value;
use protocol::gossip::members::MembersConfig;
use protocol::gossip::{DisconnectReason, Input, PeerHandle, RelayPolicy};
use protocol::items::member::epoch::{Epoch, EpochName};
use protocol::limits::{EPOCH_BLOCKS, EPOCH_DEPTH, NET_FLOW_MAX, TICKETS_IN_CHECK_MAX, TICKETS_PER_MESSAGE_MAX};
use protocol::wire::message::{AggregateMessage, AggregatePart, FEATURE_AGGREGATES, GaugeId, Hello, Message, Tip};

use super::net::whole;
use crate::harness::{Checking, Mesh, block, genesis, key, network, tip_of};

/// Blocks until the first epoch begins.
const FIRST: u64 = EPOCH_BLOCKS + EPOCH_DEPTH;

/// A mesh whose nodes average `peers` and estimate the size, and node `n` has `100 n` peers.
fn mesh(count: usize) -> Mesh {
    joined(Mesh::new(count, RelayPolicy::default()), "peers,size")
}

fn joined(mesh: Mesh, names: &str) -> Mesh {
    let mut mesh = mesh.with_aggregates(names.parse().unwrap());
    mesh.connect_all();
    for node in 0..mesh.nodes.len() {
        mesh.tell_numbers(node, [0, 0, 0, 100 * node as u64, 0, 0]);
    }
    mesh
}

/// Node 0 makes this number of blocks, one in a second.
fn mine(mesh: &mut Mesh, count: u64) {
    for _ in 0..count {
        let Tip { height, id } = mesh.nodes[0].tip();
        let next = block(Tip { height, id }, &[], 1_700_000_000_000 + height * 1_000);
        mesh.publish(0, &next);
        mesh.run_secs(1);
        assert_eq!(mesh.nodes[0].tip(), tip_of(&next));
    }
}

/// A node's estimate of `peers` in the epoch under way.
fn average(mesh: &Mesh, node: usize) -> Option<Value> {
    Some(mesh.nodes[node].aggregates()?.average("peers")?.under_way?.average)
}

/// A node's estimate of the number of members in the epoch under way.
fn size(mesh: &Mesh, node: usize) -> Option<u64> {
    Some(mesh.nodes[node].aggregates()?.size()?.under_way?.members)
}

fn epoch(mesh: &Mesh) -> Epoch {
    mesh.nodes[0].aggregates().unwrap().epoch().unwrap()
}

/// The gauge and the rest of what the mesh's nodes take part in.
fn part(mesh: &mut Mesh, peer: PeerHandle) -> AggregatePart {
    let said = mesh.heard(0, peer).into_iter().find_map(|message| match message {
        Message::Aggregates(message) => match *message {
            AggregateMessage::Part(part) => Some(part),
            _ => None,
        },
        _ => None,
    });
    said.expect("it says so after Hello")
}

/// A peer that a test plays. It has said Hello with the bit.
fn greeted(mesh: &mut Mesh) -> PeerHandle {
    let peer = mesh.raw_with_key(0, key(99).public());
    let hello = Hello::new(&network(), genesis()).with_features(FEATURE_AGGREGATES);
    mesh.say(0, peer, Message::Hello(hello));
    peer
}

/// The same, which takes part in all that the node does. And the node's gauge.
fn stranger(mesh: &mut Mesh) -> (PeerHandle, GaugeId) {
    let peer = greeted(mesh);
    let part = part(mesh, peer);
    let gauge = part.gauges[0];
    say(mesh, peer, AggregateMessage::Part(part));
    (peer, gauge)
}

fn say(mesh: &mut Mesh, peer: PeerHandle, message: AggregateMessage) {
    mesh.say(0, peer, Message::Aggregates(Box::new(message)));
}

fn totals(gauge: GaugeId, epoch: EpochName, high: u64) -> AggregateMessage {
    AggregateMessage::Totals(Totals { gauge, epoch, flow: Flow { high, low: 0 }, extremes: None })
}

fn tickets(epoch: &Epoch, signers: std::ops::Range<u8>) -> AggregateMessage {
    let tickets = signers.map(|number| Ticket::sign(&key(number), &network(), epoch)).collect();
    AggregateMessage::Tickets(Tickets { epoch: epoch.name(), fingerprint: Fingerprint([0; 8]), tickets })
}

/// How many messages of push-sum, and of extrema, a raw peer has received since the last call.
fn heard(mesh: &mut Mesh, peer: PeerHandle) -> (usize, usize) {
    let mut counts = (0, 0);
    for message in mesh.heard(0, peer) {
        match message {
            Message::Aggregates(message) if matches!(*message, AggregateMessage::Totals(_)) => counts.0 += 1,
            Message::Aggregates(message) if matches!(*message, AggregateMessage::Tickets(_)) => counts.1 += 1,
            _ => {}
        }
    }
    counts
}

#[test]
fn two_engines_agree_on_the_average_of_a_number() {
    let mut mesh = Mesh::new(2, RelayPolicy::default()).with_aggregates("peers".parse().unwrap());
    mesh.connect(0, 1);
    mesh.tell_numbers(0, [0, 0, 0, 100, 0, 0]);
    mesh.tell_numbers(1, [0, 0, 0, 300, 0, 0]);
    mine(&mut mesh, FIRST);
    mesh.run_secs(30);
    for node in 0..2 {
        let found = average(&mesh, node).expect("an estimate").millionths();
        assert!(found.abs_diff(200_000_000) < 100_000, "node {node}: {found} millionths");
    }
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn all_engines_come_to_the_average_the_ends_and_the_size() {
    let mut mesh = mesh(16);
    mine(&mut mesh, FIRST);
    mesh.run_secs(40);
    for node in 0..16 {
        let found = mesh.nodes[node].aggregates().unwrap().average("peers").unwrap().under_way.unwrap();
        assert!(found.average.millionths().abs_diff(750_000_000) < 7_500_000, "node {node}: {found:?}");
        assert_eq!((found.lowest, found.highest), (whole(0), whole(1_500)), "node {node}");
    }
    let first = size(&mesh, 0).expect("an estimate");
    assert!((14..=18).contains(&first), "{first}");
    assert!((0..16).all(|node| size(&mesh, node) == Some(first)));
    assert_eq!(mesh.disconnects, []);
}

#[test]
fn the_figures_of_an_epoch_stay_while_the_next_one_is_young() {
    let mut mesh = mesh(6);
    mine(&mut mesh, FIRST + EPOCH_BLOCKS);
    let aggregates = mesh.nodes[3].aggregates().unwrap();
    let (average, size) = (aggregates.average("peers").unwrap(), aggregates.size().unwrap());
    assert_eq!((average.finished.unwrap().epoch.number, average.under_way.unwrap().epoch.number), (1, 2));
    assert_eq!((size.finished.unwrap().epoch.number, size.under_way.unwrap().epoch.number), (1, 2));
    assert!(average.finished.unwrap().average.millionths().abs_diff(250_000_000) < 2_500_000);
}

#[test]
fn a_peer_whose_hello_has_no_bit_gets_no_message_of_aggregates() {
    let mut mesh = mesh(3);
    let peer = mesh.raw_with_key(0, key(99).public());
    mesh.say(0, peer, Message::Hello(Hello::new(&network(), genesis())));
    mine(&mut mesh, FIRST);
    mesh.run_secs(10);
    let messages = mesh.heard(0, peer);
    assert!(!messages.iter().any(|message| matches!(message, Message::Aggregates(_))));
}

#[test]
fn a_peer_gets_messages_only_of_what_it_takes_part_in() {
    let mut mesh = mesh(3);
    let [all, size_only, other, silent] = [0; 4].map(|_| greeted(&mut mesh));
    let whole = part(&mut mesh, all);
    say(&mut mesh, size_only, AggregateMessage::Part(AggregatePart { gauges: vec![], size: true }));
    say(&mut mesh, other, AggregateMessage::Part(AggregatePart { gauges: vec![GaugeId([9; 8])], size: false }));
    say(&mut mesh, all, AggregateMessage::Part(whole));
    mine(&mut mesh, FIRST);
    mesh.run_secs(20);
    let got = |mesh: &mut Mesh, peer| {
        let (totals, tickets) = heard(mesh, peer);
        (totals > 0, tickets > 0)
    };
    let found = [all, size_only, other, silent].map(|peer| got(&mut mesh, peer));
    assert_eq!(found, [(true, true), (false, true), (false, false), (false, false)]);
}

#[test]
fn an_engine_without_aggregates_sends_and_reads_none() {
    let mut mesh = Mesh::new(1, RelayPolicy::default()).with_aggregates(AggregatesConfig::default());
    let peer = greeted(&mut mesh);
    assert!(matches!(mesh.heard(0, peer).first(), Some(Message::Hello(hello)) if hello.features == 0));
    say(&mut mesh, peer, AggregateMessage::Part(AggregatePart { gauges: vec![], size: true }));
    say(&mut mesh, peer, tickets(&Epoch { number: 1, block: genesis().id }, 1..5));
    mine(&mut mesh, FIRST);
    assert_eq!((heard(&mut mesh, peer), mesh.disconnected(0, peer)), ((0, 0), None));
    assert!(mesh.nodes[0].aggregates().is_none());
}

#[test]
fn sums_that_break_the_rules_end_the_link_that_brought_them_and_change_nothing() {
    let mut mesh = mesh(2);
    mesh.connect(0, 1);
    let (liar, gauge) = stranger(&mut mesh);
    let (honest, _) = stranger(&mut mesh);
    mine(&mut mesh, FIRST);
    mesh.run_secs(5);
    let before = average(&mesh, 0);
    let name = epoch(&mesh).name();
    say(&mut mesh, honest, totals(gauge, name, 1));
    assert_eq!(mesh.disconnected(0, honest), None);
    say(&mut mesh, liar, totals(gauge, name, 100 * NET_FLOW_MAX));
    assert_eq!(mesh.disconnected(0, liar), Some(DisconnectReason::BrokenTotals));
    assert_eq!(mesh.disconnected(0, honest), None);
    assert!(before.is_some() && average(&mesh, 0).is_some());
}

#[test]
fn what_does_not_fit_is_ignored() {
    let mut mesh = mesh(2);
    mesh.connect(0, 1);
    let (peer, gauge) = stranger(&mut mesh);
    let before = tickets(&Epoch { number: 1, block: genesis().id }, 50..60);
    // No epoch has begun.
    say(&mut mesh, peer, totals(gauge, EpochName([1; 8]), u64::MAX));
    say(&mut mesh, peer, before.clone());
    mine(&mut mesh, FIRST);
    let signatures = mesh.signatures;
    // Another gauge, another epoch, and a second word about what it takes part in.
    let name = epoch(&mesh).name();
    say(&mut mesh, peer, totals(GaugeId([9; 8]), name, u64::MAX));
    say(&mut mesh, peer, totals(gauge, EpochName([1; 8]), u64::MAX));
    say(&mut mesh, peer, before);
    say(&mut mesh, peer, AggregateMessage::Part(AggregatePart { gauges: vec![], size: false }));
    assert_eq!((mesh.signatures, mesh.disconnected(0, peer)), (signatures, None));
    heard(&mut mesh, peer);
    mesh.run_secs(20);
    assert!(heard(&mut mesh, peer).0 > 0, "what it said first still holds");
}

#[test]
fn a_forged_ticket_ends_the_link_that_brought_it_and_does_not_count() {
    let mut mesh = mesh(2);
    mesh.connect(0, 1);
    let (liar, _) = stranger(&mut mesh);
    let (other, _) = stranger(&mut mesh);
    mine(&mut mesh, FIRST);
    mesh.run_secs(5);
    let before = size(&mesh, 0);
    let epoch = epoch(&mesh);
    let mut forged = Ticket::sign(&key(50), &network(), &epoch);
    forged.member = key(51).public();
    let message = Tickets { epoch: epoch.name(), fingerprint: Fingerprint([0; 8]), tickets: vec![forged] };
    say(&mut mesh, liar, AggregateMessage::Tickets(message));
    mesh.run_secs(1);
    assert_eq!(mesh.disconnected(0, liar), Some(DisconnectReason::InvalidSignature));
    assert_eq!((mesh.disconnected(0, other), size(&mesh, 0)), (None, before));
}

#[test]
fn no_more_tickets_of_a_link_are_in_verification_than_the_bound_in_two_epochs_together() {
    let mut mesh = Mesh::new(1, RelayPolicy::default()).with_aggregates("size,peers".parse().unwrap());
    let (peer, _) = stranger(&mut mesh);
    mine(&mut mesh, FIRST);
    let most = |mesh: &Mesh| mesh.jobs.iter().map(|job| job.statements.len()).sum::<usize>();
    mesh.checking = Checking::Held;
    let first = epoch(&mesh);
    for start in [100, 132, 164] {
        say(&mut mesh, peer, tickets(&first, start..start + TICKETS_PER_MESSAGE_MAX as u8));
    }
    assert_eq!(most(&mesh), TICKETS_IN_CHECK_MAX);
    // The next epoch begins while they are still out.
    let held = std::mem::take(&mut mesh.jobs);
    mesh.checking = Checking::Real;
    mine(&mut mesh, EPOCH_BLOCKS);
    mesh.checking = Checking::Held;
    let second = epoch(&mesh);
    assert_eq!(second.number, first.number + 1);
    say(&mut mesh, peer, tickets(&second, 100..110));
    assert_eq!(most(&mesh), 0, "those of the first epoch are still out");
    for job in held {
        let verdict = job.run(protocol::items::keys::PublicKey::decompress);
        mesh.input(0, Input::Verified { job: job.id, verdict });
    }
    say(&mut mesh, peer, tickets(&second, 100..110));
    assert_eq!(most(&mesh), 10);
}

#[test]
fn a_ticket_of_this_node_for_an_earlier_epoch_does_not_count() {
    let mut mesh = Mesh::new(1, RelayPolicy::default()).with_aggregates("size".parse().unwrap());
    mine(&mut mesh, FIRST);
    assert_eq!(size(&mesh, 0), Some(1));
    let old = Epoch { number: 0, block: genesis().id };
    let ticket = Ticket::sign(&key(70), &network(), &old);
    mesh.input(0, Input::SignedTicket { epoch: old, ticket });
    assert_eq!(size(&mesh, 0), Some(1));
}

#[test]
fn a_key_that_was_made_after_the_block_does_not_count_where_members_are_known() {
    let mesh = Mesh::new(6, RelayPolicy::default()).with_members(MembersConfig::lan());
    let mut mesh = joined(mesh, "size,peers");
    let (liar, _) = stranger(&mut mesh);
    // The second epoch: in the first one those count that are known when their ticket comes.
    mine(&mut mesh, FIRST + EPOCH_BLOCKS);
    mesh.run_secs(20);
    let before = size(&mesh, 0).expect("an estimate");
    assert!((4..=8).contains(&before), "{before}");
    let signatures = mesh.signatures;
    let second = epoch(&mesh);
    say(&mut mesh, liar, tickets(&second, 100..132));
    assert_eq!(mesh.signatures, signatures, "not even a signature is checked");
    mesh.run_secs(20);
    assert_eq!(size(&mesh, 0), Some(before));
}

#[test]
fn the_memories_stay_within_their_bounds() {
    let mesh = Mesh::new(12, RelayPolicy::default()).with_members(MembersConfig::lan());
    let mut mesh = joined(mesh, "all");
    mesh.fullest = Some(Default::default());
    mine(&mut mesh, FIRST + EPOCH_BLOCKS);
    let fullest = mesh.fullest.take().unwrap();
    for what in ["minima of an epoch", "members whose tickets count", "links of one aggregate"] {
        assert!(fullest[what] > 0, "{what}");
    }
    assert!(fullest["tickets in verification"] > 0);
}

#[test]
fn names_of_aggregates_are_read_as_they_are_shown() {
    for text in ["off", "height", "bytes,peers", "mempool,rtt,uptime,size", "size"] {
        assert_eq!(text.parse::<AggregatesConfig>().unwrap().to_string(), text);
    }
    assert_eq!("all".parse(), Ok(AggregatesConfig::ALL));
    for text in ["", "weight", "height,", "all,size", "off,size"] {
        assert!(text.parse::<AggregatesConfig>().is_err(), "{text}");
    }
}

#[test]
fn a_message_of_push_sum_costs_177_bytes_a_second_for_three_of_them() {
    let largest = totals(GaugeId([1; 8]), EpochName([2; 8]), u64::MAX);
    assert!(Message::Aggregates(Box::new(largest)).encoded_len() <= 59);
}
