//! `GET /metrics`: who may read it, and that it needs no answer of the loop.

use node::rpc::http::METRICS;

use crate::support::rpc::{FakeNode, exchange};

#[test]
fn metrics_are_served_while_the_loop_answers_nothing() {
    let mut fake = FakeNode::start();
    let answer = exchange(fake.address, &format!("GET {METRICS} HTTP/1.1\r\nHost: localhost"), "");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    assert!(head.starts_with("HTTP/1.1 200 OK"), "{head}");
    assert!(head.to_lowercase().contains("content-type: application/openmetrics-text; version=1.0.0"), "{head}");
    assert!(body.contains("\nhearsay_rpc_connections 1\n"), "{body}");
    assert!(body.contains("\nhearsay_rpc_accepted_total 1\n"), "{body}");
    assert!(body.ends_with("# EOF\n"));
    assert!(fake.commands.try_recv().is_err(), "a scrape asks the loop nothing");
}

#[test]
fn a_page_of_another_site_and_another_hosts_name_get_no_metrics() {
    let fake = FakeNode::start();
    for head in ["Host: attacker.example", "Host: localhost\r\nOrigin: http://attacker.example"] {
        let answer = exchange(fake.address, &format!("GET {METRICS} HTTP/1.1\r\n{head}"), "");
        assert!(answer.starts_with("HTTP/1.1 403"), "{answer}");
    }
}
