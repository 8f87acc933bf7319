//! Blocks of an exact length, filled with fresh transactions.

use std::collections::BTreeSet;

use protocol::items::block::{Block, transactions_root};
use protocol::items::hash::{BlockId, TxId};
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::SignedTransaction;
use protocol::limits::BLOCK_BYTES_MAX;
use protocol::wire::codec::{Decode as _, Encode as _};
use protocol::wire::message::Tip;
use testnet::random::Seed;
use testnet::workload::items::{BlockMaker, ItemError};

fn network() -> NetworkId {
    "testnet-1".parse().unwrap()
}

fn maker(block_bytes: usize, tx_bytes: usize) -> Result<BlockMaker, ItemError> {
    let [producer, author] = [[1; 32], [2; 32]].map(|seed| SecretKey::from_seed(&seed));
    BlockMaker::new(producer, author, network(), block_bytes, tx_bytes, Seed(1).draws("blocks"))
}

#[test]
fn a_block_has_exactly_the_length_and_all_its_signatures_are_good() {
    for (block_bytes, tx_bytes) in [(1_000, 256), (65_536, 256), (100_000, 1_000), (70_000, 65_000), (20_000, 253)]
    {
        let tip = Tip { height: 22, id: BlockId([9; 32]) };
        let block = maker(block_bytes, tx_bytes).unwrap().make(tip, 1_790_000_000_000).unwrap();
        let encoded = block.to_bytes();
        assert_eq!(encoded.len(), block_bytes);
        assert_eq!(Block::from_bytes(&encoded.into()).unwrap(), block);
        let header = block.header.header();
        assert_eq!((header.height, header.parent), (23, tip.id));
        assert!(block.header.verify(&header.producer.decompress().unwrap(), &network()));
        let transactions: Vec<SignedTransaction> =
            block.transactions.iter().map(|bytes| SignedTransaction::from_bytes(bytes).unwrap()).collect();
        let ids: Vec<TxId> = transactions.iter().map(SignedTransaction::id).collect();
        assert_eq!((header.transactions_root, header.count as usize), (transactions_root(&ids), ids.len()));
        assert!(transactions.iter().all(|one| one.verify(&one.author().decompress().unwrap(), &network())));
    }
}

#[test]
fn every_length_in_a_row_can_be_made() {
    // With the longest transactions, the last one can't also take the bytes that another count would leave over.
    let long = (66_080..66_120).map(|block_bytes| (block_bytes, 65_651));
    for (block_bytes, tx_bytes) in (5_000..5_600).map(|block_bytes| (block_bytes, 256)).chain(long) {
        let tip = Tip { height: 0, id: network().genesis() };
        let block = maker(block_bytes, tx_bytes).unwrap().make(tip, 1_790_000_000_000).unwrap();
        assert_eq!(block.encoded_len(), block_bytes);
    }
}

#[test]
fn successive_blocks_share_no_transaction() {
    let mut maker = maker(10_000, 256).unwrap();
    let mut tip = Tip { height: 254, id: network().genesis() };
    let mut seen = BTreeSet::new();
    for _ in 0..3 {
        let block = maker.make(tip, 1_790_000_000_000).unwrap();
        assert_eq!(block.encoded_len(), 10_000);
        assert!(block.transactions.iter().all(|bytes| seen.insert(SignedTransaction::id_of(bytes))));
        tip = Tip { height: tip.height + 1, id: block.header.id() };
    }
}

#[test]
fn lengths_that_no_block_has_are_refused() {
    for (block_bytes, tx_bytes) in [(0, 256), (250, 256), (BLOCK_BYTES_MAX + 1, 256), (BLOCK_BYTES_MAX, 20)] {
        let refused = maker(block_bytes, tx_bytes);
        assert!(matches!(refused, Err(ItemError::BlockBytes { .. })), "{block_bytes} of {tx_bytes}");
    }
    assert!(maker(BLOCK_BYTES_MAX, 256).is_ok());
}
