//! `node tx pool --follow`, as a program that reads its lines sees it. The test plays the node.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command as Program, Stdio};

use node::rpc::command::Command;
use node::rpc::lists::PoolPage;
use protocol::gossip::ItemId;
use protocol::items::hash::TxId;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::harness::transaction;
use crate::support::rpc::FakeNode;

/// The program, which ends with this.
struct Following {
    child: Child,
    lines: BufReader<ChildStdout>,
    _home: TempDir,
}

impl Following {
    fn start(address: SocketAddr, more: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let mut program = Program::new(env!("CARGO_BIN_EXE_node"));
        program.env_clear().env("HOME", home.path()).args([
            "tx",
            "pool",
            "--follow",
            "--rpc",
            &address.to_string(),
        ]);
        let mut child =
            program.args(more).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let lines = BufReader::new(child.stdout.take().expect("piped"));
        Self { child, lines, _home: home }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.read_line(&mut line).expect("text");
        line
    }
}

impl Drop for Following {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers the question for the mempool, which comes behind the subscription.
async fn tell_pool(fake: &mut FakeNode) {
    let Command::Pool { reply, .. } = fake.command().await else { panic!("another") };
    let page = vec![transaction(1, 1, 10)];
    reply.send(PoolPage { total: 1, bytes: 100, page }).expect("somebody waits");
}

#[tokio::test]
async fn the_pending_transactions_come_first_and_then_a_line_for_each_new_one() {
    let mut fake = FakeNode::start();
    let mut reader = Following::start(fake.address, &[]);
    tell_pool(&mut fake).await;
    fake.feeds.accepted(ItemId::Transaction(TxId([5; 32])), 300, None, |_| None);
    let mut lines = Vec::new();
    while !lines.last().is_some_and(|line: &String| line.contains("300 bytes")) {
        lines.push(reader.line());
        assert!(lines.len() < 10, "{lines:?}");
    }
    assert!(lines[0].starts_with("TRANSACTION"), "{lines:?}");
    assert!(lines[1].contains(&transaction(1, 1, 10).id().to_string()), "{lines:?}");
    assert!(lines[3].contains(&"05".repeat(32)), "{lines:?}");
}

#[tokio::test]
async fn with_json_each_event_is_an_object_that_names_its_topic() {
    let mut fake = FakeNode::start();
    let mut reader = Following::start(fake.address, &["--json"]);
    tell_pool(&mut fake).await;
    fake.feeds.accepted(ItemId::Transaction(TxId([5; 32])), 300, None, |_| None);
    let mut text = String::new();
    while !text.contains("\"topic\"") {
        text = reader.line();
        assert!(!text.is_empty(), "it has ended");
    }
    let line: Value = serde_json::from_str(&text).expect("an object");
    assert_eq!((&line["topic"], &line["event"]["bytes"]), (&"transactions".into(), &300.into()));
}
