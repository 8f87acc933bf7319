//! What a person sees of an aggregate: the exact figures, and the estimates beside them if there are any.

use node::rpc::command::Command;
use node::rpc::members::{AggregateView, Estimates, PushSumView, SizeView};
use tempfile::tempdir;

use crate::rpc::methods::run;
use crate::support::rpc::FakeNode;

/// Answers with an aggregate.
fn with(found: AggregateView) -> impl FnMut(Command) {
    move |command| {
        let Command::Aggregate { name, reply } = command else { panic!("another") };
        assert_eq!(name, "height");
        reply.send(Ok(found.clone())).expect("somebody waits");
    }
}

fn exact() -> AggregateView {
    AggregateView { name: "height".to_owned(), members: 3, count: 2, sum: 24.0, ..AggregateView::default() }
}

fn estimated() -> AggregateView {
    let average = PushSumView { epoch: 6, age_s: 300, average: 12.5, minimum: 3.0, maximum: 20.0 };
    let size = SizeView { epoch: 7, age_s: 43, members: 50, standard_error: 3.137 };
    AggregateView {
        push_sum: Some(Estimates { under_way: None, finished: Some(average) }),
        size: Some(Estimates { under_way: Some(size), finished: None }),
        ..exact()
    }
}

#[tokio::test]
async fn estimates_are_shown_below_the_exact_figures_with_epoch_and_age() {
    let (mut fake, home) = (FakeNode::start(), tempdir().expect("a directory"));
    let output = run(&mut fake, home.path(), &["aggregate", "height"], with(estimated())).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    for shown in [
        "2 of 3 tell it as a number",
        "none yet in this epoch",
        "average 12.5, from 3 to 20 · epoch 6, for 300 s",
        "50 members take part, standard error 3.1 · epoch 7, for 43 s",
    ] {
        assert!(text.contains(shown), "{shown}: {text}");
    }
    let output = run(&mut fake, home.path(), &["aggregate", "height", "--json"], with(estimated())).await;
    let shown: AggregateView = serde_json::from_slice(&output.stdout).expect("json");
    assert_eq!(shown, estimated());
}

#[tokio::test]
async fn a_node_that_estimates_nothing_shows_nothing_of_it() {
    let (mut fake, home) = (FakeNode::start(), tempdir().expect("a directory"));
    let output = run(&mut fake, home.path(), &["aggregate", "height"], with(exact())).await;
    let text = String::from_utf8_lossy(&output.stdout).into_owned();
    assert!(text.contains("sum") && !text.contains("push-sum") && !text.contains("epoch"), "{text}");
}
