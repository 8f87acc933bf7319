//! Mempools and tips of nodes that reconcile become the same, at the cost of the difference, whatever relay
//! missed.

use std::sync::Arc;

use protocol::gossip::repair::sketch::SaltedId;
use protocol::gossip::{Digest, Event, Reconciliation, RelayPolicy};
use protocol::items::hash::ShortId;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{
    LIST_PARTS_MAX, OFFER_ENTRIES_MAX, RECONCILE_AGE_MIN, RECONCILE_ITEMS_MAX, RECONCILE_PEER_INTERVAL_MIN,
    RECONCILE_SERVED_PER_SEC,
};
use protocol::time::Duration;
use protocol::wire::codec::Encode as _;
use protocol::wire::message::{Message, Outcome, Reconcile, Tip, taken};

use crate::harness::{Checking, Mesh, block, genesis, tip_of, transaction, tx};
use crate::make;

fn reconciling(count: usize, relay: RelayPolicy, digest: Digest) -> Mesh {
    let mut mesh = Mesh::reconciling(count, relay, Reconciliation { digest, ..Reconciliation::default() }, 1);
    mesh.checking = Checking::Assumed;
    mesh
}

/// This number of transactions, from the number `from` on.
fn many(from: u64, count: u64) -> Vec<Arc<SignedTransaction>> {
    (from..from + count).map(|number| make::transaction(number as u32 % 97, number, 1_000, 100)).collect()
}

fn hold(mesh: &mut Mesh, node: usize, items: &[Arc<SignedTransaction>]) {
    for chunk in items.chunks(1_000) {
        chunk.iter().for_each(|item| mesh.submit(node, item));
        mesh.run_for(Duration::from_millis(1));
    }
}

fn held(mesh: &Mesh, node: usize, items: &[Arc<SignedTransaction>]) -> usize {
    items.iter().filter(|item| mesh.nodes[node].transaction(&item.id()).is_some()).count()
}

/// Bytes that were sent, separated by whether they are bodies.
fn bytes(mesh: &Mesh) -> (usize, usize) {
    let sent = mesh.conversation().map(|(sent, message)| (sent.bytes.len(), message));
    sent.fold((0, 0), |(others, bodies), (len, message)| match message {
        Message::Transactions { .. } => (others, bodies + len),
        Message::Hello(_) => (others, bodies),
        _ => (others + len, bodies),
    })
}

#[test]
fn two_mempools_of_20_000_that_differ_by_100_cost_at_most_4_kib_besides_the_bodies() {
    for (here, there) in [(50, 50), (100, 0), (0, 100)] {
        let mut mesh = reconciling(2, RelayPolicy::default(), Digest::PushPull);
        let (common, ours, theirs) = (many(0, 19_900), many(100_000, here), many(200_000, there));
        for (node, own) in [(0, &ours), (1, &theirs)] {
            hold(&mut mesh, node, &common);
            hold(&mut mesh, node, own);
        }
        mesh.run_for(RECONCILE_AGE_MIN.times(2));
        mesh.connect(0, 1);
        // In this time there is only the conversation on connect.
        mesh.run_for(Duration::from_millis(450));
        assert_eq!((held(&mesh, 0, &theirs), held(&mesh, 1, &ours)), (there as usize, here as usize));
        let (others, _) = bytes(&mesh);
        assert!(others <= 4_096, "{others} bytes for {here} and {there}");
    }
}

#[test]
fn equal_mempools_cost_a_few_hundred_bytes() {
    let mut mesh = reconciling(2, RelayPolicy::default(), Digest::PushPull);
    let common = many(0, 5_000);
    (0..2).for_each(|node| hold(&mut mesh, node, &common));
    mesh.run_for(RECONCILE_AGE_MIN.times(2));
    mesh.connect(0, 1);
    mesh.run_for(Duration::from_millis(450));
    assert!(bytes(&mesh).0 < 300, "{:?}", bytes(&mesh));
}

