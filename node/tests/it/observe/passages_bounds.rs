//! Each memory of the passages is full at its bound, and one more pushes out the oldest or is only counted.

use node::observe::passages::passage::{ARRIVALS_MAX, DEPARTURES_MAX, Passage, State};
use node::observe::passages::{
    ANNOUNCED_SHARE, ENCLOSED_MAX, Found, OFFERED_NOTED_MAX, PASSAGES_BYTES_MAX, PASSAGES_MAX, PEERS_NAMED_MAX,
    Passages, Sought,
};
use protocol::gossip::{ArrivalCause, Event, ItemId, PeerHandle};
use protocol::items::hash::{BlockId, ShortId, TxId};
use protocol::time::Time;
use protocol::wire::message::{InvEntry, Message, Reconcile, TxRef};

const MOST: usize = 60;

fn id(number: usize) -> TxId {
    let mut bytes = [0; 32];
    bytes[..8].copy_from_slice(&(number as u64).to_be_bytes());
    TxId(bytes)
}

fn at(number: usize) -> Time {
    Time::from_micros(number as u64)
}

fn body(passages: &mut Passages, number: usize, from: u32) {
    let (item, from) = (ItemId::Transaction(id(number)), PeerHandle(from));
    let cause = ArrivalCause::AuthorRoute;
    passages.event(at(number), &Event::BodyReceived { item, from, bytes: 10, duplicate: false, cause });
}

fn announced(number: usize) -> Message {
    Message::Inv(vec![InvEntry { transaction: TxRef::Full(id(number)), age_ms: 0 }])
}

fn find<'a>(passages: &'a Passages, text: &str) -> Found<'a> {
    passages.find(&text.parse::<Sought>().expect("an id"))
}

fn one(passages: &Passages, number: usize) -> Option<&Passage> {
    match find(passages, &id(number).to_string()) {
        Found::One(passage) => Some(passage),
        Found::Nothing | Found::Several => None,
    }
}

#[test]
fn the_oldest_item_is_forgotten_for_the_one_past_the_bound() {
    let mut passages = Passages::new(MOST);
    (0..MOST).for_each(|number| body(&mut passages, number, 1));
    // A second look does not make the oldest one newer.
    passages.received(at(100), PeerHandle(2), &announced(0));
    assert!(one(&passages, 0).is_some());
    body(&mut passages, MOST, 1);
    assert_eq!(passages.latest().count(), MOST);
    assert!(one(&passages, 0).is_none() && one(&passages, 1).is_some() && one(&passages, MOST).is_some());
}

#[test]
fn with_a_bound_of_0_nothing_is_recorded() {
    let (mut passages, mut on) = (Passages::new(0), Passages::new(MOST));
    for each in [&mut passages, &mut on] {
        each.received(at(0), PeerHandle(2), &announced(0));
        body(each, 1, 1);
        each.submitted(at(1), ItemId::Transaction(id(2)), 10);
    }
    assert_eq!((on.latest().count(), on.announced().count()), (2, 1));
    assert_eq!((passages.latest().count(), passages.announced().count()), (0, 0));
}

#[test]
fn announcements_of_what_never_comes_push_out_only_each_other() {
    let mut passages = Passages::new(MOST);
    body(&mut passages, 1_000, 1);
    let room = MOST / ANNOUNCED_SHARE;
    (0..room).for_each(|number| passages.received(at(number), PeerHandle(1), &announced(number)));
    assert!(one(&passages, 0).is_some_and(|passage| passage.state == State::Announced));
    passages.received(at(room), PeerHandle(1), &announced(room));
    assert_eq!(passages.announced().count(), room);
    assert!(one(&passages, 0).is_none() && one(&passages, room).is_some() && one(&passages, 1_000).is_some());
}

