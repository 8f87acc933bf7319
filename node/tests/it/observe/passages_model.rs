//! The records of passages are those of a naive model with the same rules and the same room.

use std::sync::Arc;

use node::observe::passages::passage::{ARRIVALS_MAX, Came, DEPARTURES_MAX, Passage, State, Went};
use node::observe::passages::{ANNOUNCED_SHARE, Passages};
use proptest::prelude::*;
use protocol::gossip::{ArrivalCause, Event, ItemId, PeerHandle, Refusal};
use protocol::items::hash::ShortId;
use protocol::items::transaction::SignedTransaction;
use protocol::time::Time;
use protocol::wire::message::{InvEntry, Message, TxRef};

use crate::support::harness::transaction;

/// Small rooms: 12 items whose bodies came, and 2 that were announced.
const MOST: usize = 2 * ANNOUNCED_SHARE;
const ITEMS: usize = 24;
const PEERS: u32 = 3;

/// Something that happens to an item.
#[derive(Clone, Copy, Debug)]
enum Act {
    Submit,
    Announce,
    Ask,
    Body { cause: ArrivalCause, duplicate: bool },
    Accept,
    Refuse,
    TellOthers,
    Send,
    Wanted,
}

fn act() -> impl Strategy<Value = Act> {
    let body = (0..ArrivalCause::ALL.len(), any::<bool>())
        .prop_map(|(cause, duplicate)| Act::Body { cause: ArrivalCause::ALL[cause], duplicate });
    prop_oneof![
        Just(Act::Submit),
        Just(Act::Announce),
        Just(Act::Ask),
        body,
        Just(Act::Accept),
        Just(Act::Refuse),
        Just(Act::TellOthers),
        Just(Act::Send),
        Just(Act::Wanted),
    ]
}

/// What a record says, in a form that both sides have.
#[derive(Clone, Debug, PartialEq)]
struct Told {
    short: ShortId,
    state: State,
    origin: Option<(ArrivalCause, Option<PeerHandle>)>,
    heard: Time,
    announced: Option<Time>,
    received: Option<Time>,
    relayed: Option<Time>,
    came: Vec<(PeerHandle, Came)>,
    went: Vec<(PeerHandle, Went)>,
}

/// The model: two lists, the oldest first.
#[derive(Default)]
struct Model {
    recent: Vec<Told>,
    announced: Vec<Told>,
}

impl Told {
    fn new(short: ShortId, heard: Time) -> Self {
        let (came, went) = (Vec::new(), Vec::new());
        Self {
            short,
            state: State::Announced,
            origin: None,
            heard,
            announced: None,
            received: None,
            relayed: None,
            came,
            went,
        }
    }

    fn of(passage: &Passage) -> Self {
        Self {
            short: passage.short,
            state: passage.state,
            origin: passage.origin,
            heard: passage.heard,
            announced: passage.steps.announced,
            received: passage.steps.received,
            relayed: passage.steps.relayed,
            came: passage.arrivals.kept().iter().map(|one| (one.peer, one.what)).collect(),
            went: passage.departures.kept().iter().map(|one| (one.peer, one.what)).collect(),
        }
    }

    fn enter(&mut self, now: Time, cause: ArrivalCause, from: Option<PeerHandle>) {
        if self.origin.is_none() {
            self.origin = Some((cause, from));
            self.received = Some(now);
        }
        if self.state == State::Announced {
            self.state = State::Received;
        }
    }

    fn come(&mut self, peer: PeerHandle, what: Came) {
        if self.came.len() < ARRIVALS_MAX {
            self.came.push((peer, what));
        }
    }

    fn go(&mut self, peer: PeerHandle, what: Went) {
        if self.went.len() < DEPARTURES_MAX {
            self.went.push((peer, what));
        }
    }

    fn leave(&mut self, now: Time, peer: PeerHandle, what: Went) {
        if self.state == State::Accepted && self.relayed.is_none() {
            self.relayed = Some(now);
        }
        self.go(peer, what);
    }
}

impl Model {
    fn known(&mut self, short: ShortId) -> Option<&mut Told> {
        self.recent.iter_mut().chain(&mut self.announced).find(|told| told.short == short)
    }

    fn hear(&mut self, now: Time, short: ShortId) -> &mut Told {
        if self.known(short).is_none() {
            self.announced.push(Told::new(short, now));
            if self.announced.len() > MOST / ANNOUNCED_SHARE {
                self.announced.remove(0);
            }
        }
        self.known(short).expect("it was just added")
    }

