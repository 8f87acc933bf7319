//! If a producer signs two blocks for one height, this is reported: by a node that sees it, over the RPC, and on
//! the command line.

use std::sync::Arc;

use node::rpc::command::Command;
use node::rpc::evidence::EvidenceView;
use protocol::gossip::Equivocation;
use protocol::items::block::{Block, Header, SignedHeader, transactions_root};
use protocol::items::keys::SecretKey;
use protocol::items::network::NetworkId;
use protocol::wire::codec::Decode as _;
use tempfile::tempdir;

use crate::rpc::methods::run;
use crate::support::harness::{Node, config};
use crate::support::rpc::FakeNode;

fn header(salt: u64) -> SignedHeader {
    let (producer, network): (_, NetworkId) = (SecretKey::from_seed(&[8; 32]), "test".parse().expect("a name"));
    let header = Header {
        height: 1,
        parent: network.genesis(),
        producer: producer.public(),
        timestamp_ms: salt,
        transactions_root: transactions_root(&[]),
        count: 0,
    };
    header.sign(&producer, &network)
}

fn pair() -> Equivocation {
    Equivocation { headers: Box::new([header(1), header(2)]) }
}

#[tokio::test]
async fn a_node_keeps_both_headers_and_counts_them() {
    let node = Node::start(config(1)).await;
    for header in [header(1), header(2)] {
        let block = Arc::new(Block { header, transactions: Vec::new() });
        node.ask(|reply| Command::SubmitBlock { block, reply }).await.expect("both are valid");
    }
    assert_eq!(node.ask(|reply| Command::Evidence { reply }).await, [pair()]);
    let status = node.status().await;
    assert_eq!((status.equivocations, status.stats.equivocations), (1, 1));
    node.stop().await;
}

#[tokio::test]
async fn the_command_shows_them_and_json_has_what_was_signed() {
    let home = tempdir().expect("a directory");
    let mut fake = FakeNode::start();
    let answer = |command| {
        let Command::Evidence { reply } = command else { panic!("another") };
        reply.send(vec![pair()]).expect("somebody waits");
    };
    let output = run(&mut fake, home.path(), &["evidence"], answer).await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    let text = String::from_utf8(output.stdout).expect("text");
    let producer = pair().producer().to_string();
    for shown in [producer.as_str(), &header(1).id().to_string(), &header(2).id().to_string(), "--json"] {
        assert!(text.contains(shown), "{text}");
    }
    let output = run(&mut fake, home.path(), &["evidence", "--json"], answer).await;
    let shown: Vec<EvidenceView> = serde_json::from_slice(&output.stdout).expect("json");
    let [first] = shown.as_slice() else { panic!("{shown:?}") };
    assert_eq!((first.producer.as_str(), first.height), (producer.as_str(), 1));
    let signed = hex::decode(&first.headers[1].encoded).expect("hexadecimal");
    assert_eq!(SignedHeader::from_bytes(&signed.into()).expect("a header"), header(2));
    let none = |command| {
        let Command::Evidence { reply } = command else { panic!("another") };
        reply.send(Vec::new()).expect("somebody waits");
    };
    let output = run(&mut fake, home.path(), &["evidence"], none).await;
    assert_eq!((output.status.code(), output.stdout.len()), (Some(0), 0), "{output:?}");
}
