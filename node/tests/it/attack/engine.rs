//! Attacks on the engine, on real nodes: forged headers, items refused again and again, large answers, expensive
//! questions.

use std::sync::Arc;
use std::sync::atomic::{AtomicU64, Ordering};
use std::time::{Duration, Instant};

use node::rpc::ApiClient as _;
use protocol::items::block::{Block, Header, SignedHeader, transactions_root};
use protocol::items::hash::BlockId;
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::items::transaction::SignedTransaction;
use protocol::wire::codec::{Decode as _, Encode as _};
use protocol::wire::frame::Frame;
use protocol::wire::message::{Lane, Message};

use crate::attack::figures::Row;
use crate::attack::stage::{DOORS, Stage, door, producer, run, signed, source};
use crate::support::hostile_client::{HostileClient, frame};
use crate::support::namespaces::until;
use crate::support::rpc::client;

fn network() -> NetworkId {
    "test".parse().expect("a name")
}

/// A block of `key` on `parent`, or on genesis.
fn block_of(key: &SecretKey, parent: Option<SignedHeader>, salt: u64, items: &[SignedTransaction]) -> Block {
    let ids: Vec<_> = items.iter().map(SignedTransaction::id).collect();
    let header = Header {
        height: parent.map_or(0, |parent| parent.header().height) + 1,
        parent: parent.map_or(network().genesis(), |parent| parent.id()),
        producer: key.public(),
        timestamp_ms: salt,
        transactions_root: transactions_root(&ids),
        count: ids.len() as u32,
    };
    let transactions = items.iter().map(|item| item.encoded().clone()).collect();
    Block { header: header.sign(key, &network()), transactions }
}

pub(crate) fn empty_block(key: &SecretKey, parent: Option<SignedHeader>, salt: u64) -> Block {
    block_of(key, parent, salt, &[])
}

/// A header in the name of the parent's producer that it never signed.
fn forged(parent: &SignedHeader) -> SignedHeader {
    let mut bytes = empty_block(&producer(), Some(*parent), 1).header.to_bytes();
    let at = bytes.len() - 5;
    bytes[at] ^= 0x55;
    SignedHeader::from_bytes(&bytes.into()).expect("well encoded")
}

/// Messages that carry many refused transactions: the first one takes the author's nonce.
fn refused(author: u8, count: u64) -> Vec<Vec<u8>> {
    let key = SecretKey::from_seed(&[author; 32]);
    let items: Vec<_> = (0..count).map(|number| signed(&key, 0, number.to_be_bytes().to_vec())).collect();
    messages(&items)
}

fn messages(items: &[SignedTransaction]) -> Vec<Vec<u8>> {
    let message = |items: &[SignedTransaction]| {
        let bodies = items.iter().map(|item| item.encoded().clone().into()).collect();
        frame(&Message::Transactions { via: None, bodies })
    };
    items.chunks(250).map(message).collect()
}

/// Waits until another header is announced.
async fn next_header(watcher: &mut HostileClient) -> SignedHeader {
    let told = watcher.expect("a header", |message| {
        matches!(message, Message::BlockHeader { .. })
            || matches!(message, Message::Headers(told) if !told.is_empty())
    });
    match told.await {
        Message::BlockHeader { header, .. } => *header,
        Message::Headers(told) => *told.last().expect("not empty"),
        _ => unreachable!("expected"),
    }
}

/// Without the rule, other peers were blamed only if they announced the honest header while it was being verified
/// together with the forgery. Here that is chance, and a node without the rule may pass. So this test shows only
/// that nothing else breaks. The rule is proved by
/// `a_forgery_behind_an_honest_header_is_blamed_on_its_sender_alone` of the engine's tests.
#[test]
#[ignore = "an attack on real nodes, which needs root: scripts/prove.sh attack"]
fn attack_1_a_forged_header_behind_an_honest_one() {
    let mut stage = Stage::new(Some("1s"));
    let stocks = [refused(100, 4_000), refused(101, 4_000)];
    let tries = stage.attack(async move |until| {
        // Together they keep the pool busy for half of the time.
        for (door_of, stock) in (24..).zip(stocks) {
            let mut helper = HostileClient::greeted(&door(door_of, "tcp/4001")).await;
            helper.drain();
            tokio::spawn(async move {
                for message in stock.iter().cycle() {
                    if !helper.write(Lane::Control, message).await {
                        break;
                    }
                    tokio::time::sleep(Duration::from_millis(30)).await;
                }
            });
        }
        let mut watcher = HostileClient::greeted(&source()).await;
        let mut tries = 0;
        while Instant::now() < until && tries < 24 {
            // Its forgery costs a client its name and its address.
            let mut client = HostileClient::greeted(&door(tries, "tcp/4001")).await;
            client.drain();
            let header = next_header(&mut watcher).await;
            let forgery = frame(&Message::Headers(vec![header, forged(&header)]));
            client.write(Lane::Control, &forgery).await;
            tries += 1;
        }
        tokio::time::sleep(until.saturating_duration_since(Instant::now())).await;
        tries
    });
    let banned: usize = stage
        .honest
        .iter()
        .chain([&stage.victim])
        .map(|node| {
            let bans = node.status().bans;
            bans.iter().filter(|ban| ban.who.starts_with("45.")).count()
        })
        .sum();
    let rows = vec![
        Row::at_most("honest addresses banned", banned as f64, 0.0, ""),
        Row::at_least("forgeries", f64::from(tries), 5.0, ""),
    ];
    stage.verdict(1, "forged headers behind honest ones, with a busy pool", rows);
}

