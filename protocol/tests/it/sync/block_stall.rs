//! A peer that holds up the blocks of all others is waited for in vain for 2 s, then for 4 s and 8 s, and for 2 s
//! again.

use std::collections::BTreeMap;
use std::sync::Arc;

use protocol::gossip::{Direction, PeerHandle, RelayPolicy};
use protocol::items::block::Block;
use protocol::limits::{BLOCK_STALL_MAX, BLOCK_STALL_MIN, REQUEST_EXPIRY_MAX};
use protocol::time::Duration;
use protocol::wire::message::{Hello, Message};

use crate::harness::{Checking, Mesh, block, genesis, network, tip_of, transaction};

const STEP: Duration = Duration::from_millis(1);

/// A node, peers that have all blocks, and the requests to them. Twenty transactions that may each have the
/// largest size give a request the longest expiry, 5 s. So the expiry never ends a stall of 2 or 4 s.
struct Scene {
    mesh: Mesh,
    peers: Vec<PeerHandle>,
    blocks: Vec<Arc<Block>>,
    /// For each height, how many of the next requests nobody answers.
    withheld: BTreeMap<usize, usize>,
    /// For each height, the peers that were asked, and when, in ms.
    asked: BTreeMap<usize, Vec<(u64, PeerHandle)>>,
}

impl Scene {
    fn new(peers: usize, length: u64) -> Self {
        let mut tip = genesis();
        let next = |number: u64| {
            let items: Vec<_> = (0..20).map(|item| transaction(1, number * 20 + item, 0)).collect();
            let next = block(tip, &items, number);
            tip = tip_of(&next);
            next
        };
        let blocks: Vec<_> = (0..length).map(next).collect();
        let mut mesh = Mesh::new(1, RelayPolicy::Announce);
        mesh.checking = Checking::Assumed;
        let greet = |_| {
            let peer = mesh.raw(0, Direction::Outbound);
            mesh.say(0, peer, Message::Hello(Hello::new(&network(), tip)));
            peer
        };
        let peers: Vec<_> = (0..peers).map(greet).collect();
        mesh.say(0, peers[0], Message::Headers(blocks.iter().map(|block| block.header).collect()));
        Self { mesh, peers, blocks, withheld: BTreeMap::new(), asked: BTreeMap::new() }
    }

    /// Lets `span` pass. A requested block arrives one step later, unless it is withheld.
    fn run(&mut self, span: Duration) {
        for _ in 0..span.as_millis() {
            self.mesh.run_for(STEP);
            for peer in self.peers.clone() {
                for message in self.mesh.heard(0, peer) {
                    let Message::GetBlock { id, .. } = message else { continue };
                    let place = self.blocks.iter().position(|block| block.header.id() == id).unwrap();
                    let now = self.mesh.now.as_micros() / 1_000;
                    self.asked.entry(place + 1).or_default().push((now, peer));
                    match self.withheld.get_mut(&(place + 1)) {
                        Some(left) if *left > 0 => *left -= 1,
                        _ => self.mesh.say(0, peer, Message::Block(self.blocks[place].clone())),
                    }
                }
            }
        }
    }

    /// The times between the requests for a height, in ms, rounded to 10. The scene itself causes differences of a
    /// step.
    fn gaps(&self, height: usize) -> Vec<u64> {
        self.asked[&height].windows(2).map(|pair| (pair[1].0 - pair[0].0 + 5) / 10 * 10).collect()
    }

    fn height(&self) -> u64 {
        self.mesh.nodes[0].tip().height
    }

    fn strikes(&self, peer: PeerHandle) -> u32 {
        self.mesh.nodes[0].peer(peer).unwrap().strikes
    }
}

const MIN_MS: u64 = BLOCK_STALL_MIN.as_millis();

#[test]
fn what_one_peer_withholds_comes_from_another_within_two_seconds_and_a_trip() {
    assert_eq!(MIN_MS, 2_000);
    let mut scene = Scene::new(4, 3);
    scene.withheld.insert(1, 1);
    scene.run(BLOCK_STALL_MIN);
    assert_eq!((scene.height(), scene.asked[&1].len()), (0, 1));
    scene.run(STEP.times(4));
    assert_eq!(scene.height(), 3);
    let [(_, withholder), (_, other)] = scene.asked[&1][..] else { panic!("{:?}", scene.asked) };
    assert_ne!(withholder, other);
    assert_eq!((scene.strikes(withholder), scene.strikes(other)), (1, 0));
    let stats = scene.mesh.nodes[0].stats();
    assert_eq!((stats.requests_stalled, stats.requests_expired, stats.block_duplicates), (1, 0, 0));
}

#[test]
fn the_time_doubles_with_each_staller_and_a_connected_block_puts_it_back() {
    let mut scene = Scene::new(4, 9);
    scene.withheld.extend([(1, 3), (6, 1)]);
    scene.run(Duration::from_secs(20));
    assert_eq!(scene.height(), 9);
    // The third staller would have 8 s, so its request expires before.
    assert!(BLOCK_STALL_MAX == BLOCK_STALL_MIN.times(4) && BLOCK_STALL_MAX > REQUEST_EXPIRY_MAX);
    assert_eq!(scene.gaps(1), [MIN_MS, 2 * MIN_MS, REQUEST_EXPIRY_MAX.as_millis()]);
    assert_eq!(scene.gaps(6), [MIN_MS]);
    let stats = scene.mesh.nodes[0].stats();
    assert_eq!((stats.requests_stalled, stats.requests_expired), (3, 1));
}

#[test]
fn a_request_that_nobody_could_take_over_is_not_ended() {
    let mut scene = Scene::new(1, 3);
    scene.withheld.insert(1, 1);
    scene.run(Duration::from_millis(4_900));
    assert_eq!((scene.asked[&1].len(), scene.strikes(scene.peers[0])), (1, 0));
    assert_eq!(scene.mesh.nodes[0].stats().requests_stalled, 0);
    // A peer that has the blocks too connects. It is asked when the request expires.
    let peer = scene.mesh.raw(0, Direction::Outbound);
    scene.mesh.say(0, peer, Message::Hello(Hello::new(&network(), tip_of(&scene.blocks[2]))));
    scene.peers.push(peer);
    scene.run(Duration::from_millis(200));
    assert_eq!(scene.height(), 3);
}

#[test]
fn a_slow_peer_is_waited_for_while_nobody_went_ahead() {
    let mut scene = Scene::new(4, 1);
    scene.withheld.insert(1, 1);
    scene.run(Duration::from_secs(6));
    assert_eq!(scene.gaps(1), [REQUEST_EXPIRY_MAX.as_millis()]);
    assert_eq!(scene.mesh.nodes[0].stats().requests_stalled, 0);
}
