//! Which client may do what over HTTP: Host, Origin, the cookie, and the sizes that each allows.

use jsonrpsee::core::ClientError;
use jsonrpsee::core::client::ClientT as _;
use jsonrpsee::core::params::BatchRequestBuilder;
use jsonrpsee::rpc_params;
use jsonrpsee::types::error::{
    SERVER_IS_BUSY_CODE, TOO_BIG_BATCH_REQUEST_CODE, TOO_BIG_BATCH_RESPONSE_CODE, TOO_MANY_SUBSCRIPTIONS_CODE,
};
use node::config::cookie::Cookie;
use node::rpc::command::Command;
use node::rpc::http::OPEN_REQUEST_BYTES_MAX;
use node::rpc::{ApiClient as _, CODE_BUSY, CODE_NOT_ALLOWED, CODE_REFUSED, CODE_STOPPED};
use serde_json::Value;

use crate::support::rpc::{FakeNode, client, exchange};

const PEERS: &str = r#"{"jsonrpc":"2.0","id":1,"method":"admin_peers","params":[]}"#;

/// The answer to an HTTP request with these headers. The service is stopped, so a request that gets through says
/// so.
async fn post(headers: &str, body: &str) -> String {
    let mut fake = FakeNode::start();
    fake.commands.close();
    post_to(&fake, headers, body).await
}

async fn post_to(fake: &FakeNode, headers: &str, body: &str) -> String {
    let address = fake.address;
    let head = format!("POST / HTTP/1.1\r\nContent-Type: application/json\r\n{headers}");
    let body = body.to_owned();
    tokio::task::spawn_blocking(move || exchange(address, &head, &body)).await.expect("it ends")
}

#[tokio::test]
async fn only_a_loopback_host_is_served() {
    for host in ["rebound.example", "127.0.0.1.example", "192.0.2.1:80", "[::2]:80", "", "localhost.example:1"] {
        let answer = post(&format!("Host: {host}"), PEERS).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{host}: {answer}");
    }
    for host in ["127.0.0.1", "127.0.0.1:30401", "localhost", "LOCALHOST:1", "[::1]:30401", "127.1.2.3:9"] {
        let answer = post(&format!("Host: {host}"), PEERS).await;
        assert!(answer.contains(&CODE_STOPPED.to_string()), "{host}: {answer}");
    }
}

#[tokio::test]
async fn a_health_check_need_name_no_host_and_nothing_else_may_leave_it_out() {
    let fake = FakeNode::start();
    let address = fake.address;
    let ask = async move |head: &'static str| {
        tokio::task::spawn_blocking(move || exchange(address, head, "")).await.expect("it ends")
    };
    for path in ["GET /healthz HTTP/1.0", "GET /readyz HTTP/1.0"] {
        let answer = ask(path).await;
        assert!(answer.contains("200 OK") || answer.contains("503"), "{answer}");
    }
    assert!(ask("GET /readyz HTTP/1.1\r\nHost: rebound.example").await.starts_with("HTTP/1.1 403"));
    assert!(ask("POST / HTTP/1.0").await.contains(" 403 "));
}

#[tokio::test]
async fn a_page_of_another_site_is_turned_away() {
    for origin in ["http://example.org", "null", "http://127.0.0.1:2", "https://127.0.0.1:1", "http://localhost:1"]
    {
        let answer = post(&format!("Host: 127.0.0.1:1\r\nOrigin: {origin}"), PEERS).await;
        assert!(answer.starts_with("HTTP/1.1 403"), "{origin}: {answer}");
    }
    let answer = post("Host: 127.0.0.1:1\r\nOrigin: http://127.0.0.1:1", PEERS).await;
    assert!(answer.contains(&CODE_STOPPED.to_string()), "{answer}");
}

#[tokio::test]
async fn a_wrong_cookie_is_told_even_where_none_is_needed() {
    let other = Cookie::generate().expect("random bytes").to_header();
    let short = &other[..other.len() - 1];
    for cookie in [&other, short, "Bearer", "Basic eDp5", ""] {
        let answer = post(&format!("Host: localhost\r\nAuthorization: {cookie}"), PEERS).await;
        assert!(answer.starts_with("HTTP/1.1 401"), "{cookie}: {answer}");
    }
}

#[tokio::test]
async fn without_the_cookie_nothing_but_transactions_goes_in() {
    let mut fake = FakeNode::start();
    let stranger = client(fake.address, None);
    let Err(ClientError::Call(error)) = stranger.block_publish("00".to_owned()).await else { panic!("let in") };
    assert_eq!(error.code(), CODE_NOT_ALLOWED);
    assert!(error.message().contains("`cookie`"), "{error}");
    // In a batch as well, where the others are answered.
    let mut batch = BatchRequestBuilder::new();
    batch.insert("block_publish", rpc_params!["00"]).expect("parameters");
    batch.insert("tx_send", rpc_params!["00"]).expect("parameters");
    batch.insert("no_such", rpc_params![]).expect("parameters");
    let answers = stranger.batch_request::<Value>(batch).await.expect("an answer");
    let codes: Vec<_> = answers.into_iter().map(|answer| answer.expect_err("an error").code()).collect();
    assert_eq!(codes, [CODE_NOT_ALLOWED, -32_602, -32_601]);
    assert!(fake.commands.try_recv().is_err());
    // And what it may ask is answered.
    let (peers, ()) = tokio::join!(stranger.peers(), async {
        let Command::Peers { reply } = fake.command().await else { panic!("another") };
        reply.send(Vec::new()).expect("somebody waits");
    });
    assert_eq!(peers.expect("an answer"), []);
}

#[tokio::test]
async fn a_body_without_the_cookie_has_a_limit_of_its_own() {
    let fake = FakeNode::start();
    let body = |bytes: usize| {
        let empty = r#"{"jsonrpc":"2.0","id":1,"method":"tx_get","params":[""]}"#;
        empty.replace("\"\"", &format!("\"{}\"", "0".repeat(bytes - empty.len())))
    };
    let at = post_to(&fake, "Host: localhost", &body(OPEN_REQUEST_BYTES_MAX)).await;
    assert!(at.starts_with("HTTP/1.1 200"), "{at}");
    let over = post_to(&fake, "Host: localhost", &body(OPEN_REQUEST_BYTES_MAX + 1)).await;
    assert!(over.starts_with("HTTP/1.1 413"), "{over}");
    let owner = format!("Host: localhost\r\nAuthorization: {}", fake.cookie.to_header());
    let owned = post_to(&fake, &owner, &body(OPEN_REQUEST_BYTES_MAX + 1)).await;
    assert!(owned.starts_with("HTTP/1.1 200"), "{owned}");
}

#[test]
fn the_codes_are_nobody_elses() {
    let theirs = [
        SERVER_IS_BUSY_CODE,
        TOO_BIG_BATCH_REQUEST_CODE,
        TOO_BIG_BATCH_RESPONSE_CODE,
        TOO_MANY_SUBSCRIPTIONS_CODE,
    ];
    for code in [CODE_REFUSED, CODE_BUSY, CODE_STOPPED, CODE_NOT_ALLOWED] {
        assert!(!theirs.contains(&code) && !(-32_768..=-32_000).contains(&code), "{code}");
    }
}
