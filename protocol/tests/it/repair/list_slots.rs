//! Which peer lists its mempool to a node that lacks many items, and for how long a claim to hold many is
//! believed.

use std::collections::{BTreeMap, VecDeque};
use std::sync::Arc;

use protocol::gossip::{AuthorTree, Direction, PeerHandle, Reconciliation, RelayPolicy};
use protocol::items::hash::ShortId;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::{LIST_PAUSE_MAX, LIST_PAUSE_MIN, LIST_STEP, LIST_TIMEOUT, OFFER_ENTRIES_MAX};
use protocol::time::Duration;
use protocol::wire::message::{Digest, Hello, Message, Outcome, Reconcile, TxRef, taken};

use crate::harness::{Checking, Mesh, genesis, network, transaction};
use crate::make;
use crate::say::body;

/// The behavior of a peer that claims to hold a million transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Liar {
    /// It says nothing more.
    Silent,
    /// It lists items that don't exist, and says so when it is asked for them.
    MakesUp,
    /// It comes back on a new connection each second.
    Reconnects,
}

struct Attack {
    peers: Vec<PeerHandle>,
    direction: Direction,
    liar: Liar,
    said: u32,
}

impl Attack {
    fn new(mesh: &mut Mesh, count: usize, direction: Direction, liar: Liar) -> Self {
        let peers = (0..count).map(|_| join(mesh, direction)).collect();
        Self { peers, direction, liar, said: 0 }
    }

    /// Their messages at each quarter of a second.
    fn act(&mut self, mesh: &mut Mesh, step: u64) {
        for place in 0..self.peers.len() {
            let peer = self.peers[place];
            let heard = mesh.heard(0, peer);
            for message in heard {
                self.answer(mesh, peer, message);
            }
            let turn = (step + place as u64).is_multiple_of(4);
            if turn && self.liar == Liar::Reconnects {
                mesh.input(0, protocol::gossip::Input::PeerDisconnected { peer });
                self.peers[place] = join(mesh, self.direction);
            }
            self.open(mesh, self.peers[place]);
        }
    }

    fn open(&mut self, mesh: &mut Mesh, peer: PeerHandle) {
        self.said += 1;
        let open = Reconcile::Open {
            number: self.said,
            digest: Digest::PushPull,
            size: 1_000_000,
            tip: genesis(),
            salt: [1; 16],
            symbols: vec![0; 11].into(),
        };
        mesh.say(0, peer, Message::Reconcile(Box::new(open)));
    }

    fn answer(&mut self, mesh: &mut Mesh, peer: PeerHandle, message: Message) {
        let number = match message {
            Message::Reconcile(inner) => match *inner {
                // Our own node opened. The attacker answers that it holds more.
                Reconcile::Open { number, .. } if self.liar != Liar::Silent => {
                    let (outcome, tip) = (Outcome::ListMine, genesis());
                    let (wanted, offered) = (Vec::new(), Vec::new());
                    let lie = Reconcile::Difference { number, outcome, tip, wanted, offered };
                    return mesh.say(0, peer, Message::Reconcile(Box::new(lie)));
                }
                Reconcile::List { number, .. } if self.liar == Liar::MakesUp => number,
                _ => return,
            },
            Message::GetData { wanted, .. } if self.liar == Liar::MakesUp => {
                return mesh.say(0, peer, Message::NotFound { transactions: wanted, blocks: Vec::new() });
            }
            _ => return,
        };
        self.said += 1;
        let made_up = |place: usize| {
            let mut id = [0; 8];
            id[..4].copy_from_slice(&(place as u32).to_be_bytes());
            id[4..].copy_from_slice(&self.said.to_be_bytes());
            ShortId(id)
        };
        let ids = (0..OFFER_ENTRIES_MAX).map(made_up).collect();
        mesh.say(0, peer, Message::Reconcile(Box::new(Reconcile::Offer { number, ids })));
    }
}

fn join(mesh: &mut Mesh, direction: Direction) -> PeerHandle {
    let peer = mesh.raw(0, direction);
    mesh.say(0, peer, Message::Hello(Hello::new(&network(), genesis())));
    peer
}

/// Three nodes that each hold this many hundreds of transactions, and a fourth, node 0, that holds none.
fn network_of(hundreds: u64) -> Mesh {
    let on = Reconciliation { interval: Duration::from_secs(1), ..Reconciliation::default() };
    let mut mesh = Mesh::reconciling(4, RelayPolicy::AuthorTree(AuthorTree::default()), on, 3);
    mesh.checking = Checking::Assumed;
    for author in 0..100_u8 {
        for nonce in 0..hundreds {
            let item = transaction(author, nonce, 20);
            for node in 1..4 {
                mesh.submit(node, &item);
            }
        }
        mesh.run_for(Duration::from_millis(50));
    }
    mesh.run_secs(10);
    mesh
}

