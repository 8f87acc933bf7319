//! `node members --watch`, as a program that reads its lines sees it. The test plays the node.

use std::io::{BufRead as _, BufReader};
use std::net::SocketAddr;
use std::process::{Child, ChildStdout, Command as Program, Stdio};

use node::rpc::command::Command;
use node::rpc::http::{CONNECTIONS_MAX, Times};
use node::rpc::members::{MemberNews, MemberView};
use protocol::gossip::members::{MemberChange, MemberEvent};
use protocol::items::keys::SecretKey;
use serde_json::Value;
use tempfile::TempDir;

use crate::support::rpc::FakeNode;

/// The program, which ends with this.
struct Watch {
    child: Child,
    /// Its output, while somebody reads it.
    lines: Option<BufReader<ChildStdout>>,
    _home: TempDir,
}

impl Watch {
    fn start(address: SocketAddr, more: &[&str]) -> Self {
        let home = tempfile::tempdir().expect("a directory");
        let mut program = Program::new(env!("CARGO_BIN_EXE_node"));
        program.env_clear().env("HOME", home.path()).args(["members", "--watch", "--rpc", &address.to_string()]);
        let mut child =
            program.args(more).stdout(Stdio::piped()).stderr(Stdio::null()).spawn().expect("it starts");
        let lines = child.stdout.take().map(BufReader::new);
        Self { child, lines, _home: home }
    }

    fn line(&mut self) -> String {
        let mut line = String::new();
        self.lines.as_mut().expect("it is read").read_line(&mut line).expect("text");
        line
    }

    fn object(&mut self) -> Value {
        serde_json::from_str(&self.line()).expect("each line is an object")
    }
}

impl Drop for Watch {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// Answers the question for all members.
async fn tell_members(fake: &mut FakeNode, peer_id: &str) {
    let Command::Members { reply } = fake.command().await else { panic!("another") };
    let member = MemberView { peer_id: peer_id.to_owned(), state: "alive".to_owned(), ..MemberView::default() };
    reply.send(Ok(vec![member])).expect("somebody waits");
}

fn news(change: MemberChange) -> MemberNews {
    MemberNews {
        at_ms: 1_800_000_000_250,
        event: MemberEvent { member: SecretKey::from_seed(&[7; 32]).public(), change },
    }
}

#[tokio::test]
async fn each_line_is_an_object_and_the_list_comes_again_when_the_node_is_back() {
    let mut fake = FakeNode::start();
    let address = fake.address;
    let mut watch = Watch::start(address, &["--json"]);
    tell_members(&mut fake, "a").await;
    let first = watch.object();
    assert_eq!(
        (&first["event"], &first["peer_id"], &first["state"]),
        (&"known".into(), &"a".into(), &"alive".into())
    );
    fake.members.send(news(MemberChange::Suspected)).expect("it reads");
    let second = watch.object();
    assert_eq!((&second["event"], &second["at"]), (&"suspected".into(), &"2027-01-15T08:00:00.250Z".into()));
    assert_eq!(second["public_key"], SecretKey::from_seed(&[7; 32]).public().to_string());

    drop(fake);
    let mut fake = FakeNode::at(address, CONNECTIONS_MAX, Times::default());
    tell_members(&mut fake, "b").await;
    let third = watch.object();
    assert_eq!((&third["event"], &third["peer_id"]), (&"known".into(), &"b".into()));
    fake.members.send(news(MemberChange::Failed)).expect("it reads");
    assert_eq!(watch.object()["event"], "failed");
}

#[tokio::test]
async fn a_person_gets_a_table_and_then_a_line_for_each_change() {
    let mut fake = FakeNode::start();
    let mut watch = Watch::start(fake.address, &[]);
    tell_members(&mut fake, "a").await;
    assert!(watch.line().starts_with("MEMBER"));
    while !watch.line().contains("1 alive") {}
    fake.members.send(news(MemberChange::Left)).expect("it reads");
    let line = watch.line();
    assert!(line.starts_with("2027-01-15T08:00:00.250Z  12D3Koo") && line.ends_with("  left\n"), "{line}");
}

#[tokio::test]
async fn it_ends_when_nobody_reads_any_more() {
    let mut fake = FakeNode::start();
    let mut watch = Watch::start(fake.address, &["--json"]);
    tell_members(&mut fake, "a").await;
    watch.object();
    watch.lines = None;
    fake.members.send(news(MemberChange::Left)).expect("it reads");
    let status = watch.child.wait().expect("it ends");
    assert!(status.success(), "{status}");
}
