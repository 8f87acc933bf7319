//! Who lists its mempool to a node that lacks much, and for how long a claim to hold much is believed.

use protocol::gossip::{AuthorTree, Direction, PeerHandle, Reconciliation, RelayPolicy};
use protocol::hash::ShortId;
use protocol::limits::OFFER_ENTRIES_MAX;
use protocol::message::{Digest, Hello, Message, Outcome, Reconcile};
use protocol::time::Duration;

use crate::harness::{Checking, Mesh, genesis, network, transaction};

/// What a peer does that says it holds a million transactions.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Liar {
    /// Says nothing more.
    Silent,
    /// Lists what doesn't exist, and says so when it is asked for it.
    MakesUp,
    /// Comes back on a new connection each second.
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

    /// What they say at each quarter of a second.
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
                // Our own opening: the attacker holds more, it says.
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

/// Three nodes that hold 6,000 transactions, and a fourth, node 0, that holds none.
fn network_of_6_000() -> Mesh {
    let on = Reconciliation { interval: Duration::from_secs(1), ..Reconciliation::default() };
    let mut mesh = Mesh::reconciling(4, RelayPolicy::AuthorTree(AuthorTree::default()), on, 3);
    mesh.checking = Checking::Assumed;
    for author in 0..100_u8 {
        for nonce in 0..60_u64 {
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

/// Milliseconds until node 0 holds 5,900 of the 6,000, at most five minutes, and how many it holds then.
fn join_time(attack: Option<(usize, Direction, Liar)>, dials: bool) -> (u64, usize) {
    let mut mesh = network_of_6_000();
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
    for step in 1..=1_200 {
        mesh.run_for(Duration::from_millis(250));
        if let Some(attack) = &mut attack {
            attack.act(&mut mesh, step);
        }
        if mesh.nodes[0].mempool().transactions >= 5_900 {
            return (step * 250, mesh.nodes[0].mempool().transactions);
        }
    }
    (300_000, mesh.nodes[0].mempool().transactions)
}

#[test]
fn one_peer_that_claims_much_delays_a_newcomer_by_no_more_than_its_time() {
    let (alone, _) = join_time(None, true);
    let (took, held) = join_time(Some((1, Direction::Inbound, Liar::Silent)), true);
    println!("alone {alone} ms; with one liar {took} ms, {held} held");
    assert!(took <= 2 * alone, "alone {alone} ms; with one liar {took} ms, {held} held");
}

#[test]
fn eight_liars_that_dial_us_do_not_delay_what_we_dialled_for() {
    let (alone, _) = join_time(None, true);
    for liar in [Liar::Silent, Liar::MakesUp, Liar::Reconnects] {
        let (took, held) = join_time(Some((8, Direction::Inbound, liar)), true);
        println!("{liar:?}: alone {alone} ms; with eight {took} ms, {held} held");
        assert!(took <= 2 * alone, "{liar:?}: alone {alone} ms; with eight {took} ms, {held} held");
    }
}

/// A claim is believed for two seconds, and the liars that came first have one turn each.
#[test]
fn liars_among_our_own_kind_delay_by_one_short_turn_each() {
    for (direction, dials) in [(Direction::Outbound, true), (Direction::Inbound, false)] {
        let (alone, _) = join_time(None, dials);
        for liar in [Liar::Silent, Liar::MakesUp, Liar::Reconnects] {
            let (took, held) = join_time(Some((7, direction, liar)), dials);
            println!("{direction:?} {liar:?}: alone {alone} ms; with seven {took} ms, {held} held");
            assert!(took <= alone + 7 * 2_500 + 2_500, "{direction:?} {liar:?}: {took} ms, {held} held");
        }
    }
}
