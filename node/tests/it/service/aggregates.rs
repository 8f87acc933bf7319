//! Real nodes estimate over links what each of them also knows exactly.

use std::time::Duration;

use node::config::Config;
use node::config::members::Membership;
use node::rpc::command::Command;
use node::rpc::members::AggregateView;
use protocol::gossip::members::MembersConfig;
use tokio::time::{sleep, timeout};

use crate::support::harness::{Node, PATIENCE, config};

/// A node that averages its number of peers and estimates the size.
fn member(seed: u8) -> Config {
    let aggregates = "peers,size".parse().expect("names of aggregates");
    let membership = Membership { parameters: MembersConfig::lan(), aggregates, ..Membership::default() };
    Config { membership, ..config(seed) }
}

async fn aggregate(node: &Node) -> AggregateView {
    node.ask(|reply| Command::Aggregate { name: "peers".to_owned(), reply }).await.expect("it takes part")
}

/// All three have told their peers, and both estimates are there.
fn is_good(seen: &AggregateView) -> bool {
    let average = seen.push_sum.as_ref().and_then(|one| one.under_way).filter(|one| one.epoch > 1);
    let size = seen.size.as_ref().and_then(|one| one.under_way);
    average.is_some_and(|one| (one.average - 2.0).abs() < 0.05) && size.is_some_and(|one| one.members == 3)
}

#[tokio::test]
#[ignore = "takes half a minute"]
async fn three_nodes_come_to_the_average_of_a_number_and_to_their_own_number() {
    // An epoch begins each 12 s.
    let produce_every = Some(Duration::from_millis(200));
    let hub = Node::start(Config { produce_every, ..member(1) }).await;
    let joining = |seed| Config { bootstrap: vec![hub.address()], ..member(seed) };
    let (second, third) = (Node::start(joining(2)).await, Node::start(joining(3)).await);
    for node in [&hub, &second, &third] {
        let waited = async {
            while !is_good(&aggregate(node).await) {
                sleep(Duration::from_millis(200)).await;
            }
        };
        let came = timeout(PATIENCE, waited).await.is_ok();
        assert!(came, "{:#?}", aggregate(node).await);
    }
    for node in [second, third, hub] {
        node.stop().await;
    }
}
