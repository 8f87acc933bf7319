//! A chain's own rules are told at the start of the blocks that an earlier run had connected.

use std::path::Path;
use std::sync::{Arc, Mutex};

use node::Node;
use protocol::gossip::Refusal;
use protocol::items::block::{Block, Header, SignedHeader, transactions_root};
use protocol::items::hash::BlockId;
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::{Height, SignedTransaction};
use protocol::items::validator::Validator;

use super::{builder, start};
use crate::support::harness::transaction;

/// Block ids and the nonces of their transactions.
type Told = Arc<Mutex<Vec<(BlockId, Vec<u64>)>>>;

/// Takes everything, and notes of what it was told.
#[derive(Debug)]
struct Noting {
    from: Option<Height>,
    told: Told,
}

impl Validator for Noting {
    fn transaction(&self, _transaction: &SignedTransaction, _tip: Height) -> Result<(), Refusal> {
        Ok(())
    }

    fn header(&self, _header: &Header) -> Result<(), Refusal> {
        Ok(())
    }

    fn connected(&self, header: &SignedHeader, transactions: &[Arc<SignedTransaction>]) {
        let nonces = transactions.iter().map(|transaction| transaction.nonce()).collect();
        self.told.lock().expect("nobody panicked").push((header.id(), nonces));
    }

    fn connected_from(&self) -> Option<Height> {
        self.from
    }
}

fn block(height: Height, parent: BlockId, nonces: &[u64]) -> Block {
    let network: NetworkId = "test".parse().expect("a name");
    let transactions: Vec<_> = nonces.iter().map(|nonce| transaction(3, *nonce, 10)).collect();
    let ids: Vec<_> = transactions.iter().map(|item| item.id()).collect();
    let key = SecretKey::from_seed(&[7; 32]);
    let (transactions_root, count) = (transactions_root(&ids), ids.len() as u32);
    let header = Header { height, parent, producer: key.public(), timestamp_ms: height, transactions_root, count };
    let transactions = transactions.iter().map(|item| item.encoded().clone()).collect();
    Block { header: header.sign(&key, &network), transactions }
}

/// A node with this data dir whose rules want to be told from a height on, and what they are told.
async fn noting(dir: &Path, from: Option<Height>) -> (Node, Told) {
    let told = Told::default();
    let rules = Noting { from, told: Arc::clone(&told) };
    (start(builder().data_dir(dir).validator(rules)).await, told)
}

#[tokio::test]
async fn rules_are_told_from_the_height_that_they_name_in_order_and_with_the_transactions() {
    let dir = tempfile::tempdir().expect("a directory");
    let (node, told) = noting(dir.path(), Some(1)).await;
    let mut parent = node.genesis();
    for (height, nonces) in [(1, vec![1, 2]), (2, vec![]), (3, vec![3])] {
        let block = block(height, parent, &nonces);
        parent = block.header.id();
        node.publish(block).await.expect("accepted");
    }
    let all = told.lock().expect("nobody panicked").clone();
    assert_eq!(all.iter().map(|(_, nonces)| nonces.len()).collect::<Vec<_>>(), [2, 0, 1]);
    node.stop().await.expect("a clean end");

    for (from, expected) in
        [(None, &all[3..]), (Some(0), &all[..]), (Some(1), &all[..]), (Some(3), &all[2..]), (Some(4), &all[3..])]
    {
        let (node, told) = noting(dir.path(), from).await;
        assert_eq!(*told.lock().expect("nobody panicked"), expected, "from {from:?}");
        node.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn a_branch_that_was_left_is_not_told() {
    let dir = tempfile::tempdir().expect("a directory");
    let (node, _) = noting(dir.path(), None).await;
    let genesis = node.genesis();
    let (left, first) = (block(1, genesis, &[1]), block(1, genesis, &[2]));
    let second = block(2, first.header.id(), &[3]);
    let best = vec![(first.header.id(), vec![2]), (second.header.id(), vec![3])];
    for block in [left, first, second] {
        node.publish(block).await.expect("accepted");
    }
    node.stop().await.expect("a clean end");

    let (node, told) = noting(dir.path(), Some(1)).await;
    assert_eq!(*told.lock().expect("nobody panicked"), best);
    node.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_rule_for_payloads_before_a_validator_changes_nothing() {
    let dir = tempfile::tempdir().expect("a directory");
    let (node, _) = noting(dir.path(), None).await;
    node.publish(block(1, node.genesis(), &[1])).await.expect("accepted");
    node.stop().await.expect("a clean end");

    let told = Told::default();
    let rules = Noting { from: Some(1), told: Arc::clone(&told) };
    let node = start(builder().data_dir(dir.path()).validator(rules).payload_rule(|_| Ok(()))).await;
    assert_eq!(told.lock().expect("nobody panicked").len(), 1);
    node.stop().await.expect("a clean end");
}
