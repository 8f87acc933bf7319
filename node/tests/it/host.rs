//! The engine's host feeds the engine one input at a time, and tells with which commit an answer is safe.

use std::sync::Arc;

use node::clock::Clock;
use node::host::{Effect, EngineHost};
use node::observe::recorder::Recorder;
use node::store::{MemoryStore, Writer};
use protocol::gossip::{
    self, Direction, Gossip, Input, ItemId, PeerHandle, Reconciliation, RelayPolicy, Submission,
};
use protocol::items::keys::PublicKey;
use protocol::items::network::NetworkId;
use protocol::items::validator::Producers;
use protocol::items::verify::VerifyJob;

use crate::support::harness::transaction;

fn host() -> (EngineHost, Arc<Writer>) {
    let network: NetworkId = "test".parse().expect("a name");
    let store = MemoryStore::new(&network, || 0);
    let (writer, _) = Writer::start(Box::new(store)).expect("a thread");
    let writer = Arc::new(writer);
    let config = gossip::Config {
        network,
        relay: RelayPolicy::default(),
        reconciliation: Reconciliation::default(),
        producers: Producers::Open,
    };
    let gossip = Gossip::new(config, [1; 32]);
    (EngineHost::new(gossip, Clock::start(), Arc::clone(&writer), Recorder::default()), writer)
}

fn connected(peer: u32) -> Input {
    Input::PeerConnected { peer: PeerHandle(peer), direction: Direction::Inbound, group: None, key: None }
}

/// The receivers of the effects that the host has for the network.
fn sent_to(host: &mut EngineHost) -> Vec<u32> {
    std::iter::from_fn(|| host.next_effect())
        .filter_map(|effect| match effect {
            Effect::Send { peer, .. } => Some(peer.0),
            _ => None,
        })
        .collect()
}

#[tokio::test]
async fn an_input_that_comes_while_outputs_are_taken_waits_until_all_are() {
    let (mut host, _writer) = host();
    host.input(connected(1));
    host.input(connected(2));
    let first = host.next_effect();
    assert!(matches!(first, Some(Effect::Send { peer: PeerHandle(1), .. })), "{first:?}");
    host.input(connected(3));
    let rest = sent_to(&mut host);
    assert!(rest.is_sorted(), "all that one input caused comes before what the next one does: {rest:?}");
    assert_eq!(rest.last(), Some(&3));
}

#[tokio::test]
async fn an_answer_to_a_submission_names_the_commit_that_keeps_the_item() {
    let (mut host, writer) = host();
    let item = transaction(1, 1, 40);
    host.input(Input::SubmittedTransaction(Arc::clone(&item)));
    let job: VerifyJob = std::iter::from_fn(|| host.next_effect())
        .find_map(|effect| match effect {
            Effect::Verify(job) => Some(job),
            _ => None,
        })
        .expect("its signature is checked");
    let verdict = job.run(PublicKey::decompress);
    host.input(Input::Verified { job: job.id, verdict });
    let (told, safe_at) = std::iter::from_fn(|| host.next_effect())
        .find_map(|effect| match effect {
            Effect::Submitted { item, result, safe_at } => Some(((item, result), safe_at)),
            _ => None,
        })
        .expect("it is answered");
    assert_eq!(told, (ItemId::Transaction(item.id()), Ok(Submission::Accepted)));
    let mut progress = writer.progress();
    let kept = progress.wait_for(|kept| kept.committed >= safe_at).await.expect("the writer is there").clone();
    assert_eq!((safe_at, kept.committed), (1, 1));
}

#[tokio::test]
async fn nothing_is_kept_or_answered_once_the_writer_is_let_go_of() {
    let (mut host, writer) = host();
    host.stop_keeping();
    host.input(connected(1));
    assert!(!sent_to(&mut host).is_empty(), "the engine itself goes on");
    let writer = Arc::into_inner(writer).expect("the host has let go of its end");
    writer.close().expect("nothing failed");
}
