//! What can't be used is said at the start, and what is not set has the program's default.

use std::future::Future as _;
use std::pin::pin;
use std::task::{Context, Poll, Waker};
use std::time::Duration;

use clap::Parser as _;
use node::cli::Cli;
use node::config::identity::Identity;
use node::{Builder, Memory, Node, NodeError};

use super::builder;

async fn fails(builder: Builder) -> String {
    let error = builder.start().await.expect_err("it can't start");
    assert!(matches!(error, NodeError::Setting(_)), "{error:?}");
    error.to_string()
}

#[tokio::test]
async fn a_setting_that_cannot_be_used_is_named_and_nothing_is_started() {
    assert_eq!(
        fails(Node::builder("Main Net")).await,
        "\"Main Net\" can't name a network: use 1 to 32 of a-z, 0-9 and -, starting with a letter; nothing was started"
    );
    let error = fails(builder().bootstrap(["192.0.2.7:30400"])).await;
    assert!(
        error.contains("\"192.0.2.7:30400\" can't be used") && error.contains("/ip4/192.0.2.7/tcp/30400"),
        "{error}"
    );
    let error = fails(builder().produce_every(Some(Duration::ZERO))).await;
    assert!(error.starts_with("produce_every must lie between"), "{error}");
    let error = fails(builder().max_upload(Some(1))).await;
    assert!(error.starts_with("max_upload must lie between"), "{error}");
    let error = fails(builder().max_peers_in(u16::MAX)).await;
    assert!(error.starts_with("max_peers_in is 65535"), "{error}");
    let error = fails(builder().max_peers_out(0).bootstrap(["/ip4/192.0.2.7/tcp/30400"])).await;
    assert!(error.contains("--max-peers-out 0"), "{error}");
}

#[test]
fn without_a_runtime_it_says_so() {
    let mut start = pin!(builder().start());
    let Poll::Ready(started) = start.as_mut().poll(&mut Context::from_waker(Waker::noop())) else {
        panic!("it waits for nothing")
    };
    assert!(matches!(started, Err(NodeError::NoRuntime)));
}

#[test]
fn what_is_not_set_is_as_in_the_program() {
    let identity = Identity::from_seed([1; 32]);
    let told = |builder: Builder| {
        let same = builder.ephemeral(true).rpc_addr(None).with(|config| config.listen.clear());
        format!("{:#?}", same.config(&identity, None).expect("good settings"))
    };
    for (memory, flag) in [(Memory::Mib64, "64MiB"), (Memory::Mib256, "256MiB"), (Memory::Gib1, "1GiB")] {
        let typed = Cli::read_from(["node", "--ephemeral", "--memory", flag].map(Into::into)).expect("good words");
        assert_eq!(told(Node::builder("dev").memory(memory)), told(typed.run.builder()));
    }
    let typed = Cli::try_parse_from(["node", "--max-peers-in", "3", "--open-producers"]).expect("good words");
    assert_eq!(told(Node::builder("dev").max_peers_in(3).open_producers()), told(typed.run.builder()));
}
