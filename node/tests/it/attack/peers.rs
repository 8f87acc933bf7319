//! Attacks on discovery and slots, on real nodes: endless names from one address, and slots that idle peers hold.

use std::collections::HashSet;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::thread::spawn;
use std::time::{Duration, Instant};

use futures::StreamExt as _;
use libp2p::identity::Keypair;
use libp2p::kad::store::MemoryStore;
use libp2p::swarm::{self, NetworkBehaviour, SwarmEvent};
use libp2p::{Swarm, identify, kad};
use node::net::handler::protocol_name;
use node::net::swarm::PROTOCOL_VERSION;
use node::net::transport::own::Dials;
use node::net::transport::{self, WireBytes};
use node::store::KEPT_PEERS_MAX;
use node::store::{RedbStore, Store as _, StoreOptions};
use protocol::items::network::NetworkId;

use crate::attack::figures::Row;
use crate::attack::stage::{Stage, door, run};
use crate::support::hostile_client::HostileClient;
use crate::support::namespaces::{until, until_within};

/// Connections at once, each with a new name. They are fewer than one address may have.
const AT_ONCE: usize = 6;

/// The number of idle peers: as many as there are slots.
const IDLERS: usize = 64;

/// How long a newcomer may wait for a slot at a node that is full of idle peers.
const NEWCOMER: Duration = Duration::from_secs(120);

fn network() -> NetworkId {
    "test".parse().expect("a name")
}

/// A node's data as identify shows them.
#[derive(NetworkBehaviour)]
struct Pretender {
    identify: identify::Behaviour,
    kad: kad::Behaviour<MemoryStore>,
}

/// Connects under a new name, tells an address that no node has, and disconnects when that was received.
async fn tell_a_name(number: usize) -> Option<Vec<u8>> {
    let key = Keypair::generate_ed25519();
    let id = key.public().to_peer_id();
    let transport = transport::build(&key, &Arc::new(WireBytes::default()), None, &Dials::default()).ok()?;
    let identify = identify::Behaviour::new(identify::Config::new(PROTOCOL_VERSION.to_owned(), key.public()));
    let protocol = protocol_name(&network(), "kad", 1);
    let mut kad = kad::Behaviour::with_config(id, MemoryStore::new(id), kad::Config::new(protocol));
    kad.set_mode(Some(kad::Mode::Server));
    let config = swarm::Config::with_tokio_executor().with_idle_connection_timeout(Duration::from_secs(5));
    let mut swarm = Swarm::new(transport, Pretender { identify, kad }, id, config);
    let told = format!("/ip4/46.{}.{}.{}/tcp/4001", 128 + number / 65_536, number / 256 % 256, number % 256);
    swarm.add_external_address(told.parse().expect("an address"));
    swarm.dial(door(0, "tcp/4001")).ok()?;
    let told = async {
        loop {
            match swarm.select_next_some().await {
                SwarmEvent::Behaviour(PretenderEvent::Identify(identify::Event::Sent { .. })) => return Some(()),
                SwarmEvent::ConnectionClosed { .. } | SwarmEvent::OutgoingConnectionError { .. } => return None,
                _ => {}
            }
        }
    };
    let heard = tokio::time::timeout(Duration::from_secs(5), told).await.ok().flatten();
    // What was written last is still on its way.
    let _ = tokio::time::timeout(Duration::from_millis(50), async { while swarm.next().await.is_some() {} }).await;
    heard.map(|()| id.to_bytes())
}

#[test]
#[ignore = "an attack on real nodes, which needs root: scripts/prove.sh attack"]
fn attack_5_one_address_tells_names_without_end() {
    let mut stage = Stage::new(None);
    let told: HashSet<Vec<u8>> = stage.attack(async |until| {
        let next = Arc::new(AtomicUsize::new(0));
        let tellers = (0..AT_ONCE).map(|_| {
            let next = Arc::clone(&next);
            async move {
                let mut told = Vec::new();
                while Instant::now() < until {
                    let heard = tell_a_name(next.fetch_add(1, Ordering::Relaxed)).await;
                    if heard.is_none() {
                        // It was turned away: others of this address are there.
                        tokio::time::sleep(Duration::from_millis(20)).await;
                    }
                    told.extend(heard);
                }
                told
            }
        });
        futures::future::join_all(tellers).await.into_iter().flatten().collect()
    });
    println!("  {} names were told", told.len());
    let rows = vec![Row::at_least("names told", told.len() as f64, 50.0, "")];
    stage.verdict_after(5, "names without end from one address", rows, |data_dir| {
        let options = StoreOptions { network: network(), now_s: || 1_000 };
        let known = RedbStore::open(data_dir, options).expect("a store").peers().expect("readable");
        let theirs = known.iter().filter(|peer| told.contains(&peer.peer)).count();
        println!("  of {} peers that the victim keeps, {theirs} are the attacker's", known.len());
        let share = theirs as f64 / KEPT_PEERS_MAX as f64;
        vec![Row::at_most("share of the saved book's places", share, 0.1, "")]
    });
}

#[test]
#[ignore = "an attack on real nodes, which needs root: scripts/prove.sh attack"]
fn attack_6_idle_peers_hold_all_slots() {
    let mut stage = Stage::new(None);
    let (stop, idle) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicUsize::new(0)));
    let waited = stage.during(|stage| {
        let (space, stopped, count) = (stage.space("attacker").clone(), Arc::clone(&stop), Arc::clone(&idle));
        let idlers = spawn(move || {
            space.inside(move || {
                run(async move {
                    let mut clients = Vec::new();
                    for number in 0..IDLERS {
                        // Four of a group.
                        let mut client = HostileClient::greeted(&door((number / 4) as u8, "tcp/4001")).await;
                        client.drain();
                        clients.push(client);
                        count.fetch_add(1, Ordering::Relaxed);
                    }
                    while !stopped.load(Ordering::Relaxed) {
                        tokio::time::sleep(Duration::from_millis(100)).await;
                    }
                });
            });
        });
        until(|| (idle.load(Ordering::Relaxed) == IDLERS).then_some(())).expect("all slots are taken");
        let newcomer = stage.newcomer();
        let began = Instant::now();
        // An inbound slot: the victim's own are full of honest peers, and it must not have dialled the newcomer.
        let name = newcomer.peer_id();
        let has_slot =
            || stage.victim.peers().iter().any(|peer| peer.peer_id == name && peer.inbound && peer.ready);
        let met = until_within(NEWCOMER, || has_slot().then(|| began.elapsed()));
        // The honest load goes on beside the idle peers.
        std::thread::sleep(Duration::from_secs(20));
        stop.store(true, Ordering::Relaxed);
        idlers.join().expect("no panic");
        met.unwrap_or(Duration::MAX.min(NEWCOMER * 10))
    });
    let rows = vec![Row::at_most(
        "until a newcomer has an inbound slot",
        waited.as_secs_f64(),
        NEWCOMER.as_secs_f64(),
        " s",
    )];
    stage.verdict(6, "64 idle peers", rows);
}