/// Milliseconds until node 0 holds all but a hundred, at most a minute, and the number that it holds then.
fn join_time(hundreds: u64, attack: Option<(usize, Direction, Liar)>, dials: bool) -> (u64, usize) {
    let mut mesh = network_of(hundreds);
    let mut attack = attack.map(|(count, direction, liar)| Attack::new(&mut mesh, count, direction, liar));
    if let Some(attack) = &mut attack {
        attack.act(&mut mesh, 1);
    }
    for node in 1..4 {
        if dials {
            mesh.connect(0, node);
        } else {
            mesh.connect(node, 0);
        }
    }
    for step in 1..=240 {
        mesh.run_for(Duration::from_millis(250));
        if let Some(attack) = &mut attack {
            attack.act(&mut mesh, step);
        }
        if mesh.nodes[0].mempool().transactions >= hundreds as usize * 100 - 100 {
            return (step * 250, mesh.nodes[0].mempool().transactions);
        }
    }
    (60_000, mesh.nodes[0].mempool().transactions)
}

#[test]
fn one_peer_that_claims_much_delays_a_newcomer_by_no_more_than_its_time() {
    let (alone, _) = join_time(60, None, true);
    let (took, held) = join_time(60, Some((1, Direction::Inbound, Liar::Silent)), true);
    println!("alone {alone} ms; with one liar {took} ms, {held} held");
    assert!(took <= 2 * alone, "alone {alone} ms; with one liar {took} ms, {held} held");
}

#[test]
fn eight_liars_that_dial_us_do_not_delay_what_we_dialled_for() {
    let (alone, _) = join_time(24, None, true);
    for liar in [Liar::Silent, Liar::MakesUp, Liar::Reconnects] {
        let (took, held) = join_time(24, Some((8, Direction::Inbound, liar)), true);
        println!("{liar:?}: alone {alone} ms; with eight {took} ms, {held} held");
        assert!(took <= 2 * alone, "{liar:?}: alone {alone} ms; with eight {took} ms, {held} held");
    }
}

/// A claim is believed for two seconds. Each of the liars that came first gets this time once.
#[test]
fn liars_that_came_first_delay_by_two_seconds_each() {
    for (direction, dials) in [(Direction::Outbound, true), (Direction::Inbound, false)] {
        let (alone, _) = join_time(24, None, dials);
        for liar in [Liar::Silent, Liar::MakesUp, Liar::Reconnects] {
            let (took, held) = join_time(24, Some((7, direction, liar)), dials);
            println!("{direction:?} {liar:?}: alone {alone} ms; with seven {took} ms, {held} held");
            assert!(took <= alone + 7 * 2_500 + 2_500, "{direction:?} {liar:?}: {took} ms, {held} held");
        }
    }
}

/// Whether a peer was asked to list since the last call.
fn is_asked(mesh: &mut Mesh, peer: PeerHandle) -> bool {
    let is_list = |message: &Message| match message {
        Message::Reconcile(message) => matches!(**message, Reconcile::List { .. }),
        _ => false,
    };
    mesh.heard(0, peer).iter().any(is_list)
}

fn claim(mesh: &mut Mesh, peer: PeerHandle, number: u32) {
    let open = Reconcile::Open {
        number,
        digest: Digest::PushPull,
        size: 1_000_000,
        tip: genesis(),
        salt: [1; 16],
        symbols: vec![0; 11].into(),
    };
    mesh.say(0, peer, Message::Reconcile(Box::new(open)));
}

#[test]
fn a_silent_lister_has_two_seconds_while_another_waits_and_ten_otherwise() {
    for waits in [true, false] {
        let mut mesh = Mesh::new(1, RelayPolicy::default());
        let [first, second] = [0, 1].map(|_| mesh.greeted(0));
        claim(&mut mesh, first, 1);
        assert!(is_asked(&mut mesh, first));
        if waits {
            claim(&mut mesh, second, 2);
        }
        let span = if waits { LIST_STEP } else { LIST_TIMEOUT };
        mesh.run_for(span - Duration::from_micros(1));
        assert!(!is_asked(&mut mesh, second), "one lists");
        mesh.run_for(Duration::from_micros(1));
        if !waits {
            claim(&mut mesh, second, 2);
        }
        assert!(is_asked(&mut mesh, second));
    }
}

#[test]
fn a_peer_that_dialled_us_and_one_that_we_dialled_list_at_a_time() {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    let inbound = mesh.greeted(0);
    let outbound = join(&mut mesh, Direction::Outbound);
    claim(&mut mesh, inbound, 1);
    claim(&mut mesh, outbound, 2);
    assert!(is_asked(&mut mesh, inbound) && is_asked(&mut mesh, outbound));
}