#[test]
fn arrivals_and_departures_beyond_the_bound_are_counted() {
    let mut passages = Passages::new(MOST);
    body(&mut passages, 1, 0);
    for peer in 1..ARRIVALS_MAX as u32 {
        passages.received(at(peer as usize), PeerHandle(peer), &announced(1));
    }
    let arrivals = |passages: &Passages| {
        one(passages, 1).map(|passage| (passage.arrivals.kept().len(), passage.arrivals.left_out()))
    };
    assert_eq!(arrivals(&passages), Some((ARRIVALS_MAX, 0)));
    // A peer that repeats itself adds nothing.
    passages.received(at(50), PeerHandle(1), &announced(1));
    assert_eq!(arrivals(&passages), Some((ARRIVALS_MAX, 0)));
    passages.received(at(51), PeerHandle(99), &announced(1));
    assert_eq!(arrivals(&passages), Some((ARRIVALS_MAX, 1)));
    for peer in 0..=DEPARTURES_MAX as u32 {
        passages.sent(at(60), PeerHandle(peer), &announced(1));
    }
    let passage = one(&passages, 1).expect("recorded");
    assert_eq!((passage.departures.kept().len(), passage.departures.left_out()), (DEPARTURES_MAX, 1));
    assert_eq!(passage.sent.announced, DEPARTURES_MAX as u32 + 1);
}

#[test]
fn a_long_offer_is_not_noted_and_a_short_one_is() {
    for (ids, noted) in [(OFFERED_NOTED_MAX, true), (OFFERED_NOTED_MAX + 1, false)] {
        let mut passages = Passages::new(PASSAGES_MAX);
        let offer = Reconcile::Offer { number: 1, ids: (0..ids).map(|number| id(number).short()).collect() };
        passages.received(at(0), PeerHandle(1), &Message::Reconcile(Box::new(offer)));
        assert_eq!(passages.announced().count() > 0, noted, "{ids}");
    }
}

#[test]
fn of_the_transactions_that_a_block_brings_the_first_few_are_recorded_and_those_that_were_announced() {
    let mut passages = Passages::new(PASSAGES_MAX);
    passages.received(at(0), PeerHandle(1), &announced(500));
    let mut bring = |block: u8, number: usize| {
        let (item, within) = (ItemId::Transaction(id(number)), Some(BlockId([block; 32])));
        passages.event(at(1), &Event::Accepted { item, from: Some(PeerHandle(1)), within, bytes: 10 });
    };
    (0..=ENCLOSED_MAX).for_each(|number| bring(1, number));
    bring(1, 500);
    bring(2, 600);
    let cause = |number| one(&passages, number).and_then(|passage| passage.origin).map(|(cause, _)| cause);
    let enclosed = Some(ArrivalCause::WithinBlock);
    assert_eq!(cause(ENCLOSED_MAX - 1), enclosed);
    assert_eq!(cause(ENCLOSED_MAX), None, "one past the bound");
    assert_eq!((cause(500), cause(600)), (enclosed, enclosed), "the next block has its own few");
}

#[test]
fn the_names_of_the_peers_that_came_last_are_remembered() {
    let mut passages = Passages::new(MOST);
    for peer in 0..PEERS_NAMED_MAX as u32 {
        passages.met(PeerHandle(peer), libp2p::PeerId::random());
    }
    assert!(passages.peer(PeerHandle(0)).is_some());
    passages.met(PeerHandle(PEERS_NAMED_MAX as u32), libp2p::PeerId::random());
    assert!(passages.peer(PeerHandle(0)).is_none() && passages.peer(PeerHandle(1)).is_some());
}

#[test]
fn an_item_is_found_by_its_first_digits_if_no_other_begins_alike() {
    let mut passages = Passages::new(MOST);
    let (one, other) = (0x1234_5678_0000_0000, 0x1234_5678_9000_0000);
    body(&mut passages, one, 1);
    assert!(matches!(find(&passages, "12345678"), Found::One(found) if found.short == id(one).short()));
    body(&mut passages, other, 1);
    assert!(matches!(find(&passages, "12345678"), Found::Several));
    assert!(matches!(find(&passages, "123456789"), Found::One(found) if found.short == id(other).short()));
    assert!(matches!(find(&passages, "12345677"), Found::Nothing));
    // The rest of a whole id counts as well.
    let mut stranger = id(one).0;
    stranger[31] = 1;
    assert!(matches!(find(&passages, &TxId(stranger).to_string()), Found::Nothing));
    for text in ["1234567", "12345678901234567", "1234567x", ""] {
        assert!(text.parse::<Sought>().is_err(), "{text}");
    }
    assert_eq!(ShortId::default(), id(0).short());
}

#[test]
fn all_records_together_fit_into_4_mib() {
    const { assert!(PASSAGES_BYTES_MAX <= 4 << 20) };
    // If it is less than this, the arithmetic has lost something.
    const { assert!(PASSAGES_BYTES_MAX > 2 << 20) };
}