#[test]
fn what_a_restarted_node_had_is_no_news_and_is_compared_at_once() {
    let mut mesh = reconciling(2, RelayPolicy::default(), Digest::PushPull);
    let common = many(0, 5_000);
    (0..2).for_each(|node| hold(&mut mesh, node, &common));
    mesh.run_for(RECONCILE_AGE_MIN.times(2));
    mesh.restart(0);
    mesh.sent.clear();
    mesh.connect(0, 1);
    mesh.run_for(Duration::from_millis(450));
    assert_eq!(held(&mesh, 0, &common), common.len());
    assert!(bytes(&mesh).0 < 300, "{:?}", bytes(&mesh));
}

#[test]
fn what_a_new_node_was_given_is_compared_at_once() {
    let mut mesh = reconciling(3, RelayPolicy::default(), Digest::PushPull);
    let common = many(0, 3_000);
    (0..2).for_each(|node| hold(&mut mesh, node, &common));
    mesh.run_for(RECONCILE_AGE_MIN.times(2));
    mesh.connect(2, 0);
    mesh.run_secs(1);
    assert_eq!(held(&mesh, 2, &common), common.len());
    mesh.sent.clear();
    mesh.connect(2, 1);
    mesh.run_for(Duration::from_millis(450));
    let offers = mesh.conversation().filter(|(_, message)| matches!(message.name(), "offer" | "list" | "inv"));
    assert_eq!(offers.count(), 0);
}

#[test]
fn places_beyond_an_offer_name_nothing() {
    let offer = [ShortId([1; 8]), ShortId([2; 8]), ShortId([3; 8])];
    assert_eq!(taken(&[0b1011_0000, 0xff], &offer).collect::<Vec<_>>(), [offer[0], offer[2]]);
    assert_eq!(taken(&[], &offer).count(), 0);
}

#[test]
fn digests_are_spelled_as_they_are_shown() {
    for digest in [Digest::Push, Digest::Pull, Digest::PushPull] {
        assert_eq!(digest.to_string().parse(), Ok(digest));
    }
    let error = "pushpull".parse::<Digest>().expect_err("no digest");
    assert_eq!(error.to_string(), "the digests are push, pull and push-pull");
}

#[test]
fn push_gives_pull_takes_and_push_pull_does_both() {
    for (digest, gives, takes) in
        [(Digest::Push, true, false), (Digest::Pull, false, true), (Digest::PushPull, true, true)]
    {
        let mut mesh = reconciling(2, RelayPolicy::None, digest);
        let (ours, theirs) = (many(0, 3), many(10, 3));
        hold(&mut mesh, 0, &ours);
        hold(&mut mesh, 1, &theirs);
        mesh.connect(0, 1);
        // In this time there is only the first conversation, of the side that dialled.
        mesh.run_for(Duration::from_millis(450));
        assert_eq!((held(&mesh, 1, &ours) == 3, held(&mesh, 0, &theirs) == 3), (gives, takes), "{digest}");
    }
}

#[test]
fn a_new_node_is_given_everything_by_lists_and_nothing_twice() {
    let mut mesh = reconciling(4, RelayPolicy::default(), Digest::PushPull);
    let items = many(0, 2 * OFFER_ENTRIES_MAX as u64 + 500);
    (0..3).for_each(|node| hold(&mut mesh, node, &items));
    mesh.run_for(RECONCILE_AGE_MIN.times(2));
    for node in 0..3 {
        mesh.connect(3, node);
    }
    mesh.run_secs(8);
    assert_eq!(held(&mesh, 3, &items), items.len());
    assert_eq!(mesh.nodes[3].stats().transaction_duplicates, 0);
    let (others, bodies) = bytes(&mesh);
    assert!(others * 100 < bodies * 15, "{others} bytes beside {bodies} of bodies");
}

#[test]
fn with_nothing_relayed_everything_spreads_and_so_does_the_tip() {
    let mut mesh = reconciling(12, RelayPolicy::None, Digest::PushPull);
    mesh.checking = Checking::Real;
    mesh.connect_all();
    let item = transaction(1, 1, 10);
    let best = block(genesis(), &[transaction(2, 1, 10)], 1);
    mesh.submit(0, &item);
    mesh.publish(5, &best);
    mesh.run_secs(12);
    assert_eq!(mesh.nodes_with(tx(&item)), 12);
    assert!(mesh.nodes.iter().all(|node| node.tip() == tip_of(&best)));
}