#[test]
fn a_lister_in_vain_makes_a_pause_that_doubles() {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    let peer = mesh.greeted(0);
    let mut pause = LIST_PAUSE_MIN;
    for number in 0..7 {
        claim(&mut mesh, peer, number * 2);
        assert!(is_asked(&mut mesh, peer), "{number}");
        mesh.run_for(LIST_TIMEOUT + (pause - Duration::from_micros(1)));
        claim(&mut mesh, peer, number * 2 + 1);
        assert!(!is_asked(&mut mesh, peer), "{number}");
        mesh.run_secs(1);
        pause = pause.times(2).min(LIST_PAUSE_MAX);
    }
}

/// A peer that lists a full part and sends the items that are taken, this much at each tenth of a second.
struct Drip {
    peer: PeerHandle,
    items: BTreeMap<ShortId, Arc<SignedTransaction>>,
    wanted: VecDeque<ShortId>,
    /// How often it was asked to list.
    asked: usize,
}

impl Drip {
    fn new(peer: PeerHandle, count: usize) -> Self {
        let items = (0..count as u32).map(|number| make::transaction(number, 0, 1_000, 0));
        let items = items.map(|item| (item.id().short(), item)).collect();
        Self { peer, items, wanted: VecDeque::new(), asked: 0 }
    }

    fn act(&mut self, mesh: &mut Mesh, each: usize) {
        let ids: Vec<_> = self.items.keys().copied().collect();
        for message in mesh.heard(0, self.peer) {
            match message {
                Message::Reconcile(message) => match *message {
                    Reconcile::List { number, .. } => {
                        self.asked += 1;
                        let offer = Reconcile::Offer { number, ids: ids.clone() };
                        mesh.say(0, self.peer, Message::Reconcile(Box::new(offer)));
                    }
                    Reconcile::Take { places, .. } => self.wanted.extend(taken(&places, &ids)),
                    _ => {}
                },
                Message::GetData { wanted, .. } => self.wanted.extend(wanted.iter().map(TxRef::short)),
                _ => {}
            }
        }
        let given: Vec<_> = self.wanted.drain(..each.min(self.wanted.len())).collect();
        let bodies = given.iter().map(|id| self.items[id].encoded().clone().into()).collect();
        mesh.say(0, self.peer, Message::Transactions { via: None, bodies });
    }
}

#[test]
fn a_lister_that_is_too_slow_or_takes_too_long_gives_way_to_one_that_waits() {
    // How many items come in a tenth of a second, and after how many tenths the other peer lists. A lister has 2 s
    // and a 64th of a second for each item, but 30 s at most.
    for (each, tenths) in [(1, 22..=28), (5, 85..=97), (8, 299..=303)] {
        let mut mesh = Mesh::new(1, RelayPolicy::default());
        mesh.checking = Checking::Assumed;
        let [slow, waiting] = [0, 1].map(|_| mesh.greeted(0));
        let mut drip = Drip::new(slow, OFFER_ENTRIES_MAX);
        claim(&mut mesh, slow, 1);
        claim(&mut mesh, waiting, 2);
        let mut next = 0;
        for tenth in 1..400 {
            drip.act(&mut mesh, each);
            mesh.run_for(Duration::from_millis(100));
            if is_asked(&mut mesh, waiting) {
                next = tenth;
                break;
            }
        }
        println!("{each} each tenth of a second: {next}");
        assert_eq!(mesh.disconnected(0, slow), None);
        assert!(tenths.contains(&next), "{each} each tenth of a second: {next}");
    }
}

#[test]
fn a_list_in_one_part_that_brings_what_is_wanted_makes_no_pause() {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    mesh.checking = Checking::Assumed;
    let peer = mesh.greeted(0);
    let mut drip = Drip::new(peer, 3_000);
    for number in 1..3 {
        claim(&mut mesh, peer, number);
        for _ in 0..30 {
            drip.act(&mut mesh, 200);
            mesh.run_for(Duration::from_millis(100));
        }
        assert_eq!((drip.asked, mesh.nodes[0].mempool().transactions), (number as usize, 3_000));
    }
}

#[test]
fn a_list_in_one_part_of_which_nothing_comes_makes_a_pause() {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    mesh.checking = Checking::Assumed;
    let peer = mesh.greeted(0);
    // A peer that never delivered anything would be disconnected for withholding.
    let other = make::transaction(50_000, 0, 1_000, 0);
    mesh.say(0, peer, body(&other));
    let mut drip = Drip::new(peer, 3_000);
    // The peer has none of the items that it lists.
    let deny = |mesh: &mut Mesh, drip: &mut Drip| {
        for _ in 0..20 {
            drip.act(mesh, 0);
            let transactions = drip.wanted.drain(..).map(TxRef::Short).collect();
            mesh.say(0, peer, Message::NotFound { transactions, blocks: Vec::new() });
        }
    };
    claim(&mut mesh, peer, 1);
    deny(&mut mesh, &mut drip);
    for (span, asked) in [(LIST_TIMEOUT, 1), (LIST_PAUSE_MIN - Duration::from_secs(1), 1), (LIST_STEP, 2)] {
        mesh.run_for(span);
        claim(&mut mesh, peer, 2);
        deny(&mut mesh, &mut drip);
        assert_eq!(drip.asked, asked, "{span:?}");
    }
}

