//! A program hears who comes and who leaves, one change after the other.

use node::{MemberNotice, NodeError, Part};
use protocol::gossip::members::{MemberChange, MemberEvent};
use tokio::time::timeout;

use super::{builder, joining, start};
use crate::support::harness::PATIENCE;

#[tokio::test]
async fn a_program_hears_who_comes_and_who_leaves() {
    let hub = start(builder()).await;
    let mut changes = hub.member_changes();
    let second = start(joining(&hub)).await;
    let member = second.public_key();
    second.set_entry("role", Some("archive".into())).await.expect("it takes part");
    let mut hears = async |change| {
        let wanted = MemberNotice::Changed(MemberEvent { member, change });
        let heard = async { while changes.next().await.expect("it runs") != wanted {} };
        timeout(PATIENCE, heard).await.unwrap_or_else(|_| panic!("waited in vain for {wanted:?}"));
    };
    hears(MemberChange::Joined).await;
    let known = hub.members().await.expect("it takes part");
    assert!(known.iter().any(|known| known.peer_id == second.peer_id()), "{known:?}");
    second.stop().await.expect("a clean end");
    hears(MemberChange::Left).await;
    hub.stop().await.expect("a clean end");
}

#[tokio::test]
async fn a_node_that_takes_no_part_says_so() {
    let node = start(builder().membership(Part::Off)).await;
    let error = node.members().await.expect_err("it takes no part");
    assert!(matches!(error, NodeError::Members(_)), "{error:?}");
    node.stop().await.expect("a clean end");
}