#[test]
fn what_is_still_being_relayed_is_left_out() {
    let mut mesh = reconciling(2, RelayPolicy::Announce, Digest::PushPull);
    mesh.connect(0, 1);
    mesh.run_secs(5);
    mesh.sent.clear();
    for nonce in 0..20 {
        mesh.submit(0, &transaction(1, nonce, 10));
        mesh.run_for(Duration::from_millis(200));
    }
    let offers = mesh.conversation().filter(|(_, message)| {
        matches!(message, Message::Reconcile(message) if matches!(&**message, Reconcile::Offer { .. } | Reconcile::Take { .. }))
    });
    assert_eq!(offers.count(), 0);
}

#[test]
fn two_full_mempools_do_not_fetch_each_others_items_for_ever() {
    let mut mesh = reconciling(2, RelayPolicy::default(), Digest::PushPull);
    // Each side has 40 MiB of its own items, of which 32 MiB fit.
    for node in 0..2_u32 {
        let items: Vec<_> =
            (0..640).map(|number| make::sized(1_000 * node + number % 40, number.into(), 65_000)).collect();
        hold(&mut mesh, node as usize, &items);
    }
    mesh.run_for(RECONCILE_AGE_MIN.times(2));
    mesh.connect(0, 1);
    mesh.run_secs(30);
    let before = mesh.nodes.iter().map(|node| node.stats().transaction_bodies).sum::<u64>();
    mesh.sent.clear();
    mesh.run_secs(120);
    let after = mesh.nodes.iter().map(|node| node.stats().transaction_bodies).sum::<u64>();
    assert_eq!(before, after, "nothing is fetched any more");
    assert!(bytes(&mesh).0 < 120 * 4_096, "and the difference is told ever more rarely: {:?}", bytes(&mesh));
}

fn open(number: u32, symbols: Vec<u8>) -> Message {
    let tip = Tip { height: 0, id: genesis().id };
    let open =
        Reconcile::Open { number, digest: Digest::PushPull, size: 5, tip, salt: [7; 16], symbols: symbols.into() };
    Message::Reconcile(Box::new(open))
}

fn outcomes(messages: &[Message]) -> Vec<Outcome> {
    let outcome = |message: &Message| match message {
        Message::Reconcile(message) => match &**message {
            Reconcile::Difference { outcome, .. } => Some(*outcome),
            _ => None,
        },
        _ => None,
    };
    messages.iter().filter_map(outcome).collect()
}

#[test]
fn a_peer_whose_list_never_ends_is_left_after_as_many_parts_as_a_full_mempool_has() {
    let mut mesh = reconciling(1, RelayPolicy::default(), Digest::PushPull);
    let items = many(0, OFFER_ENTRIES_MAX as u64);
    hold(&mut mesh, 0, &items);
    let peer = mesh.greeted(0);
    let ids: Vec<_> = items.iter().map(|item| item.id().short()).collect();
    let mut parts = 0;
    // There is one list on the first conversation, and another after the pause that a list in vain causes.
    for (secs, lists) in [(15, 1), (30, 2)] {
        for _ in 0..secs * 10 {
            mesh.run_for(Duration::from_millis(100));
            loop {
                let heard = mesh.heard(0, peer);
                let Some(answer) = heard.iter().find_map(|message| answered(message, &ids)) else { break };
                parts += usize::from(answer.name() == "offer");
                mesh.say(0, peer, answer);
            }
        }
        assert_eq!(parts, lists * LIST_PARTS_MAX);
    }
}

#[test]
fn a_node_begins_conversations_less_often_the_more_it_would_compare() {
    let begun_in_half_a_minute = |items: usize| {
        let mut mesh = reconciling(1, RelayPolicy::default(), Digest::PushPull);
        hold(&mut mesh, 0, &many(0, items as u64));
        let peer = mesh.greeted(0);
        for _ in 0..300 {
            mesh.run_for(Duration::from_millis(100));
            let equal = |message: &Message| match message {
                Message::Reconcile(message) => match **message {
                    Reconcile::Open { number, tip, .. } => Some(number).map(|number| (number, tip)),
                    _ => None,
                },
                _ => None,
            };
            for (number, tip) in mesh.heard(0, peer).iter().filter_map(equal) {
                let (outcome, wanted, offered) = (Outcome::Known, Vec::new(), Vec::new());
                let known = Reconcile::Difference { number, outcome, tip, wanted, offered };
                mesh.say(0, peer, Message::Reconcile(Box::new(known)));
            }
        }
        mesh.nodes[0].stats().reconciliations
    };
    let (few, more) =
        (begun_in_half_a_minute(RECONCILE_ITEMS_MAX), begun_in_half_a_minute(RECONCILE_ITEMS_MAX + 1));
    assert!((25..=35).contains(&few), "{few}, about one a second");
    assert!((12..=18).contains(&more), "{more}, about one in two seconds");
}

