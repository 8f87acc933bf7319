//! The node's own page: what a browser gets and may do with it, and which pages of other sites get nothing.

use data_encoding::BASE64;
use node::rpc::http::{EVENTS, METRICS};
use sha2::{Digest as _, Sha256};

use crate::support::rpc::{FakeNode, exchange};

/// The answer to a GET with these headers besides a loopback host: its head and its body.
fn get(fake: &FakeNode, path: &str, headers: &str) -> (String, String) {
    let answer = exchange(fake.address, &format!("GET {path} HTTP/1.1\r\nHost: {}{headers}", fake.address), "");
    let (head, body) = answer.split_once("\r\n\r\n").expect("a head and a body");
    (head.to_owned(), body.to_owned())
}

fn header<'a>(head: &'a str, name: &str) -> Option<&'a str> {
    let found = head.lines().find_map(|line| line.strip_prefix(name)?.strip_prefix(": "));
    found.map(str::trim)
}

/// What stands between two marks.
fn between<'a>(text: &'a str, from: &str, to: &str) -> &'a str {
    let (_, rest) = text.split_once(from).expect("the first mark");
    rest.split_once(to).expect("the second mark").0
}

fn hash(text: &str) -> String {
    format!("'sha256-{}'", BASE64.encode(&Sha256::digest(text)))
}

#[test]
fn everybody_on_the_machine_gets_the_page_and_it_has_neither_data_nor_secrets() {
    let fake = FakeNode::start();
    let (head, body) = get(&fake, "/", "");
    assert!(head.starts_with("HTTP/1.1 200"), "{head}");
    assert_eq!(header(&head, "content-type"), Some("text/html; charset=utf-8"));
    assert_eq!(header(&head, "cache-control"), Some("no-store"));
    assert!(!body.contains(&fake.cookie.to_text()) && !body.contains("{{"), "{body}");
    assert_eq!(header(&head, "set-cookie"), None);
    let owner = format!("\r\nAuthorization: {}", fake.cookie.to_header());
    assert_eq!(get(&fake, "/", &owner).1, body, "the owner gets the same");
}

#[test]
fn a_browser_runs_the_pages_own_script_and_connects_to_the_node_alone() {
    let fake = FakeNode::start();
    let (head, body) = get(&fake, "/", "");
    let policy = header(&head, "content-security-policy").expect("a policy");
    let rules: Vec<&str> = policy.split(';').map(str::trim).collect();
    let script = format!("script-src {}", hash(between(&body, "<script>", "</script>")));
    let style = format!("style-src {}", hash(between(&body, "<style>", "</style>")));
    for rule in
        ["default-src 'none'", "connect-src 'self'", "frame-ancestors 'none'", "base-uri 'none'", &script, &style]
    {
        assert!(rules.contains(&rule), "{rule} is not in {policy}");
    }
    assert!(!policy.contains("unsafe") && !policy.contains('*') && !policy.contains("http"), "{policy}");
    // One script and one style, and no code in attributes: nothing else would run.
    assert_eq!((body.matches("<script").count(), body.matches("<style").count()), (1, 1));
    assert!(!body.contains(" style=") && !body.contains(" onclick="), "{policy}");
    assert_eq!(header(&head, "x-frame-options"), Some("DENY"));
    assert_eq!(header(&head, "referrer-policy"), Some("no-referrer"));
}

#[test]
fn no_answer_may_be_read_or_embedded_by_another_site() {
    let fake = FakeNode::start();
    for path in ["/", METRICS, "/openrpc.json", "/healthz", "/nowhere", "/events?topics=weather"] {
        let (head, _) = get(&fake, path, "");
        assert_eq!(header(&head, "x-content-type-options"), Some("nosniff"), "{path}");
        assert_eq!(header(&head, "cross-origin-resource-policy"), Some("same-origin"), "{path}");
        assert_eq!(header(&head, "access-control-allow-origin"), None, "{path}");
    }
}

#[test]
fn a_page_of_another_site_may_link_to_the_page_and_embed_nothing() {
    let fake = FakeNode::start();
    let link = "\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: document";
    let frame = "\r\nSec-Fetch-Mode: navigate\r\nSec-Fetch-Dest: iframe";
    let picture = "\r\nSec-Fetch-Mode: no-cors\r\nSec-Fetch-Dest: image";
    for site in ["cross-site", "same-site"] {
        let from = |what: &str| format!("\r\nSec-Fetch-Site: {site}{what}");
        assert!(get(&fake, "/", &from(link)).0.starts_with("HTTP/1.1 200"), "{site}");
        for (path, what) in [("/", frame), ("/", picture), (EVENTS, picture), (METRICS, picture), (EVENTS, link)] {
            let (head, _) = get(&fake, path, &from(what));
            assert!(head.starts_with("HTTP/1.1 403"), "{site} {path} {what}: {head}");
        }
    }
    let own = "\r\nSec-Fetch-Site: same-origin\r\nSec-Fetch-Mode: cors\r\nSec-Fetch-Dest: empty";
    assert!(get(&fake, METRICS, own).0.starts_with("HTTP/1.1 200"), "the page itself may ask");
}

#[test]
fn a_name_that_an_attacker_points_at_this_machine_gets_no_page() {
    let fake = FakeNode::start();
    let answer = exchange(fake.address, "GET / HTTP/1.1\r\nHost: rebound.example", "");
    assert!(answer.starts_with("HTTP/1.1 403") && !answer.contains("<html"), "{answer}");
    let answer =
        exchange(fake.address, "GET / HTTP/1.1\r\nHost: localhost\r\nOrigin: http://attacker.example", "");
    assert!(answer.starts_with("HTTP/1.1 403") && !answer.contains("<html"), "{answer}");
}
