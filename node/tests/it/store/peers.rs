//! Known peers are replaced as a whole, keep their order, are bounded, and survive runs that met nobody.

use node::store::{
    KEPT_ADDRESSES_MAX, KEPT_PEERS_MAX, KnownPeer, PEER_ADDRESS_BYTES_MAX, PEER_ID_BYTES_MAX, RedbStore, Store,
    StoreError, StoreOptions,
};

use crate::store::disk::Disk;
use crate::store::support::{memory, open};
use crate::support::harness::{Node, config};

fn peer(number: usize) -> KnownPeer {
    let addresses = (0..number % (KEPT_ADDRESSES_MAX + 1)).map(|n| format!("/ip4/192.0.2.{n}/tcp/{number}"));
    KnownPeer { peer: number.to_be_bytes().to_vec(), addresses: addresses.collect() }
}

#[test]
fn the_last_list_comes_back_in_order() {
    let disk = Disk::default();
    let lists: [Vec<_>; 3] =
        [(0..KEPT_PEERS_MAX).map(peer).collect(), (5..9).rev().map(peer).collect(), Vec::new()];
    for list in lists {
        let mut stores: [Box<dyn Store>; 2] = [Box::new(open(disk.clone()).expect("a store")), Box::new(memory())];
        for store in &mut stores {
            store.save_peers(&list).expect("kept");
            assert_eq!(store.peers().expect("readable"), list);
        }
        drop(stores);
        assert_eq!(open(disk.clone()).expect("the same").peers().expect("readable"), list);
    }
}

#[test]
fn what_is_over_a_bound_changes_nothing_and_ends_nothing() {
    let kept = vec![peer(3)];
    let long = |bytes| KnownPeer { peer: vec![1], addresses: vec!["x".repeat(bytes)] };
    let over = [
        (0..=KEPT_PEERS_MAX).map(peer).collect(),
        vec![KnownPeer { peer: vec![1; PEER_ID_BYTES_MAX + 1], addresses: Vec::new() }],
        vec![KnownPeer { peer: vec![1], addresses: vec![String::new(); KEPT_ADDRESSES_MAX + 1] }],
        vec![long(PEER_ADDRESS_BYTES_MAX + 1)],
    ];
    let stores: [Box<dyn Store>; 2] = [Box::new(open(Disk::default()).expect("a store")), Box::new(memory())];
    for mut store in stores {
        store.save_peers(&kept).expect("kept");
        for list in &over {
            let refused = store.save_peers(list);
            assert!(matches!(refused, Err(StoreError::TooMany { .. })), "{refused:?}");
        }
        assert_eq!(store.peers().expect("readable"), kept);
        store.save_peers(&[long(PEER_ADDRESS_BYTES_MAX)]).expect("on the bound");
    }
}

#[test]
fn of_a_peers_addresses_the_first_that_fit_are_kept() {
    let text = |bytes| "x".repeat(bytes);
    let told = [text(PEER_ADDRESS_BYTES_MAX + 1), text(PEER_ADDRESS_BYTES_MAX)].into_iter();
    let kept = KnownPeer::new(vec![1], told.chain((0..KEPT_ADDRESSES_MAX).map(text)));
    assert_eq!(kept.addresses.len(), KEPT_ADDRESSES_MAX);
    assert_eq!(kept.addresses[0].len(), PEER_ADDRESS_BYTES_MAX);
    memory().save_peers(&[kept]).expect("within the bounds");
}

#[tokio::test]
async fn a_run_that_met_nobody_keeps_the_peers_of_the_one_before() {
    let dir = tempfile::tempdir().expect("a directory");
    let options = || StoreOptions { network: config(1).network, now_s: || 1_000 };
    let unreachable = |n: u8| KnownPeer {
        peer: libp2p::PeerId::random().to_bytes(),
        addresses: vec![format!("/ip4/127.0.0.1/tcp/{}", u16::from(n) + 1)],
    };
    let mut known: Vec<_> = (0..20).map(unreachable).collect();
    known.sort_unstable_by(|a, b| a.peer.cmp(&b.peer));
    RedbStore::open(dir.path(), options()).expect("a store").save_peers(&known).expect("kept");
    let settings = node::config::Config { data_dir: Some(dir.path().to_owned()), ephemeral: false, ..config(1) };
    Node::start(settings).await.stop().await;
    let store = RedbStore::open(dir.path(), options()).expect("the same");
    let mut after = store.peers().expect("readable");
    after.sort_unstable_by(|a, b| a.peer.cmp(&b.peer));
    assert_eq!(after, known);
}
