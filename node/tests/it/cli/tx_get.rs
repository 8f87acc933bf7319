//! `node tx get` shows the payload of a transaction: for people as text or in hexadecimal, for programs in full.

use std::sync::Arc;

use node::rpc::command::Command;
use protocol::gossip::TransactionStatus;
use protocol::items::transaction::SignedTransaction;
use tempfile::tempdir;

use crate::rpc::methods::run;
use crate::support::harness::transaction;
use crate::support::rpc::FakeNode;

async fn shown(item: &Arc<SignedTransaction>, args: &[&str]) -> String {
    let home = tempdir().expect("a directory");
    let mut fake = FakeNode::start();
    let id = item.id().to_string();
    let args = [&["tx", "get", &id], args].concat();
    let output = run(&mut fake, home.path(), &args, |command| {
        let Command::Transaction { reply, .. } = command else { panic!("another") };
        reply.send(Some(TransactionStatus::Pending(Arc::clone(item)))).expect("somebody waits");
    })
    .await;
    assert_eq!(output.status.code(), Some(0), "{output:?}");
    String::from_utf8(output.stdout).expect("text")
}

#[tokio::test]
async fn text_is_shown_as_text_and_other_bytes_in_hexadecimal() {
    let text = shown(&transaction(b'a', 77, 5), &[]).await;
    assert!(text.contains("5 B · text\n") && text.ends_with(" aaaaa\n"), "{text}");
    let text = shown(&transaction(7, 77, 3), &[]).await;
    assert!(text.contains("3 B · hex\n") && text.ends_with(" 070707\n"), "{text}");
    let text = shown(&transaction(7, 77, 0), &[]).await;
    assert!(text.contains("0 B · empty\n"), "{text}");
}

#[tokio::test]
async fn a_long_payload_is_cut_for_people_and_whole_in_json() {
    let item = transaction(b'a', 77, 65_536);
    let text = shown(&item, &[]).await;
    assert!(text.contains("--json has all of it") && text.len() < 2_000, "{text}");
    let json: serde_json::Value = serde_json::from_str(&shown(&item, &["--json"]).await).expect("json");
    assert_eq!(json["payload"], "61".repeat(65_536));
    assert_eq!(json["status"], "pending");
}