#[test]
fn each_part_of_a_list_has_a_number_of_its_own() {
    let mut mesh = reconciling(1, RelayPolicy::default(), Digest::PushPull);
    let items = many(0, OFFER_ENTRIES_MAX as u64);
    hold(&mut mesh, 0, &items);
    let peer = mesh.greeted(0);
    let ids: Vec<_> = items.iter().map(|item| item.id().short()).collect();
    let (mut numbers, mut parts) = (Vec::new(), 0);
    for _ in 0..80 {
        mesh.run_for(Duration::from_millis(50));
        for message in mesh.heard(0, peer) {
            if let Message::Reconcile(message) = &message
                && let Reconcile::List { number, .. } = **message
            {
                parts += 1;
                if !numbers.contains(&number) {
                    numbers.push(number);
                }
            }
            if let Some(answer) = answered(&message, &ids) {
                mesh.say(0, peer, answer);
            }
        }
    }
    assert!(parts >= 3 && numbers.len() == parts, "{parts} parts of {numbers:?}");
}

#[test]
fn a_peer_that_lists_as_slowly_as_it_may_keeps_us_from_nobody_else() {
    let mut mesh = reconciling(3, RelayPolicy::default(), Digest::PushPull);
    let items = many(0, 1);
    hold(&mut mesh, 0, &items);
    mesh.connect(0, 1);
    mesh.connect(0, 2);
    mesh.run_secs(5);
    let liar = mesh.greeted(0);
    let begun = mesh.nodes[0].stats().reconciliations;
    let offer = vec![items[0].id().short(); OFFER_ENTRIES_MAX];
    let (mut asked, mut lists) = (None, 0);
    for second in 0..60 {
        let tip = Tip { height: 0, id: genesis().id };
        let (number, size, salt, symbols) = (second, u32::MAX, [0; 16], vec![0; 22].into());
        let open = Reconcile::Open { number, digest: Digest::PushPull, size, tip, salt, symbols };
        mesh.say(0, liar, Message::Reconcile(Box::new(open)));
        mesh.run_secs(1);
        for message in mesh.heard(0, liar) {
            if let Message::Reconcile(message) = message
                && let Reconcile::List { number, .. } = *message
            {
                asked = Some((number, second));
                lists += 1;
            }
        }
        if let Some((number, _)) = asked.take_if(|(_, at)| second >= *at + 8) {
            mesh.say(0, liar, Message::Reconcile(Box::new(Reconcile::Offer { number, ids: offer.clone() })));
        }
    }
    assert!(lists >= 5, "it lists: {lists}");
    assert_eq!(mesh.disconnected(0, liar), None);
    let begun = mesh.nodes[0].stats().reconciliations - begun;
    assert!(
        begun >= 15,
        "{begun} conversations in a minute, with one each second in which somebody may be spoken to"
    );
}

/// The answers of a peer that has too much for a sketch, and offers the same again and again.
fn answered(message: &Message, ids: &[ShortId]) -> Option<Message> {
    let Message::Reconcile(message) = message else { return None };
    let answer = match &**message {
        Reconcile::Open { number, .. } => {
            let (tip, outcome) = (Tip { height: 0, id: genesis().id }, Outcome::ListMine);
            Reconcile::Difference { number: *number, outcome, tip, wanted: vec![], offered: vec![] }
        }
        Reconcile::List { number, .. } => Reconcile::Offer { number: *number, ids: ids.to_vec() },
        _ => return None,
    };
    Some(Message::Reconcile(Box::new(answer)))
}