/// Sends `what` again and again, with a pause after each, on a connection that is made again when the victim ends
/// it. Returns how many bytes were sent.
async fn repeat(what: Vec<Vec<u8>>, pause: Duration, reads: bool, until: Instant) -> u64 {
    let (mut said, mut next) = (0, 0);
    let mut words = what.iter().cycle();
    while Instant::now() < until && next < DOORS {
        let mut client = HostileClient::greeted(&door(next, "tcp/4001")).await;
        next += 1;
        if reads {
            client.drain();
        }
        while Instant::now() < until {
            let words = words.next().expect("endless");
            let left = until.saturating_duration_since(Instant::now());
            match tokio::time::timeout(left, client.write(Lane::Control, words)).await {
                Ok(true) => said += words.len() as u64,
                Ok(false) => break,
                Err(_) => return said,
            }
            tokio::time::sleep(pause).await;
        }
    }
    said
}

#[test]
#[ignore = "an attack on real nodes, which needs root: scripts/prove.sh attack"]
fn attack_13_refused_transactions_again_and_again() {
    let mut stage = Stage::new(None);
    let stock = refused(100, 20_000);
    let said = stage.attack(async move |until| repeat(stock, Duration::from_millis(5), true, until).await);
    let rows = vec![
        Row::at_most("of a core, beyond what it takes in peace", stage.cpu_beyond(), 0.1, ""),
        Row::at_least("sent", said as f64 / 1e6, 0.1, " MB"),
    ];
    stage.verdict(13, "a stock of refused transactions", rows);
}

#[test]
#[ignore = "an attack on real nodes, which needs root: scripts/prove.sh attack"]
fn attack_15_one_large_block_asked_for_again_and_again() {
    let mut stage = Stage::new(None);
    let items: Vec<_> =
        (0..63).map(|author| signed(&SecretKey::from_seed(&[author; 32]), 0, vec![7; 65_536])).collect();
    let block = block_of(&producer(), None, 1, &items);
    let (id, bytes) = (block.header.id(), block.to_bytes());
    let size = bytes.len() as f64 / 1e6;
    publish(&stage, vec![bytes]);
    until(|| (stage.victim.status().tip_height == 1).then_some(())).expect("the block");
    let came = stage.attack(async move |until| {
        let mut client = HostileClient::greeted(&door(0, "tcp/4001")).await;
        let read = client.drain();
        let ask = frame(&Message::GetBlock { graft: false, id });
        client.write(Lane::Control, &ask.repeat(17)).await;
        take(&mut client, &read, until.min(Instant::now() + Duration::from_secs(10))).await
    });
    let rows = vec![Row::at_most("brought by 17 questions in 10 s", came as f64 / 1e6, 2.05 * size, " MB")];
    stage.verdict(15, &format!("a block of {size:.1} MB, 17 times"), rows);
}

/// Reads the bulk lane and acknowledges it until the given time.
async fn take(client: &mut HostileClient, read: &Arc<AtomicU64>, until: Instant) -> u64 {
    let mut told = 0;
    while Instant::now() < until {
        let all = read.load(Ordering::Relaxed);
        if all > told && !client.write(Lane::Control, &frame(&Frame::Ack(all - told))).await {
            break;
        }
        told = all;
        tokio::time::sleep(Duration::from_millis(2)).await;
    }
    told
}

/// Hands blocks to the first honest node.
fn publish(stage: &Stage, blocks: Vec<Vec<u8>>) {
    let (address, cookie) = stage.rpc_of(&stage.honest[0], "one");
    stage.space("one").inside(move || {
        run(async move {
            let rpc = client(address, Some(&cookie));
            for block in blocks {
                rpc.block_publish(hex::encode(block)).await.expect("taken");
            }
        });
    });
}

#[test]
#[ignore = "an attack on real nodes, which needs root: scripts/prove.sh attack"]
fn attack_16_questions_that_cost_much() {
    let mut stage = Stage::new(None);
    let (mut blocks, mut parent) = (Vec::new(), None);
    for salt in 0..600 {
        let block = empty_block(&producer(), parent, salt);
        parent = Some(block.header);
        blocks.push(block.to_bytes());
    }
    publish(&stage, blocks);
    until(|| (stage.victim.status().tip_height == 600).then_some(())).expect("the blocks");
    let genesis: BlockId = network().genesis();
    let ask = frame(&Message::GetHeaders(vec![genesis])).repeat(500);
    let said = stage.attack(async move |until| repeat(vec![ask], Duration::from_millis(9), false, until).await);
    let rows = vec![
        Row::at_most("of a core, beyond what it takes in peace", stage.cpu_beyond(), 0.25, ""),
        Row::at_least("asked", said as f64 / 1e6, 0.01, " MB"),
    ];
    stage.verdict(16, "2 MB/s of questions for headers by a peer that never reads", rows);
}