    fn here(&mut self, now: Time, short: ShortId) -> &mut Told {
        if self.recent.iter().all(|told| told.short != short) {
            let place = self.announced.iter().position(|told| told.short == short);
            let begun = place.map_or_else(|| Told::new(short, now), |place| self.announced.remove(place));
            self.recent.push(begun);
            if self.recent.len() > MOST {
                self.recent.remove(0);
            }
        }
        self.known(short).expect("it is here")
    }

    fn act(&mut self, now: Time, act: Act, short: ShortId, peer: PeerHandle) {
        let add = |told: &mut Told, what| {
            if !told.came.contains(&(peer, what)) {
                told.come(peer, what);
            }
        };
        match act {
            Act::Submit => self.here(now, short).enter(now, ArrivalCause::Submitted, None),
            Act::Announce => {
                let told = self.hear(now, short);
                told.announced.get_or_insert(now);
                add(told, Came::Announced);
            }
            Act::Ask => add(self.hear(now, short), Came::Asked),
            Act::Body { cause, duplicate: false } => {
                let told = self.here(now, short);
                told.come(peer, Came::Body { cause, duplicate: false });
                told.enter(now, cause, Some(peer));
            }
            Act::Accept => {
                let told = self.here(now, short);
                told.enter(now, ArrivalCause::Submitted, None);
                told.state = State::Accepted;
            }
            _ => {
                let Some(told) = self.known(short) else { return };
                match act {
                    Act::Body { cause, .. } => told.come(peer, Came::Body { cause, duplicate: true }),
                    Act::Refuse if told.state != State::Accepted => told.state = State::Refused,
                    Act::TellOthers => told.leave(now, peer, Went::Announced),
                    Act::Send => {
                        let asked = told.went.contains(&(peer, Went::Wanted));
                        told.leave(now, peer, if asked { Went::Served } else { Went::Pushed });
                    }
                    Act::Wanted if !told.went.contains(&(peer, Went::Wanted)) => told.go(peer, Went::Wanted),
                    _ => {}
                }
            }
        }
    }
}

fn carry_out(passages: &mut Passages, now: Time, act: Act, item: &Arc<SignedTransaction>, peer: PeerHandle) {
    let (id, name) = (ItemId::Transaction(item.id()), TxRef::Short(item.id().short()));
    let inv = || Message::Inv(vec![InvEntry { transaction: name, age_ms: 0 }]);
    let wanted = || Message::GetData { graft: false, wanted: vec![name] };
    match act {
        Act::Submit => passages.submitted(now, id, 100),
        Act::Announce => passages.received(now, peer, &inv()),
        Act::Ask => passages.sent(now, peer, &wanted()),
        Act::Body { cause, duplicate } => {
            passages.event(now, &Event::BodyReceived { item: id, from: peer, bytes: 100, duplicate, cause });
        }
        Act::Accept => {
            passages.event(now, &Event::Accepted { item: id, from: None, within: None, bytes: 100 });
        }
        Act::Refuse => {
            let refusal = Refusal::MempoolFull;
            passages.event(now, &Event::Refused { item: id, from: Some(peer), refusal });
        }
        Act::TellOthers => passages.sent(now, peer, &inv()),
        Act::Send => {
            passages.sent(now, peer, &Message::Transactions { via: None, bodies: vec![item.clone().into()] });
        }
        Act::Wanted => passages.received(now, peer, &wanted()),
    }
}

const STEPS: usize = 120;

proptest! {
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn the_records_are_those_of_a_naive_model(
        steps in prop::collection::vec((act(), 0..ITEMS, 0..PEERS), 1..STEPS)
    ) {
        let items: Vec<_> = (0..ITEMS as u64).map(|nonce| transaction(7, nonce, 10)).collect();
        let (mut passages, mut model) = (Passages::new(MOST), Model::default());
        for (step, (act, place, peer)) in steps.into_iter().enumerate() {
            let (item, peer, now) = (&items[place], PeerHandle(peer), Time::from_micros(step as u64));
            carry_out(&mut passages, now, act, item, peer);
            model.act(now, act, item.id().short(), peer);
            let told: Vec<Told> = passages.latest().map(Told::of).collect();
            prop_assert_eq!(told, model.recent.iter().rev().cloned().collect::<Vec<_>>());
            let told: Vec<Told> = passages.announced().map(Told::of).collect();
            prop_assert_eq!(told, model.announced.iter().rev().cloned().collect::<Vec<_>>());
        }
    }
}
