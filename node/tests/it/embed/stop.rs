//! A node that stops, in whichever way, frees what it had.

use std::net::TcpListener;
use std::time::Duration;

use node::config::data_dir::{DataDirError, read_rpc};
use node::{Event, Node, NodeError};
use tempfile::tempdir;
use tokio::runtime::Runtime;
use tokio::time::timeout;

use super::{builder, start};
use crate::support::harness::PATIENCE;

/// The TCP port of a node's first address.
fn port(node: &Node) -> u16 {
    let address = node.addresses().remove(0);
    address.split('/').nth(4).and_then(|port| port.parse().ok()).expect("it listens on TCP")
}

fn is_free(port: u16) -> bool {
    TcpListener::bind(("127.0.0.1", port)).is_ok()
}

#[tokio::test]
async fn after_a_stop_ports_and_data_dir_are_free_and_what_was_acknowledged_is_there() {
    let dir = tempdir().expect("a directory");
    let rpc = Some("127.0.0.1:0".parse().expect("an address"));
    let keeping = || builder().data_dir(dir.path()).rpc_addr(rpc);
    let node = start(keeping()).await;
    let (ports, key) = ([port(&node), node.rpc_addr().expect("asked for").port()], node.public_key());
    let found = read_rpc(dir.path()).expect("readable").expect("it runs");
    assert_eq!((found.peer_id, found.listen), (node.peer_id(), node.addresses()));
    assert!(!ports.into_iter().any(is_free));
    let second = keeping().start().await.expect_err("the data dir is in use");
    assert!(matches!(second, NodeError::DataDir(DataDirError::Locked { .. })), "{second:?}");
    let id = node.send("kept").await.expect("accepted");
    node.stop().await.expect("a clean end");
    assert!(ports.into_iter().all(is_free));
    assert_eq!(read_rpc(dir.path()).expect("readable"), None);

    let again = start(keeping()).await;
    assert_eq!(again.public_key(), key);
    assert!(again.transaction(id).await.expect("it runs").is_some());
    again.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_node_that_is_dropped_stops_by_itself() {
    let dir = tempdir().expect("a directory");
    let node = start(builder().data_dir(dir.path())).await;
    let port = port(&node);
    let mut events = node.events();
    let mut changes = node.member_changes();
    let id = node.send("kept").await.expect("accepted");
    drop(node);
    let over = async {
        while events.next().await.is_some() {}
        while changes.next().await.is_some() {}
    };
    timeout(PATIENCE, over).await.expect("readers hear the end");
    assert!(is_free(port));
    let again = start(builder().data_dir(dir.path())).await;
    assert!(again.transaction(id).await.expect("it runs").is_some());
    again.stop().await.expect("a clean end");
}

#[tokio::test]
async fn what_waits_for_a_reader_is_told_after_the_end_and_a_question_is_refused() {
    let mut node = start(builder()).await;
    let mut events = node.events();
    let id = node.send("last").await.expect("accepted");
    assert!(timeout(Duration::ZERO, node.ended()).await.is_err(), "it goes on");
    node.stop().await.expect("a clean end");
    assert!(matches!(events.next().await, Some(Event::Transaction(last)) if last.id() == id));
    assert_eq!(events.next().await, None);
}

#[test]
fn a_node_ends_with_its_runtime() {
    let runtime = Runtime::new().expect("a runtime");
    let node = runtime.block_on(start(builder()));
    let (port, mut events) = (port(&node), node.events());
    drop(runtime);
    assert!(is_free(port));
    let other = Runtime::new().expect("a runtime");
    assert_eq!(other.block_on(events.next()), None);
    assert!(matches!(other.block_on(node.status()), Err(NodeError::Stopped)));
    assert!(matches!(other.block_on(node.stop()), Err(NodeError::Lost(_))));
}
