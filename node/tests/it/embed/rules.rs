//! A program gives its node rules of its own.

use std::sync::Arc;

use node::{Event, Node, NodeError};
use protocol::gossip::{Refusal, Submission};
use protocol::items::block::{Block, Header, transactions_root};
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::{Height, SignedTransaction};
use protocol::items::validator::Validator;
use tokio::time::timeout;

use super::{builder, joining, start};
use crate::support::harness::{PATIENCE, transaction};

const ODD: Refusal = Refusal::Rule("only even nonces");

/// Takes every block, and transactions with even nonces.
#[derive(Debug)]
struct Even;

impl Validator for Even {
    fn transaction(&self, transaction: &SignedTransaction, _tip: Height) -> Result<(), Refusal> {
        if transaction.nonce().is_multiple_of(2) { Ok(()) } else { Err(ODD) }
    }

    fn header(&self, _header: &Header) -> Result<(), Refusal> {
        Ok(())
    }
}

fn no_x(payload: &[u8]) -> Result<(), &'static str> {
    if payload.contains(&b'x') { Err("no x is wanted") } else { Ok(()) }
}

/// The first block, with these transactions.
fn block(transactions: &[Arc<SignedTransaction>]) -> Block {
    let network: NetworkId = "test".parse().expect("a name");
    let ids: Vec<_> = transactions.iter().map(|item| item.id()).collect();
    let key = SecretKey::from_seed(&[7; 32]);
    let header = Header {
        height: 1,
        parent: network.genesis(),
        producer: key.public(),
        timestamp_ms: 1,
        transactions_root: transactions_root(&ids),
        count: ids.len() as u32,
    };
    let transactions = transactions.iter().map(|item| item.encoded().clone()).collect();
    Block { header: header.sign(&key, &network), transactions }
}

async fn refusal(node: &Node, item: Arc<SignedTransaction>) -> Option<Refusal> {
    match node.submit(item).await {
        Err(NodeError::Refused(refusal)) => Some(refusal),
        Ok(_) => None,
        Err(other) => panic!("{other}"),
    }
}

#[tokio::test]
async fn its_own_validator_refuses_in_its_own_words() {
    let node = start(builder().validator(Even)).await;
    assert_eq!(refusal(&node, transaction(3, 1, 10)).await, Some(ODD));
    assert_eq!(refusal(&node, transaction(3, 2, 10)).await, None);
    let error = node.submit(transaction(3, 5, 10)).await.expect_err("it is odd").to_string();
    assert_eq!(error, "the item was refused, and nothing of it is kept: only even nonces");
    let bad = node.publish(block(&[transaction(3, 2, 10), transaction(3, 3, 10)])).await;
    assert!(matches!(bad, Err(NodeError::Refused(ODD))), "{bad:?}");
    let good = node.publish(block(&[transaction(3, 2, 10)])).await;
    assert!(matches!(good, Ok(Submission::Accepted)), "{good:?}");
    node.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_node_with_other_rules_passes_on_what_this_one_refuses_and_is_not_blamed() {
    let first = start(builder()).await;
    let second = start(joining(&first).validator(Even)).await;
    let mut events = second.events();
    for nonce in [1, 2] {
        assert_eq!(refusal(&first, transaction(3, nonce, 10)).await, None);
    }
    let heard = async {
        loop {
            match events.next().await.expect("it runs") {
                Event::Transaction(transaction) => return transaction.nonce(),
                _ => continue,
            }
        }
    };
    assert_eq!(timeout(PATIENCE, heard).await.expect("in time"), 2);
    assert_eq!(second.peers().await.expect("it runs").len(), 1);
    for node in [second, first] {
        node.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn a_rule_for_payloads_holds_on_top_of_the_standard_rules_and_in_blocks() {
    let node = start(builder().payload_rule(no_x)).await;
    let refused = node.send("extra").await;
    assert!(matches!(refused, Err(NodeError::Refused(Refusal::Rule("no x is wanted")))), "{refused:?}");
    node.send("more").await.expect("accepted");
    let late = node.sign(1, 0, "late").expect("short enough");
    let late = node.submit(late).await;
    assert!(matches!(late, Err(NodeError::Refused(Refusal::Expired { .. }))), "{late:?}");
    // 120 is an x.
    let bad = node.publish(block(&[transaction(b'x', 1, 10)])).await;
    assert!(matches!(bad, Err(NodeError::Refused(Refusal::Rule("no x is wanted")))), "{bad:?}");
    node.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_rule_for_payloads_and_a_validator_both_hold() {
    let node = start(builder().payload_rule(no_x).validator(Even)).await;
    assert_eq!(refusal(&node, transaction(3, 1, 10)).await, Some(ODD));
    assert_eq!(refusal(&node, transaction(b'x', 2, 10)).await, Some(Refusal::Rule("no x is wanted")));
    assert_eq!(refusal(&node, transaction(3, 2, 10)).await, None);
    node.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_block_counts_only_if_its_producer_is_named_unless_the_owner_vouches_for_all() {
    let nobody = || Node::builder("test").listen(["/ip4/127.0.0.1/tcp/0"]);
    let node = start(nobody()).await;
    let refused = node.publish(block(&[])).await;
    assert!(matches!(refused, Err(NodeError::Refused(Refusal::ProducerNotAllowed))), "{refused:?}");
    node.stop().await.expect("a clean end");
    let named = nobody().producers([SecretKey::from_seed(&[7; 32]).public()]);
    for builder in [named, nobody().rpc_any_producer(true)] {
        let node = start(builder).await;
        let taken = node.publish(block(&[])).await;
        assert!(matches!(taken, Ok(Submission::Accepted)), "{taken:?}");
        node.stop().await.expect("a clean end");
    }
}
