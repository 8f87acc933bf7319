//! A program hears of accepted items. If it is slow, it is told how many it lost.

use std::sync::Arc;

use bytes::Bytes;
use futures::StreamExt as _;
use node::config::application::items::{ITEM_EVENTS_BYTES_MAX, ITEM_EVENTS_MAX, Items};
use node::{Event, Events, Node};
use protocol::gossip::{Submission, TransactionStatus};
use protocol::items::block::{Block, Header};
use protocol::items::hash::{BlockId, Hash256};
use protocol::items::keys::{PublicKey, SecretKey};
use tokio::time::timeout;

use super::{builder, joining, start};
use crate::support::harness::{PATIENCE, transaction};

/// The next event that `wanted` makes something of.
async fn hears<T>(events: &mut Events, what: &str, wanted: impl Fn(Event) -> Option<T>) -> T {
    let heard = async {
        loop {
            let event = events.next().await.unwrap_or_else(|| panic!("the end came before {what}"));
            if let Some(found) = wanted(event) {
                return found;
            }
        }
    };
    timeout(PATIENCE, heard).await.unwrap_or_else(|_| panic!("waited in vain for {what}"))
}

fn tip(height: u64) -> Event {
    Event::Tip { height, id: BlockId::default(), stale: 0 }
}

/// A block with this number of bytes in its body.
fn block(bytes: usize) -> Event {
    let header = Header {
        height: 1,
        parent: BlockId::default(),
        producer: PublicKey::default(),
        timestamp_ms: 0,
        transactions_root: Hash256::default(),
        count: 1,
    };
    let header = header.sign(&SecretKey::from_seed(&[1; 32]), &"test".parse().expect("a name"));
    Event::Block(Arc::new(Block { header, transactions: vec![Bytes::from(vec![0; bytes])] }))
}

#[tokio::test]
async fn what_one_node_sends_another_hears_alone_and_then_in_a_block() {
    let first = start(builder()).await;
    let second = start(joining(&first)).await;
    let (mut events, mut own) = (second.events(), first.events());
    let id = first.send("hello").await.expect("accepted");
    let heard = hears(&mut own, "its own transaction", |event| match event {
        Event::Transaction(transaction) => Some(transaction),
        _ => None,
    });
    let heard = heard.await;
    assert_eq!((heard.id(), heard.payload()), (id, b"hello".as_slice()));
    hears(&mut events, "the transaction", |event| match event {
        Event::Transaction(transaction) => (transaction.id() == id).then_some(()),
        _ => None,
    })
    .await;
    // The second makes a block of it.
    let maker = start(joining(&second).produce_every(Some(std::time::Duration::from_millis(50)))).await;
    let made = hears(&mut events, "the block", |event| match event {
        Event::Block(block) => (!block.transactions.is_empty()).then_some(block),
        _ => None,
    });
    let made = made.await;
    assert_eq!(made.transactions, [heard.encoded().clone()]);
    let height = made.header.header().height;
    hears(&mut events, "the tip", |event| {
        matches!(event, Event::Tip { height: at, .. } if at >= height).then_some(())
    })
    .await;
    assert_eq!(second.block_at(height).await.expect("it runs"), Some(made));
    let known = second.transaction(id).await.expect("it runs");
    assert!(matches!(known, Some(TransactionStatus::Confirmed { height: at, .. }) if at == height), "{known:?}");
    for node in [maker, second, first] {
        node.stop().await.expect("a clean end");
    }
}

#[tokio::test]
async fn a_reader_that_is_slow_loses_the_oldest_and_is_told_how_many() {
    let node = start(builder()).await;
    let mut slow = node.events();
    let more = 7;
    for nonce in 0..(ITEM_EVENTS_MAX + more) as u64 {
        let submitted = node.submit(transaction(3, nonce, 10)).await;
        assert!(matches!(submitted, Ok(Submission::Accepted)), "{submitted:?}");
    }
    assert_eq!(slow.next().await, Some(Event::Lost(more as u64)));
    let Some(Event::Transaction(next)) = slow.next().await else { panic!("a transaction is next") };
    assert_eq!(next.nonce(), more as u64, "the oldest that is left");
    node.stop().await.expect("a clean end");
    assert_eq!(slow.into_stream().count().await, ITEM_EVENTS_MAX - 1, "the rest, and then the end");
}

#[tokio::test]
async fn blocks_that_wait_for_a_reader_have_a_bound_in_bytes() {
    let items = Items::default();
    let mut events = items.subscribe();
    let each = ITEM_EVENTS_BYTES_MAX / 4;
    (0..6).for_each(|_| items.tell(|| Some(block(each))));
    // Each block has some bytes beside its body, so three fit.
    assert_eq!(events.next().await, Some(Event::Lost(3)));
    for _ in 0..3 {
        assert_eq!(events.next().await, Some(block(each)));
    }
    items.tell(|| Some(tip(1)));
    assert_eq!(events.next().await, Some(tip(1)));
}

#[tokio::test]
async fn an_item_that_is_gone_before_it_can_be_told_counts_as_lost() {
    let items = Items::default();
    items.tell(|| panic!("nobody reads, so no event is made"));
    let mut events = items.subscribe();
    items.tell(|| None);
    items.tell(|| Some(tip(1)));
    items.end();
    let heard = [events.next().await, events.next().await, events.next().await];
    assert_eq!(heard, [Some(Event::Lost(1)), Some(tip(1)), None]);
    assert_eq!(items.subscribe().next().await, None, "a reader that comes after the end");
}

#[tokio::test]
async fn a_reader_is_woken_when_something_comes() {
    let node: Node = start(builder()).await;
    let mut events = node.events();
    let reads = tokio::spawn(async move { events.next().await });
    tokio::task::yield_now().await;
    let sent = node.send("late").await.expect("accepted");
    let heard = timeout(PATIENCE, reads).await.expect("it is woken").expect("no panic");
    assert!(matches!(heard, Some(Event::Transaction(transaction)) if transaction.id() == sent));
    node.stop().await.expect("a clean end");
}
