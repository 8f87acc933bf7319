//! `/healthz` and `/readyz`: live while the loop beats, ready while nothing prevents its use.

use node::rpc::http::{Criterion, Readiness, Reason};

use crate::support::rpc::{FakeNode, exchange};

fn get(fake: &FakeNode, path: &str) -> (String, String) {
    let answer = exchange(fake.address, &format!("GET {path} HTTP/1.1\r\nHost: localhost"), "");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head");
    let status = head.split(' ').nth(1).expect("a status");
    (status.to_owned(), body.to_owned())
}

fn readiness(body: &str) -> Readiness {
    serde_json::from_str(body).expect("a readiness")
}

/// Beats, and asks until an answer was in time for the beat.
fn beaten(fake: &FakeNode, path: &str, reasons: &[Reason]) -> (String, String) {
    let answers = std::iter::repeat_with(|| {
        fake.health.beat(reasons.to_vec());
        get(fake, path)
    });
    answers.into_iter().find(|(_, text)| !text.contains("has not answered")).expect("repeated forever")
}

#[test]
fn a_loop_that_beats_is_live_and_one_that_stops_is_not() {
    let fake = FakeNode::start();
    assert_eq!(beaten(&fake, "/healthz", &[]), ("200".to_owned(), "live\n".to_owned()));
    // Nobody beats any more; what is waited for is the answer.
    let dead = std::iter::repeat_with(|| get(&fake, "/healthz")).find(|(status, _)| status != "200");
    let (status, text) = dead.expect("repeated forever");
    assert_eq!(status, "503");
    assert!(text.contains("has not answered for"), "{text}");
    let (status, body) = get(&fake, "/readyz");
    assert_eq!(status, "503");
    assert_eq!(readiness(&body).reasons[0].criterion, Criterion::Live);
    assert_eq!(beaten(&fake, "/healthz", &[]).0, "200");
}

#[test]
fn readiness_names_every_reason() {
    let fake = FakeNode::start();
    let (status, body) = beaten(&fake, "/readyz", &[]);
    assert_eq!((status.as_str(), readiness(&body)), ("200", Readiness { ready: true, reasons: Vec::new() }));
    let reason = |criterion, text: &str| Reason { criterion, text: text.to_owned() };
    let reasons = vec![reason(Criterion::Peers, "no peer is connected"), reason(Criterion::Sync, "behind")];
    let (status, body) = beaten(&fake, "/readyz", &reasons);
    assert_eq!((status.as_str(), readiness(&body)), ("503", Readiness { ready: false, reasons }));
    assert!(body.contains(r#""criterion":"sync""#), "{body}");
}

#[test]
fn other_paths_and_methods_say_what_there_is() {
    let fake = FakeNode::start();
    let (status, text) = get(&fake, "/nothing");
    assert!(status == "404" && text.contains("/readyz"), "{status} {text}");
    assert_eq!(get(&fake, "/events/nothing").0, "404");
    assert_eq!(get(&fake, "/").0, "200");
}
