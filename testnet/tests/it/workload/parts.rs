//! Several loads on the same nodes: the same authors at the same homes, and no transaction twice.

use std::collections::{BTreeMap, BTreeSet};

use protocol::items::hash::TxId;
use protocol::items::keys::PublicKey;
use protocol::items::network::NetworkId;
use testnet::random::Seed;
use testnet::workload::{Entry, Length, Load, Workload};

fn part(load: &Load, number: u32) -> Vec<Entry> {
    let network: NetworkId = "testnet-1".parse().unwrap();
    let mut workload = Workload::new(load, 20, &network, Seed(1)).unwrap().part(number);
    std::iter::from_fn(|| workload.next_entry().unwrap()).collect()
}

fn ids(entries: &[Entry]) -> BTreeSet<TxId> {
    entries.iter().map(|entry| entry.transaction.id()).collect()
}

fn homes(entries: &[Entry]) -> BTreeMap<PublicKey, usize> {
    entries.iter().map(|entry| (entry.transaction.author(), entry.node)).collect()
}

#[test]
fn authors_stay_where_they_are_and_write_other_transactions() {
    let load = Load { length: Length::Transactions(300), ..Load::default() };
    let parts = [0, 1, 2].map(|number| part(&load, number));
    let all: BTreeSet<TxId> = parts.iter().flat_map(|entries| ids(entries)).collect();
    assert_eq!(all.len(), 900);
    assert_eq!(homes(&parts[1]), homes(&parts[0]));
    assert_eq!(homes(&parts[2]), homes(&parts[0]));
    // The first part is the load without parts. A part is the same whenever it is asked for.
    let network: NetworkId = "testnet-1".parse().unwrap();
    let first = Workload::new(&load, 20, &network, Seed(1)).unwrap().next_entry().unwrap();
    assert_eq!(first.as_ref(), parts[0].first());
    assert_eq!(ids(&part(&load, 2)), ids(&parts[2]));
}

#[test]
fn one_time_authors_of_another_part_are_others() {
    let load = Load { length: Length::Transactions(50), one_time_authors: 1.0, ..Load::default() };
    let (first, second) = (homes(&part(&load, 0)), homes(&part(&load, 1)));
    assert_eq!((first.len(), second.len()), (50, 50));
    assert!(first.keys().all(|author| !second.contains_key(author)));
}