#[test]
fn a_peer_that_asks_too_often_is_told_that_we_are_busy() {
    let mut mesh = reconciling(1, RelayPolicy::default(), Digest::PushPull);
    let peer = mesh.greeted(0);
    mesh.heard(0, peer);
    mesh.run_secs(2);
    mesh.say(0, peer, open(1, vec![0; 11]));
    mesh.say(0, peer, open(2, vec![0; 11]));
    assert_eq!(outcomes(&mesh.heard(0, peer)), [Outcome::Known, Outcome::Busy]);
    mesh.run_for(RECONCILE_PEER_INTERVAL_MIN);
    mesh.say(0, peer, open(3, vec![0; 11]));
    assert_eq!(outcomes(&mesh.heard(0, peer)), [Outcome::Known]);
}

#[test]
fn what_a_busy_peer_lists_is_not_read() {
    let mut mesh = reconciling(1, RelayPolicy::default(), Digest::PushPull);
    let peer = mesh.greeted(0);
    let id = many(0, 1)[0].id().short();
    for _ in 0..30 {
        mesh.run_for(Duration::from_millis(100));
        for message in mesh.heard(0, peer) {
            let Message::Reconcile(message) = message else { panic!("{}", message.name()) };
            let Reconcile::Open { number, tip, .. } = *message else { panic!("{}", message.name()) };
            let (outcome, wanted) = (Outcome::Busy, vec![SaltedId::from_bytes([1; 6])]);
            let answer = Reconcile::Difference { number, outcome, tip, wanted, offered: vec![id] };
            mesh.say(0, peer, Message::Reconcile(Box::new(answer)));
        }
    }
    assert!(mesh.nodes[0].stats().reconciliations > 0);
    assert_eq!(mesh.nodes[0].stats().requests, 0);
}

#[test]
fn no_more_conversations_are_answered_in_a_second_than_stated() {
    let mut mesh = reconciling(1, RelayPolicy::default(), Digest::PushPull);
    let peers: Vec<_> = (0..RECONCILE_SERVED_PER_SEC + 1).map(|_| mesh.greeted(0)).collect();
    mesh.run_secs(2);
    let answers: Vec<_> = peers
        .iter()
        .map(|peer| {
            mesh.heard(0, *peer);
            mesh.say(0, *peer, open(1, vec![0; 11]));
            outcomes(&mesh.heard(0, *peer))[0]
        })
        .collect();
    let busy = answers.iter().filter(|outcome| **outcome == Outcome::Busy).count();
    assert_eq!((busy, answers.last()), (1, Some(&Outcome::Busy)));
}

#[test]
fn symbols_that_are_a_lie_end_the_conversation_and_nothing_else() {
    let mut mesh = reconciling(1, RelayPolicy::default(), Digest::PushPull);
    let held_before = many(0, 20);
    hold(&mut mesh, 0, &held_before);
    let peer = mesh.greeted(0);
    mesh.run_secs(5);
    mesh.heard(0, peer);
    for (number, symbols) in [(1, vec![0xff; 11 * 64]), (2, vec![1; 11]), (3, vec![])] {
        mesh.say(0, peer, open(number, symbols));
        mesh.run_secs(15);
        mesh.heard(0, peer);
    }
    let conversations = mesh.nodes[0].stats();
    assert_eq!(held(&mesh, 0, &held_before), 20);
    assert_eq!(mesh.disconnects, []);
    assert!(conversations.reconciliations > 0);
    mesh.nodes[0].occupancy(&mut |seen| {
        assert!(seen.what != "conversations answered" || seen.used == 0, "{seen:?}");
    });
}

#[test]
fn a_conversation_tells_what_it_found() {
    let mut mesh = reconciling(2, RelayPolicy::None, Digest::PushPull);
    hold(&mut mesh, 0, &many(0, 2));
    hold(&mut mesh, 1, &many(10, 3));
    let (peer, _) = mesh.connect(0, 1);
    mesh.run_for(Duration::from_millis(450));
    let told = mesh.events[0].iter().find_map(|event| match event {
        Event::Reconciled { peer, outcome, wanted, offered, .. } => Some((*peer, *outcome, *wanted, *offered)),
        _ => None,
    });
    assert_eq!(told, Some((peer, Outcome::Known, 2, 3)));
    assert!(mesh.sent.iter().all(|sent| sent.bytes.len() <= 64 * 1024));
    assert!(mesh.conversation().all(|(sent, message)| sent.bytes.len() == message.encoded_len()));
}
