//! Two real nodes tell how an item came: one that was pushed, and one that was fetched.

use std::time::Duration;

use node::rpc::command::Command;
use node::rpc::trace::TraceView;
use protocol::gossip::RelayPolicy;
use protocol::items::hash::TxId;

use crate::rpc::openrpc::serve;
use crate::support::harness::{Node, PATIENCE, config, transaction};
use crate::support::program::node as program;

/// Two nodes that are connected. The second dialled the first.
async fn pair(seed: u8, relay: RelayPolicy) -> (Node, Node) {
    let mut one = config(seed);
    one.relay = relay;
    let one = Node::start(one).await;
    let mut two = config(seed + 1);
    two.relay = relay;
    two.bootstrap = vec![one.address()];
    let two = Node::start(two).await;
    two.status_until("hello", |status| status.peers_out == 1).await;
    one.status_until("hello", |status| status.peers_in == 1).await;
    (one, two)
}

/// What a node has recorded of an item, once it is `enough`.
async fn trace(node: &Node, id: TxId, enough: impl Fn(&TraceView) -> bool) -> TraceView {
    let sought = id.to_string().parse().expect("an id");
    let waited = async {
        loop {
            let found = node.ask(|reply| Command::Trace { sought, reply }).await.expect("one item");
            if let Some(view) = found.filter(|view| enough(view)) {
                return view;
            }
            tokio::time::sleep(Duration::from_millis(20)).await;
        }
    };
    tokio::time::timeout(PATIENCE, waited).await.expect("it is recorded in time")
}

fn whats<'a>(of: impl Iterator<Item = &'a String>) -> Vec<&'a str> {
    of.map(String::as_str).collect()
}

#[tokio::test]
async fn a_pushed_transaction_tells_from_whom_why_and_to_whom() {
    let (one, two) = pair(230, RelayPolicy::default()).await;
    // The author is at home at the first node from its third item on. Until then its items travel on the node's route.
    for (nonce, cause) in (1..).zip(["new-route", "entry-route", "new-route", "author-route"]) {
        let item = transaction(232, nonce, 100);
        one.send(item.clone()).await.expect("accepted");
        let at_two = trace(&two, item.id(), |view| view.steps_us.stored.is_some()).await;
        assert_eq!((at_two.state.as_str(), at_two.cause.as_deref()), ("accepted", Some(cause)), "{at_two:#?}");
        let from = at_two.from.clone().and_then(|from| from.peer_id);
        assert_eq!(from, Some(one.ready.peer_id.to_string()));
        assert_eq!(whats(at_two.arrivals.iter().map(|one| &one.what)), ["pushed"]);
        assert_eq!(at_two.bytes, Some(item.encoded().len() as u64));
        let steps = at_two.steps_us;
        assert!(steps.received <= steps.checked && steps.checked <= steps.accepted, "{steps:?}");
        assert!(steps.accepted <= steps.stored && at_two.verified_us.is_some(), "{at_two:#?}");
        let at_one = trace(&one, item.id(), |view| view.pushed_to == 1).await;
        assert_eq!((at_one.cause.as_deref(), at_one.from), (Some("submitted"), None));
        assert_eq!(whats(at_one.departures.iter().map(|one| &one.what)), ["pushed"]);
    }
    tokio::join!(one.stop(), two.stop());
}

#[tokio::test]
async fn a_fetched_transaction_tells_its_announcement_and_the_request() {
    let (one, two) = pair(235, RelayPolicy::Announce).await;
    let item = transaction(237, 1, 100);
    one.send(item.clone()).await.expect("accepted");
    let at_two = trace(&two, item.id(), |view| view.state == "accepted").await;
    assert_eq!(at_two.cause.as_deref(), Some("announced"), "{at_two:#?}");
    assert_eq!(whats(at_two.arrivals.iter().map(|one| &one.what)), ["announced", "asked", "fetched"]);
    let steps = at_two.steps_us;
    assert_eq!(steps.announced, Some(0));
    assert!(steps.announced <= steps.asked && steps.asked <= steps.received, "{steps:?}");
    let at_one = trace(&one, item.id(), |view| view.served_to == 1).await;
    assert_eq!(whats(at_one.departures.iter().map(|one| &one.what)), ["announced", "wanted", "served"]);
    tokio::join!(one.stop(), two.stop());
}

#[tokio::test]
async fn the_command_shows_it_and_lists_it() {
    let (one, two) = pair(240, RelayPolicy::Announce).await;
    let item = transaction(242, 1, 100);
    one.send(item.clone()).await.expect("accepted");
    trace(&two, item.id(), |view| view.state == "accepted").await;
    let (_server, _, address) = serve(&two);
    let id = item.id().to_string();
    for (args, wanted) in [
        (vec!["trace", &id], "fetched from"),
        (vec!["trace", &id[..16], "--json"], "\"first_heard_unix_ms\""),
        (vec!["trace", &id, "--dot"], "digraph trace"),
        (vec!["trace"], "announced"),
    ] {
        let home = tempfile::tempdir().expect("a directory");
        let mut command = program(home.path());
        command.args(&args).args(["--rpc", &address.to_string()]);
        let output =
            tokio::task::spawn_blocking(move || command.output()).await.expect("it ends").expect("it starts");
        let text = String::from_utf8_lossy(&output.stdout);
        assert!(output.status.success() && text.contains(wanted), "{args:?}: {output:?}");
        assert!(text.contains(&id[..16]), "{args:?}: {text}");
    }
    tokio::join!(one.stop(), two.stop());
}
