//! Transactions of an exact length.

use std::collections::BTreeSet;

use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use testnet::random::Seed;
use testnet::workload::items::{TX_BYTES_MAX, TX_BYTES_MIN, TxShape};

fn made(bytes: usize, sequence: u64, valid_until: u64) -> usize {
    let key = SecretKey::from_seed(&[7; 32]);
    let network: NetworkId = "testnet-1".parse().unwrap();
    let shape = TxShape::new(bytes).unwrap();
    let mut draws = Seed(1).draws("payload");
    let transaction = shape.make(&key, &network, sequence, valid_until, &mut draws).unwrap();
    assert!(transaction.verify(&key.public().decompress().unwrap(), &network));
    transaction.encoded().len()
}

#[test]
fn every_length_can_be_made_exactly() {
    // Around each place where the length of a header before the payload grows, for both sizes of nonce.
    let edges = [TX_BYTES_MIN..200, 360..390, 65_636..TX_BYTES_MAX + 1];
    for bytes in edges.into_iter().flatten().chain([256, 1_000, 4_096]) {
        assert_eq!(made(bytes, 0, 1_000), bytes);
    }
}

#[test]
fn sequence_and_height_do_not_change_the_length() {
    for bytes in [TX_BYTES_MIN, 137, 256, 377, 65_648] {
        assert_eq!(
            [(1, 1_000), (1 << 20, 1_000), (3, 0), (3, u64::MAX)].map(|(s, v)| made(bytes, s, v)),
            [bytes; 4]
        );
    }
}

#[test]
fn the_limits_stand() {
    for bytes in [0, TX_BYTES_MIN - 1, TX_BYTES_MAX + 1, usize::MAX] {
        let message = TxShape::new(bytes).unwrap_err().to_string();
        assert_eq!(message, format!("no transaction is {bytes} bytes long: use 110 to 65651"));
    }
}

#[test]
fn transactions_of_one_author_differ() {
    let key = SecretKey::from_seed(&[7; 32]);
    let network: NetworkId = "testnet-1".parse().unwrap();
    let mut draws = Seed(1).draws("payload");
    let shape = TxShape::new(TX_BYTES_MIN).unwrap();
    let nonces: BTreeSet<u64> =
        (0..100).map(|number| shape.make(&key, &network, number, 1_000, &mut draws).unwrap().nonce()).collect();
    assert_eq!(nonces.len(), 100);
}