/// The number of our opening that a peer received.
fn opening(mesh: &mut Mesh, peer: PeerHandle) -> Option<u32> {
    mesh.heard(0, peer).into_iter().find_map(|message| match message {
        Message::Reconcile(message) => match *message {
            Reconcile::Open { number, .. } => Some(number),
            _ => None,
        },
        _ => None,
    })
}

fn conclude(mesh: &mut Mesh, peer: PeerHandle, number: u32, outcome: Outcome) {
    let (tip, wanted, offered) = (genesis(), Vec::new(), Vec::new());
    let end = Reconcile::Difference { number, outcome, tip, wanted, offered };
    mesh.say(0, peer, Message::Reconcile(Box::new(end)));
}

#[test]
fn a_peer_that_we_opened_to_keeps_its_turn_to_list_while_items_come() {
    let on = Reconciliation { interval: Duration::from_secs(1), ..Reconciliation::default() };
    let mut mesh = Mesh::reconciling(1, RelayPolicy::default(), on, 1);
    mesh.checking = Checking::Assumed;
    let liar = join(&mut mesh, Direction::Outbound);
    let number = opening(&mut mesh, liar).expect("whom we dialled is opened to");
    conclude(&mut mesh, liar, number, Outcome::ListMine);
    assert!(is_asked(&mut mesh, liar), "it lists, it says");
    let honest = join(&mut mesh, Direction::Outbound);
    let number = opening(&mut mesh, honest).expect("whom we dialled is opened to");
    conclude(&mut mesh, honest, number, Outcome::ListMine);
    // Live traffic: a hundred items a second.
    for number in 0..200 {
        mesh.submit(0, &make::transaction(number, 0, 1_000, 0));
        mesh.run_for(Duration::from_millis(10));
    }
    assert!(mesh.nodes[0].mempool().transactions >= 199);
    assert!(is_asked(&mut mesh, honest));
}

#[test]
fn a_list_that_was_cut_short_goes_on_where_it_was() {
    let mut mesh = Mesh::new(1, RelayPolicy::default());
    mesh.checking = Checking::Assumed;
    let [slow, waiting] = [0, 1].map(|_| mesh.greeted(0));
    let lists = |mesh: &mut Mesh| -> Vec<(u32, Option<ShortId>)> {
        let heard = mesh.heard(0, slow);
        let list = |message: Message| match message {
            Message::Reconcile(message) => match *message {
                Reconcile::List { number, after } => Some((number, after)),
                _ => None,
            },
            _ => None,
        };
        heard.into_iter().filter_map(list).collect()
    };
    let offer = |mesh: &mut Mesh, number: u32, ids: Vec<ShortId>| {
        mesh.say(0, slow, Message::Reconcile(Box::new(Reconcile::Offer { number, ids })));
    };
    // The first part is one that the node has. Of the second part, a single item comes.
    let held: Vec<_> =
        (0..OFFER_ENTRIES_MAX as u32).map(|number| make::transaction(number, 0, 1_000, 0)).collect();
    held.iter().for_each(|item| mesh.submit(0, item));
    mesh.run_secs(3);
    let mut first: Vec<_> = held.iter().map(|item| item.id().short()).collect();
    first.sort();
    claim(&mut mesh, slow, 1);
    let [(number, None)] = lists(&mut mesh)[..] else { panic!("it lists from the beginning") };
    offer(&mut mesh, number, first.clone());
    let [(number, after)] = lists(&mut mesh)[..] else { panic!("it lists on") };
    assert_eq!(after, first.last().copied());
    let item = make::transaction(50_000, 0, 1_000, 0);
    let mut second = vec![ShortId([0xff; 8]); OFFER_ENTRIES_MAX];
    second[0] = item.id().short();
    offer(&mut mesh, number, second);
    mesh.say(0, slow, body(&item));
    mesh.run_for(Duration::from_millis(1));
    lists(&mut mesh);
    // Another peer wants to list, and this peer brings nothing more.
    claim(&mut mesh, waiting, 2);
    mesh.run_secs(3);
    assert!(is_asked(&mut mesh, waiting));
    mesh.run_for(LIST_STEP);
    claim(&mut mesh, slow, 3);
    mesh.run_for(LIST_STEP);
    let [(_, again)] = lists(&mut mesh)[..] else { panic!("it lists again") };
    assert_eq!(again, after, "the part that was cut short");
}
